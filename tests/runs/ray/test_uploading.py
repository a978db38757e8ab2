"""Output files of a cluster's items in its output, with no cluster."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import BadInputError, HostError, NotFound
from cosmos_workflow.kinds.kind import Outcome, get_kind
from cosmos_workflow.kinds.reading import filesystem
from cosmos_workflow.runs.places.ray import parts
from cosmos_workflow.runs.places.ray.parts import FORMATS, Format, Output
from cosmos_workflow.runs.places.ray.uploading import UploadedFiles

PLUGIN = Path(__file__).parents[2] / "plugins" / "words"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PLUGIN))


@pytest.fixture(params=["folder", "object store"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "out") if request.param == "folder" else f"memory://outputs-{tmp_path.name}"


@pytest.mark.parametrize("format", FORMATS)
def test_answers_name_the_files_that_lie_beside_them(url: str, format: Format, tmp_path: Path) -> None:
    kind = get_kind("words")
    output = Output(url, format, kind=kind.name).take()
    files = UploadedFiles(output)
    for _ in range(2):  # the same content again is no trouble
        (files.scratch / "picture.png").write_bytes(b"a picture")
        sha256 = files.take(files.scratch / "picture.png")
    assert sha256 == hashlib.sha256(b"a picture").hexdigest()
    assert list(files.scratch.glob("picture.png")) == []
    (tmp_path / "a.txt").write_text("sea")
    (checked,) = kind.check([kind.item("a", tmp_path / "a.txt")], kind.settings())
    begun = kind.begin(checked, ChosenEngine("counter", "", "text"), "ray")
    result = kind.finished(begun, Outcome("a", {"count": 1}, {"picture.png": sha256}))
    output.write("x", [(result, "i")])
    assert list(output.results()) == [result]
    ((_, (answer,)),) = output.answered()
    assert (answer.id, answer.identity, answer.has_files) == ("a", "i", True)
    assert Output(url, format, kind=kind.name).take().url == url  # its files are ours too
    with output.opened_file(sha256) as file:
        assert file.read() == b"a picture"
    with pytest.raises(NotFound), output.opened_file("0" * 64):
        pass
    for name in ("../part-x.jsonl", "/etc/passwd", ""):  # a row that others have written may say so
        with pytest.raises(BadInputError, match="no SHA-256"), output.opened_file(name):
            pass
        with pytest.raises(BadInputError, match="no SHA-256"):
            output.put_file(name, tmp_path / "a.txt")
    fs, folder = filesystem(url)
    fs.rm_file(f"{folder}/files/{sha256}")
    ((_, (answer,)),) = output.answered()
    assert not answer.has_files
    # What a crash or somebody has left there is put anew with its answer, and an empty file is none.
    for left in (b"", b"A PICTURE"):
        fs.pipe_file(f"{folder}/files/{sha256}", left)
        ((_, (answer,)),) = output.answered()
        assert answer.has_files is bool(left)
        (files.scratch / "picture.png").write_bytes(b"a picture")
        files.take(files.scratch / "picture.png")
        ((_, (answer,)),) = output.answered()
        assert answer.has_files and fs.cat_file(f"{folder}/files/{sha256}") == b"a picture"
    (files.scratch / "nothing").touch()
    assert files.take(files.scratch / "nothing") in output._files_there()


def test_a_write_that_finds_no_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path, data: bytes) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    output = Output(str(tmp_path / "out"), kind="words").take()
    monkeypatch.setattr(parts, "write_whole", gone)
    with pytest.raises(HostError, match="No such file"):
        output._put("part-x.jsonl", b"{}")
