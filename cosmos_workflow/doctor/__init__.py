"""What is missing, on this machine or on a host, and its remedy. The doctor looks, and changes nothing."""

from cosmos_workflow.doctor.context import longest_here, longest_on
from cosmos_workflow.doctor.finding import Finding
from cosmos_workflow.doctor.host import examine_host, require_host, require_libraries
from cosmos_workflow.doctor.machine import examine

__all__ = ["Finding", "examine", "examine_host", "longest_here", "longest_on", "require_host", "require_libraries"]
