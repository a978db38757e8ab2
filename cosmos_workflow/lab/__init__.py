"""Measures engines: `probe` finds their limits, `bench` times the modes, `write_report` writes both up.

It asks engines on this machine and on hosts, keeps every trial in the store, and compares what was seen with what
the arithmetic predicts. It knows nothing of the command line or the server.
"""

from cosmos_workflow.lab.benching import MODES, BenchSettings, Timing, bench
from cosmos_workflow.lab.probing import SEARCHES, ProbeSettings, probe
from cosmos_workflow.lab.reporting import export, write_report
from cosmos_workflow.lab.rigs import LocalRig, Rig
from cosmos_workflow.lab.summary import Boundary, ModeRow, Study, boundaries, mode_rows, reason, studies
from cosmos_workflow.lab.trials import Trial

__all__ = [
    "MODES",
    "SEARCHES",
    "BenchSettings",
    "Boundary",
    "LocalRig",
    "ModeRow",
    "ProbeSettings",
    "Rig",
    "Study",
    "Timing",
    "Trial",
    "bench",
    "boundaries",
    "export",
    "mode_rows",
    "probe",
    "reason",
    "studies",
    "write_report",
]
