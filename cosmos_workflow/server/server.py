"""What the routes of one server share: the runs, the clips, who is let in, and how items are read."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from weakref import WeakValueDictionary

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from cosmos_workflow.api import decide, open_runs, submit, with_identities
from cosmos_workflow.config import Config, data_folder
from cosmos_workflow.deciding import Decision, settings_for
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.errors import UsageError
from cosmos_workflow.kinds.kind import FIRST_KIND, Kind, get_kind
from cosmos_workflow.kinds.registry import known_kinds
from cosmos_workflow.limits import DEFAULT_MODEL, Model, model_at
from cosmos_workflow.runs import Runs, Worker
from cosmos_workflow.server import shapes
from cosmos_workflow.server.guard import Guard
from cosmos_workflow.server.library import Library
from cosmos_workflow.server.shapes import id_in
from cosmos_workflow.server.uploads import Uploads
from cosmos_workflow.server.watching import Watched
from cosmos_workflow.store import Entry, RunRecord

__all__ = ["Ctx", "Options", "Server"]

GIB = 1 << 30
DECIDED_SECONDS, DECISIONS_KEPT = 10, 64  # for checks, of which a page asks many
FILES_KEPT = 1024  # of one batch
LOOK_SECONDS = 0.2  # between two looks at a run that somebody watches
# Each costs every open page a request. Pages must not leave any out themselves: the last one counts.
PULSE_SECONDS = 0.4


@dataclass(frozen=True)
class Options:
    """How a server is set up: `media` is a folder whose clips it offers, `upload_bytes` the most of one upload."""

    media: Path | None = None
    upload_bytes: int = 8 * GIB
    guard: Guard = field(default_factory=Guard)
    works: bool = True


@dataclass(frozen=True)
class Asked:
    """A kind and its settings; the same `words` are the same, as a list among the settings has no hash."""

    kind: Kind
    words: str
    settings: Any = field(compare=False)


class Server:
    """One server over the store of the settings; it drives runs itself unless `works` is off."""

    def __init__(self, config: Config, options: Options) -> None:
        self.config = config
        self.guard = options.guard
        self.runs: Runs = open_runs(config)
        self.store = self.runs.store
        types = tuple({media_type for name in known_kinds() for media_type in get_kind(name).media_types})
        self.library = Library(data_folder(), self.store, shared=options.media, types=types)
        self.uploads = Uploads(data_folder() / "uploads", self.library, most=options.upload_bytes)
        self.worker = Worker(self.runs) if options.works else None
        self.registry = CollectorRegistry()
        self.pulse = Watched(self._pulse, PULSE_SECONDS)
        self._progress: WeakValueDictionary[str, Watched[tuple[bool, int]]] = WeakValueDictionary()
        self._decided = lru_cache(DECISIONS_KEPT)(
            lambda asked, place, engine, moment: self.decide(asked.kind, asked.settings, place, engine, runs=False)
        )

    def progress_of(self, run: str) -> Watched[tuple[bool, int]]:
        """Whether a run is over, and how many bytes its events have; reading raises NotFound once it is removed."""

        def read() -> tuple[bool, int]:
            # Asked before the file is looked at: what came before the end is then in the file.
            over, path = self.store.get(run).finished, self.runs.progress_file(run)
            return over, path.stat().st_size if path.exists() else 0

        return self._progress.setdefault(run, Watched(read, LOOK_SECONDS))

    def _pulse(self) -> str:
        """Another word whenever any run has changed, or any event of a run that is driven has come."""
        paths = (self.runs.progress_file(id) for id in self.store.queue.holders())
        size = sum(path.stat().st_size for path in paths if path.exists())
        return f"{self.store.pulse()}-{self.store.queue.paused}-{size}"

    def model(self, name: str | None = None) -> Model:
        """The facts that hold. Raises BadInputError where the settings' model folder is not there."""
        folder = "" if name else settings_for(get_kind(FIRST_KIND), self.config).model_path
        return model_at(folder, name or self.config.model or DEFAULT_MODEL)

    def settings(self, kind: Kind, fields: BaseModel) -> Any:
        """The settings of a request. Raises BadInputError where the server's model folder is not there."""
        config = settings_for(kind, self.config)
        return kind.settings_from(fields.model_dump(), config.model_path, config.model)

    def items(self, kind: Kind, entries: Sequence[BaseModel]) -> list[Any]:
        """Items by their files' paths; one without an id is named by its place.

        Raises NotFound for a file, BadInputError for an item that the kind does not take, UsageError for an id that is
        there twice.
        """
        items: dict[str, Any] = {}
        path_of = lru_cache(FILES_KEPT)(lambda name: str(self.library.find(name, kind.media_types)))
        for number, entry in enumerate(entries, 1):
            values = entry.model_dump(exclude_none=True)
            values |= {name: path_of(values[name]) for name in kind.inputs if values.get(name)}
            item, _ = kind.entry(values | {"id": values["id"].strip() or f"p{number}"}, f"items[{number - 1}]")
            if item.id in items:
                raise UsageError(f"one id for two items: {item.id!r}", remedy="give each its own, or none")
            items[item.id] = item
        return list(items.values())

    def decided(self, kind: Kind, settings: Any, place: str, engine: str) -> Decision:
        """What a check is made with: as for a run, but no model need be there, and a server is asked now and then."""
        asked = Asked(kind, json.dumps(asdict(settings), sort_keys=True, default=repr), settings)
        return self._decided(asked, place, engine, int(time.monotonic() / DECIDED_SECONDS))

    def decide(self, kind: Kind, settings: Any, place: str, engine: str, *, runs: bool) -> Decision:
        """What a run is made with. Raises as `deciding.decide`: where it `runs`, its model must be there."""
        # What the settings say of a language model, where the kind has such settings.
        limits, length = getattr(settings, "limits", self.model()), getattr(settings, "max_model_len", None)
        config = settings_for(kind, self.config)
        engine_settings = EngineSettings(
            limits, config.model_path, config.server_url, config.server_model, length, options=config.engine_options
        )
        return decide(
            kind, settings, place=place, engine=engine, engine_settings=engine_settings, config=config, runs=runs
        )

    def check(self, request: Any) -> shapes.Checked:
        """What is known of items before they run (`request` has the kind's `check_of`). Raises NotFound, UsageError."""
        kind = get_kind(request.kind)
        settings, items = self.settings(kind, request.settings), self.items(kind, request.items)
        decision = self.decided(kind, settings, request.place, request.engine)
        checked = kind.check_exactly(items, decision.settings)
        plans = [kind.plan(each.checked, each.identity) for each in with_identities(checked, decision, self.store)]
        plans += [kind.plan(each, "") for each in kind.check_more(request, decision.settings)]
        return shapes.Checked(
            kind=kind.name, engine=decision.engine.name, model=decision.engine.model, why=decision.engine.why,
            notes=list(decision.notes), plans=plans,
        )  # fmt: skip

    def enqueue(self, request: Any) -> RunRecord:
        """Put a batch into the queue (`request` has the kind's `new_run_of`). Raises NotFound, UsageError."""
        kind = get_kind(request.kind)
        settings, items = self.settings(kind, request.settings), self.items(kind, request.items)
        decision = self.decide(kind, settings, request.place, request.engine, runs=True)
        submission = submit(
            items, decision, source=request.name or self._named(kind, items), keep_warm=request.keep_warm, queued=True,
            priority=request.priority, held=request.held, checked=kind.check_exactly(items, decision.settings),
            runs=self.runs,
        )  # fmt: skip
        assert submission.run is not None  # without a results file nothing is answered already
        self.look()
        return submission.run

    def look(self) -> None:
        """Let the worker look into the queue at once, as something may have come."""
        if self.worker:
            self.worker.look()

    def run_shapes(self, runs: Sequence[RunRecord]) -> list[shapes.Run]:
        """Runs with who has them, and where in the queue they are."""
        holders = self.store.queue.holders()
        waiting = [run.id for run in self.store.queue.waiting() if run.id not in holders]
        position = {id: number for number, id in enumerate(waiting, 1)}
        return [shapes.Run.of(run, holders.get(run.id, ""), position.get(run.id)) for run in runs]

    def show(self, id: str) -> shapes.Run:
        """Raises NotFound."""
        return self.run_shapes([self.store.get(id)])[0]

    def prompts(self, entries: Sequence[Entry]) -> list[shapes.Prompt]:
        """Entries of the history, with what people called their files."""
        names = self.file_names([entry.file for entry in entries])
        files = self.store.files.of_items([entry.number for entry in entries])
        return [shapes.Prompt.of(entry, names, files.get(entry.number, ())) for entry in entries]

    def file_names(self, paths: Sequence[str]) -> dict[str, str]:
        """What people called the uploaded files of these paths, by their ids."""
        return self.store.files.names({id_in(path) for path in paths})

    def _named(self, kind: Kind, items: Sequence[Any]) -> str:
        """A run's name: that of its first file."""
        given = (getattr(items[0], name) for name in kind.inputs)
        first = next((id_in(str(path)) for path in given if path), items[0].id)
        name = self.file_names([first]).get(first, first)
        return name if len(items) == 1 else f"{name} and {len(items) - 1} more"


def _server(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


Ctx = Annotated[Server, Depends(_server)]
