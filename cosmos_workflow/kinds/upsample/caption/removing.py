"""Takes a thing out of a text, so that what is left are sentences: nothing of which only the time remains."""

from __future__ import annotations

import re

from cosmos_workflow.kinds.upsample.caption.agreeing import VERBS
from cosmos_workflow.kinds.upsample.caption.lexicon import CATEGORY, hits
from cosmos_workflow.kinds.upsample.caption.nouns import singular

__all__ = ["PLAIN", "without"]

VERB_WORDS = VERBS.keys() | set(VERBS.values())
PLAIN = "The camera shows the scene."  # where a shot must be described, and nothing is left to say
# A beginning that says only when: "From 0:02 to 0:05", "By the second second", "Finally".
MOMENT = (
    r"(?:\(?\d+:\d{2}(?:\.\d+)?(?:\s*[-–]\s*\d+:\d{2}(?:\.\d+)?)?\)?|first|second|third|fourth|fifth|sixth|final|last|next|"
    r"opening|closing|start|end|beginning|middle|few|couple|seconds?|moments?|half|mark|clip|video|shot|frames?|time|way|"
    r"\d+(?:\.\d+)?\s*(?:s|seconds?)?|one|two|three|four|five|the|of|and|to|until|a|an|same|very|that|this|point)"
)
LEAD = re.compile(
    rf"^(?:(?:from|between|at|by|around|in|until|after|during|near|about|throughout|over|for|within|since|across)\s+"
    rf"{MOMENT}(?:[\s,]+{MOMENT})*|then|finally|meanwhile|simultaneously|next|initially|later|afterwards|suddenly|first|"
    r"\(?\d+:\d{2}(?:\.\d+)?(?:\s*[-–]\s*\d+:\d{2}(?:\.\d+)?)?\)?|"
    r"eventually|at first|at last|all the while|in the meantime|at the same time)(?=\s*[,.;:]|\s*$)",
    re.IGNORECASE,
)
JOINTS = re.compile(
    r"([,]\s+(?:and\s+|while\s+|as\s+|but\s+|then\s+)*|\s+with\s+|"
    r"\s+(?:while|whereas|as)\s+(?!if\b|well\b|the\s+\w+\s+of\b))",
    re.IGNORECASE,
)
# What begins so belongs to what stands before it.
HANGING = re.compile(
    r"(?:\w+ing|which|who|whose|whom|that|where|it|its|he|she|his|her|they|their|them|him|itself|before|after|then|"
    r"\w+ed|both|each|left|seen|held|driven|followed|apparently|almost|still|already|(?:back|side|rear|front)(?:-facing)?|right|"
    r"(?:in front of|in|on|under|behind|above|below|from|with|of|to|through|by) (?:which|whom))\b",
    re.IGNORECASE,
)
ADJECTIVE = re.compile(r"(?:^|\b(?:an?|the|its|his|her|with|in|of|by)\s+)[A-Za-z]+$", re.IGNORECASE)
ANOTHER = re.compile(
    r"(?:an?|the|his|her|its|their|another|some|several|many|two|three|four|five|\d+)\b", re.IGNORECASE
)
PRONOUN = re.compile(r"\b(?:it|its|itself|he|him|his|she|her|hers|they|them|their)\b", re.IGNORECASE)
PLACED = (
    r"(?:beside|near|behind|past|next to|in front of|under|beneath|above|against|around|alongside|towards?|opposite|"
    r"ahead of|close to|between)"
)
IN = r"(?:in|on|at|under|along|beneath|during|across|through|near|beside)"
BESIDE_IT = re.compile(rf"(?<=\w)\s+{PLACED}\s+(?:it|him|her|them)\b(?!\s+\w)", re.IGNORECASE)
# "In a factory", of which the rest is gone.
PLACE_ALONE = re.compile(r"(?:in|on|at|inside|under|near|along)\s+[^,;]*", re.IGNORECASE)
STOPS = r"(?:and|or|but|while|as|with|is|are|was|were|has|have|that|which|who|to|from|in|on|at|of)\b"


def without(text: str, pattern: re.Pattern[str]) -> str:
    """The text without what speaks of a thing; "" where nothing else is said.

    The least that can go goes: a place beside the thing, one of two things, a clause, then a sentence. What hangs on a
    clause that goes (`crossing the road`, `as it turns`) goes with it, and so does a sentence that only goes on about
    it.

    >>> sedan = re.compile(r"\\bsedan", re.I)
    >>> without("From 0:02 to 0:05, the sedan turns left. A dog waits beside the sedan, barking.", sedan)
    'A dog waits, barking.'
    >>> without("The sedan turns left, crossing the road, while a cyclist stops.", sedan)
    'A cyclist stops.'
    """
    if not pattern.search(text):
        return text
    kept: list[str] = []
    gone = False
    for sentence in re.split(r"(?<=[.!?;])\s+", text):
        body = sentence.rstrip(".!?;")
        end = sentence[len(body) :]
        lead = LEAD.match(body)
        main = body[lead.end() :].lstrip(" ,:") if lead else body
        if gone and re.match(r"(?:it|its|he|she|they|his|her|their)\b", main, re.IGNORECASE):
            continue
        if not pattern.search(body):
            kept.append(BESIDE_IT.sub(_but_alone, sentence) if gone else sentence)
            gone = False
            continue
        left = _clauses(_least(main, pattern), pattern)
        if PLACE_ALONE.fullmatch(left) and not set(left.lower().split()) & VERB_WORDS:
            left = ""
        gone = not left
        if left:
            left = f"{lead[0]}, {left[0].lower() if left.split()[0].istitle() else left[0]}{left[1:]}" if lead else left
            begins = not kept or kept[-1][-1:] in ".!?"
            kept.append((left[0].upper() if begins and body[0].isupper() else left[0]) + left[1:] + end)
    made = " ".join(kept)
    if made.endswith(";"):
        made = made[:-1] + ("." if text.rstrip()[-1:] == "." else "")
    return (made[0].upper() + made[1:] if text[0].isupper() else made) if made else ""


def _least(text: str, pattern: re.Pattern[str]) -> str:
    """The text without places beside the thing (`behind the car`), and without the second of two things."""
    phrase = rf"(?:(?!{STOPS})[\w'-]+\s+){{0,5}}?(?:row of\s+(?:[\w'-]+\s+){{0,3}}?)?{pattern.pattern}"
    text = re.sub(
        rf"(?<=\w)(?<!\bback)(?:\s+(?:balanced|set|contrasted))?\s+(?:just |right |directly )?{PLACED}\s+{phrase}"
        r"(?=\s*(?:[.,;]|$|\b(?:and|while|as)\b))",
        _but_alone, text, flags=re.IGNORECASE,
    )  # fmt: skip
    text = re.sub(
        rf"\b(?P<lead>with|past|between|among)\s+(?:(?!{STOPS})[\w'-]+\s+){{0,3}}?{pattern.pattern}\s+and\s+(?P<rest>[^.,;]*)",
        _but_both, text, flags=re.IGNORECASE,
    )  # fmt: skip
    # Of three things in a row the last.
    text = re.sub(
        rf",\s+((?:(?!{STOPS})[\w'-]+\s*){{1,3}}),\s+and\s+(?:(?!{STOPS})[\w'-]+\s+){{0,3}}?{pattern.pattern}"
        r"(?=\s*[.,;]|\s*$|\s+\w+ing\b|\s+(?:on|onto|in|at|into|across|along|under)\b)",
        r" and \1", text, flags=re.IGNORECASE,
    )  # fmt: skip
    return re.sub(
        rf"(?:,\s+(?P<last>(?!{STOPS})[\w'-]+(?:\s+(?!{STOPS})[\w'-]+){{0,2}}))?,?\s+(?:and|plus)\s+(?!{STOPS})(?:(?:an?|the|his|her|its|their|another|some|several|two|three)\s+)?"
        rf"(?:(?!{STOPS}|\w+(?:s|ing|ed)\b)[\w'-]+\s+){{0,3}}?{pattern.pattern}"
        rf"(?P<where>(?:\s+\w+ing)?(?:\s+{IN}\s+[^.,;]*)?)(?=\s*(?:[.,;]|$))",
        _but_when, text, flags=re.IGNORECASE,
    )  # fmt: skip


def _but_both(match: re.Match[str]) -> str:
    """The first of two things goes, where no clause begins with the second one."""
    clause = set(match["rest"].lower().split()) & VERB_WORDS
    return match[0] if clause else f"{match['lead']} {match['rest']}"


def _but_when(match: re.Match[str]) -> str:
    """The second of two things goes with where it is, and not with what is said of the scene: `on a sunny day`."""
    last = match["last"] or ""
    last = f", {last}" if set(last.lower().split()) & VERB_WORDS else last and f" and {last}"
    places = re.split(rf"(?=\s+{IN}\s)", match["where"])
    at = next((at for at, place in enumerate(places) if at and _of_scene(place)), len(places))
    return last + "".join(places[at:])


def _of_scene(text: str) -> bool:
    return any(CATEGORY[hit.values[0]] not in ("place", "look") for hit in hits(text))


def _but_alone(match: re.Match[str]) -> str:
    """A place goes, but not where one word would be left of its clause, or no verb: `, angled toward the car`."""
    clause = re.split(r"[,;]\s+", match.string[: match.start()])[-1].split()
    return "" if len(clause) > 1 and clause[-1].lower() not in ("is", "are", "was", "were") else match[0]


def _said_of_one(before: str, joint: str, behind: str) -> bool:
    """Whether a comma stands in what is said of one thing (`soft, short shadows`), not between two (`bowls, a mug`)."""
    if joint.strip() != "," or not ADJECTIVE.search(before):
        return False
    last = before.rsplit(maxsplit=1)[-1].lower()
    return singular(last) == last and not ANOTHER.match(behind)


def _lists(parts: list[str], index: int, pattern: re.Pattern[str]) -> bool:
    """Whether a part goes on with the list behind a `with` whose first things are gone, and is no clause."""
    words = set(parts[index].lower().split())
    first = index
    while first > 2 and pattern.search(parts[first - 2]):
        first -= 2
        if parts[first - 1].strip().lower() == "with":
            return not words & VERB_WORDS
    return False


def _clauses(text: str, pattern: re.Pattern[str]) -> str:
    """The clauses that do not speak of the thing, nor hang on one that does."""
    if not pattern.search(text):
        return text
    parts = JOINTS.split(text)
    for index in range(len(parts) - 3, -1, -2):
        if _said_of_one(*parts[index : index + 3]):
            parts[index : index + 3] = ["".join(parts[index : index + 3])]
    rest = ""
    main_gone = dropped = False
    for index in range(0, len(parts), 2):
        joint, part = (parts[index - 1] if index else ""), parts[index]
        hanging = bool(index and HANGING.match(part)) or joint.strip().lower() == "with"
        about = bool(pattern.search(part))
        if hanging:
            # A list goes on with what its last words hang on; a participle with the clause itself.
            gone = about or (dropped if joint.strip().lower() == "with" else main_gone)
        else:
            gone = about or (main_gone and bool(PRONOUN.search(part)) and not rest)
            main_gone = gone
        dropped = gone
        if gone:
            rest = re.sub(
                r"\s+(?:contrasted|combined|balanced|paired|mixed|filled|covered|decorated|packed|crowded|lined|"
                r"teeming|thronged|dotted)$",
                "",
                rest,
            )
            continue
        if rest and index > 1 and joint.startswith(",") and _lists(parts, index, pattern):
            joint = " with "
        if not rest:
            part = re.sub(r"^(?:with|and)\s+", "", part)
            part = part[0].upper() + part[1:] if index and text[0].isupper() else part
        rest += (joint if rest else "") + part
    return rest.strip(" ,")
