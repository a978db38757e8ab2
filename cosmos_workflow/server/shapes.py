"""What server and clients exchange, as JSON; its words are those of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, StringConstraints, ValidationInfo, field_validator

from cosmos_workflow.kinds.kind import FIRST_KIND, load_result
from cosmos_workflow.kinds.shapes import Name, Shape, whole
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
    "Shape",
    "State",
    "Upload",
    "UploadIn",
]

T = TypeVar("T")


Priority = Annotated[int, Field(ge=-1000, le=1000), whole]
Stars = Annotated[int, Field(ge=1, le=5), whole]


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


class Check(Shape):
    """Items of one kind of work to check, as if they ran at the place with the engine.

    What is asked besides items, the kind says.
    """

    kind: str = FIRST_KIND
    place: Name = "local"
    engine: str = ""


class Checked(BaseModel):
    """The plan of each item, in their order, then what else was asked for.

    `engine` is the one that a run would get with its `model`, and `why`; `notes` are what a person should know of it.
    """

    kind: str
    engine: str
    model: str
    why: str
    notes: list[str]
    plans: list[Any]


class NewRun(Shape):
    """A batch of one kind of work for the queue. `place` is `local` or a host; `held` waits until it is let go."""

    kind: str = FIRST_KIND
    place: Name = "local"
    engine: str = ""
    name: Name = ""
    priority: Priority = 0
    held: bool = False
    keep_warm: Annotated[float, Field(ge=0, le=86_400, description="seconds")] = 600.0


class Run(BaseModel):
    """A batch of one kind of work, sent to a place; times in seconds since 1970, UTC.

    `worker` has it now; `position` is its place in the queue, from 1 on.
    """

    id: str
    kind: str
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
    """One item of one run, with its answer once there is one; `ok` is null while it waits.

    `question` and `answer` are what its kind says of it in words, and what is searched; `result` is all of it.
    `identity` is that of its work, empty where it cannot run or where the version before asked it.
    `clip` is what people call its first file; `media` is that file's id, where it was uploaded and is still here.
    """

    number: int
    run: str
    kind: str
    created: float
    ok: bool | None
    rating: int | None
    tags: list[str]
    clip: str
    media: str | None
    question: str
    answer: str
    identity: str = ""
    result: Any

    @field_validator("result")
    @classmethod
    def _loaded(cls, result: Any, info: ValidationInfo) -> Any:
        """A Result of its kind; that of a kind which is not installed stays a mapping."""
        return load_result(info.data["kind"], result) if isinstance(result, dict) and "kind" in info.data else result

    @classmethod
    def of(cls, entry: Entry, names: Mapping[str, str]) -> Prompt:
        """`names` are those of uploaded files, by their ids."""
        file = PurePath(entry.file).name
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
    image: str
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
