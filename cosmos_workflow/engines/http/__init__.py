"""The engine `http`: videos from servers that have the model; one module for each contract that a server may have."""

from cosmos_workflow.engines.http.engine import HttpEngine

__all__ = ["HttpEngine"]
