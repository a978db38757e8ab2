"""What the routes of one server share: the runs, the clips, who is let in, and how items are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated
from weakref import WeakValueDictionary

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from cosmos_workflow.api import decide, open_runs, submit
from cosmos_workflow.config import Config, data_folder
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.errors import UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.upsample import Checked, Item, Settings, check_items
from cosmos_workflow.limits import DEFAULT_MODEL, Model, Plan, model_at, plan
from cosmos_workflow.media import probe
from cosmos_workflow.runs import Runs, Worker
from cosmos_workflow.server import shapes
from cosmos_workflow.server.guard import Guard
from cosmos_workflow.server.library import Library
from cosmos_workflow.server.uploads import Uploads
from cosmos_workflow.server.watching import Watched
from cosmos_workflow.store import Entry, RunRecord

__all__ = ["Ctx", "Options", "Server"]

GIB = 1 << 30
CLIPS_KNOWN = 4096
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


class Server:
    """One server over the store of the settings; it drives runs itself unless `works` is off."""

    def __init__(self, config: Config, options: Options) -> None:
        self.config = config
        self.guard = options.guard
        self.runs: Runs = open_runs(config)
        self.store = self.runs.store
        self.library = Library(data_folder(), self.store, shared=options.media)
        self.uploads = Uploads(data_folder() / "uploads", self.library, most=options.upload_bytes)
        self.worker = Worker(self.runs) if options.works else None
        self.registry = CollectorRegistry()
        self.pulse = Watched(self._pulse, PULSE_SECONDS)
        self._progress: WeakValueDictionary[str, Watched[tuple[bool, int]]] = WeakValueDictionary()
        self._probed = lru_cache(CLIPS_KNOWN)(lambda path, version: probe(path))

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
        return model_at("" if name else self.config.model_path, name or self.config.model or DEFAULT_MODEL)

    def settings(self, fields: shapes.SettingsIn) -> Settings:
        values = fields.model_dump(exclude={"model"})
        return Settings(limits=self.model(fields.model), **values)

    def items(self, entries: Sequence[shapes.ItemIn]) -> list[Item]:
        """Items by their clips' files; one without an id is named by its place. Raises NotFound, UsageError."""
        items = []
        for number, entry in enumerate(entries, 1):
            values = entry.model_dump(exclude_none=True) | {"video": str(self.library.find(entry.video))}
            items.append(Item.from_mapping(values | {"id": entry.id.strip() or f"p{number}"}))
        ids = [item.id for item in items]
        if len(set(ids)) < len(ids):
            twice = next(id for id in ids if ids.count(id) > 1)
            raise UsageError(f"one id for two items: {twice!r}", remedy="give each its own, or none")
        return items

    def check(self, items: Sequence[Item], settings: Settings) -> list[Checked]:
        """The plans, with exact token counts; clips that were seen before are not opened again."""

        def probed(path: Path) -> object:
            stat = path.stat()
            return self._probed(path, (stat.st_mtime_ns, stat.st_size))

        return list(check_items(items, settings, exact=True, probed=probed))  # type: ignore[arg-type]

    def check_size(self, width: int, height: int, prompt: str, settings: Settings) -> Plan:
        model = settings.model
        return plan(
            (width, height), prompt, model, settings.frames or model.default_frames, settings.fit,
            max_tokens=settings.max_tokens, max_model_len=settings.max_model_len, exact=True,
        )  # fmt: skip

    def enqueue(self, request: shapes.NewRun) -> RunRecord:
        """Put a batch into the queue. Raises NotFound, UsageError."""
        settings, items = self.settings(request.settings), self.items(request.items)
        engine_settings = EngineSettings(
            settings.limits, self.config.model_path, self.config.server_url, self.config.server_model,
            settings.max_model_len, options=self.config.engine_options,
        )  # fmt: skip
        decision = decide(
            get_kind("upsample"), settings, place=request.place, engine=request.engine,
            engine_settings=engine_settings, config=self.config,
        )  # fmt: skip
        submission = submit(
            items, decision, source=request.name or self._named(items), keep_warm=request.keep_warm, queued=True,
            priority=request.priority, held=request.held, checked=self.check(items, decision.settings), runs=self.runs,
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
        """Entries of the history, with what people called their clips."""
        names = self.clip_names([entry.result.video for entry in entries])
        return [shapes.Prompt.of(entry, names) for entry in entries]

    def clip_names(self, videos: Sequence[str]) -> dict[str, str]:
        """What people called the clips of these paths, by their file names."""
        return self.store.files.names({Path(video).name for video in videos})

    def _named(self, items: Sequence[Item]) -> str:
        video = str(items[0].video)
        name = self.clip_names([video]).get(Path(video).name, Path(video).name)
        return name if len(items) == 1 else f"{name} and {len(items) - 1} more"


def _server(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


Ctx = Annotated[Server, Depends(_server)]
