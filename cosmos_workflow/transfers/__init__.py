"""Transfers from Python: the function beside `upsample`, and its check."""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.transfers.making import check_transfer, transfer

__all__ = ["check_transfer", "transfer"]

__getattr__ = lazy_door(__name__, dict.fromkeys(__all__, "making"))
