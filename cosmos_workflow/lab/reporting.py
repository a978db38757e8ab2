"""`report`: TESTING_RESULTS.md and one page with its plots, written from the lab's records."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.lab.advice import advise
from cosmos_workflow.lab.figures import draw_memory, draw_modes, draw_tokens
from cosmos_workflow.lab.summary import Study, boundaries, mode_rows, reason, verdict_counts
from cosmos_workflow.limits import FIELD_TESTS

__all__ = ["export", "write_report"]

ENVIRONMENT = {
    "place": "place", "engine": "engine", "version": "version", "checkpoint": "checkpoint",
    "model": "limits of", "gpu": "GPU", "cpu": "processor",
    "cores": "cores", "device": "device", "dtype": "dtype", "max_model_len": "max_model_len",
    "max_num_seqs": "max_num_seqs", "block_size": "tokens a cache block", "cache_tokens": "cache tokens",
    "gpu_memory_utilization": "gpu_memory_utilization", "options": "engine options", "client": "client",
    "cosmos_workflow": "cosmos-workflow", "date": "measured",
}  # fmt: skip


def write_report(studies: Sequence[Study], path: Path, html: Path | None = None, price_per_hour: float = 0.0) -> None:
    """Write the report as Markdown to `path`, its plots to `img/` beside it, and all of it as one page to `html`.

    Raises UsageError where nothing was measured or a library is missing, BadInputError where it cannot be written.
    """
    if not studies:
        raise UsageError("nothing has been measured yet", remedy="run `cosmos probe` or `cosmos bench` first")
    for file in filter(None, (path, html)):
        _refuse_others(file, b"<title>Testing results</title>" if file == html else b"`cosmos report` wrote this page")
    values = report_values(studies, price_per_hour)
    pictures = _draw(studies, values)
    values["figures"] = places = {name: f"img/{path.stem.lower()}-{name}.svg" for name in pictures}
    text = _render("report.md.j2", values)
    text = re.sub(r"\n{3,}", "\n\n", re.sub(r" +\n", "\n", text)).strip() + "\n"
    try:
        (path.parent / "img").mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            (path.parent / places[name]).write_text(picture, encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        if html:
            html.parent.mkdir(parents=True, exist_ok=True)
            html.write_text(
                _page(text, {places[name]: picture for name, picture in pictures.items()}), encoding="utf-8"
            )
    except OSError as error:
        raise _unwritable(path, error) from error


def report_values(studies: Sequence[Study], price_per_hour: float = 0.0) -> dict[str, Any]:
    """Everything that the report's template shows, by name."""
    lettered = list(zip(_letters(len(studies)), studies, strict=True))
    trials = [trial for study in studies for trial in study.trials]
    timings = [timing for study in studies for timing in study.timings]
    boundary_rows = [(letter, boundary) for letter, study in lettered for boundary in boundaries(study.trials)]
    rows = [(letter, row) for letter, study in lettered for row in mode_rows(study.timings, price_per_hour)]
    usual = next(filter(None, map(_usual, reversed(studies))), [])
    environments = [(letter, study.experiment.environment) for letter, study in lettered if study.trials]
    return {
        "trials": trials,
        "timings": timings,
        "advice": advise(studies, boundary_rows, rows),
        "letters": [letter for letter, _ in lettered],
        "environment": _environment(studies),
        "gpu": any("gpu" in study.experiment.environment for study in studies),
        "random_weights": any(study.experiment.settings["options"].get("load_format") == "dummy" for study in studies),
        "boundaries": boundary_rows,
        "counts": sorted(verdict_counts(trials).items()),
        "differing": [trial for trial in trials if not trial.agrees],
        "counted": sum(trial.reported_tokens == trial.predicted_tokens for trial in trials),
        "usual": usual,
        "by_hand": FIELD_TESTS,
        "why": reason,
        "caches": [
            (letter, values)
            for letter, values in environments
            if {"cache_tokens", "planned_cache_tokens"} <= values.keys()
        ],
        "batches": [
            (letter, trial)
            for letter, study in lettered
            for trial in sorted(study.trials, key=lambda trial: trial.batch)
            if trial.search == "batch" and trial.seen == "fits"
        ],
        "modes": rows,
        "repeats": max((row.repeats for _, row in rows), default=0),
        "priced": price_per_hour > 0,
    }


def export(studies: Sequence[Study], path: Path) -> int:
    """Write every record, with what it was measured on, as JSON Lines or CSV by the file's suffix.

    Returns the number of records. Raises UsageError for another suffix, BadInputError where it cannot be written.
    """
    _refuse_others(path, b'{"experiment": ' if path.suffix == ".jsonl" else b"experiment,kind,place,engine")
    rows = [row for study in studies for row in study.rows()]
    try:
        if path.suffix == ".jsonl":
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            path.write_text(text, encoding="utf-8")
        elif path.suffix == ".csv":
            columns = list(dict.fromkeys(name for row in rows for name in row))
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows({name: _flat(value) for name, value in row.items()} for row in rows)
        else:
            raise UsageError(f"records cannot be written as {path.suffix or 'this'}", remedy="name it .jsonl or .csv")
    except OSError as error:
        raise _unwritable(path, error) from error
    return len(rows)


def _refuse_others(path: Path, mark: bytes) -> None:
    """Raise BadInputError for a file that no report or export has written: `mark` is not near its beginning."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(4096)
            if head.strip() and mark not in head:
                raise BadInputError(
                    "it holds something else", where=str(path), remedy="choose another place: it is left as it is"
                )
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> BadInputError:
    return BadInputError(f"cannot be written ({error.strerror})", where=str(path), remedy="choose another place")


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _letters(count: int) -> list[str]:
    return [ascii_uppercase[n % 26] + (str(n // 26) if n >= 26 else "") for n in range(count)]


def _usual(study: Study) -> list[Any]:
    trials = [trial for trial in study.trials if trial.search == "usual sizes"]
    return sorted(trials, key=lambda trial: trial.width * trial.height)


def _environment(studies: Sequence[Study]) -> dict[str, list[tuple[str, Any]]]:
    """The rows that are the same for all experiments, and those that differ."""
    import datetime

    def values(study: Study) -> dict[str, Any]:
        experiment = study.experiment
        options = {name: value for name, value in experiment.settings["options"].items() if value not in (None, "")}
        options_shown = ", ".join(f"{name}={value}" for name, value in options.items() if name != "model_path")
        checkpoint = Path(str(options.get("model_path", ""))).name
        date = datetime.datetime.fromtimestamp(experiment.created, datetime.timezone.utc).date().isoformat()
        return {
            **experiment.environment,
            "place": experiment.place,
            "engine": experiment.engine,
            "options": options_shown,
            "date": date,
            "checkpoint": checkpoint,
        }

    columns = [values(study) for study in studies]
    rows = {label: [_shown(column.get(name, "")) for column in columns] for name, label in ENVIRONMENT.items()}
    rows = {label: cells for label, cells in rows.items() if any(cells)}
    return {
        "same": [(label, cells[0]) for label, cells in rows.items() if len(set(cells)) == 1],
        "differing": [(label, cells) for label, cells in rows.items() if len(set(cells)) > 1],
    }


def _shown(value: Any) -> str:
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}"
    return _cell(str(value))


def _cell(text: str, most: int = 160) -> str:
    """The text as one table cell: on one line, escaped, at most `most` characters."""
    text = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= most else f"{text[:most]}…"


def _draw(studies: Sequence[Study], values: dict[str, Any]) -> dict[str, str]:
    pictures: dict[str, str] = {}
    for study in reversed(studies):
        sized = [trial for trial in study.trials if trial.search.startswith("size ")]
        if sized:
            pictures["tokens"] = draw_tokens(sized, study.experiment.environment["model"])
            break
    rows = [row for _, row in values["modes"]]
    if any(row.repeats for row in rows):
        pictures["modes"] = draw_modes(rows)
    if any(timing.memory and not timing.error for timing in values["timings"]):
        pictures["memory"] = draw_memory(studies)
    return pictures


def _render(name: str, values: dict[str, Any], *, escape: bool = False) -> str:
    try:
        from jinja2 import Environment, PackageLoader
    except ImportError as error:
        raise UsageError("the report needs jinja2", remedy="pip install 'cosmos-workflow[report]'") from error
    environment = Environment(
        loader=PackageLoader("cosmos_workflow.lab", ""), autoescape=escape, trim_blocks=True, lstrip_blocks=True
    )
    filters: dict[str, Callable[..., str]] = {"cell": _cell, "gib": lambda mib: f"{mib / 1024:.1f} GiB" if mib else "-"}
    environment.filters |= filters
    return environment.get_template(name).render(values)


def _page(text: str, pictures: dict[str, str]) -> str:
    """The Markdown as one HTML page that contains its pictures, so that it needs no other file."""
    from markdown_it import MarkdownIt

    # HTML in the records (an engine's error message, say) is shown as text, never run.
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    for name, picture in pictures.items():
        data = base64.b64encode(picture.encode()).decode()
        body = body.replace(f'src="{name}"', f'src="data:image/svg+xml;base64,{data}"')
    body = body.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    return _render("page.html.j2", {"body": body})
