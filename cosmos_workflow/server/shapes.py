"""What server and clients exchange, as JSON; its words are those of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, StringConstraints, ValidationInfo, field_validator

from cosmos_workflow.kinds.kind import FIRST_KIND, load_result
from cosmos_workflow.kinds.shapes import Name, Shape, whole
from cosmos_workflow.store import State

if TYPE_CHECKING:
    from cosmos_workflow.store import Entry, FileRecord, ItemFile, RunRecord

__all__ = [
    "MEDIA_ID",
    "Check",
    "Checked",
    "Experiment",
    "Health",
    "Host",
    "HostCheck",
    "Media",
    "ModelFacts",
    "NewRun",
    "OutputFile",
    "Page",
    "Problem",
    "Prompt",
    "PromptChange",
    "Queue",
    "QueueChange",
    "Run",
    "RunChange",
    "RunFile",
    "Shape",
    "State",
    "Upload",
    "UploadIn",
    "id_in",
]

T = TypeVar("T")

MEDIA_ID = r"[0-9a-f]{64}"


def id_in(path: str) -> str:
    """The id of the upload that a path of a server is, or lies in; of another path its last part."""
    parts = PurePath(path).parts
    return next((part for part in reversed(parts) if re.fullmatch(MEDIA_ID, part)), PurePath(path).name)


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


class OutputFile(BaseModel):
    """A file that an item has made; sizes in pixels where it has pictures, else 0, `duration` in s."""

    name: str
    sha256: Annotated[str, StringConstraints(pattern=rf"^{MEDIA_ID}$")]
    size: int
    media_type: str
    width: int
    height: int
    frames: int
    duration: float

    @classmethod
    def of(cls, made: ItemFile) -> OutputFile:
        names = cls.model_fields.keys() - {"name"}
        return cls(name=made.name, **{name: getattr(made.file, name) for name in names})


class RunFile(OutputFile):
    """A file that an item of a run has made: `number` is the item's number in the history, `item` its id in the run."""

    number: int
    item: str


class Prompt(BaseModel):
    """One item of one run, with its answer once there is one; `ok` is null while it waits.

    `question` and `answer` are what its kind says of it in words, and what is searched; `result` is all of it.
    `identity` is that of its work, empty where it cannot run or where the version before asked it.
    `clip` is what people call its first file; `media` is that file's id, where it was uploaded by itself and is still
    here. `files` are those that it has made.
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
    files: list[OutputFile] = []

    @field_validator("result")
    @classmethod
    def _loaded(cls, result: Any, info: ValidationInfo) -> Any:
        """A Result of its kind; that of a kind which is not installed stays a mapping."""
        return load_result(info.data["kind"], result) if isinstance(result, dict) and "kind" in info.data else result

    @classmethod
    def of(cls, entry: Entry, names: Mapping[str, str], files: Sequence[ItemFile] = ()) -> Prompt:
        """`names` are those of uploaded files, by their ids; `files` are the item's."""
        file = id_in(entry.file)
        media = file if file in names and PurePath(entry.file).name == file else None
        values = {**vars(entry), "tags": list(entry.tags)}
        values["files"] = [OutputFile.of(each) for each in files if each.is_output]
        return cls(**values, clip=names.get(file, file), media=media)


Tag = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*$")
]


class PromptChange(Shape):
    """Only what is given is changed; a `rating` of null takes the stars away."""

    rating: Stars | None = None
    tags: Annotated[list[Tag], Field(max_length=20)] | None = None


class UploadIn(Shape):
    """A clip to come, or a folder of images and videos as one file: its name, and its size in bytes.

    A folder begins with the line `COSMOS FOLDER 1` and a line of JSON, `[["shot/color.0001.png", 4711], …]`: the names
    and sizes of the files that follow. An item names something in it as `ID/shot/color.%04d.png`.
    """

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
    """One thing looked at: `missing` is what the main job cannot do without, `unknown` what could not be looked at."""

    name: str
    status: Literal["ok", "optional", "missing", "unknown"]
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
