"""Sets a machine up for one of NVIDIA's programs: the documented steps, each with a look whether it is done.

`steps` says what they are, from the facts that `doctor` judges by; `machines` runs a step on a host or here. Start
reading at `steps`.
"""

from cosmos_workflow.setup.machines import Here, Machine, OnHost
from cosmos_workflow.setup.steps import Command, Step, asked_of, refusals, steps_for

__all__ = ["Command", "Here", "Machine", "OnHost", "Step", "asked_of", "refusals", "steps_for"]
