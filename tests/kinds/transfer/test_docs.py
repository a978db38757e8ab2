"""The tables of docs/TRANSFER.md say what the code does."""

from __future__ import annotations

from pathlib import Path

from cosmos_workflow.kinds.transfer.formats import cosmos3, transfer1, transfer25
from cosmos_workflow.kinds.transfer.formats.converting import DEFAULTS
from cosmos_workflow.kinds.transfer.formats.transfer1 import HINTS as HINTS_OF_1
from cosmos_workflow.kinds.transfer.spec import HINTS, Control, Spec

PAGE = Path(__file__).parents[3] / "docs" / "TRANSFER.md"
NOT_IN_THE_TABLE = {"program", "extra", "model"}


def tables() -> list[dict[str, list[str]]]:
    """The rows of each table by their first cell, without the marks of code."""
    made: list[dict[str, list[str]]] = [{}]
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            first, *cells = [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
            made[-1][first] = cells
        elif not line.startswith("|") and made[-1]:
            made.append({})
    return made


def test_every_field_stands_beside_its_keys() -> None:
    table = next(table for table in tables() if "video" in table)
    assert set(table) - {"our form"} == set(Spec.model_fields) - NOT_IN_THE_TABLE
    special = {"regions": ("regional_prompts", "", ""), "aspect": ("", "", "aspect_ratio"),
               "anchor_labels": ("", "guided_generation_foreground_labels", "")}  # fmt: skip
    for field, cells in table.items():
        if field in ("our form", "controls"):
            continue
        keys = tuple(
            next((key for key, name in same.items() if name == field), "")
            for same in (transfer1.SAME, transfer25.SAME, cosmos3.SAME)
        )
        assert tuple(cells) == special.get(field, keys), field


def test_every_control_stands_beside_its_names() -> None:
    table = next(table for table in tables() if "keypoint" in table)
    assert set(table) - {"our form"} == set(HINTS)
    names = {hint: key for key, hint in cosmos3.KEYS_OF_HINTS.items()}
    for hint in HINTS:
        assert table[hint] == [
            hint if hint in HINTS_OF_1 else "", hint if hint in transfer25.HINTS else "", names.get(hint, ""),
        ]  # fmt: skip


def test_every_field_of_a_control_stands_beside_its_keys() -> None:
    table = next(table for table in tables() if "checkpoint" in table)
    assert {row.split()[0] for row in table} - {"our"} == set(Control.model_fields) - NOT_IN_THE_TABLE
    for row, field in (
        ("path", "path"),
        ("mask", "mask"),
        ("mask_prompt", "mask_prompt"),
        ("checkpoint", "checkpoint"),
    ):
        for cell, same in zip(
            table[row], (transfer1.SAME_OF_CONTROL, transfer25.SAME_OF_CONTROL, cosmos3.SAME_OF_CONTROL), strict=True
        ):
            assert cell == next((key for key, name in same.items() if name == field), "")
    for hint in ("edge", "vis"):
        cells = [module.PRESET_KEYS[hint] for module in (transfer1, transfer25, cosmos3)]  # type: ignore[attr-defined]
        assert [cell.partition(",")[0] for cell in table[f"preset of {hint}"]] == cells


def test_what_counts_where_nothing_is_given() -> None:
    table = next(table for table in tables() if "weight of a control" in table)
    for row, cells in table.items():
        if row:
            name = row.partition(" ")[0]
            values = [DEFAULTS[program][name] for program in ("transfer1", "transfer2.5", "cosmos3")]
            assert cells == ["none" if value is None else str(value) for value in values], row
