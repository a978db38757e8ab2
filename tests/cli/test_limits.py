from __future__ import annotations

import json

import pytest

from cosmos_workflow.cli import main
from cosmos_workflow.limits import MODELS, TRANSFER_MODELS


def limits(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["limits", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_field_table(capsys: pytest.CaptureFixture[str]) -> None:
    document = limits(capsys, "--fit", "off", "-p", "A futuristic city at sunset")
    rows = {(row["source_width"], row["source_height"]): row for row in document["sizes"]}
    assert rows[960, 540]["prompt_tokens"] == 4157
    assert rows[1280, 720]["prompt_tokens"] == 4689
    assert (rows[940, 529]["verdict"], rows[940, 529]["room"]) == ("cut_short", 7)
    for size in [(320, 180), (420, 236), (500, 281), (640, 360), (720, 405), (854, 480)]:
        assert rows[size]["verdict"] == "fits"


def test_the_largest_by_aspect(capsys: pytest.CaptureFixture[str]) -> None:
    aspects = {row["aspect"]: (row["frame_width"], row["frame_height"]) for row in limits(capsys)["aspects"]}
    assert aspects["16:9"] == (910, 512)
    assert aspects["9:16"] == (512, 910)


def test_one_gpu_or_so_much_memory(capsys: pytest.CaptureFixture[str]) -> None:
    (l4,) = limits(capsys, "--gpu", "L4")["memory"]
    assert not l4["fits"]
    (own,) = limits(capsys, "--memory-gib", "48")["memory"]
    assert own["fits"]
    assert main(["limits", "--gpu", "Voodoo"]) == 2


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits", "--gpu", "L4"]) == 0
    out = capsys.readouterr().out
    for words in ("16:9", "910x512", "1280x720", "the weights do not fit", "remedy: "):
        assert words in out


def test_another_model(capsys: pytest.CaptureFixture[str]) -> None:
    document = limits(capsys, "--model", "cosmos-reason1-7b", "--size", "1280x720")
    assert document["sizes"][0]["image_tokens"] == 2 * 1198


def test_all_models_are_listed_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits"]) == 0
    out = capsys.readouterr().out
    rows = {words[0]: words for line in out.splitlines() if (words := line.split())}
    assert rows["cosmos-reason2-32b"][1:] == ["33.4", "G", "62.1", "16,384", "262,144", "4,096"]
    assert {*MODELS, *TRANSFER_MODELS} <= set(rows)


@pytest.mark.parametrize("model", ["cosmos-reason2-2b", "cosmos3-nano-reasoner"])
def test_the_newer_models(capsys: pytest.CaptureFixture[str], model: str) -> None:
    document = limits(capsys, "--model", model, "--size", "1920x1080", "-p", "A robot")
    (row,) = document["sizes"]
    assert (row["verdict"], row["exact"], row["image_tokens"], row["text_tokens"]) == ("fits", True, 2 * 2042, 2)
    assert document["max_model_len"] == 16_384
