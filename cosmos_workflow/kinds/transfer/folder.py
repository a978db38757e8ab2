"""A folder that `cosmos prepare` made, as a transfer: its picture is the clip, its other videos the controls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError, cannot_read
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.transfer.spec import HINTS, Control, Hint, Spec

__all__ = ["prepared_in", "spec_of_folder"]

MANIFEST, CLIP = "manifest.json", "rgb"
NEWEST = 1  # the version of a manifest that is known here


def prepared_in(folder: Path) -> list[Path]:
    """The folders of clips that `cosmos prepare` made: this one, or those in it, by their names."""
    if (folder / MANIFEST).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))


def spec_of_folder(folder: str | Path, prompt: str = "") -> Spec:
    """The transfer of a folder that `cosmos prepare` made: the clip, and every control that is in it, without weights.

    Paths are inside the folder. The model is that for which the clip was made, if any; size, rate and length are the
    files' own, so that they are not repeated in the spec.
    Raises BadInputError where the folder has no manifest of a known version, a file of it is missing, or nothing in it
    is a control.
    """
    folder = at_home(Path(folder))
    manifest = _manifest(folder)
    clips = manifest.get("clips")
    paths: dict[str, str] = {}
    for name, facts in clips.items() if isinstance(clips, dict) else ():
        file = facts.get("file") if isinstance(facts, dict) else None
        if not isinstance(file, str) or Path(file).name != file:
            raise BadInputError(
                f"it names no file for {name}", where=str(folder / MANIFEST), remedy="prepare the clip again"
            )
        if not (folder / file).is_file():
            raise BadInputError(
                "no such file, though the manifest has it", where=str(folder / file), remedy="prepare the clip again"
            )
        paths[name] = str(folder / file)
    controls: dict[Hint, Control] = {hint: Control(path=paths[hint]) for hint in HINTS if hint in paths}
    if not controls:
        raise BadInputError(
            "nothing in it is a control", where=str(folder), remedy="prepare the clip with edges, depth or seg"
        )
    model = manifest.get("model")
    return Spec(
        name=folder.resolve().name,
        model=model if isinstance(model, str) else "",
        prompt=prompt,
        video=paths.get(CLIP, ""),
        controls=controls,
    )


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BadInputError(
            "no folder that `cosmos prepare` made: it has no manifest.json", where=str(folder),
            remedy="prepare the clip first, or give a spec",
        ) from error  # fmt: skip
    except OSError as error:
        raise cannot_read(path, error) from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"not valid JSON ({error})", where=str(path), remedy="prepare the clip again") from error
    if not isinstance(manifest, dict) or type(manifest.get("manifest")) is not int:
        raise BadInputError("no manifest of a prepared clip", where=str(path), remedy="prepare the clip again")
    if manifest["manifest"] > NEWEST:
        raise BadInputError(
            f"its form {manifest['manifest']} is newer than this version knows", where=str(path),
            remedy="install a newer cosmos-workflow",
        )  # fmt: skip
    return manifest
