"""The forms of a transfer's spec: Transfer1's, Transfer2.5's, Cosmos 3's and our own.

Each is read as it is written, and written back without loss; `to_spec` and `from_spec` go through our form, and say
what has no counterpart. Knows no machine and opens no video.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.formats.batch import BatchLine, batch_of, read_batch, read_batch_lines
    from cosmos_workflow.kinds.transfer.formats.converting import Converted, convert
    from cosmos_workflow.kinds.transfer.formats.cosmos3 import Cosmos3Spec
    from cosmos_workflow.kinds.transfer.formats.loading import Loaded, load_spec, read_specs
    from cosmos_workflow.kinds.transfer.formats.own import read_own, write_own
    from cosmos_workflow.kinds.transfer.formats.paths import has_relative_paths, located, moved, with_paths
    from cosmos_workflow.kinds.transfer.formats.recognising import PROGRAMS, Recognised, recognise
    from cosmos_workflow.kinds.transfer.formats.transfer1 import Transfer1Spec
    from cosmos_workflow.kinds.transfer.formats.transfer25 import Transfer25Spec
    from cosmos_workflow.kinds.transfer.formats.written import Unknown, Written

HOMES = {
    "batch": ("BatchLine", "batch_of", "read_batch", "read_batch_lines"),
    "converting": ("Converted", "convert"),
    "cosmos3": ("Cosmos3Spec",),
    "loading": ("Loaded", "load_spec", "read_specs"),
    "own": ("read_own", "write_own"),
    "paths": ("has_relative_paths", "located", "moved", "with_paths"),
    "recognising": ("PROGRAMS", "Recognised", "recognise"),
    "transfer1": ("Transfer1Spec",),
    "transfer25": ("Transfer25Spec",),
    "written": ("Unknown", "Written"),
}
__all__ = [
    "PROGRAMS", "BatchLine", "Converted", "Cosmos3Spec", "Loaded", "Recognised", "Transfer1Spec", "Transfer25Spec",
    "Unknown", "Written", "batch_of", "convert", "has_relative_paths", "load_spec", "located", "moved", "read_batch",
    "read_batch_lines", "read_own", "read_specs", "recognise", "with_paths", "write_own",
]  # fmt: skip

__getattr__ = lazy_door(__name__, {name: module for module, names in HOMES.items() for name in names})
