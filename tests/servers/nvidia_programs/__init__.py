"""Stand-ins for NVIDIA's three transfer programs and torchrun, for machines without their cards and weights.

They keep to the fact sheets of those programs: flags, checks and their order, log lines, bars, side files, quirks and
exit codes. What they write are real videos of the right size, rate and length, in which a test can read which frame
of which item it sees. `write_layout` makes a folder like the repository; `orders` says how they are made to fail.
"""

from __future__ import annotations

from .films import Mark, checksum, read_mark
from .layout import Layout, write_layout

__all__ = ["Layout", "Mark", "checksum", "read_mark", "write_layout"]
