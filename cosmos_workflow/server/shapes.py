"""What server and clients exchange, as JSON; its words are those of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from cosmos_workflow.kinds.upsample import LEAST_SEED, MOST_SEED, Result
from cosmos_workflow.limits import MODELS, Fit, Plan
from cosmos_workflow.store import State

if TYPE_CHECKING:
    from cosmos_workflow.store import Entry, FileRecord, RunRecord

__all__ = [
    "Check",
    "Checked",
    "Experiment",
    "Health",
    "Host",
    "HostCheck",
    "ItemIn",
    "Media",
    "ModelFacts",
    "NewRun",
    "Page",
    "Problem",
    "Prompt",
    "PromptChange",
    "Queue",
    "QueueChange",
    "Run",
    "RunChange",
    "SettingsIn",
    "Size",
    "State",
    "Upload",
    "UploadIn",
]

T = TypeVar("T")


def _is_exact(value: float) -> bool:
    return value % 1 == 0 and abs(value) <= 2**53


EngineName = Literal["", "auto", "vllm", "server", "transformers", "describe"]
Name = Annotated[str, StringConstraints(max_length=200)]
# 3.0 is a whole number in JSON, and "3" is none.
whole = BeforeValidator(lambda value: int(value) if isinstance(value, float) and value % 1 == 0 else value)
whole_seed = BeforeValidator(lambda value: int(value) if isinstance(value, float) and _is_exact(value) else value)
Count = Annotated[int, Field(ge=1, le=1_000_000), whole]
Frames = Annotated[int, Field(ge=1, le=1000), whole]
# As batches have it. Beyond 2^53 it is exact only in digits: a float, and JavaScript's numbers, are not. Less than a
# power of two, as the reference states bounds as floats.
Seed = Annotated[int, Field(ge=LEAST_SEED, lt=MOST_SEED + 1), whole_seed]
Size = Annotated[int, Field(ge=1, le=100_000, description="pixels"), whole]
Priority = Annotated[int, Field(ge=-1000, le=1000), whole]
Stars = Annotated[int, Field(ge=1, le=5), whole]


class Shape(BaseModel):
    """Unknown fields are refused, so that a misspelt one is not silently ignored; the text "1" is not the number 1."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Problem(BaseModel):
    """What is wrong, where, and the remedy; `kind` is the name of the error."""

    kind: str
    what: str
    where: str = ""
    remedy: str = ""


class Page(BaseModel, Generic[T]):
    """Some of many; `next` is the cursor of the page behind, null at the end."""

    items: list[T]
    next: str | None = None


class ItemIn(Shape):
    """One prompt with its video: the id of an uploaded clip, or a path inside the server's media folder."""

    video: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    prompt: Annotated[str, StringConstraints(max_length=200_000)] = ""
    id: Name = ""
    frames: Frames | None = None
    seed: Seed | None = None
    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    max_tokens: Count | None = None


class SettingsIn(Shape):
    """How items are asked; an item's own values go before these, the model's defaults behind. Sizes in tokens."""

    model: Literal[tuple(MODELS)] | None = None  # type: ignore[valid-type]
    fit: Fit = "auto"
    frames: Frames | None = None
    pick: Literal["first", "spread"] = "first"
    max_tokens: Count | None = None
    max_model_len: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    seed: Seed | None = None


class Check(Shape):
    """Items to check; with `width` and `height` also a frame size that has no video, with `prompt`."""

    items: Annotated[list[ItemIn], Field(max_length=1000)] = []
    width: Size | None = None
    height: Size | None = None
    prompt: Annotated[str, StringConstraints(max_length=200_000)] = ""
    settings: SettingsIn = SettingsIn()


class Checked(BaseModel):
    """The plan of each item, in their order; the size's own is the last."""

    plans: list[Plan]


class NewRun(Shape):
    """A batch for the queue. `place` is `local` or a host; `held` waits until it is let go."""

    items: Annotated[list[ItemIn], Field(min_length=1, max_length=100_000)]
    place: Name = "local"
    engine: EngineName = ""
    settings: SettingsIn = SettingsIn()
    name: Name = ""
    priority: Priority = 0
    held: bool = False
    keep_warm: Annotated[float, Field(ge=0, le=86_400, description="seconds")] = 600.0


class Run(BaseModel):
    """A batch sent to a place; times in seconds since 1970, UTC. `worker` has it now; `position` is its place in the
    queue, from 1 on.
    """

    id: str
    state: State
    place: str
    engine: str
    source: str
    created: float
    updated: float
    attempt: int
    total: int
    answered: int
    failed: int
    open: int
    error: str
    error_kind: str
    remedy: str
    priority: int
    held: bool
    worker: str = ""
    position: int | None = None

    @classmethod
    def of(cls, run: RunRecord, worker: str = "", position: int | None = None) -> Run:
        names = cls.model_fields.keys() - {"worker", "position"}
        return cls(**{name: getattr(run, name) for name in names}, worker=worker, position=position)


class RunChange(Shape):
    """`before` puts it right before another waiting run, `first` before all."""

    priority: Priority | None = None
    held: bool | None = None
    first: bool = False
    before: Name = ""


class Queue(BaseModel):
    """What waits and runs, in the order in which it is taken."""

    paused: bool
    runs: list[Run]


class QueueChange(Shape):
    paused: bool


class Prompt(BaseModel):
    """One prompt of one run, with its answer once there is one; `ok` is null while it waits.

    `clip` is what people call its video; `media` is that clip's id, where it was uploaded and is still here.
    """

    number: int
    run: str
    created: float
    ok: bool | None
    rating: int | None
    tags: list[str]
    clip: str
    media: str | None
    result: Result

    @classmethod
    def of(cls, entry: Entry, names: Mapping[str, str]) -> Prompt:
        """`names` are those of uploaded clips, by their ids."""
        file = PurePath(entry.result.video).name
        values = {**vars(entry), "tags": list(entry.tags)}
        return cls(**values, clip=names.get(file, file), media=file if file in names else None)


Tag = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*$")
]


class PromptChange(Shape):
    """Only what is given is changed; a `rating` of null takes the stars away."""

    rating: Stars | None = None
    tags: Annotated[list[Tag], Field(max_length=20)] | None = None


class UploadIn(Shape):
    """A clip to come: its file name, and its size in bytes."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    size: Annotated[int, Field(ge=1, le=2**50), whole]


class Media(BaseModel):
    """A clip that the server has; `id` is the SHA-256 of its bytes, `duration` in s."""

    id: str
    name: str
    created: float
    size: int
    width: int
    height: int
    frames: int
    duration: float

    @classmethod
    def of(cls, record: FileRecord) -> Media:
        names = cls.model_fields.keys() - {"id"}
        return cls(id=record.sha256, **{name: getattr(record, name) for name in names})


class Upload(BaseModel):
    """An upload: how many bytes have come. The next piece begins there; `media` is the clip when all have."""

    id: str
    name: str
    size: int
    offset: int
    media: Media | None = None


class ModelFacts(BaseModel):
    """A model's limits and defaults; sizes in tokens."""

    name: str
    repository: str
    max_model_len: int
    longest_model_len: int
    max_images: int
    default_frames: int
    max_tokens: int
    temperature: float


class Host(BaseModel):
    """A machine that a run can be sent to; `trusted` says that its key is pinned."""

    name: str
    ssh: str
    runtime: str
    engine: str
    model_path: str
    trusted: bool


class HostCheck(BaseModel):
    """One thing looked at: `missing` is what the main job cannot do without."""

    name: str
    status: Literal["ok", "optional", "missing"]
    detail: str
    remedy: str


class Experiment(BaseModel):
    """A probe or a bench of the lab."""

    id: str
    kind: str
    state: str
    created: float
    updated: float
    place: str
    engine: str
    settings: dict[str, Any]
    environment: dict[str, Any]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str
