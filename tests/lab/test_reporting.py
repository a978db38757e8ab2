"""The report says what the records say: every number of its tables is worked out again here."""

from __future__ import annotations

import csv
import json
import re
import statistics
from pathlib import Path

import pytest
from lab.records import ENVIRONMENT, TIMINGS, TRIALS, write

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.lab import Study, boundaries, export, mode_rows, studies, write_report
from cosmos_workflow.store import Experiments, Store

pytestmark = pytest.mark.slow


@pytest.fixture
def experiments(tmp_path: Path) -> Experiments:
    experiments = Store(f"sqlite:///{tmp_path / 'store.db'}").experiments
    write(experiments)
    return experiments


@pytest.fixture
def measured(experiments: Experiments) -> list[Study]:
    return studies(experiments)


def tables(text: str) -> dict[str, list[list[str]]]:
    """Each table's rows by the heading above it."""
    result: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("|") and not re.fullmatch(r"[|:\- ]+", line):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            result.setdefault(heading, []).append([cell.strip() for cell in cells])
    return {name: rows[1:] for name, rows in result.items()}


def test_the_report_is_the_records(measured: list[Study], tmp_path: Path) -> None:
    path = tmp_path / "docs" / "RESULTS.md"
    path.parent.mkdir()
    write_report(measured, path, price_per_hour=3.0)
    text = path.read_text(encoding="utf-8")
    by_heading = tables(text)
    assert f"{len(TRIALS)} trials" in text
    assert "8 of 9 trials were predicted right" in text
    assert [row[2:6] for row in by_heading["Boundaries"]] == [
        ["2", "fits", "911 px", "911 px (911x512)"],
        ["2", "runs", "944 px", "944 px (944x531)"],
        ["2", "at once", "4 requests", "4 requests"],
    ]
    assert [row[-1] for row in by_heading["Boundaries"]] == ["exact"] * 3

    usual = {row[0]: row[1:] for row in by_heading["The usual sizes, as they are"]}
    assert usual["940×529"] == [
        "works",
        "`cut_short`",
        "`cut_short`",
        "4,089",
        "7",
        "7 tokens are left of the 300 asked for",
    ]
    assert usual["960×540"] == ["fails", "`too_long`", "`too_long`", "4,157", "0", "4,157 tokens are 61 over 4,096"]
    assert usual["640×360"][1:3] == ["`fits`", "`out_of_memory`"]
    assert usual["640×360"][-1] == "CUDA out of memory"

    counts = {(row[0], row[1]): int(row[2]) for row in by_heading["Predicted against seen"] if len(row) == 3}
    seen = {(f"`{trial.predicted}`", f"`{trial.seen}`") for trial in TRIALS}
    assert counts == {
        pair: sum((f"`{trial.predicted}`", f"`{trial.seen}`") == pair for trial in TRIALS) for pair in seen
    }
    assert by_heading["KV cache"] == [["A", "120,000", "121,008", "29.30", "29.54"]]
    assert by_heading["Batches of full requests"] == [
        ["A", "4", "4", "4", "8.0", f"{3600 * 4 / 8:,.0f}", "41.0 GiB"],
        ["A", "5", "4", "4", "12.0", f"{3600 * 5 / 12:,.0f}", "41.0 GiB"],
    ]

    slow = statistics.median(timing.seconds for timing in TIMINGS if timing.mode == "offload-each")
    fast = statistics.median(timing.seconds for timing in TIMINGS if timing.mode == "batch")
    assert by_heading["What the modes cost"] == [
        [
            "B", "offload after every prompt", "4", "854×480", "80.0", "200.0", "80.0", "40.0", f"{slow:.1f}",
            "400.0 … 440.0", f"{slow / 4:.1f}", "-", f"{3600 * 4 / slow:,.0f}", f"{1000 * 3 * slow / 4 / 3600:,.2f}",
        ],
        [
            "B", "stay loaded, whole batch", "4", "854×480", "20.0", "50.0", "20.0", "12.0", f"{fast:.1f}",
            "100.0 … 120.0", f"{fast / 4:.1f}", f"{1 - fast / slow:.0%}", f"{3600 * 4 / fast:,.0f}",
            f"{1000 * 3 * fast / 4 / 3600:,.2f}",
        ],
    ]  # fmt: skip
    assert "**not measured**" not in text  # a GPU was there
    assert (
        dict(by_heading["Environment"][n][:2] for n in range(len(by_heading["Environment"])))["version"] == "vllm 1.2.3"
    )


def test_figures_and_the_page_hold_everything(measured: list[Study], tmp_path: Path) -> None:
    write_report(measured, tmp_path / "R.md", tmp_path / "R.html")
    pictures = sorted(path.name for path in (tmp_path / "img").iterdir())
    assert pictures == ["r-memory.svg", "r-modes.svg", "r-tokens.svg"]
    assert "420.0" not in (tmp_path / "img" / "r-modes.svg").read_text(encoding="utf-8")
    assert "100.0 s" in (tmp_path / "img" / "r-modes.svg").read_text(encoding="utf-8")  # (80+200+80+40) / 4
    page = (tmp_path / "R.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml;base64,") == 3
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    before = [path.read_bytes() for path in sorted((tmp_path / "img").iterdir())]
    write_report(measured, tmp_path / "R.md")
    assert [path.read_bytes() for path in sorted((tmp_path / "img").iterdir())] == before  # the same each time


def test_pictures_drawn_in_several_threads_are_those_drawn_alone() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from cosmos_workflow.lab.figures import draw_modes

    rows = mode_rows(TIMINGS)
    alone = draw_modes(rows)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(draw_modes, [rows] * 16)) == {alone}


def test_an_engines_words_break_no_table_and_run_nowhere(experiments: Experiments, tmp_path: Path) -> None:
    from dataclasses import asdict, replace

    bad = replace(TRIALS[0], seen="other", error="<script>alert(1)</script> | a\nb", error_kind="other")
    experiments.begin("p1", [("bad", asdict(bad))])
    experiments.finish("p1", [("bad", asdict(bad))])
    write_report(studies(experiments), tmp_path / "R.md", tmp_path / "R.html")
    assert "<script>alert" not in (tmp_path / "R.html").read_text(encoding="utf-8")
    rows = tables((tmp_path / "R.md").read_text(encoding="utf-8"))["Predicted against seen"]
    assert [len(row) for row in rows if "alert" in row[-1]] == [4]


def test_without_a_gpu_it_says_so(experiments: Experiments, tmp_path: Path) -> None:
    for id in ("p1", "b1"):
        experiments.update(id, environment={name: value for name, value in ENVIRONMENT.items() if name != "gpu"})
    write_report(studies(experiments, ["p1"]), tmp_path / "R.md")
    text = (tmp_path / "R.md").read_text(encoding="utf-8")
    assert "**not measured**" in text
    assert "What the modes cost" not in text


def test_a_boundary_is_where_nothing_smaller_failed(measured: list[Study]) -> None:
    from dataclasses import replace

    fits, runs = boundaries([*TRIALS[:4], replace(TRIALS[0], width=700, height=394, seen="cut_short")])
    assert (fits.predicted, fits.seen, fits.agrees) == (911, 0, False)
    assert (runs.seen, runs.exact) == (944, True)
    assert boundaries(TRIALS[:1] + TRIALS[2:4])[0].mark == "at least"  # 912 was not tried
    assert boundaries(TRIALS[:1])[0].mark == "all tried"


def test_failed_measurements_do_not_count() -> None:
    from dataclasses import replace

    row = mode_rows([*TIMINGS[:2], replace(TIMINGS[2], seconds=1.0, error="CUDA out of memory")])[0]
    assert (row.repeats, row.failed, row.seconds) == (2, 1, 420.0)
    (none,) = mode_rows([replace(TIMINGS[0], error="x")])
    assert (none.repeats, none.failed, none.prompts_per_hour) == (0, 1, 0.0)


def test_records_as_lines_and_as_a_table(measured: list[Study], tmp_path: Path) -> None:
    assert export(measured, tmp_path / "r.jsonl") == len(TRIALS) + len(TIMINGS)
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert rows[0]["version"] == "vllm 1.2.3"
    assert rows[0]["settings"]["options"]["seed"] == 7
    assert {row["experiment"] for row in rows} == {"p1", "b1"}
    export(measured, tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        flat = list(csv.DictReader(file))
    assert [row["width"] for row in flat] == [str(row["width"]) for row in rows]
    assert json.loads(flat[-1]["parts"]) == rows[-1]["parts"]
    with pytest.raises(UsageError, match="jsonl"):
        export(measured, tmp_path / "r.xlsx")
    with pytest.raises(BadInputError):
        export(measured, tmp_path / "no" / "r.csv")


@pytest.mark.parametrize("name", ["R.md", "R.html", "r.jsonl", "r.csv"])
def test_anybodys_file_is_left_as_it_is(measured: list[Study], tmp_path: Path, name: str) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / name).write_text("experiments of years\n")
    with pytest.raises(BadInputError, match="it holds something else"):
        if name.startswith("R"):
            write_report(measured, folder / "R.md", folder / "R.html")
        else:
            export(measured, folder / name)
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [(name, "experiments of years\n")]


def test_ours_is_written_anew(measured: list[Study], tmp_path: Path) -> None:
    for _ in range(2):
        write_report(measured, tmp_path / "R.md", tmp_path / "R.html")
        assert export(measured, tmp_path / "r.jsonl") == export(measured, tmp_path / "r.csv")


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cosmos probe"):
        write_report([], tmp_path / "R.md")


def test_a_place_that_cannot_be_written(measured: list[Study]) -> None:
    with pytest.raises(BadInputError, match="cannot be written"):
        write_report(measured, Path("/proc/none/R.md"))
