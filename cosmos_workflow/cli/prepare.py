"""`cosmos prepare`."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.console import note
from cosmos_workflow.cli.help import SECTIONS, Command
from cosmos_workflow.cli.kinds import begun, do_batch
from cosmos_workflow.cli.options import (
    LocalOption,
    merged_config,
    ray_items,
    ray_options,
    refuse_misplaced,
    wait_option,
    with_options,
)
from cosmos_workflow.cli.target import client_of, server_plans
from cosmos_workflow.cli.values import NUMBER
from cosmos_workflow.errors import UsageError
from cosmos_workflow.runs.places.ray import is_ray

__all__ = ["command"]

WORD = "controls"
STRENGTH = r"none|very_low|low|medium|high|very_high|[0-9]+:[0-9]+|seed:[0-9]+"
PATHS = [
    click.option("--rgb", type=click.Path(), metavar="PATTERN", help="The picture: images or a video."),
    click.option("--depth", type=click.Path(), metavar="PATTERN", help="The distances: images or a video."),
    click.option("--seg", type=click.Path(), metavar="PATTERN", help="The objects: images or a video."),
    click.option("--edge", metavar="PATTERN | STRENGTH",
                 help="Edges, made already; or how they are made: none … very_high, 60:140, seed:7, off.  [medium]"),
    click.option("--vis", type=click.Path(), metavar="PATTERN", help="The blurred picture, made already."),
]  # fmt: skip
# Each option is a field of the kind's settings, by the same name.
SETTINGS = [
    click.option("--for", "model", type=click.Choice(["transfer1", "transfer2.5", "cosmos3"]), help="Fit this model."),
    click.option("--tier", metavar="NAME", help="The model's sizes: 720, 480, 480p, …  [720]"),
    click.option("--size", metavar="WxH", help="The size that is written.  [the model's, else the clip's]"),
    click.option("--crop", "fit", flag_value="crop", default=True, help="Cut off what does not fit.  [default]"),
    click.option("--pad", "fit", flag_value="pad", help="Black around the picture."),
    click.option("--stretch", "fit", flag_value="stretch", help="Change the picture's shape, as NVIDIA's scripts do."),
    click.option("--anchor", metavar="WHERE", help="What stays: centre, top, left, …, or 0.5,0.2.  [centre]"),
    click.option("--fps", type=NUMBER, help="The rate that is written.  [the model's, else the clip's]"),
    click.option("--source-fps", type=NUMBER, help="The rate of the images, which state none.  [24]"),
    click.option("--retime", is_flag=True, help="Play the same frames at --fps, instead of leaving out or repeating."),
    click.option("--length", type=click.Choice(["keep", "cut", "hold"]), help="To whole chunks of frames.  [keep]"),
    click.option("--missing", type=click.Choice(["error", "hold", "black"]), help="What missing frames are.  [error]"),
    click.option("--first", type=int, help="The number of the first frame."),
    click.option("--last", type=int, help="The number of the last frame."),
    click.option("--view", metavar="NAME", help="How light is shown: sRGB, ACES, or a view of --ocio.  [sRGB]"),
    click.option("--exposure", type=NUMBER, help="Stops.  [0]"),
    click.option("--ocio", metavar="CONFIG", help="A configuration of OpenColorIO: a file, or a built-in one."),
    click.option("--light", metavar="NAME", help="The configuration's name for the light of the files."),
    click.option("--background", type=click.Choice(["white", "black"]), help="Behind what is transparent.  [white]"),
    click.option("--depth-range", metavar="RANGE", help="auto, NEAR:FAR, or percentages 1%:99%.  [auto]"),
    click.option("--depth-form", type=click.Choice(["inverse", "linear"]), help="Near is bright in both.  [inverse]"),
    click.option("--blur", metavar="STRENGTH", help="none … very_high, seed:7, off.  [medium]"),
    click.option(
        "--seg-colours", type=click.Choice(["separate", "keep"]), help="New colours, or the files'.  [separate]"
    ),
    click.option("--rgb-layer", metavar="NAME", help="Of files with several layers."),
    click.option("--depth-layer", metavar="NAME", help="Of files with several layers."),
    click.option("--seg-layer", metavar="NAME", help="Of files with several layers."),
    click.option("--keep-frames", is_flag=True, help="Keep the frames, as handed to the encoder, as PNG."),
]
WORK = [
    click.option("-o", "--out", type=click.Path(), help=f"Folder for the results.  [NAME.{WORD}]"),
    click.option("--on", "place", shell_complete=completion.places, default="local", metavar="PLACE",
                 help="Where to run: local, a host of `cosmos hosts`, ray, or ray://HEAD:10001.  [local]"),
    click.option("--detach", is_flag=True, help="On a host: return as soon as it has the batch; see `cosmos runs`."),
    wait_option,
    click.option("--priority", cls=LocalOption, for_server=True, type=click.IntRange(-1000, 1000), default=0,
                 help="On a server: higher goes first.  [0]"),
    ray_options,
    click.option("--again", is_flag=True, help="Make again what is made already."),
    click.option("--dry-run", is_flag=True, help="Look at the frames and show the plan; make nothing."),
    click.option("--json", "as_json", is_flag=True, help="One JSON document (JSON Lines for several clips)."),
]  # fmt: skip


class Prepare(Command):
    """Its help has groups of its own."""

    sections = MappingProxyType({
        "What is there": ("rgb", "depth", "seg", "edge", "vis", "first", "last", "missing", "source_fps",
                          "rgb_layer", "depth_layer", "seg_layer"),
        "Fit": ("model", "tier", "size", "fit", "anchor", "fps", "retime", "length"),
        "Light and colour": ("view", "exposure", "ocio", "light", "background"),
        "Controls": ("depth_range", "depth_form", "blur", "seg_colours"),
        "On a host": SECTIONS["On a host"],
        "On Ray": SECTIONS["On Ray"],
    })  # fmt: skip


@click.command("prepare", cls=Prepare)
@click.argument("source", metavar="FOLDER | PATTERN | VIDEO | BATCH.jsonl", required=False, type=click.Path())
@with_options([*PATHS, *SETTINGS, *WORK])
def command(source: str | None, dry_run: bool, **options: Any) -> int:
    """Turn renders and clips into the control videos that a video model takes.

    \b
    cosmos prepare renders/ --for transfer2.5
    cosmos prepare 'color.%04d.png' --depth 'z.####.exr' --seg 'id.%04d.png' --fps 24
    cosmos prepare clip.mp4 --for transfer1 --length hold --edge high
    cosmos prepare shots/ --view Filmic --ocio blender/datafiles/colormanagement/config.ocio

    Each clip gets a folder with rgb.mp4, depth.mp4, seg.mp4, edge.mp4 and vis.mp4, as far as there is what they are
    made of, a sheet.jpg to look at and a manifest.json. Run the same command again: what is made is not made again.
    """
    from cosmos_workflow.engines import EngineSettings
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.kinds.prepare import Settings, items_of, named_by
    from cosmos_workflow.kinds.reading import is_batch

    edge = options.pop("edge")
    is_strength = bool(edge) and (edge == "off" or re.fullmatch(STRENGTH, edge) is not None)
    paths = {name: options.pop(name) for name in ("rgb", "depth", "seg", "vis")} | {
        "edge": None if is_strength else edge
    }
    given = {name: Path(path) for name, path in paths.items() if path}
    options["edge"] = edge if is_strength else None
    named = {name: value for name in Settings.__dataclass_fields__ if (value := options.pop(name)) is not None}
    settings = Settings(**named)
    place, kind = options["place"], get_kind("prepare")
    refuse_misplaced(options, is_ray(place))
    if source is None and not given:
        raise UsageError(
            "what shall be prepared?", remedy="give a folder, a pattern of images, a video or a batch file"
        )
    batch = source is not None and is_batch(source)
    if (batch or is_ray(place)) and (given or source is None or not batch):
        raise UsageError(
            "on Ray, and with a batch file, paths are read from the batch", remedy="give each entry its paths there"
        )
    items: list[Any] = []
    if is_ray(place):
        items = ray_items(kind, source) if dry_run and source else []
    elif batch and source:
        items = list(kind.read(Path(source), note))
    else:
        items, notes = items_of(Path(source) if source else None, given)
        for text in notes:
            note(text)
    decision = begun(
        kind, settings, EngineSettings(), "", place, merged_config("prepare"), given=named, wait=options["wait"]
    )  # fmt: skip
    if dry_run:
        from cosmos_workflow.cli.check import show_checked

        if client := client_of():
            plans = server_plans(client, items, decision)
        else:
            plans = [kind.plan(checked, "") for checked in kind.check(items, settings)]
        return show_checked(kind.name, plans, decision.engine.name, as_json=options["as_json"])
    name = source or str(next(iter(given.values())).absolute().parent)
    return do_batch(decision, named_by(name), items, WORD, batch=batch or len(items) > 1, keep_warm=0.0, **options)
