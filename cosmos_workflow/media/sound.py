"""The sound of a clip, put under another video of it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.opening import opened
from cosmos_workflow.media.pictures import Pictures

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

__all__ = ["has_sound", "with_sound"]

# What players take in an mp4 as it is; all else becomes AAC.
COPIED = ("aac", "mp3", "ac3", "eac3", "alac", "opus")
# Of AAC, in samples a second.
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1")


def has_sound(clip: Path) -> bool:
    """Whether a clip has a track of sound. Raises BadInputError for a file that cannot be read."""
    with opened(clip) as (container, _):
        return not isinstance(container, Pictures) and bool(container.streams.audio)


def with_sound(video: Path, clip: Path, start: float, seconds: float, made: Path) -> str:
    """Write `made`, an mp4 with the picture of `video` and the sound of `clip`; returns what the sound is, in words.

    `start` is the time in the clip, in s, at which the video begins, and `seconds` how long that is: sound before and
    after is left out. It is copied where an mp4 takes it, else it becomes AAC.
    Raises BadInputError for a clip without sound, or whose sound cannot be read.
    """
    import av
    from av.stream import Discard

    with (
        opened(clip) as (source, _),
        av.open(str(video)) as container,
        av.open(str(made), "w", format="mp4", options={"movflags": "+faststart"}) as target,
    ):
        sound = None if isinstance(source, Pictures) else source.streams.best("audio")
        if sound is None or not sound.codec_context:  # that of a codec which FFmpeg does not know is none
            raise BadInputError("the clip has no sound", where=str(clip), remedy="leave the sound out")
        sound.discard = Discard.default  # of a file that is opened, the picture alone is read
        picture = container.streams.video[0]
        to = target.add_stream_from_template(picture)
        pictures = (_for(packet, to) for packet in container.demux(picture) if packet.size)
        name = sound.codec.canonical_name
        if name in COPIED:
            words = f"{name}, copied"
            sounds = _copied(source, sound, target, start, seconds)
        else:
            words = f"{name}, as AAC"
            sounds = _encoded(source, sound, target, start, seconds)
        first = next(sounds, None)
        if first is None:
            raise BadInputError("the clip has no sound in these seconds", where=str(clip), remedy="leave the sound out")
        for packet in heapq.merge(pictures, chain([first], sounds), key=_time):
            target.mux(packet)
    return words


def _time(packet: Packet[Any]) -> float:
    clock = packet.pts if packet.dts is None else packet.dts
    return float((clock or 0) * (packet.time_base or 0))


def _for(packet: Packet[Any], stream: Any) -> Packet[Any]:
    packet.stream = stream
    return packet


def _copied(
    source: InputContainer, sound: Any, target: OutputContainer, start: float, seconds: float
) -> Iterator[Packet[Any]]:
    """The packets of the sound, whose time begins with the video."""
    to = target.add_stream_from_template(sound)

    def packets() -> Iterator[Packet[Any]]:
        for packet in source.demux(sound):
            if not packet.size or packet.pts is None or not packet.time_base:
                continue
            begin = round(start / packet.time_base)
            packet.pts -= begin
            packet.dts = packet.pts if packet.dts is None else packet.dts - begin
            if packet.pts * packet.time_base >= seconds:
                return
            # One packet before the video's begin is needed to decode the first one after it.
            if packet.pts + 2 * (packet.duration or 0) > 0:
                yield _for(packet, to)

    return packets()


def _encoded(
    source: InputContainer, sound: Any, target: OutputContainer, start: float, seconds: float
) -> Iterator[Packet[Any]]:
    """The sound as AAC."""
    import av

    rate = sound.rate if sound.rate in RATES else 48000
    layout = sound.layout.name if sound.layout.name in LAYOUTS else "stereo"
    to: Any = target.add_stream("aac", rate=rate, layout=layout)
    graph = av.filter.Graph()
    nodes = [
        graph.add_abuffer(template=sound),
        graph.add("atrim", f"start={start:.9f}:end={start + seconds:.9f}"),
        graph.add("asetpts", f"PTS-{start:.9f}/TB"),
        graph.add("aformat", f"sample_fmts=fltp:sample_rates={rate}:channel_layouts={layout}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()

    def filtered() -> Iterator[Any]:
        with suppress(av.error.EOFError):  # all seconds that are wanted have been seen
            for frame in chain(source.decode(sound), [None]):
                graph.push(frame)
                with suppress(av.error.BlockingIOError):
                    while True:
                        yield graph.pull()

    def packets() -> Iterator[Packet[Any]]:
        for frame in filtered():
            yield from to.encode(frame)
        yield from to.encode(None)

    return packets()
