"""What clients can do, each once, as flows: `Client` and `AsyncClient` have them as their methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import sha256_of
from cosmos_workflow.client.flows import Call, Flow, ask, each, text
from cosmos_workflow.errors import BadInputError, Conflict, HostUnreachable, NotFound, RunFailed
from cosmos_workflow.kinds.upsample import Item, Result
from cosmos_workflow.limits import Plan
from cosmos_workflow.server import shapes

__all__ = [
    "Items",
    "cancel",
    "change",
    "check",
    "check_host",
    "health",
    "hosts",
    "limits",
    "log",
    "mark",
    "models",
    "pause",
    "prompt",
    "prompts",
    "queue",
    "remove",
    "results",
    "retry",
    "run",
    "runs",
    "show",
    "upload",
]

PIECE_BYTES = 8 << 20
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)  # while the line is broken

Items = Sequence[Item | Mapping[str, Any]]


def health() -> Flow[shapes.Health]:
    """Whether the server is there, and its version."""
    return ask(shapes.Health, "GET", "/health")


def models() -> Flow[list[shapes.ModelFacts]]:
    """The models whose limits are known."""
    return ask(list[shapes.ModelFacts], "GET", "/models")


def limits(**asked: Any) -> Flow[dict[str, Any]]:
    """As `cosmos limits --json`: `model`, `prompt`, `frames`, `max_tokens`, `max_model_len`, `gpu`, `memory_gib`."""
    return ask(dict[str, Any], "GET", "/limits", params=asked)


def hosts() -> Flow[list[shapes.Host]]:
    """The machines that a run can be sent to."""
    return ask(list[shapes.Host], "GET", "/hosts")


def check_host(name: str) -> Flow[list[shapes.HostCheck]]:
    """What a host has and lacks; `local` is the server's machine."""
    return ask(list[shapes.HostCheck], "POST", f"/hosts/{name}/check")


def check(items: Items, **settings: Any) -> Flow[list[Plan]]:
    """The plan of each item, before anything runs; see `SettingsIn` for the settings."""
    wanted = yield from _sent(items)
    asked = shapes.Check(items=wanted, settings=shapes.SettingsIn(**settings))
    checked = yield from ask(shapes.Checked, "POST", "/check", json=asked.model_dump(exclude_none=True))
    plans: list[Plan] = checked.plans
    return plans


def upload(path: str | Path, told: Callable[[int], None] = lambda sent: None) -> Flow[shapes.Media]:
    """Bring a clip to the server in pieces, unless it has it; a line that breaks is gone on with.

    `told` hears how many bytes are there. Raises BadInputError for a file that cannot be read or is no clip.
    """
    path = Path(path)
    try:
        size, digest = path.stat().st_size, sha256_of(path)
    except OSError as error:
        raise BadInputError(f"cannot be read ({error.strerror})", where=str(path), remedy="check the path") from error
    try:
        there: shapes.Media = yield from ask(shapes.Media, "GET", f"/media/{digest}")
        return there
    except NotFound:
        pass
    told_of = {"name": path.name, "size": size}
    state: shapes.Upload = yield from ask(shapes.Upload, "POST", "/uploads", json=told_of)
    broken = 0
    with path.open("rb") as file:
        while state.media is None:
            told(state.offset)
            file.seek(state.offset)
            piece = file.read(PIECE_BYTES)
            try:
                reply = yield Call("PATCH", f"/uploads/{state.id}", {"offset": state.offset}, content=piece)
                state, broken = shapes.Upload.model_validate_json(reply.content), 0
            except (HostUnreachable, Conflict):
                if broken == len(RETRY_SECONDS):
                    raise
                reply = yield Call("GET", f"/uploads/{state.id}", wait=RETRY_SECONDS[broken])
                state, broken = shapes.Upload.model_validate_json(reply.content), broken + 1
    told(size)
    return state.media


def run(items: Items, **how: Any) -> Flow[shapes.Run]:
    """Put a batch into the queue; see `NewRun`: `place`, `engine`, `settings`, `name`, `priority`, `held`."""
    wanted = yield from _sent(items)
    asked = shapes.NewRun(items=wanted, **how)
    made: shapes.Run = yield from ask(shapes.Run, "POST", "/runs", json=asked.model_dump(exclude_none=True))
    return made


def runs(*, state: Sequence[str] = (), place: str = "") -> Flow[list[shapes.Run]]:
    """All runs, the newest first."""
    return each(shapes.Run, "/runs", {"state": list(state) or None, "place": place})


def show(run: str) -> Flow[shapes.Run]:
    """One run, as it is now."""
    return ask(shapes.Run, "GET", f"/runs/{run}")


def cancel(run: str, *, forget: bool = False) -> Flow[shapes.Run]:
    """End a run wherever it is; what is answered stays. With `forget`, a host that is gone is not asked."""
    return ask(shapes.Run, "POST", f"/runs/{run}/cancel{'?forget=true' if forget else ''}")


def retry(run: str) -> Flow[shapes.Run]:
    """One more attempt for what has no answer."""
    return ask(shapes.Run, "POST", f"/runs/{run}/retry")


def remove(run: str, *, forget: bool = False) -> Flow[None]:
    """Forget a run that has ended, with its prompts. With `forget`, a host that is gone is not asked."""
    return ask(None, "DELETE", f"/runs/{run}{'?forget=true' if forget else ''}")


def change(run: str, **change: Any) -> Flow[shapes.Run]:
    """Move a waiting run: `priority`, `held`, `first`, `before`."""
    return ask(shapes.Run, "PATCH", f"/runs/{run}", json=change)


def results(run: str) -> Flow[list[Result]]:
    """The results of a run, in the batch's order. Raises RunFailed where it ended without all of its answers."""
    state: shapes.Run = yield from show(run)
    if state.state in ("failed", "cancelled"):
        raise RunFailed(state.error, kind=state.error_kind, where=state.id, remedy=state.remedy)
    found = yield from each(shapes.Prompt, f"/runs/{run}/results", {})
    return [one.result for one in reversed(found)]


def log(run: str) -> Flow[str]:
    """The end of the output of what answers a run."""
    return text(f"/runs/{run}/log")


def queue() -> Flow[shapes.Queue]:
    """What waits and runs, in the order in which it is taken."""
    return ask(shapes.Queue, "GET", "/queue")


def pause(on: bool = True) -> Flow[shapes.Queue]:
    """Begin no further run, or begin them again; what runs goes on."""
    return ask(shapes.Queue, "PATCH", "/queue", json={"paused": on})


def prompts(search: str = "", *, most: int = 0, **filters: Any) -> Flow[list[shapes.Prompt]]:
    """All prompts that the filters find, the newest first: `run`, `ok`, `place`, `engine`, `rating`, `tag`.

    With `most`, no more than so many.
    """
    return each(shapes.Prompt, "/prompts", {"search": search, **filters}, most=most)


def prompt(number: int) -> Flow[shapes.Prompt]:
    """One prompt with its answer."""
    return ask(shapes.Prompt, "GET", f"/prompts/{number}")


def mark(number: int, **change: Any) -> Flow[shapes.Prompt]:
    """Give a prompt a `rating` (1 to 5, or None) and `tags`."""
    return ask(shapes.Prompt, "PATCH", f"/prompts/{number}", json=change)


def _sent(items: Items) -> Flow[list[shapes.ItemIn]]:
    """The items as they travel; a `video` that is a file here is uploaded, once."""
    names = ("id", "prompt", "frames", "seed", "temperature", "max_tokens")
    sent: dict[str, str] = {}
    wanted = []
    for one in items:
        plain = (
            one
            if isinstance(one, Mapping)
            else {**{name: getattr(one, name) for name in names}, "video": str(one.video)}
        )
        item = shapes.ItemIn(**plain)
        if item.video not in sent:
            here = Path(item.video).is_file()
            sent[item.video] = (yield from upload(item.video)).id if here else item.video
        wanted.append(item.model_copy(update={"video": sent[item.video]}))
    return wanted
