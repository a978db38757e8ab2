"""Whether a video model fits a card for a clip, its chunks, and the minutes and the price, where they are known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits.memory import GPUS, find_gpu
from cosmos_workflow.limits.video import Size
from cosmos_workflow.limits.video_cost import CAPABILITY, TEXT_TO_VIDEO, WAYS, Memory, Time, Way
from cosmos_workflow.limits.video_facts import TransferModel
from cosmos_workflow.limits.video_models import get_transfer_model

__all__ = ["Cost", "VideoPlan", "plan_video"]

Basis = Literal["measured", "published", "not published"]
ARM_CARDS = ("GH200",)


@dataclass(frozen=True)
class Cost:
    """What one way of running the model needs. None stands for what nobody has measured or published.

    `needed_gib` is what the card must have, in GiB; `at_most` says that it is the figure of a larger picture or of more
    controls, `at_least` that a card with so much may still be too small. `minutes` are those of all chunks, without
    loading the model; `time_basis` says what they rest on, which is always the same card. `price` is in the unit of
    the price an hour. `about` is what a published time was for, `reason` why it does not fit.
    """

    way: str
    needed_gib: float | None
    at_most: bool
    at_least: bool
    fits: bool | None
    minutes: float | None
    price: float | None
    memory_basis: Basis
    time_basis: Basis
    about: str
    source: str
    reason: str
    note: str


@dataclass(frozen=True)
class VideoPlan:
    """A clip on a model and a card; sizes in pixels, memory in GiB.

    The model works at `width` × `height` and writes `output_width` × `output_height`. `fits` is None where no figure
    says so. `minutes` and `price` are those of the quickest way whose time is known for this card.
    """

    model: str
    gpu: str
    memory_gib: float
    tier: str
    width: int
    height: int
    output_width: int
    output_height: int
    frames: int
    chunks: int
    chunk: int
    steps: int
    controls: int
    fits: bool | None
    minutes: float | None
    price: float | None
    price_per_hour: float | None
    ways: tuple[Cost, ...]
    reason: str
    remedy: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """A dict that can be written as JSON."""
        return asdict(self)


def plan_video(
    model: str | TransferModel, *, gpu: str = "", memory_gib: float = 0.0, size: Size = (1280, 720), tier: str = "",
    frames: int | None = None, steps: int | None = None, controls: int = 1, price_per_hour: float | None = None,
    way: str = "",
) -> VideoPlan:  # fmt: skip
    """What a clip of `size` (width, height) and `frames` needs on a card, named or given in GiB; by default one chunk.

    Memory is compared with what a card has, whatever card it was measured on. Time is told for that card alone, and for
    none of which only the memory is given: chunks and steps are multiplied, and nothing else is. With `way`, only those
    ways of running it are looked at whose names begin so. Raises UsageError for what the model does not take.

    >>> plan = plan_video("transfer2.5-2b", gpu="H100", frames=240)
    >>> plan.fits, plan.chunks, round(plan.minutes, 1), [way.needed_gib for way in plan.ways][:2]
    (True, 3, 17.0, [65.4, 34.6])
    """
    facts = get_transfer_model(model)
    if not 0 <= memory_gib < float("inf"):
        raise UsageError(f"not a size of memory: {memory_gib} GiB", remedy="give the GiB of the card, such as 24")
    name, memory = find_gpu(gpu, memory_gib)
    card = "" if memory_gib else name  # a card with other memory, such as a part of one, is another card
    steps = int(facts.steps.default or 1) if steps is None else steps
    _refuse(facts, size, steps, controls, price_per_hour)
    frames = facts.family.chunk if frames is None else frames
    if frames < 1:
        raise UsageError("a clip has 1 frame at least", remedy="give the frames of the clip")
    bucket, output = facts.family.size_for(*size, tier), facts.output_size(*size, tier)
    chunks = facts.family.chunks(min(frames, facts.family.most_frames))
    known_ways = [each for each in WAYS.get(facts.name, ()) if each.name.startswith(way)]
    ways = tuple(
        cost
        for each in known_ways
        for cost in _costs(each, card, memory, bucket, chunks, steps, controls, price_per_hour)
    )
    known = [each.fits for each in ways]
    fits = True if True in known else None if None in known or not known else False
    # What was timed on a card did run there.
    timed = [each for each in ways if each.minutes is not None]
    best = min(timed, key=lambda each: each.minutes or 0.0, default=None)
    reason, remedy = ("", "") if fits is not False else _too_small(known_ways, bucket, controls, ways)
    return VideoPlan(
        model=facts.name, gpu=name, memory_gib=round(memory, 2), tier=tier or facts.family.tier,
        width=bucket[0], height=bucket[1], output_width=output[0], output_height=output[1],
        frames=frames, chunks=chunks, chunk=facts.family.chunk, steps=steps, controls=controls,
        fits=fits, minutes=best.minutes if best else None, price=best.price if best else None,
        price_per_hour=price_per_hour, ways=ways,
        reason=reason, remedy=remedy, notes=tuple(_notes(facts, card, frames)),
    )  # fmt: skip


def _refuse(facts: TransferModel, size: Size, steps: int, controls: int, price: float | None) -> None:
    """Raise UsageError for what the model does not take."""
    if not 1 <= controls <= len(facts.hints):
        several = f"1 to {len(facts.hints)} controls" if len(facts.hints) > 1 else "1 control"
        raise UsageError(
            f"{facts.title} takes {several}, not {controls}", remedy=f"it takes {', '.join(facts.hints)}, each once"
        )
    if reason := facts.steps.refusal(steps) or ("1 at least" if steps < 1 else ""):
        raise UsageError(f"{facts.title} does not take {steps} steps", remedy=reason)
    if min(size) < 1:
        raise UsageError("a clip has no area", remedy="give a size such as 1280x720")
    if price is not None and not 0 <= price < float("inf"):
        raise UsageError(f"not a price: {price}", remedy="give a number, 0 or more")


def _costs(
    way: Way, gpu: str, memory: float, bucket: Size, chunks: int, steps: int, controls: int, price: float | None
) -> list[Cost]:
    """A row for each time that is known of this card, or one without a time."""
    need = _need(way, bucket, controls)
    fits, reason = _fits(way, bucket, gpu, memory, controls)
    exact = need is not None and need.size in (None, bucket, bucket[::-1]) and need.controls in (None, controls)
    rows: list[Cost] = []
    times: list[Time | None] = [time for time in way.times if _is_for(time, gpu, bucket, controls)]
    for time in times or [None]:
        minutes = chunks * (time.once + steps * time.step) / 60 if time else None
        rows.append(
            Cost(
                way=way.name,
                needed_gib=round(need.gib, 2) if need else None,
                at_most=need is not None and not exact and way.basis == "measured",
                at_least=way.at_least,
                fits=fits,
                minutes=minutes,
                price=None if minutes is None or price is None else minutes / 60 * price,
                memory_basis=way.basis if need else "not published",
                time_basis=way.basis if time else "not published",
                about=time.about if time else "",
                source=way.source,
                reason=reason,
                note=way.note,
            )
        )
    return rows


def _need(way: Way, bucket: Size, controls: int) -> Memory | None:
    """The least memory of those figures that are for pictures as large as these and for as many controls, or more."""
    enough = [
        entry
        for entry in way.memory
        if (entry.size is None or _pixels(entry.size) >= _pixels(bucket))
        and (entry.controls is None or entry.controls >= controls)
    ]
    return min(enough, key=lambda entry: entry.gib, default=None)


def _fits(way: Way, bucket: Size, gpu: str, memory: float, controls: int) -> tuple[bool | None, str]:
    if way.most_controls is not None and controls > way.most_controls:
        return False, f"it takes {way.most_controls} control{'s' * (way.most_controls > 1)}"
    if CAPABILITY.get(gpu, way.capability) < way.capability:
        return False, f"compute capability {CAPABILITY[gpu]} of {way.capability}"
    need = _need(way, bucket, controls)
    if need is None:
        # More than was measured needs no less than what was.
        least = max((entry.gib for entry in way.memory if _is_within(entry, bucket, controls)), default=0.0)
        return (None, "") if least <= memory else (False, f"more than {least:.1f} GiB needed, {memory:.1f} on the card")
    if need.gib > memory:
        return False, f"{need.gib:.1f} GiB needed, {memory:.1f} on the card"
    return (None if way.at_least else True), ""


def _is_within(entry: Memory, bucket: Size, controls: int) -> bool:
    """Whether a figure is for a picture no larger, and for no more controls."""
    return (entry.size is None or _pixels(entry.size) <= _pixels(bucket)) and (entry.controls or 0) <= controls


def _is_for(time: Time, gpu: str, bucket: Size, controls: int) -> bool:
    return time.gpu == gpu and time.controls == controls and time.size in (bucket, bucket[::-1])


def _pixels(size: Size) -> int:
    return size[0] * size[1]


def _too_small(ways: list[Way], bucket: Size, controls: int, costs: tuple[Cost, ...]) -> tuple[str, str]:
    """Why no way fits, by the one that needs least, and the cards that would take one."""
    least = min(costs, key=lambda cost: cost.needed_gib or float("inf"))
    reason = f"{least.way}: {least.reason}"
    if least.at_least:
        return reason, "take a larger card (how large is not published), or transfer2.5-2b"
    cards = [
        gpu
        for gpu, memory in GPUS.items()
        if any(_fits(way, bucket, gpu, memory, controls)[0] is not False for way in ways)
    ]
    return reason, f"take another card: {', '.join(cards) or 'none is known that would do'}"


def _notes(facts: TransferModel, gpu: str, frames: int) -> list[str]:
    family, notes = facts.family, []
    if frames > family.most_frames:
        notes.append(f"only the first {family.most_frames:,} frames are read")
    if facts.longest and frames > facts.longest:
        pieces = -(-frames // facts.longest)
        notes.append(
            f"{facts.longest} frames at most are advised: give it {pieces} pieces ({facts.sources['longest']})"
        )
    asked = round(facts.chunk.default or family.chunk)
    if asked != family.chunk:
        notes.append(
            f"chunks of {family.chunk} frames, as NVIDIA's own specs ask: give cosmos transfer --chunk {family.chunk},"
            f" else its chunks have {asked}"
        )
    if frames < family.chunk and family.short:
        notes.append(family.short)
    if gpu in ARM_CARDS:
        notes.append(f"{gpu} has an ARM processor (aarch64): {facts.aarch64} ({facts.sources['aarch64']})")
    if facts.name == "cosmos3-nano" and gpu in TEXT_TO_VIDEO:
        pytorch, vllm = TEXT_TO_VIDEO[gpu]
        notes.append(
            f"NVIDIA timed no transfer; 189 frames at 720 from text alone took {pytorch} s with PyTorch and {vllm} s"
            " with vLLM-Omni on this card (NVIDIA/cosmos inference_benchmarks.md)"
        )
    return [*notes, *facts.notes]
