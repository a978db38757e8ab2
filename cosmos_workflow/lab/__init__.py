"""Measuring instead of believing: probe the limits, benchmark the modes, write the report.

Asks engines here and on hosts, keeps every trial in the store, and sets what was seen beside what the
arithmetic predicts; knows nothing of the command line or the web.
"""

from cosmos_workflow.lab.benching import MODES, BenchSettings, Timing, bench
from cosmos_workflow.lab.places import LocalPlace, Place
from cosmos_workflow.lab.probing import SEARCHES, ProbeSettings, probe
from cosmos_workflow.lab.reporting import export, write_report
from cosmos_workflow.lab.summary import Boundary, ModeRow, Study, boundaries, mode_rows, reason, studies
from cosmos_workflow.lab.trials import Trial

__all__ = [
    "MODES",
    "SEARCHES",
    "BenchSettings",
    "Boundary",
    "LocalPlace",
    "ModeRow",
    "Place",
    "ProbeSettings",
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
