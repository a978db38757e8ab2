"""Changes what a text says of things: what they are made of, their colour, their number, and which thing it is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cosmos_workflow.kinds.upsample.caption.agreeing import SINGLE, VERBS, verbs_behind
from cosmos_workflow.kinds.upsample.caption.changing import MARK, drop_clauses, mended
from cosmos_workflow.kinds.upsample.caption.lexicon import alternation, plural
from cosmos_workflow.kinds.upsample.caption.nouns import COLOUR, KIND_OF, MATERIAL, MATERIAL_OF, alike, itself, singular
from cosmos_workflow.kinds.upsample.caption.wished import Attribute, Swap, Wish
from cosmos_workflow.kinds.upsample.caption.words.things import COUNTS, MATERIALS

__all__ = [
    "PERSON",
    "changed_things",
    "names",
    "person_swapped",
    "swapped",
    "with_pronouns",
    "without_hair",
    "words_for",
]

BODY = re.compile(
    r"\b(?:hair|haired|ponytail|braids?|beard|moustache|dressed|wear(?:s|ing)?|clothes|clothing|attire|outfit|shirt|dress|"
    r"leggings|trousers|pants|jeans|shoes?|boots|jacket|coat|top|skirt|skin|make-?up|lips|cheekbones|jawline|smile|muscul\w+|"
    r"blonde|brunette|accessories|jewel\w+|heels|face)\b",
    re.IGNORECASE,
)
# What vehicles have, and no being.
VEHICLE_PARTS = re.compile(
    r"\b(?:windows?|windshields?|wheels?|doors?|panels?|headlights?|tail ?lights?|brake lights?|bumpers?|hood|engines?|"
    r"tires?|tyres?|paint|body|bodywork|silhouette|decals?|lettering|graphics|roof rack|licen[cs]e plates?)\b",
    re.IGNORECASE,
)
LOOKS = (
    r"(?:(?:commercial|compact|(?:two|three|four|five)-door|convertible|domestic|male|female|"
    r"blonde|blond|brunette|young|elderly|old|bearded|middle-aged|slim|athletic|dark-haired)\s+)*"
)
PERSON = {word for kind in ("woman", "man", "child", "person") for word, (_, of) in KIND_OF.items() if of == kind}
NO_NOUN = r"(?!(?:and|or|in|as|with|at|to|while|on|from|for)\b)\w"  # "behind her and": no noun of hers follows
PRONOUNS = tuple(
    re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    for pattern in ("himself|herself", "she|he", rf"(?:his|her)(?=\s+{NO_NOUN})", "him|her|hers")
)
PRONOUNS_OF = {
    "thing": ("itself", "it", "its", "it"), "man": ("himself", "he", "his", "him"),
    "woman": ("herself", "she", "her", "her"), "things": ("themselves", "they", "their", "them"),
}  # fmt: skip
SHAPED = r"(?:made|built|crafted|carved|cast|constructed|formed|finished|covered|clad|painted)"
PREDICATE = (
    rf"(?:(?:is|are|was|were|has|have)\W+(?:(?:a|an|entirely|all|completely)\W+)?(?:{SHAPED}\W+(?:entirely\W+)?(?:out\W+)?"
    rf"(?:(?:of|from|in|with)\W+)?)?|{SHAPED}\W+(?:entirely\W+)?(?:out\W+)?(?:of|from|in|with)\W+|of\W+)"
)
# What has the colour of the whole thing.
PAINTED = re.compile(
    r"(?:[\s-]+(?!and\b|or\b|with\b)[\w-]+){0,2}?\s+(?:paint|paintwork|finish|bodywork|exterior|coat|coating|shell|housings?)\b",
    re.IGNORECASE,
)
GAP = r"(?:[\s,-]+(?!(?:and|or|with|in|on|at|of|to|from|by|is|are|under|beside|near|the|a|an)\b)[\w'-]+){0,4}?[\s,-]+"


# The vehicle from which the scene is seen is none of those in it.
OWN_VEHICLE = r"(?<!recording\s)(?<!host\s)(?<!ego\s)(?<!stopped\s)(?<!dashcam\s)(?<!camera\s)(?<!camera-)"


def names(nouns: Iterable[str], *, exact: bool = False) -> re.Pattern[str]:
    """A pattern for any of the nouns, those like it, and their plurals; with `exact` for what is called so itself."""
    words = (word for noun in nouns for word in (itself(noun) if exact else alike(noun)))
    return re.compile(rf"(?<![\w-]){OWN_VEHICLE}(?:{alternation(words)})(?![\w-])", re.IGNORECASE)


def changed_things(text: str, wish: Wish, about: Iterable[str] = ()) -> str:
    """The text with materials, colours and numbers as wished; `about` has nouns that the whole text speaks of."""
    for attribute in wish.attributes:
        if attribute.kind == "count":
            text = _counted(text, attribute)
        else:
            whole = bool(set(about) & {word for noun in attribute.nouns for word in alike(noun)})
            text = _made_of(text, attribute, wish, whole)
    return text


def _made_of(text: str, wanted: Attribute, wish: Wish, whole: bool) -> str:
    """Other materials or colours of the wanted nouns replaced; `whole` is whether the whole text is about them."""
    pattern = MATERIAL if wanted.kind == "material" else COLOUR
    also = {each.value for each in wish.attributes if each.kind == wanted.kind and each.nouns == wanted.nouns}
    nouns = names(wanted.nouns, exact=wanted.exact).pattern if wanted.nouns else ""
    pieces = []
    for match in pattern.finditer(text):
        word = re.sub(r"[\s-]+", " ", match[0].lower())
        value = MATERIAL_OF.get(word, MATERIAL_OF.get(match[0].lower(), word)) if wanted.kind == "material" else word
        if value in also or (
            wanted.was and value.split()[-1].replace("gray", "grey") != wanted.was.replace("gray", "grey")
        ):
            continue
        behind, before = text[match.end() :], text[: match.start()]
        of = re.search(r"\b(?:of|from|in|out of)\W+(?:[\w-]+\W+)?$", before, re.IGNORECASE)
        attached = (
            not wanted.nouns
            or (whole and (wanted.kind == "material" or PAINTED.match(behind)))
            or re.match(GAP + nouns, behind, re.IGNORECASE)
            or re.search(
                rf"{nouns}(?:'s\W+(?:surface|body|top|paint|finish|frame|shell))?\W+(?:{PREDICATE})(?:solid|polished|pure)?\W*$",
                before,
                re.IGNORECASE,
            )
        )
        if not attached or (wanted.kind == "material" and re.match(r"\s+of\b", behind) and word == "glass"):
            continue
        pieces.append((match.start(), match.end(), words_for(wanted, bool(of and not re.match(r"\s+\w", behind)))))
    return _written(text, pieces)


def words_for(wanted: Attribute, noun: bool) -> str:
    """A wanted material or colour as an adjective, or as a noun (`wooden`, `wood`)."""
    if wanted.kind != "material":
        return wanted.word
    words = [word.strip() for word in MATERIALS[str(wanted.value)].split(",")]
    return (words[1] if noun else words[0]) if wanted.word in words[:2] else wanted.word


def _written(text: str, pieces: Iterable[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(pieces, reverse=True):
        begins = not text[:start].strip() or text[:start].rstrip()[-1] in ".!?"
        capital = text[start : start + 1].isupper() and (
            begins or not text[start : start + 2].isupper()
        )  # an SUV is none
        words = new[:1].upper() + new[1:] if capital else new
        text = f"{text[:start]}{MARK}{words}{MARK}{text[end:]}"
    return mended(text)


DETERMINER = re.compile(
    rf"(?:^|(?<=[\s,;(]))(?P<count>(?:{alternation(COUNTS)}|\d{{1,3}}|an?|the|these|this))(?P<between>(?:[\s,]+[\w'-]+){{0,4}}?"
    r"[\s,]+)$",
    re.IGNORECASE,
)


def _begins(text: str, match: re.Match[str]) -> bool:
    """Whether a noun in the singular begins a sentence without an article, as in notes: `Robot turns left.`"""
    begins = not text[: match.start()].strip() or text[: match.start()].rstrip()[-1] in ".;!?"
    noun = match[0].lower()
    return begins and singular(noun) == noun and bool(re.match(r"\s+\w+s\s", text[match.end() :]))


def _counted(text: str, wanted: Attribute) -> str:
    """The wanted number before the nouns of which it is wished, with nouns and verbs in its number."""
    one = wanted.value == 1
    pieces: list[tuple[int, int, str]] = []
    over = 0
    for match in names(wanted.nouns, exact=wanted.exact).finditer(text):
        if match.start() < over:
            continue
        clause = max(text.rfind(mark, 0, match.start()) for mark in ".;:!?") + 1
        determined = DETERMINER.search(text[clause : match.start()])
        if determined is None and _begins(text, match) and not one:
            pieces.append((match.start(), match.end(), f"{wanted.word} {plural(singular(match[0].lower()))}"))
            pieces.extend(verbs_behind(text, match.end(), one=False, was_one=True))
            continue
        while determined and (inner := DETERMINER.search(determined["between"])):  # the one that is next to the noun
            begin = clause + determined.start("between")
            determined, clause = inner, begin
        if determined is None or re.search(r"\b(?:of|in|on|with|at|from|and)\b", determined["between"]):
            continue
        if re.search(r"\b(?:upper|lower|left|right)\W+$", determined["between"], re.IGNORECASE):
            continue  # the upper arm is a part of one
        word = determined["count"].lower()
        noun = match[0]
        if re.match(r"\s+(?:arms?|door|driver|stop|light|table|leg|hand)\b", text[match.end() :], re.IGNORECASE):
            continue  # the noun belongs to another
        base = singular(noun)
        number = base if one else noun if singular(noun.lower()) != noun.lower() else plural(base)
        start, end = (clause + determined.start("count"), clause + determined.end("count"))
        same = word == wanted.word or (COUNTS.get(word) == wanted.value and wanted.value) or word == str(wanted.value)
        if word in ("the", "these", "this"):
            pieces.append((start, end, "the"))
        elif not same:
            every = word == "both" and isinstance(wanted.value, int) and wanted.value > 2
            after_the = re.search(r"\b(?:the|these|his|her|its|their)\s+$", text[:start], re.IGNORECASE)
            plain = wanted.word.removeprefix("a ").removeprefix("an ") if after_the else wanted.word
            pieces.append((start, end, f"all {plain}" if every else plain))
        if there := re.search(r"\bthere\s+(is|are|was|were)\s+$", text[:start], re.IGNORECASE):
            pieces.append((there.start(1), there.end(1), (SINGLE if one else VERBS).get(there[1].lower(), there[1])))
        pieces.append((match.start(), match.end(), number))
        if not re.search(r"\b(?:on|in|with|at|from|near|behind|beside|under|to|by)\s+$", text[:start], re.IGNORECASE):
            pieces.extend(verbs_behind(text, match.end(), one=one, was_one=noun.lower() == base.lower()))
        over = match.end()
    kept = {(start, end): words for start, end, words in pieces if text[start:end].lower() != words.lower()}
    return _written(text, [(start, end, words) for (start, end), words in kept.items()])


def swapped(text: str, swap: Swap, also: Iterable[str] = ()) -> str:
    """The text with one thing in the place of another.

    `also` has other nouns that mean the old one here, such as `dancer` for a woman who dances.
    """
    old = swap.old.lower()
    head = old.split()[-1]
    words = {old, plural(old), *(alike(head) if old == head and not swap.exact else ())}
    kind = None if swap.exact else KIND_OF.get(singular(head))
    if old != head and not (kind and kind[1] in PEOPLE):  # a white sedan: no other car is meant
        before = old[: -len(head)]
        words = {f"{before}{each}" for each in alike(head)}
    elif kind:
        words |= {each for each, of in KIND_OF.items() if of == kind and kind[1] != "person"} | {singular(head)}
        words |= {plural(each) for each in words}
    new_words = swap.new.split()
    new = swap.new[0].lower() + swap.new[1:] if not swap.new.isupper() else swap.new
    pieces = []
    for group, replacement in ((words, new), ({*also, *(plural(each) for each in also)} - words, new_words[-1])):
        if not group:
            continue
        pattern = re.compile(
            rf"(?<![\w-]){OWN_VEHICLE}{LOOKS}(?:{alternation(group)})(?P<own>'s)?(?![\w-])", re.IGNORECASE
        )
        for match in pattern.finditer(text):
            many = (
                singular(re.sub(r"'s$", "", match[0]).split()[-1].lower())
                != re.sub(r"'s$", "", match[0]).split()[-1].lower()
            )
            given = plural(replacement) if many and singular(replacement) == replacement else replacement
            pieces.append((match.start(), match.end(), given + (match["own"] or "")))
    return _written(text, _apart(pieces))


def _apart(pieces: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    kept: list[tuple[int, int, str]] = []
    for piece in sorted(pieces, key=lambda each: (each[0], -each[1])):
        if not kept or piece[0] >= kept[-1][1]:
            kept.append(piece)
    return kept


def person_swapped(text: str, swap: Swap, also: Iterable[str], *, pronouns: bool) -> str:
    """A text in which a person becomes what is no person: without hair, clothes and skin, and with `it` for `she`."""
    text = re.sub(
        r"(?:\s+tied (?:back|up))?\s+(?:with|wearing|dressed in|in)\s+(?:(?!as\b|and\b|while\b|tight)[\w'-]+\s+){0,4}"
        r"(?:hair|ponytail|beard|skin|dress|shirt|top|suit|jacket|coat)\b"
        r"(?:\s+tied (?:back|up)(?:\s+in [^,.;]*ponytail)?)?(?:\s+with an? [\w-]+ (?:back|hood|collar))?"
        r"(?:(?:,|,?\s+and)\s+(?:[\w'-]+\s+){0,3}(?:pants|trousers|leggings|jeans|shorts|skirt|shoes|boots|hat|cap)\b)*",
        "", text,
    )  # fmt: skip
    text = drop_clauses(swapped(text, swap, also), BODY, keep_first=True)
    return with_pronouns(text, "thing") if pronouns else text


HAIR = re.compile(r"\b(?:hair|haired|ponytail|braids?|beard|moustache|bun|blonde?|brunette|make-?up|lipstick)\b", re.I)
HAIRED = re.compile(
    r"\s+with\s+(?:(?!as\b|and\b|while\b)[\w'-]+\s+){0,4}(?:hair|ponytail|beard|braids?)\b"
    r"(?:\s+tied (?:back|up))?(?:\s+in\s+(?:[\w-]+\s+){0,3}(?:ponytail|bun|braids?))?",
    re.IGNORECASE,
)


def without_hair(text: str) -> str:
    """A text about a person that is another now, without the hair and the make-up of the one before."""
    return drop_clauses(HAIRED.sub("", text), HAIR, keep_first=True)


def with_pronouns(text: str, kind: str) -> str:
    """A text that speaks of one person, with the pronouns of a `man`, a `woman`, a `thing` or `things`.

    For other kinds it stays as it is.
    """
    for match in reversed(list(PRONOUNS[1].finditer(text)) if kind == "things" else []):
        verbs = list(verbs_behind(text, match.end(), one=False, was_one=True))
        for start, end, other in sorted(verbs, reverse=True):
            text = text[:start] + other + text[end:]
    places = [(*match.span(), other) for pattern, other in zip(PRONOUNS, PRONOUNS_OF.get(kind, ()), strict=False)
              for match in pattern.finditer(text)]  # fmt: skip
    for start, end, other in reversed(_apart(places)):
        text = text[:start] + (other.capitalize() if text[start].isupper() else other) + text[end:]
    return text


BEING_KINDS = {**{plural(word): kind for word, kind in KIND_OF.items()}, **KIND_OF}
BEINGS = re.compile(rf"(?<![\w-])(?:{alternation(BEING_KINDS)})(?![\w-])", re.IGNORECASE)


def kinds_in(text: str) -> list[tuple[str, str, str]]:
    """The beings and vehicles of a text in order: (word, group, kind)."""
    beings = []
    for match in BEINGS.finditer(text):
        word = re.sub(r"[\s-]+", " ", match[0].lower())
        if word in BEING_KINDS:
            beings.append((word, *BEING_KINDS[word]))
    return beings


PEOPLE = frozenset(("woman", "man", "child", "person"))
