"""Recognises files that FFmpeg must not or cannot read: playlists, addresses, and formats without a decoder."""

from __future__ import annotations

import re
from pathlib import Path

from cosmos_workflow.errors import BadInputError

__all__ = ["REMEDY", "damaged", "refuse_address", "refuse_playlist", "unreadable"]

REMEDY = "give a video (mp4, mov, webm, mkv …) or an image (png, jpeg)"
HEAD = 4096

# Files that only name other files: reading one would open those, on this machine or on the network.
PLAYLISTS = (
    (rb"#EXTM3U", "an HLS playlist"),
    (rb"ffconcat version", "an ffconcat script"),
    (rb"\[playlist\]", "a playlist"),
    (rb"\[reference\]", "a playlist"),
    (rb"rtsptext", "a stream's address"),
    (rb"v=0\r?\n(?s:.*)^m=", "a stream's description (SDP)"),
    (rb"(<\?xml|<!doctype|<!--|<)(?s:.*)<(mpd|smil|asx|playlist|tt:playlist|smoothstreamingmedia|compositionplaylist)\b",
     "a playlist"),
    (rb"(<mpd|<smil|<asx|<playlist|<smoothstreamingmedia|<compositionplaylist)\b", "a playlist"),
    # A script of FFmpeg's concat demuxer, or a playlist of plain names, which has no mark of its own.
    (rb"(?:[ \t\r]*(?:#[^\n]*)?\n)*[ \t]*file\s+['\"/.\w]", "an ffconcat script"),
    (rb"(?:[ \t\r]*(?:#[^\n]*)?\n)*[ \t]*(https?|rtsps?|rtmps?|ftp|tcp|udp|srt|mmsh?)://", "a list of addresses"),
)  # fmt: skip
PLAYLIST_SUFFIXES = {".m3u8", ".m3u", ".mpd", ".pls", ".sdp", ".ffconcat", ".asx", ".xspf", ".smil", ".wpl", ".ram"}

# Formats that people have but that the FFmpeg in PyAV does not decode. Recognised by the first bytes …
FORMATS = (
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (rb".{4}ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", "HEIC"),
    (rb".{4}ftyp(avif|avis)", "AVIF"),
    (rb".{4}ftypcrx ", "a camera's raw format (CR3)"),
    (rb"FUJIFILMCCD-RAW|II\x2a\x00.{4}CR|IIRO|IIRS|IIU\x00|MRM|FOVb|\x00MRM", "a camera's raw format"),
    (rb"glTF|BLENDER|Kaydara FBX|PXR-USDC|#usda|ply\r?\n|solid |Ogawa", "a 3D scene"),
    (rb"8BPS", "Photoshop"),
    (rb"RIFF.{4}WEBP", "WebP"),
    (rb"%PDF-", "PDF"),
    (rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b|\xfd7zXZ", "an archive"),
    (rb"(<\?xml.*)?\s{0,9}<svg\b", "SVG"),
)  # fmt: skip
# … or by the name, where the first bytes are not enough.
SUFFIXES = {
    "a camera's raw format": {".cr2", ".cr3", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".dng", ".raf", ".orf", ".rw2",
                              ".pef", ".3fr", ".iiq", ".x3f", ".braw", ".r3d", ".ari"},
    "a 3D scene": {".obj", ".fbx", ".glb", ".gltf", ".usd", ".usda", ".usdc", ".usdz", ".blend", ".abc", ".stl", ".ply",
                   ".dae", ".3ds", ".ma", ".mb", ".max", ".c4d", ".hip", ".hda", ".vdb", ".splat"},
    "JPEG XL": {".jxl"},
    "HEIC": {".heic", ".heif", ".hif"},
}  # fmt: skip
MEDIA = re.compile(
    rb".{4}(ftyp|moov|mdat|wide|free|skip)|\x1aE\xdf\xa3|RIFF.{4}(AVI |WEBP)|\x89PNG|\xff\xd8\xff|GIF8[79]a|OggS|FLV"
    rb"|\x00\x00\x01[\xb3\xba]|\x00{2,3}\x01[\x09\x40\x42\x46\x67]|G.{187}G|\x30\x26\xb2\x75|\x06\x0e\x2b\x34|YUV4MPEG2"
    rb"|BM.{4}\x00{4}|v/1\x01|II\x2a\x00|MM\x00\x2a|DKIF",
    re.DOTALL,
)


def refuse_playlist(path: Path) -> None:
    """Raise BadInputError for a file that only names other files, whatever its own name is."""
    try:
        head = _head(path)
    except OSError:
        return  # opening the file will raise the same error
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    what = next((what for mark, what in PLAYLISTS if re.match(mark, text, re.IGNORECASE | re.MULTILINE)), "")
    if not what and path.suffix.lower() in PLAYLIST_SUFFIXES:
        what = "a playlist"
    if what:
        raise BadInputError(f"{what}, not a video", where=str(path), remedy="give the video file that it points to")


def refuse_address(path: Path) -> None:
    """Raise BadInputError for a path that is an address instead: http://…, rtsp://…, concat:…, pipe:…."""
    for part in path.parts:
        if match := re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", part):
            raise BadInputError(
                f"this is an address ({match[1]}:), not a file",
                where=str(path),
                remedy="download the video, and give the path of the file",
            )


def unreadable(path: Path, reason: str, *, decoder: bool = True) -> BadInputError:
    """The error for a file that did not open or decode: not supported, damaged, or not a video at all.

    `reason` is FFmpeg's; `decoder` is False where FFmpeg knows the format but has no decoder for it.
    """
    head = _head(path)
    kind = next((kind for mark, kind in FORMATS if re.match(mark, head, re.DOTALL)), "")
    kind = kind or next((kind for kind, names in SUFFIXES.items() if path.suffix.lower() in names), "")
    if not decoder or (kind and kind not in ("WebP", "AVIF")):
        remedy = "convert it to PNG, JPEG or EXR" if kind in _PICTURES else REMEDY
        if kind == "a 3D scene":
            remedy = "render it to a video or to images"
        return BadInputError(f"{kind or reason} is not supported", where=str(path), remedy=remedy)
    if MEDIA.match(head):
        return damaged(path, reason)
    return BadInputError(f"not a readable video ({reason})", where=str(path), remedy=REMEDY)


def damaged(path: Path, reason: str) -> BadInputError:
    """The error for a file of a known kind whose content is broken or ends early."""
    return BadInputError(
        f"the video cannot be decoded ({reason})",
        where=str(path),
        remedy="the file may be cut off or damaged: copy it again, or re-encode it with ffmpeg",
    )


_PICTURES = {"JPEG XL", "HEIC", "AVIF", "WebP", "Photoshop", "SVG", "PDF", "a camera's raw format",
             "a camera's raw format (CR3)"}  # fmt: skip


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
