"""What is known of a video model that transfers: what a request may ask of it, and what it does by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits.video import Size, VideoModel

__all__ = ["LARGEST", "PromptLimit", "Setting", "TransferModel"]


LARGEST = 1e19  # no whole number of 64 bits is larger


@dataclass(frozen=True)
class Setting:
    """A number that a request may give.

    `default` is None where nothing is used unless it is given. `least` and `most` are None where the model's code has
    no bound. `whole` says that only whole numbers are taken. `by_hint` are the defaults of a request with that control
    alone, where they differ.
    """

    default: float | None
    least: float | None = None
    most: float | None = None
    whole: bool = False
    by_hint: Mapping[str, float] = field(default_factory=dict)

    def default_for(self, hints: Sequence[str]) -> float | None:
        """The default for a request with these controls.

        >>> control_guidance = Setting(1.5, by_hint={"seg": 2.0})
        >>> control_guidance.default_for(["seg"]), control_guidance.default_for(["seg", "edge"])
        (2.0, 1.5)
        """
        return self.by_hint.get(hints[0], self.default) if len(hints) == 1 else self.default

    def refusal(self, value: float) -> str:
        """Why the model does not take a value; empty where it does.

        >>> guidance = Setting(3, 0, 7, whole=True)
        >>> [guidance.refusal(value) for value in (7, 3.5, 8)]
        ['', 'only whole numbers are taken', '7 at most']
        """
        if not abs(value) < LARGEST:  # which is true of no number, too
            return "a number is needed, and none of so many digits"
        if self.least is not None and value < self.least:
            return f"{_shown(self.least)} at least"
        if self.most is not None and value > self.most:
            return f"{_shown(self.most)} at most"
        return "only whole numbers are taken" if self.whole and value != int(value) else ""


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


@dataclass(frozen=True)
class PromptLimit:
    """The tokens of a prompt that count; what is beyond is cut off silently. `early` was the limit of early servers."""

    tokens: int
    tokenizer: str
    early: int | None = None


@dataclass(frozen=True)
class TransferModel:
    """The facts of one model. `sources` says for each of them where it is from.

    `hints` are the controls that it takes, by the names of our own form; `computes` are those whose video need not be
    given. `sigma_without_video` is the noise from which on no clip need be given: 0 where it never need be, None where
    it always must. `seed` is None where one is drawn. `chunk` is the number of frames of a chunk: its default may
    differ from the chunk of the family, which is the one that the model was made for. `overlaps` and `first_overlaps`
    are the numbers of frames that a later chunk, or the first one, may repeat; None stands for any below the chunk.
    `advised_frames` are the frames of a chunk, at least and at most, outside of which the model is said to do worse, by
    tier; `longest` is the longest clip in frames that is advised, `service_frames` what NVIDIA's own service (NIM)
    takes. `weight` is the weight of a control; `weights` is what is done to several: `scaled` down where their sum
    exceeds 1, or always `to_one`. `output` is the size that is written: that of the `bucket` in which the model works,
    that of the `input`, or three times (`3x`) the bucket's.
    """

    name: str
    title: str
    family: VideoModel
    repository: str
    hints: tuple[str, ...]
    computes: tuple[str, ...]
    steps: Setting
    guidance: Setting | None
    control_guidance: Setting | None
    sigma_max: Setting | None
    sigma_without_video: float | None
    seed: int | None
    chunk: Setting
    overlaps: tuple[int, ...] | None
    first_overlaps: tuple[int, ...] | None
    advised_frames: Mapping[str, tuple[int, int]]
    longest: int | None
    service_frames: tuple[int, int] | None
    fps: str
    prompt: PromptLimit
    weight: Setting
    weights: Literal["scaled", "to_one"]
    output: Literal["bucket", "input", "3x"]
    licence: str
    guardrails: str
    platforms: str
    aarch64: str
    sources: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def output_size(self, width: int, height: int, tier: str = "") -> Size:
        """The width and height that are written for a clip. Raises UsageError for an unknown tier."""
        bucket = self.family.size_for(width, height, tier)
        if self.output == "3x":
            return 3 * bucket[0], 3 * bucket[1]
        return bucket if self.output == "bucket" else (max(2, width - width % 2), max(2, height - height % 2))

    def weights_used(self, weights: Mapping[str, float]) -> dict[str, float]:
        """The weights that the model really uses: weights of controls, one for the whole picture each.

        Raises UsageError where the sum of weights is 0 and has to become 1.
        """
        total = sum(weights.values())
        if self.weights == "to_one" and not total > 0:
            raise UsageError(f"{self.title} needs a weight above 0", remedy="give at least one control a weight")
        divisor = total if self.weights == "to_one" else max(1.0, total)
        return {hint: weight / divisor for hint, weight in weights.items()}

    def to_dict(self) -> dict[str, Any]:
        """A dict that can be written as JSON; `family` holds the sizes, and the chunk that the model was made for."""
        return asdict(self)
