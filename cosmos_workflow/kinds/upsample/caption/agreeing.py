"""Verbs and pronouns that agree with a noun whose number changes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cosmos_workflow.kinds.upsample.caption.garments import GARMENT
from cosmos_workflow.kinds.upsample.caption.lexicon import plural
from cosmos_workflow.kinds.upsample.caption.nouns import singular

__all__ = ["SINGLE", "VERBS", "verbs_behind"]

REGULAR = (
    "accelerate advance appear approach arc arrive back begin bend blow bounce brake bring carry carve catch "
    "chase chat circle climb close come complete continue cook cover creep cross cruise crouch cut dance descend "
    "dig disappear drift drink drive drop eat emerge enter execute exit extend face fall fill flash float flow "
    "fly follow form gaze get glide glow grab grip grow halt hang head hit hold hover jump keep kick kneel land "
    "lean leave lie lift light line listen look lower maintain make march merge move navigate occupy open operate "
    "park pass pause perform pick pivot place play poke pour proceed progress pull push put raise reach read "
    "recede rest return ride rise roll rotate round run scan seem serve shift shine sing sit sleep slide slow "
    "smile speak speed spin stand start stay step stop stretch stride stroll sweep swerve swim swing take talk "
    "nod laugh bow inspect observe check adjust type point pack sort load unload weld paint clean wash stir chop feed "
    "shake blink glance grin jog pedal stare peer examine study assemble tighten drill bark sniff graze gallop fetch "
    "throw tilt touch travel turn twist vanish wait walk watch wave wear weave wipe work write"
)
VERBS = {"is": "are", "was": "were", "has": "have", "does": "do", "goes": "go", "remains": "remain"}
VERBS |= {plural(verb): verb for verb in REGULAR.split()}  # verbs take the endings of nouns
SINGLE = {many: one for one, many in VERBS.items()}
BEHIND_VERBS = (
    r"(?:the|a|an|its|his|her|their|in|on|at|over|under|near|by|to|into|onto|from|off|away|up|down|out|back|left|right|"
    r"through|past|along|around|across|toward|towards|forward|forwards)\b"
)
BEFORE_OBJECT = re.compile(rf"\s+\w{{2,}}[^s\W]s\s+{BEHIND_VERBS}")
ADVERB = r"(?:(?:\w+ly|then|now|still|also|soon|both|all)\s+)?"
# What a person wears may stand before its verb.
WORN = rf"(?:(?:in|wearing)\s+(?:(?:an?|the|his|her)\s+)?(?:[\w-]+,?\s+){{0,3}}?{GARMENT}\s+)?"
# Where a clause ends, or another begins that has a subject of its own.
OVER = re.compile(
    r"[,.;:!?](?!\s+(?:and|then)\b)|\b(?:while|as|when|whereas|that|which|who|because|until|before|after)\b", re.I
)


def verbs_behind(text: str, at: int, *, one: bool, was_one: bool) -> Iterator[tuple[int, int, str]]:
    """The verb behind a noun that ends `at`, those that follow it behind `and`, and its pronouns, in the new number.

    Yields (start, end, word) of each; nothing where the noun has no verb of its own.
    """
    table = SINGLE if one else VERBS
    verb = re.match(rf"(\s+{WORN}{ADVERB})(\w+)\b", text[at:], re.IGNORECASE)
    other = table.get(verb[2].lower()) if verb else None
    if verb and other is None and not one and was_one and BEFORE_OBJECT.match(text[at:]):
        other = singular(verb[2])
    if verb is None or not other:
        return
    yield at + len(verb[1]), at + verb.end(), other
    start = at + verb.end()
    over = OVER.search(text, start)
    clause = text[start : over.start() if over else len(text)]
    for more in re.finditer(rf"\b(?:and|then)\s+{ADVERB}(\w+)\b", clause):
        also = table.get(more[1].lower())
        if also is None and not one and re.match(rf"\w{{2,}}[^s\W]s\s+{BEHIND_VERBS}", clause[more.start(1) :]):
            also = singular(more[1])
        if also:
            yield start + more.start(1), start + more.end(1), also
    own = {"their": "its", "themselves": "itself"} if one else {"its": "their", "itself": "themselves"}
    if one != was_one:
        for pronoun in re.finditer(rf"\b(?:{'|'.join(own)})\b", clause):
            yield start + pronoun.start(), start + pronoun.end(), own[pronoun[0]]
