"""STAND-INS for servers that make videos: vLLM-Omni 0.30.0, NVIDIA's NIMs for Transfer2.5 and Cosmos 3, and NVCF.

They have no model, unless they are given one: they check a request as those servers do, and answer a film of one colour
that is real in all else.
What is known of them is from the wheel of vllm-omni 0.30.0 (entrypoints/openai/video/generation/helpers.py and
diffusion/models/cosmos3/transfer.py), from NVIDIA/cosmos (cookbooks/cosmos3/nim/transfer.md), from
NVIDIA/paidf-augmentation (modules/generation/adapters/nim.py), and from users who read a NIM's /openapi.json.
"""

from __future__ import annotations

import base64
import email.policy
import io
import json
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import av
import clips
import pydantic
from servers.ports import reserved
from servers.unwell import QuietServer
from servers.video_moods import Film, Mood, colour_of
from servers.video_requests import Cosmos3Request, OmniForm, Refused, Transfer25Request, transfer_of

from cosmos_workflow.limits.video import COSMOS3, TRANSFER25

__all__ = ["FUNCTION", "STATUS", "VideoServer"]

Name = Literal["vllm-omni", "transfer2.5-nim", "cosmos3-nim"]
MODELS = {
    "vllm-omni": "nvidia/Cosmos3-Nano", "transfer2.5-nim": "cosmos-transfer2.5-2b", "cosmos3-nim": "cosmos3-nano",
}  # fmt: skip
ASPECTS = {"16_9": 0, "4_3": 1, "1_1": 2, "3_4": 3, "9_16": 4}
FUNCTION = "/v2/nvcf/pexec/functions/f1"
STATUS = "/v2/nvcf/pexec/status/"


WELL = Mood()
Make = Callable[[dict[str, str], dict[str, bytes]], Sequence[Any]]


class VideoServer:
    """`mood(number)` says what befalls the n-th request for a video, from 1 on; `nvcf` puts it behind NVCF's gate.

    `make` makes the pictures of vLLM-Omni's video of the form and the files that were sent.
    """

    def __init__(
        self, name: Name, folder: Path, mood: Callable[[int], Mood] = lambda number: WELL, *, nvcf: bool = False,
        large: bool = False, polls: int = 2, key: str = "", ready: bool = True, docs: bool = True, model: str = "",
        poll_mood: Callable[[int], Mood] = lambda number: WELL, make: Make | None = None,
    ) -> None:  # fmt: skip
        self.name, self.folder, self.mood, self.nvcf, self.large, self.key = name, folder, mood, nvcf, large, key
        self.ready, self.docs, self.model = ready, docs, model or MODELS[name]
        self.poll_mood, self.make = poll_mood, make
        self.pictures: Sequence[Any] = ()
        self.asked: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.films: list[Film] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.polls = polls
        self.results: dict[str, tuple[int, str, bytes]] = {}
        self.polled: Counter[str] = Counter()
        self._holder = reserved()
        server = self

        class Handler(_Handler):
            of = server

        self._http = QuietServer(self._holder.getsockname(), Handler)
        self._http.daemon_threads = True
        host = f"http://127.0.0.1:{self._http.server_port}"
        self.url = host + (FUNCTION if nvcf else "")
        self.host = host

    def __enter__(self) -> VideoServer:
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def stop_listening(self) -> None:
        """Refuse all connections from now on, as a server that has died."""
        self._http.socket.close()

    def __exit__(self, *error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._holder.close()

    @property
    def posts(self) -> int:
        return sum(method == "POST" for method, _ in self.asked)

    @property
    def path(self) -> str:
        return FUNCTION if self.nvcf else "/v1/videos/sync" if self.name == "vllm-omni" else "/v1/infer"

    def film_for(self, headers: Any, data: bytes) -> Film:
        """Look at a request as the real server does. Raises Refused."""
        if self.name == "vllm-omni":
            return self._of_omni(headers, data)
        values = json.loads(data)
        self.bodies.append(values)
        if self.name == "transfer2.5-nim":
            asked = _valid(Transfer25Request, values, 400)
            clip = self._seen(asked.video)
            if not 93 <= clip.frames <= 480:
                raise Refused(500, f"Input video has {clip.frames} frames, expected between 93 and 480")
            for hint in ("edge", "depth", "seg", "vis"):
                if (control := getattr(asked, hint)) and control.control:
                    self._seen(control.control)
            size = TRANSFER25.size_for(clip.width, clip.height, str(asked.resolution))
            return Film(*size, clip.frames, clip.fps, asked.seed)
        nim = _valid(Cosmos3Request, values, 422)
        for hint in ("edge", "blur", "depth", "seg", "wsm"):
            control = getattr(nim.transfer, hint)
            if control not in (None, True) and control.video:
                self._seen(control.video.removeprefix("data:video/mp4;base64,"))
        tier, _, aspect = nim.resolution.partition("_")
        return Film(*COSMOS3.sizes[tier][ASPECTS[aspect]], nim.num_frames, nim.fps, nim.seed)

    def _of_omni(self, headers: Any, data: bytes) -> Film:
        form, files = _form_of(headers, data)
        self.bodies.append({**form, **{name: len(content) for name, content in files.items()}})
        asked = _valid(OmniForm, {**form, "extra_params": json.loads(form.get("extra_params", "null"))}, 400)
        if asked.model and asked.model != self.model:
            raise Refused(
                400, f"Model mismatch: request specifies '{asked.model}' but server is running '{self.model}'."
            )
        if asked.num_outputs_per_prompt != 1:
            raise Refused(500, "Video generation failed: Cosmos3 transfer supports only batch size 1 video inputs.")
        extra = dict(asked.extra_params or {})
        sent = files.get("control_reference")
        if sent is None and "control_type" in form:
            raise Refused(400, "control_type requires a control_reference upload.")
        if sent is not None:
            if form.get("control_type") not in ("edge", "blur", "depth", "seg", "wsm"):
                raise Refused(400, "control_reference requires control_type.")
            extra[form["control_type"]] = {**extra.get(form["control_type"], {}), "control_path": "/tmp/uploaded.mp4"}
        hints = transfer_of(extra, "input_reference" in files)
        sources = [files.get("input_reference"), sent]
        films = [self._film(content) for content in sources if content]
        frames = min(films[-1].frames if sent else films[0].frames, asked.num_frames or 5000, extra["max_frames"])
        tier = str(extra.get("resolution", 720))
        size = COSMOS3.size_for(films[0].width, films[0].height, tier)
        assert hints
        if self.make:
            self.pictures = self.make(form, files)
        return Film(*size, frames, asked.fps or 24, asked.seed or 0)

    def _seen(self, text: str) -> Film:
        return self._film(base64.b64decode(text, validate=True))

    def _film(self, data: bytes) -> Film:
        with av.open(io.BytesIO(data)) as container:
            stream = container.streams.video[0]
            pixels = stream.codec_context.pix_fmt
            if pixels == "yuvj420p":
                raise Refused(400, "UnsupportedVideoFormat: pixel format 'yuvj420p' is not supported")
            frames = sum(1 for _ in container.decode(video=0))
            return Film(stream.width, stream.height, frames, float(stream.average_rate or 24), 0)

    def answer(self, film: Film, black: bool = False) -> tuple[str, bytes]:
        """The type and the bytes of an answer with a film."""
        codec = "libx264" if self.name == "vllm-omni" else "libvpx-vp9"
        options = {} if codec == "libx264" else {"deadline": "realtime", "cpu-used": "8"}
        path = self.folder / f"{codec}-{film}-{black}.mp4"
        with self.lock:
            if self.make:
                clips.write(path, self.pictures, fps=round(film.fps), options={"qp": "1"})
            elif not path.exists():
                colour = (0, 0, 0) if black else colour_of(film.seed)
                pictures = [clips.flat(colour, film.height, film.width)] * film.frames
                clips.write(path, pictures, fps=round(film.fps), codec=codec, options=options)
        data = path.read_bytes()
        if self.name == "vllm-omni":
            return "video/mp4", data
        more: dict[str, Any] = {"seed": film.seed} if self.name == "transfer2.5-nim" else {"action": None}
        return "application/json", json.dumps({"b64_video": base64.b64encode(data).decode(), **more}).encode()


class _Handler(BaseHTTPRequestHandler):
    of: VideoServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.of
        server.asked.append(("GET", self.path))
        server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.path.startswith("/large/"):
            self._large(self.path.removeprefix("/large/"))
        elif server.key and self.headers["Authorization"] != f"Bearer {server.key}":
            self._send(401, {"detail": "Unauthorized"})
        elif server.nvcf:
            self._status() if self.path.startswith(STATUS) else self._send(404, {"detail": "Not Found"})
        else:
            self._look()

    def _look(self) -> None:
        server, nim = self.of, self.of.name != "vllm-omni"
        found: dict[str, Any] = {}
        if server.docs:
            key = "model_mode" if server.name == "cosmos3-nim" else "num_steps"
            schemas = {"Request": {"properties": {"prompt": {}, key: {}}}} if nim else {}
            found["/openapi.json"] = {"paths": {server.path: {"post": {}}}, "components": {"schemas": schemas}}
        if nim:
            info = {"modelUrl": f"ngc://nim/nvidia/{server.model}:1.0.0", "shortName": f"{server.model}:1.0.0"}
            found["/v1/metadata"] = {"modelInfo": [info], "version": "1.0.0"}
            found["/v1/health/ready"] = {"object": "Triton readiness check", "message": "ready", "status": "ready"}
        else:
            found["/v1/models"] = {"object": "list", "data": [{"id": server.model, "object": "model"}]}
        if self.path == "/v1/health/ready" and nim and not server.ready:
            self._send(503, {"message": "loading", "status": "not_ready"}, {"Retry-After": "0"})
        elif self.path in found:
            self._send(200, found[self.path])
        else:
            self._send(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        server = self.of
        with server.lock:
            server.asked.append(("POST", self.path))
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            mood = server.mood(server.posts)
        try:
            self._post(mood)
        finally:
            with server.lock:
                server.at_once -= 1

    def _post(self, mood: Mood) -> None:
        server = self.of
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if server.key and self.headers["Authorization"] != f"Bearer {server.key}":
            return self._send(401, {"detail": "Unauthorized"})
        if self.path != server.path:
            return self._send(404, {"detail": "Not Found"})
        if mood.status in (429, 503):
            return self._send(mood.status, {"detail": mood.text}, mood.headers)
        try:
            film = server.film_for(self.headers, data)
        except Refused as refusal:
            return self._send(refusal.status, _in_words(server.name, refusal))
        server.films.append(film)
        if mood.waits:
            mood.waits.wait(60)
        if mood.dropped:
            return self._drop()
        if mood.status:
            return self._give(mood.status, "application/json", json.dumps({"detail": mood.text}).encode())
        type, body = server.answer(mood.film(film), mood.black)
        if mood.halved:
            self._head(200, type, len(body))
            self.wfile.write(body[: len(body) // 2])
            return self._drop()
        return self._give(200, type, mood.body or body)

    def _give(self, status: int, type: str, body: bytes) -> None:
        """Answer, or, behind NVCF, keep it until it is asked for."""
        server = self.of
        if not server.nvcf:
            self._head(status, type, len(body))
            self.wfile.write(body)
            return
        id = f"request {len(server.results) + 1}"
        server.results[id] = (status, type, body)
        self._send(202, {}, {"NVCF-REQID": id, "NVCF-STATUS": "pending-evaluation"})

    def _status(self) -> None:
        server = self.of
        id = next((id for id in server.results if self.path == STATUS + quote(id, safe="")), "")
        if not id:
            self._send(404, {"detail": "no such request"})
            return
        with server.lock:
            server.polled[id] += 1
            number = server.polled[id]
            mood = server.poll_mood(sum(server.polled.values()))
        if mood.dropped:
            self._drop()
        elif mood.status:
            self._send(mood.status, {"detail": mood.text}, mood.headers)
        elif number <= server.polls:
            percent = str(100 * number // (server.polls + 1))
            self._send(202, {}, {"NVCF-REQID": id, "NVCF-STATUS": "in-progress", "NVCF-PERCENT-COMPLETE": percent})
        elif server.large:
            place = f"{server.host}/large/{quote(id, safe='')}?signature=secret"
            self._send(302, {}, {"NVCF-REQID": id, "Location": place})
        else:
            status, type, body = server.results[id]
            self._head(status, type, len(body))
            self.wfile.write(body)

    def _large(self, rest: str) -> None:
        """A signed address, which refuses a key beside its signature."""
        id = next((id for id in self.of.results if rest == f"{quote(id, safe='')}?signature=secret"), "")
        if not id or self.headers["Authorization"]:
            self._send(400, {"detail": "Only one auth mechanism allowed"})
            return
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(f"{id}.response", self.of.results[id][2])
        self._head(200, "application/zip", len(packed.getvalue()))
        self.wfile.write(packed.getvalue())

    def _send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self._head(status, "application/json", len(data), headers)
        self.wfile.write(data)

    def _head(self, status: int, type: str, length: int, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _drop(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)


def _valid(model: Any, values: Mapping[str, Any], status: int) -> Any:
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        raise Refused(
            status, json.loads(error.json(include_url=False, include_input=False, include_context=False))
        ) from error


def _in_words(name: Name, refusal: Refused) -> dict[str, Any]:
    if name != "vllm-omni":
        return {"detail": refusal.detail}
    kind = "BadRequestError" if refusal.status < 500 else "InternalServerError"
    return {"error": {"message": str(refusal.detail), "type": kind, "param": None, "code": refusal.status}}


def _form_of(headers: Any, data: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    form: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in BytesParser(policy=email.policy.HTTP).parsebytes(head + data).iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if part.get_filename():
            files[name] = content
        else:
            form[name] = content.decode()
    return form, files
