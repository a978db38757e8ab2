"""`cosmos bench`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli.console import print_json, stderr, stdout, table
from cosmos_workflow.cli.help import Command
from cosmos_workflow.cli.measuring import measuring, measuring_options, opened, say_end
from cosmos_workflow.cli.values import LIST, NUMBERS, SIZES, NumberRange

if TYPE_CHECKING:
    from cosmos_workflow.lab import ModeRow, Timing

__all__ = ["command"]


@click.command("bench", cls=Command)
@click.option("--mode", "modes", type=LIST, help="Modes to measure: offload-each,one-at-a-time,batch,warm.  [all]")
@click.option("--batch", "batches", type=NUMBERS, help="Prompts in a batch, one number or several such as 3,16.  [3]")
@click.option("--size", "sizes", type=SIZES, help="Frame sizes, such as 854x480,910x512.  [854x480]")
@click.option("--repeats", type=click.IntRange(1), help="How often to measure each.  [3]")
@click.option("--frames", type=click.IntRange(1), help="Frames sent with each prompt.  [2]")
@click.option("-p", "--prompt", "text", help="The prompt to send.  [A futuristic city at sunset]")
@measuring_options
@click.option("--price-per-hour", type=NumberRange(0), default=0.0, help="Price of the machine, to work out costs.")
def command(as_json: bool, again: bool, max_minutes: float, price_per_hour: float, **options: Any) -> int:
    """Measure how long the modes take: offload after every prompt, stay loaded, whole batch, warm engine.

    \b
    cosmos bench --model-path ~/models/upsampler --batch 3,16 --price-per-hour 2.49
    cosmos bench --on gpu --mode one-at-a-time,batch,warm

    Each measurement is on disk when it ends. Run the same command again to continue where it stopped.
    """
    from cosmos_workflow.lab import BenchSettings, bench, mode_rows, studies

    where, model, experiments = opened(options)
    settings = replace(BenchSettings(), **{name: value for name, value in options.items() if value is not None})

    def show(timing: Timing) -> None:
        if not as_json:
            word = f"failed: {timing.error}" if timing.error else f"{timing.seconds:.1f} s"
            stderr().print(f"{timing.key}: {word}", style="yellow" if timing.error else "dim")

    with measuring(where):
        experiment = bench(where, model, settings, experiments, max_minutes=max_minutes, again=again, on_timing=show)
    measured = [timing for study in studies(experiments, [experiment.id]) for timing in study.timings]
    rows = mode_rows(measured, price_per_hour)
    if as_json:
        print_json(
            {
                "experiment": experiment.id,
                "state": experiment.state,
                "environment": experiment.environment,
                "modes": [
                    {**asdict(row), "per_prompt": row.per_prompt, "prompts_per_hour": row.prompts_per_hour}
                    for row in rows
                ],
            }
        )
    else:
        _print(rows)
    say_end(experiment, max_minutes)
    return int(any(row.failed for row in rows))


def _print(rows: list[ModeRow]) -> None:
    costs = any(row.cost is not None for row in rows)
    columns = ["mode", ">batch", ">size", ">start", ">load", ">compile", ">prompts", ">total", ">per prompt", ">gain"]
    grid = table(*columns, ">an hour", *([">1,000 prompts"] if costs else []), title="Medians, in seconds")
    for row in rows:
        parts = [f"{row.parts[name]:.1f}" for name in ("start", "load", "compile", "prompts")]
        grid.add_row(
            row.name, str(row.batch), f"{row.width}x{row.height}", *parts, f"{row.seconds:.1f}",
            f"{row.per_prompt:.1f}", "-" if row.gain is None else f"{row.gain:.0%}", f"{row.prompts_per_hour:,.0f}",
            *([f"{row.cost:,.2f}" if row.cost is not None else "-"] if costs else []),
        )  # fmt: skip
    stdout().print(grid)
