"""What is known of a video before a model is asked: its size, its times, its shots, its camera, its light and palette.

Whatever a model answers, these fields of its caption are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from cosmos_workflow.kinds.upsample.caption.light import colours, course, level, without_course
from cosmos_workflow.kinds.upsample.caption.phrases import MOVES, listed
from cosmos_workflow.kinds.upsample.caption.problems import aspect_of, is_negative
from cosmos_workflow.kinds.upsample.caption.spans import bounded, shot_at, shot_spans, span_text
from cosmos_workflow.kinds.upsample.caption.times import duration_of, span_of

__all__ = ["Target", "facts_of", "with_facts"]

STILL = "Static"  # as NVIDIA's sample captions name a camera that is held still
ROUNDED = 1e-4  # seconds by which a sum of frames may be short of a whole second


@dataclass(frozen=True)
class Target:
    """The video that is to be made of a clip: size in pixels, frames a second, length in s and in frames.

    What is None is taken from the clip.
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    seconds: float | None = None
    frames: int | None = None


def facts_of(measured: Mapping[str, Any], clip_fps: float, target: Target | None = None) -> dict[str, Any]:
    """What is known of the video that is made of a clip, as JSON: see the keys in this module's `with_facts`.

    `measured` is a `media.Measurements` as a dict, `clip_fps` the clip's frames a second. A transfer makes one frame
    for each of the clip's and plays them at the target's rate, so times change where the rates differ, and shots after
    the target's end are left out. A still has no duration, no fps and no shots, unless the target has.

    >>> from cosmos_workflow.kinds.upsample.caption.facts import Target
    >>> clip = {"width": 640, "height": 480, "duration": 5.0, "shots": [{"start": 0, "end": 5.0}]}
    >>> known = facts_of(clip, 24, Target(fps=30, frames=121))
    >>> known["duration"], known["fps"], known["aspect_ratio"], known["shots"]
    ('4s', 30, '4,3', [{'start': 0.0, 'end': 4.033, 'camera': 'Static'}])
    """
    target = target or Target()
    width, height = _size(measured, target)
    fps = target.fps or clip_fps or 0.0
    speed = clip_fps / fps if fps and clip_fps else 1.0  # the clip's seconds that become one second
    clip_seconds = float(measured.get("duration") or 0.0) * speed
    seconds = target.frames / fps if target.frames and fps else target.seconds or clip_seconds
    shots = [
        {**shot, "start": shot["start"] * speed, "end": shot["end"] * speed}
        for shot in measured.get("shots") or []
        if shot["start"] * speed < seconds - ROUNDED
    ]
    share = min(1.0, seconds / clip_seconds) if clip_seconds else 1.0
    known: dict[str, Any] = {"resolution": {"W": width, "H": height}, "aspect_ratio": aspect_of(width, height)}
    if seconds > 0 and fps > 0:
        known |= {"duration": duration_of(seconds), "fps": _whole(fps), "seconds": round(seconds, 3)}
    known["shots"] = [
        {
            "start": round(shot["start"], 3),
            "end": round(seconds if index + 1 == len(shots) else shot["end"], 3),
            "camera": camera(shot),
        }
        for index, shot in enumerate(shots)
    ]
    palette = [name for name, _ in measured.get("palette") or []]
    lit = level(measured) if measured.get("brightness") else ""
    change = course(measured, shots, share) if seconds > 0 else ""
    return known | {
        "camera_motion": _motion([shot["camera"] for shot in known["shots"]]),
        "light": "; ".join(filter(None, [lit.capitalize(), change[:1].lower() + change[1:]])),
        "light_level": lit.capitalize(),
        "light_course": change,
        "palette": palette,
        "color_scheme": colours(measured.get("palette") or []),
    }


def _size(measured: Mapping[str, Any], target: Target) -> tuple[int, int]:
    """Width and height; where the target has one of them, the other follows from the clip's shape."""
    width, height = int(measured.get("width") or 0), int(measured.get("height") or 0)
    if target.width and target.height:
        return target.width, target.height
    if target.width and width:
        return target.width, max(1, round(target.width * height / width))
    if target.height and height:
        return max(1, round(target.height * width / height)), target.height
    return width, height


def _whole(value: float) -> int | float:
    value = round(value, 3)
    return int(value) if value == int(value) else value


def camera(shot: Mapping[str, Any]) -> str:
    """How the camera moves in a shot: `Pans to the left and zooms in`, `Static` where it does not."""
    phrase = listed([MOVES.get(move, move) for move in (shot.get("motion") or {}).get("moves") or ()])
    return phrase[:1].upper() + phrase[1:] if phrase else STILL


def _motion(cameras: Sequence[str]) -> str:
    """The camera over all shots: one phrase, or what it does in one after the other."""
    changes = [each for index, each in enumerate(cameras) if index == 0 or each != cameras[index - 1]]
    return ", then ".join(each if index == 0 else each[:1].lower() + each[1:] for index, each in enumerate(changes))


def with_facts(caption: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """A caption in which all that is known is as `facts` (of `facts_of`) has it; the caption itself is not changed.

    Ours are: resolution, aspect_ratio, duration, fps; the camera's motion; one segment a shot, with its times and its
    camera; a transition at each cut and no other; the course of the light, and the palette unless the wish
    (`facts["wish"]`, the user's prompt) speaks of what changes it. Actions are brought inside the video's time.
    """
    from cosmos_workflow.kinds.upsample.caption.wish import speaks_of

    made = deepcopy(dict(caption))
    if is_negative(made) or not facts:
        return made  # a negative caption has no facts
    for name in ("resolution", "aspect_ratio", "duration", "fps"):
        if name in facts:
            made[name] = deepcopy(facts[name])
        else:
            made.pop(name, None)  # a still picture has no time
    wished = speaks_of(str(facts.get("wish") or ""))
    if facts.get("light_course") and "light_course" not in wished:
        lighting = _part(made, "lighting")
        effect = without_course(str(lighting.get("illumination_effect") or ""))
        lighting["illumination_effect"] = ". ".join(filter(None, [effect, facts["light_course"]]))
        made["lighting"] = lighting
    if facts.get("color_scheme") and "palette" not in wished:
        made["aesthetics"] = {**_part(made, "aesthetics"), "color_scheme": facts["color_scheme"]}
    if facts.get("shots"):
        made["cinematography"] = {**_part(made, "cinematography"), "camera_motion": facts["camera_motion"]}
    made["segments"] = _segments(made.get("segments"), facts)
    made["transitions"] = [f"Cut at {span_text(shot['start'])}" for shot in (facts.get("shots") or [])[1:]]
    made["actions"] = _actions(made.get("actions"), facts) if facts.get("seconds") else []
    return made


def _part(caption: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = caption.get(name)
    return dict(part) if isinstance(part, Mapping) else {}


def _segments(answered: Any, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One segment a shot; the answered ones give their words to the shot in which they are."""
    shots = facts.get("shots") or []
    own = [each for each in answered if isinstance(each, Mapping)] if isinstance(answered, Sequence) else []
    given: list[list[Mapping[str, Any]]] = [[] for _ in shots]
    for index, segment in enumerate(own):
        if shots:
            given[index if len(own) == len(shots) else shot_at(segment, index, len(own), facts)].append(segment)
    made = []
    for index, (shot, segments, span) in enumerate(zip(shots, given, shot_spans(facts), strict=True)):
        words = {name: _joined(segments, name) for name in ("description", "key_changes")}
        if not words["description"]:
            of = f"Shot {index + 1} of {len(shots)}" if len(shots) > 1 else "One continuous shot"
            words["description"] = f"{of}; camera: {shot['camera'][:1].lower() + shot['camera'][1:]}"
        made.append({"segment_index": index, "time_range": span_of(*span), **words, "camera": shot["camera"]})
    return made


def _joined(segments: Sequence[Mapping[str, Any]], name: str) -> str:
    texts = [str(segment.get(name) or "").strip() for segment in segments]
    texts = [text for text in dict.fromkeys(texts) if text]
    return texts[0] if len(texts) == 1 else " ".join(text if text[-1] in ".!?" else f"{text}." for text in texts)


def _actions(answered: Any, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answered actions inside the video's time, in order of their start."""
    own = [each for each in answered if isinstance(each, Mapping)] if isinstance(answered, Sequence) else []
    timed = [(bounded(action.get("time"), facts), action) for action in own]
    timed.sort(key=lambda pair: pair[0])
    return [{**action, "time": span_of(start, end)} for (start, end), action in timed]
