"""NVIDIA's own programs as an engine: one file a program."""

from cosmos_workflow.engines.program.engine import ProgramEngine

__all__ = ["ProgramEngine"]
