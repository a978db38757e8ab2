"""The options that commands share, and what they stand for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.values import DURATION, LENGTH
from cosmos_workflow.config import Config, load_config
from cosmos_workflow.errors import UsageError
from cosmos_workflow.kinds.upsample.picking import PICKS
from cosmos_workflow.limits import DEFAULT_MODEL, FIT_MODES, MODELS, Model, model_at
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.deciding import Decision
    from cosmos_workflow.engines import EngineSettings, Offload
    from cosmos_workflow.kinds.kind import Kind

__all__ = [
    "ENGINES",
    "RAY_OPTIONS",
    "WORDS",
    "LocalOption",
    "engine_options",
    "engine_settings",
    "fitting_length",
    "frames_option",
    "length_option",
    "limits_model",
    "merged_config",
    "model_options",
    "model_path_option",
    "out_option",
    "pick_option",
    "ray_items",
    "ray_options",
    "refuse_misplaced",
    "request_options",
    "settings_from",
    "with_options",
]

# Those of `ray_options`, as `api.run_on_ray` names them.
RAY_OPTIONS = ("engines", "gpus_per_engine", "out_format")

# Those of prompt upsampling, as they stand in its help.
ENGINES = ("vllm", "server", "transformers", "describe")

# Options that override the user's settings of the same name.
WORDS = ("model", "model_path", "engine", "server_url", "server_model")

Command = TypeVar("Command", bound=Callable[..., Any])


class LocalOption(click.Option):
    """An option for work on this machine, or (`for_server`) for a server's: it is refused where it has no meaning."""

    def __init__(self, *words: Any, for_server: bool = False, **facts: Any) -> None:
        super().__init__(*words, **facts)
        self._for_server = for_server

    def handle_parse_result(self, ctx: click.Context, opts: Any, args: Any) -> Any:
        parsed = super().handle_parse_result(ctx, opts, args)
        given = ctx.get_parameter_source(self.name or "") is ParameterSource.COMMANDLINE
        server = ctx.find_root().params.get("server")
        if given and bool(server) != self._for_server and not ctx.resilient_parsing:
            name = self.opts[-1]
            if server:
                remedy = "leave it out, or --server (COSMOS_SERVER): the work is then done on this machine"
                raise UsageError(
                    f"{name} cannot be given to a server, which has its own settings", where=server, remedy=remedy
                )
            raise UsageError(f"{name} is for a server", remedy="give --server URL, or leave it out")
        return parsed


def with_options(options: Iterable[Callable[[Any], Any]]) -> Callable[[Command], Command]:
    """A decorator that gives a command several options, in their order."""

    def apply(function: Command) -> Command:
        for option in reversed([*options]):
            function = option(function)
        return function

    return apply


def model_options(function: Command) -> Command:
    """Options that name the model, and what it has room for."""
    return with_options(
        [
            click.option(
                "--model", type=click.Choice(list(MODELS)), help=f"The model whose limits are used.  [{DEFAULT_MODEL}]"
            ),
            model_path_option("The model's folder; its limits are read from its files."),
            click.option("--max-tokens", type=click.IntRange(1), help="The longest answer, in tokens.  [300]"),
        ]
    )(function)


def model_path_option(help: str) -> Callable[[Command], Command]:
    return click.option("--model-path", cls=LocalOption, metavar="FOLDER", help=help)


def frames_option(function: Command) -> Command:
    return click.option("--frames", type=click.IntRange(1), help="Frames sent with each prompt.  [2]")(function)


def pick_option(function: Command) -> Command:
    words = "Which frames to send, or `video` for models of the Qwen family.  [first]"
    return click.option("--pick", type=click.Choice(PICKS), default="first", help=words)(function)


def length_option(*, auto: bool = False) -> Callable[[Command], Command]:
    """`--max-model-len`; with `auto`, also that word: as long as full-size frames need, where memory allows."""
    words = "Context length of the engine, in tokens; auto: enough for full-size frames, if memory allows.  [4096]"
    return click.option(
        "--max-model-len", metavar="N|auto" if auto else "N", type=LENGTH if auto else click.IntRange(1),
        help=words if auto else "Context length of the engine, in tokens.  [4096]",
    )  # fmt: skip


def fitting_length(needed: Callable[[], int], decision: Decision, settings: EngineSettings) -> int:
    """What `--max-model-len auto` stands for; says on stderr what was chosen, and why."""
    from cosmos_workflow.api import fitting_model_len
    from cosmos_workflow.cli.console import stderr

    length: int | None = decision.settings.max_model_len
    reason = "as the server states"
    if decision.settings.by_rules:
        length, reason = settings.model.longest_model_len, "rules take no context"
    if length is None:
        length, reason = fitting_model_len(needed(), decision.engine.name, settings, decision.place)
    stderr().print(f"max_model_len: {length} ({reason})", style="dim")
    return length


def engine_options(function: Command, engines: Sequence[str] = ENGINES) -> Command:
    """Options that decide which engine answers, and where."""
    names = f"{' or '.join(filter(None, (', '.join(engines[:-1]), engines[-1])))}.  [automatic]"
    place = "Where to run: local, a host of `cosmos hosts`, ray, or ray://HEAD:10001.  [local]"
    return with_options(
        [
            click.option("--engine", shell_complete=completion.engines, default="", metavar="NAME", help=names),
            click.option(
                "--server-url",
                cls=LocalOption,
                default="",
                help="URL of an OpenAI-compatible server, for the server engine.",
            ),
            click.option(
                "--server-model",
                cls=LocalOption,
                default="",
                help="The model's name on that server.  [its first model]",
            ),
            click.option(
                "--engine-option",
                cls=LocalOption,
                multiple=True,
                metavar="KEY=VALUE",
                help="Passed on to the engine's library; repeatable.",
            ),
            click.option(
                "--on", "place", shell_complete=completion.places, default="local", metavar="PLACE", help=place
            ),
        ]
    )(function)


def wait_option(function: Command) -> Command:
    help = "On a host or a server: how long to keep trying to reach it, until it has the run.  [1m]"
    return click.option("--wait", type=DURATION, default="1m", help=help)(function)


def out_option(function: Command) -> Command:
    help = "Write the results to this file, - for stdout; with output files, to this folder.  [the run's own]"
    return click.option("-o", "--out", type=click.Path(), help=help)(function)


def forget_option(function: Command) -> Command:
    help = "Do not ask the host, as it is gone for good; the run's files there stay."
    return click.option("--forget", is_flag=True, help=help)(function)


def ray_options(function: Command) -> Command:
    """Options of a Ray cluster."""
    return with_options([
        click.option("--engines", cls=LocalOption, type=click.IntRange(1),
                     help="On Ray: how many engines to use.  [one for each GPU]"),
        click.option("--gpus-per-engine", cls=LocalOption, type=click.IntRange(0),
                     help="On Ray: GPUs for each engine; more than one is tensor parallel.  [1]"),
        click.option("--out-format", cls=LocalOption, type=click.Choice(["jsonl", "parquet"]),
                     help="On Ray: file format of the results.  [as the batch]"),
    ])(function)  # fmt: skip


def ray_items(kind: Kind, source: str) -> list[Any]:
    """The items of a batch for Ray, read here. Raises BadInputError for an entry that cannot be used."""
    from cosmos_workflow.cli.console import note
    from cosmos_workflow.kinds.reading import Keys, Piece
    from cosmos_workflow.runs.places.ray.batches import files_in, read

    keys = Keys(kind.fields)
    entries = [entry for url in files_in(source) for entry in read(kind, Piece(url), keys)]
    for entry in entries:
        if entry.error:
            raise entry.error
    for text in keys.notes():
        note(text)
    return [entry.item for entry in entries]


def refuse_misplaced(options: dict[str, Any], on_ray: bool) -> None:
    """Raise UsageError for options that have no meaning at the place, so that none is ignored silently."""
    names = [f"--{name.replace('_', '-')}" for name in RAY_OPTIONS if options[name] is not None]
    if names and not on_ray:
        raise UsageError(f"{names[0]} is for Ray", remedy="give --on ray, or ray://HEAD:10001")


def request_options(function: Command) -> Command:
    """Options that decide how an item is sent."""
    return with_options(
        [
            click.option(
                "-p", "--prompt", default="", help="The prompt for the video (in a batch: for entries without one)."
            ),
            click.option(
                "--fit",
                type=click.Choice(FIT_MODES),
                default="auto",
                show_default=True,
                help="auto: shrink frames where needed; strict: refuse such items; off: never shrink.",
            ),
        ]
    )(function)


def merged_config(kind: str, **overrides: Any) -> Config:
    """The user's settings for a kind of work (with no name, for all), with what the command line gave on top."""
    given = {name: value for name, value in overrides.items() if value}
    if click.get_current_context().find_root().params.get("server"):  # which has settings of its own
        return Config(**given)
    config = load_config()
    if kind and (config.engine or config.model_path):
        from cosmos_workflow.deciding import settings_for
        from cosmos_workflow.kinds.kind import get_kind

        config = settings_for(get_kind(kind), config)
    return replace(config, **given)


def limits_model(config: Config, place: str = "local") -> Model:
    """The facts that hold under these settings. Raises BadInputError for a model folder that is not there.

    On Ray the folder is the cluster's, so the facts are the model's own.
    """
    return model_at("" if is_ray(place) else config.model_path, config.model or DEFAULT_MODEL)


def engine_settings(
    config: Config,
    pairs: tuple[str, ...],
    max_model_len: int | None = None,
    offload: Offload = "never",
    place: str = "local",
) -> EngineSettings:
    """The engine's settings from the user's settings; `pairs` are those of `--engine-option`."""
    from cosmos_workflow.engines import EngineSettings

    return EngineSettings(
        limits_model(config, place), config.model_path, config.server_url, config.server_model, max_model_len, offload,
        config.engine_options | settings_from(pairs),
    )  # fmt: skip


def results_name(source: str, suffix: str = ".upsampled.jsonl") -> str:
    """The default name of a source's results file; file systems take 255 bytes, of which temporary names need some."""
    stem = Path(source).stem or Path(source).absolute().stem or "results"
    name = os.fsencode(stem)
    return (name[:180].decode("utf-8", "ignore") if len(name) > 180 else stem) + suffix


def settings_from(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`--engine-option KEY=VALUE` as a dict; values are read as JSON where they are, else as text."""
    import json

    options: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key.isidentifier():
            raise UsageError(f"--engine-option {pair!r}", remedy="give KEY=VALUE, such as tensor_parallel_size=2")
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options
