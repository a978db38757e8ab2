"""NVIDIA's own samples: those of one view are read and written back as they are, the others are named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats import convert, read_own, read_specs, write_own

FORMS = {"transfer1": "transfer1", "transfer2.5": "transfer2.5", "cosmos3": "cosmos3"}
# By their names, so that a spec that is taken for something else is noticed.
NO_SPECS = {
    r"multiview_.*(spec|lvg).*\.json": "several views",
    r"semantic_segmentation_labels": "labels",
    r"example1_prompts|(car|robot)_prompt\.json": "a file of prompts",
    r"transfer__assets__": "structured caption",
    r"\.txt$": "a text",
}


def reason(path: Path) -> str:
    return next((text for name, text in NO_SPECS.items() if re.search(name, path.name)), "")


def samples(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(paths) > 50
    return paths


def documents(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]


def test_each_spec_is_written_back_as_it_was(specs: Path) -> None:
    count = 0
    for path in samples(specs):
        if reason(path):
            continue
        loaded = list(read_specs(path))
        for spec, values in zip(loaded, documents(path), strict=True):
            assert spec.form == path.parent.name, path
            assert spec.written is not None
            # As text, since 1 and 1.0, and two orders of keys, are equal as Python's values.
            assert json.dumps(spec.written.write()) == json.dumps(values), path
            hints = [hint for hint in values if isinstance(values[hint], dict)]
            assert [hint.replace("vis", "blur") for hint in spec.spec.controls] == [
                hint.replace("vis", "blur") for hint in hints
            ], path
            count += 1
    assert count >= 45


def test_what_is_no_spec_is_named(specs: Path) -> None:
    count = 0
    for path in samples(specs):
        if words := reason(path):
            with pytest.raises(BadInputError) as caught:
                list(read_specs(path))
            assert words in caught.value.what, path
            assert caught.value.remedy
            assert caught.value.where == str(path)
            count += 1
    assert count >= 20


def test_what_our_form_and_back_changes_is_told(specs: Path) -> None:
    """Nothing but what Transfer1 ignores, and what Transfer2.5 refuses today."""
    changed = {}
    for path in samples(specs):
        for loaded in [] if reason(path) else read_specs(path):
            assert loaded.written is not None
            before = loaded.written.write()
            back, notes = type(loaded.written).from_spec(loaded.spec)
            after = back.write()
            keys = {key for key in {*before, *after} if before.get(key) != after.get(key) and before.get(key) != ""}
            assert [hint for hint in before if hint in after and isinstance(before[hint], dict)] == [
                hint for hint in after if isinstance(after[hint], dict)
            ], path
            for key in keys:
                assert any(key in note or (key == "name" and "name" in note) for note in notes), (path, key)
            changed |= {path.name: keys} if keys else {}
    assert set().union(*changed.values()) <= {"num_video_frames", "output_dir", "control_weight", "name"}


def test_our_form_of_each_is_read_again(specs: Path) -> None:
    for path in samples(specs):
        for loaded in [] if reason(path) else read_specs(path):
            values = json.loads(json.dumps(write_own(loaded.spec)))
            assert read_own(values) == (loaded.spec, []), path


@pytest.mark.parametrize("target", FORMS)
def test_each_is_translated_into_what_the_program_knows(specs: Path, target: str) -> None:
    for path in samples(specs):
        for loaded in [] if reason(path) else read_specs(path):
            converted = convert(loaded, target)
            if loaded.form == target:
                assert json.dumps(converted.values) == json.dumps(loaded.written.write() if loaded.written else {})
                continue
            assert converted.notes, path
            again = convert(converted.values, target) if any(map(is_control, converted.values.values())) else None
            assert again is None or not [note for note in again.notes if "is not known" in note], path


def is_control(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)
