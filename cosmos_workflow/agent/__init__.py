"""The program beside the GPU: Python's standard library and the engine, shipped as one file.

It runs on the host, in the folder that the host's settings name. It takes batches from a spool, writes each answer
to disk before the next one starts, outlives the connection that started it, and stays warm for the next batch.
`bundling` packs it on the client; `python AGENT.pyz COMMAND FOLDER` runs it on the host (see `commands`). It imports
`engines` and what those import; it knows nothing of connections, runs of the client or the command line.

Files on disk and the keys of its JSON call it "worker", as earlier versions did: clients and agents of different
versions share one folder.

This module imports nothing, so that each of its commands starts in a tenth of a second.
"""

__all__: list[str] = []
