"""`cosmos probe`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli.console import print_json, stderr, stdout, table, verdict_text
from cosmos_workflow.cli.help import Command
from cosmos_workflow.cli.measuring import measuring, measuring_options, opened, say_end
from cosmos_workflow.cli.values import LIST, NUMBERS

if TYPE_CHECKING:
    from cosmos_workflow.lab import Study, Trial

__all__ = ["command"]


@click.command("probe", cls=Command)
@click.option("--search", "searches", type=LIST, help="Searches to run: size,usual,frames,prompt,batch.  [all]")
@click.option("--aspect", "aspects", type=LIST, help="Aspect ratios to try.  [16:9,4:3,1:1,9:16]")
@click.option("--frames", type=NUMBERS, help="Frames sent with each prompt, one number or several such as 1,2.  [2]")
@click.option("-p", "--prompt", "text", help="The prompt to send.  [A futuristic city at sunset]")
@click.option("--around", type=click.IntRange(0), help="Sizes to try on both sides of each boundary.  [2]")
@click.option("--max-batch", type=click.IntRange(1), help="The largest batch to try.  [32]")
@click.option("--longest-side", type=click.IntRange(1), help="The longest side to try, in pixels.  [the model's]")
@measuring_options
def command(as_json: bool, again: bool, max_minutes: float, **options: Any) -> int:
    """Measure an engine's real limits by bisection, and compare them with the predicted ones.

    \b
    cosmos probe --model-path ~/models/upsampler
    cosmos probe --on gpu --aspect 16:9,1:1 --frames 1,2 --max-minutes 20
    cosmos probe --server-url http://localhost:8000/v1 --search size,prompt

    Each trial is on disk when it ends. Run the same command again to continue where it stopped.
    """
    from cosmos_workflow.lab import ProbeSettings, probe, studies

    where, model, experiments = opened(options)
    settings = replace(ProbeSettings(), **{name: value for name, value in options.items() if value is not None})
    count = 0

    def show(trial: Trial) -> None:
        nonlocal count
        count += 1
        if not as_json:
            _show(count, trial)

    with measuring(where):
        experiment = probe(where, model, settings, experiments, max_minutes=max_minutes, again=again, on_trial=show)
    (study,) = studies(experiments, [experiment.id])
    if as_json:
        print_json(_document(study))
    else:
        _print(study)
    say_end(experiment, max_minutes)
    return int(any(not trial.agrees for trial in study.trials))


def _show(count: int, trial: Trial) -> None:
    batch = f"{trial.batch} of " if trial.batch > 1 else ""
    size = f"{batch}{trial.frames} × {trial.width}x{trial.height}"
    text = f"{count} {trial.search}: {size}, {trial.predicted_tokens:,} tokens"
    if trial.agrees:
        stderr().print(f"{text}: {trial.seen}", style="dim")
    else:
        stderr().print(f"{text}: {trial.seen}, predicted {trial.predicted} {trial.error}", style="yellow")


def _document(study: Study) -> dict[str, Any]:
    from cosmos_workflow.lab import boundaries

    experiment = study.experiment
    return {
        "experiment": experiment.id,
        "state": experiment.state,
        "place": experiment.place,
        "engine": experiment.engine,
        "environment": experiment.environment,
        "trials": len(study.trials),
        "boundaries": [
            {**{name: value for name, value in asdict(boundary).items() if name != "trial"}, "size": boundary.size}
            for boundary in boundaries(study.trials)
        ],
        "disagreements": [asdict(trial) for trial in study.trials if not trial.agrees],
    }


def _print(study: Study) -> None:
    from cosmos_workflow.lab import boundaries, reason

    console = stdout()
    rows = table("search", ">frames", "what", ">predicted", ">seen", "", "largest", title="Boundaries")
    for boundary in boundaries(study.trials):
        rows.add_row(
            boundary.search, str(boundary.frames), boundary.what, f"{boundary.predicted:,} {boundary.unit}",
            f"{boundary.seen:,} {boundary.unit}", boundary.mark, boundary.size,
        )  # fmt: skip
    if rows.row_count:
        console.print(rows)
    usual = [trial for trial in study.trials if trial.search == "usual sizes"]
    if usual:
        rows = table(">size", "seen", ">prompt tokens", ">answer", "why", title="Usual sizes, as they are")
        for trial in usual:
            rows.add_row(
                f"{trial.width}x{trial.height}", verdict_text(trial.seen), f"{trial.predicted_tokens:,}",
                f"{trial.completion_tokens:,}", reason(trial),
            )  # fmt: skip
        console.print(rows)
    environment = study.experiment.environment
    if "cache_tokens" in environment:
        planned = environment.get("planned_cache_tokens")
        beside = f", {planned:,} predicted" if planned is not None else ""
        console.print(f"KV cache: {environment['cache_tokens']:,} tokens{beside}")
    differ = [trial for trial in study.trials if not trial.agrees]
    console.print(f"{len(study.trials)} trials, {len(differ)} not as predicted")
