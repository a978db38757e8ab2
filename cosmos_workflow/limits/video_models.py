"""The video models that transfer, by name. A new model is one entry here; its sizes and chunks are its family's."""

from __future__ import annotations

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits.video_cosmos3 import NANO, SUPER
from cosmos_workflow.limits.video_facts import TransferModel
from cosmos_workflow.limits.video_transfer1 import DISTILLED1, TRANSFER1_7B, TRANSFER1_AV, UPSCALER
from cosmos_workflow.limits.video_transfer25 import DISTILLED25, TRANSFER25_2B

__all__ = ["OF_FAMILY", "TRANSFER_MODELS", "get_transfer_model"]

TRANSFER_MODELS = {
    model.name: model
    for model in (TRANSFER1_7B, DISTILLED1, TRANSFER1_AV, UPSCALER, TRANSFER25_2B, DISTILLED25, NANO, SUPER)
}

# What a family's name alone stands for.
OF_FAMILY = {"transfer1": "transfer1-7b", "transfer2.5": "transfer2.5-2b", "cosmos3": "cosmos3-nano"}


def get_transfer_model(name: str | TransferModel) -> TransferModel:
    """The facts of a model by its name, or of the usual one of a family. Raises UsageError for an unknown name.

    >>> get_transfer_model("transfer2.5").name
    'transfer2.5-2b'
    """
    if isinstance(name, TransferModel):
        return name
    name = OF_FAMILY.get(name, name)
    if name not in TRANSFER_MODELS:
        raise UsageError(f"unknown video model {name!r}", remedy=f"choose one of {', '.join(TRANSFER_MODELS)}")
    return TRANSFER_MODELS[name]
