"""The program beside the GPU: Python's standard library and the engine, shipped as one file.

It runs on the host in the folder that the host's entry names: takes batches from a spool, writes each answer
to disk before the next one starts, outlives the line that started it, and stays warm for the next batch.
`bundling` packs it on the client; `python WORKER.pyz COMMAND FOLDER` runs it there (see `commands`). It imports
`engines` and what those import; it knows nothing of connections, jobs or the command line.

Nothing is imported here: each of its commands starts in a tenth of a second.
"""

__all__: list[str] = []
