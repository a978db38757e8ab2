"""Changes a text to what a wish asks for: words of other times, weathers, places and lights are replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cosmos_workflow.kinds.upsample.caption.agreeing import verbs_behind
from cosmos_workflow.kinds.upsample.caption.lexicon import CATEGORY, Hit, form_of, gives_way, hits, negated
from cosmos_workflow.kinds.upsample.caption.mending import MARK, mended
from cosmos_workflow.kinds.upsample.caption.nouns import singular
from cosmos_workflow.kinds.upsample.caption.placing import beside_a_street, placed
from cosmos_workflow.kinds.upsample.caption.wished import Wish

__all__ = ["changed_scene", "drop_clauses", "values_in"]

GONE = "\x02"  # stands for a word that goes without another: its clause goes with it
FALLING = re.compile(r"(?:\s+(?:is|are))?\s+(?:falls?|falling|pours?|pouring|comes?|coming|drifts?|drifting|"
                     r"lashes|beats|drums|drift|covers?|blankets?|shrouds?|fills?|veils?|hangs?|hanging|runs?|running|drips?|gathers?|looms?|lingers?|swirls?|"
                     r"swirling|clings?|settles?|rises?|rolls)"
                     r"(?:\s+(?:down(?!\s+(?:an?|the|his|her)\b)|steadily|gently|heavily|softly|hard))*\b",
                     re.IGNORECASE)  # fmt: skip
LYING = re.compile(
    r"(?:\s*,)?\s*(?:\b(?:covered|filled|blanketed|dusted|laden|soaked|shrouded|wrapped|coated)\s+)?"
    r"\b(?:in|with|by|of|under|through|from)\s+(?:(?:a|an|the|light|heavy|fresh|thick|deep|falling|"
    r"layer of|blanket of)\s+)*$",
    re.IGNORECASE,
)
# Words of light that go with the word behind them: a bright daylight becomes moonlight, not bright moonlight.
WITH_IT = re.compile(
    r"(?:(?:bright|brilliant|warm|harsh|strong|natural|full|direct|broad|blazing|golden|glaring|intense|abundant|early|late),?\s+)+$",
    re.IGNORECASE,
)
COVERS = re.compile(r"\s+(?:covers?|blankets?|shrouds?|veils?|coats?)\b(?!\s*[.,;])", re.IGNORECASE)
# Rain-slicked asphalt is wet, and snow-covered roofs have snow on them: what it is, without the weather, is dry.
LYING_ON = re.compile(
    r"-(?:slick\w*|soaked|drenched|swept|wet|washed|covered|dusted|capped|laden)$|capped$", re.IGNORECASE
)
ONTO = re.compile(r"\s+(?:down|on|onto|over|upon|past|across)\b", re.IGNORECASE)
# What goes with the weather of which a text says what it does.
HEAVY_WORD = r"(?:(?:heavy|thick|dense|dark|grey|gray|light|low|fine|fresh|soft|large),?\s+)"
HEAVY = re.compile(rf"\b(?:(?:an?|the)\s+{HEAVY_WORD}*|{HEAVY_WORD}+)$", re.IGNORECASE)
SHINES = re.compile(
    r"\s+(?:is\s+)?(?:shin(?:es|ing)|beat(?:s|ing)|blaz(?:es|ing)|glow(?:s|ing)|burn(?:s|ing))"
    r"(?:\s+(?:brightly|down|warmly|overhead|high|brilliantly))*\b(?P<through>\s+through\b)?",
    re.IGNORECASE,
)
NOUNS = ("noun", "light", "sun", "sky", "way")  # forms behind which an adjective says something new
JOINED = re.compile(r"^(?:\s+|-|,\s*|\s+and\s+|,\s*and\s+|/)$")


def values_in(text: str) -> set[str]:
    """The values that a text states; what it denies is left out."""
    return {value for hit in hits(text) if not negated(text, hit) for value in hit.values}


def changed_scene(text: str, wish: Wish) -> str:
    """The text with every word that contradicts the wish replaced, or taken out where the wish only says what not.

    >>> from cosmos_workflow.kinds.upsample.caption.wishes import read_wish
    >>> changed_scene("A sunny street in bright daylight, under a clear blue sky.", read_wish("at night, in snow"))
    'A snowy street in moonlight, under a snowy sky.'
    """
    if not wish.values and not wish.unwanted:
        return text
    wrong = [(hit, winners) for hit in hits(text) if (winners := _winners(text, hit, wish)) is not None]
    denied = [span for hit in hits(text) if set(hit.values) & set(wish.values) and (span := negated(text, hit))]
    pieces: list[tuple[int, int, str]] = [(start, end, _affirmed(text[start:end], wish)) for start, end in denied]
    named: set[str] = set()
    for group in _groups(text, wrong):
        pieces.extend(_replacements(text, group, wish, named))
    for start, end, words in sorted(pieces, reverse=True):
        text = f"{text[:start]}{MARK}{words}{MARK}{text[end:]}"
    return mended(drop_clauses(text, re.compile(GONE)))


def _winners(text: str, hit: Hit, wish: Wish) -> list[str] | None:
    """The wished values that a hit contradicts, those of its own category first; None where it may stay."""
    if negated(text, hit):
        return None
    if beside_a_street(text, hit, wish.values):
        return None
    against = [wanted for wanted in wish.values for value in hit.values if gives_way(value, wanted)]
    if against and not set(hit.values[:1]) & set(wish.values):
        own = CATEGORY[hit.values[0]]
        return sorted(dict.fromkeys(against), key=lambda value: CATEGORY[value] != own)
    return [] if set(hit.values) & set(wish.unwanted) else None


def _groups(text: str, wrong: Sequence[tuple[Hit, list[str]]]) -> list[list[tuple[Hit, list[str]]]]:
    """Wrong words that stand side by side, as `bright, sunny day`."""
    groups: list[list[tuple[Hit, list[str]]]] = []
    for hit, winners in wrong:
        last = groups[-1][-1][0] if groups else None
        parted = last and (
            last.form in ("when", "ing", "skyis", "sunis") or (last.form in NOUNS and hit.form not in NOUNS)
        )
        parted = parted or (last and last.form in NOUNS and "," in text[last.end : hit.start])
        beside = last and not parted and JOINED.match(text[last.end : hit.start])
        if beside and bool(groups[-1][-1][1]) == bool(winners):
            groups[-1].append((hit, winners))
        else:
            groups.append([(hit, winners)])
    return groups


def _replacements(
    text: str, group: list[tuple[Hit, list[str]]], wish: Wish, named: set[str]
) -> list[tuple[int, int, str]]:
    """From where to where a group is replaced, and by what; `named` has the places that the text has by then."""
    head, winners = group[-1]
    start, end = group[0][0].start, head.end
    if head.form in ("light", "sun", "sky", "noun") and (extra := WITH_IT.search(text[:start])):
        start = extra.start()
    if not winners:
        return [_nothing(text, start, head)]
    if weather := _weather(text, start, head, winners, wish):
        return [weather]
    winner = winners[0]
    capital = text[start : start + 1].isupper()
    if CATEGORY[head.values[0]] == CATEGORY[winner] == "place":
        pieces = placed(text, start, head, winner, wish.own, again=winner in named)
        named.add(winner)
        (start, end, words), *more = pieces
        return [(start, end, words[:1].upper() + words[1:] if capital else words), *more]
    if head.values[0] == "crowded" and (people := re.match(r"\s+with\s+[\w -]+(?=[,.;]|$)", text[end:])):
        end += people.end()
    words = _words(head, winner, wish)
    before = dict.fromkeys(value for _, values in group[:-1] for value in values[:1] if value != winner)
    others = [form_of(value, "level" if CATEGORY[value] == "light" else "adj", {}) for value in before]
    if head.form not in ("when", "ing", "sunis"):
        words = ", ".join([*others, words]) if head.form == "adj" else " ".join([*others, words])
    verbs: Iterator[tuple[int, int, str]] = iter(())
    if head.form == "noun" and end == head.end and singular(head.text) != head.text and singular(words) == words:
        verbs = verbs_behind(text, end, one=True, was_one=False)  # snowflakes drift, and rain drifts
    return [(start, end, words[:1].upper() + words[1:] if capital else words), *verbs]


def _nothing(text: str, start: int, head: Hit) -> tuple[int, int, str]:
    """What goes without another: the word, or what it is part of."""
    if head.form in ("noun", "ing") and CATEGORY[head.values[0]] != "place":
        lying = LYING.search(text[:start])
        return (lying.start(), head.end, "") if lying and lying.start() else (start, head.end, GONE)
    plain = {"light": "light", "sun": "light", "sky": "sky", "lit": "lit"}.get(head.form, "")
    return start, head.end, plain


def _weather(text: str, start: int, head: Hit, winners: list[str], wish: Wish) -> tuple[int, int, str] | None:
    """What another weather does, where a text says that the sun shines or that rain falls; None where it does not."""
    end = head.end
    does, over = "", 0
    if winners[0] in ("clear", "heat", "dry", "summer") and head.form == "noun":
        if falling := FALLING.match(text[end:]):
            does, over = "the sky is clear" if "night" in wish.values else "the sun shines", falling.end()
            if (onto := ONTO.match(text[end + over :])) and onto[0].strip() == "down":
                does, over = f"{does} on", over + onto.end()
            does += " over" if re.search(r"(?:covers?|blankets?|shrouds?|fills?|veils?)$", falling[0]) else ""
        elif re.search(r"[,;]\s+(?:and\s+|with\s+)?$", text[:start]):
            return start, end, GONE  # "rain on the window"
    elif winners[0] in ("fog", "overcast", "storm") and head.form == "noun" and (falling := FALLING.match(text[end:])):
        does, over = form_of(winners[0], "does", {}), falling.end()
        if onto := ONTO.match(text[end + over :]):
            does, over = f"{does.removesuffix(' in the air')} over", over + onto.end()
    elif head.form == "noun" and CATEGORY[winners[0]] == "weather" and (covers := COVERS.match(text[end:])):
        does, over = form_of(winners[0], "does", {}).removesuffix(" in the air"), covers.end()
        does += "" if does.endswith("sky") else " on" if "falls" in does else " over"
    elif head.form in ("sun", "light") and (shines := SHINES.match(text[end:])):
        does = next((form_of(each, "does", {}) for each in winners if CATEGORY[each] == "weather"), "")
        does, over = does + (" outside" if does and shines["through"] else ""), shines.end()
        article = re.search(r"\b(?:the|a)\s+$", text[:start], re.IGNORECASE)
        start = article.start() if article and does else start
    if not does:
        return None
    if head.form == "noun" and (heavy := HEAVY.search(text[:start])):
        start = heavy.start()
    return start, end + over, does[0].upper() + does[1:] if text[start].isupper() else does


def _words(head: Hit, winner: str, wish: Wish) -> str:
    if head.form == "sunis":
        return form_of(winner, "does" if CATEGORY[winner] == "time" else "sun", {})
    if head.form == "adj" and CATEGORY[winner] == CATEGORY[head.values[0]] == "weather" and LYING_ON.search(head.text):
        return form_of(winner, "ground", wish.own)
    if head.values[0] == "harsh" and "shadow" in head.text.lower():
        return "soft shadows"
    if CATEGORY[head.values[0]] == "light" and CATEGORY[winner] != "light" and head.form in ("adj", "noun"):
        return form_of(winner, "level", {}) if head.form == "adj" else form_of(winner, "light", wish.own)
    if CATEGORY[head.values[0]] == "weather" and head.values[0] in ("dry", "wet") and head.form == "adj":
        return form_of(winner, "ground", wish.own)
    return form_of(winner, head.form, wish.own)


def _affirmed(text: str, wish: Wish) -> str:
    """What was denied and is wished, said: `no snow` becomes `snow`, `without rain` `with rain`."""
    hit = hits(text)[0]
    value = next(each for each in hit.values if each in wish.values)
    denial = text[: hit.start].lower()
    if denial.startswith("without"):
        return f"with {form_of(value, 'noun', wish.own)}"
    if re.match(r"(?:right |just |shortly |soon )?after\b", denial):
        return f"in {form_of(value, 'noun', wish.own)}"
    if re.match(r"(?:free|devoid|clear|cleared|lack|absence)", denial):
        return f"full of {form_of(value, 'noun', wish.own)}"
    if text[hit.end :].lower().startswith(("-free", " free")):
        return form_of(value, "adj", wish.own)
    return form_of(value, hit.form, wish.own)


# Of such a sentence nothing is left but when it was.
TIME_ALONE = re.compile(
    r"\s*(?:from|between|at|by|around|until)\s+\d+:\d\d(?:\.\d+)?(?:\s*(?:to|and|-)\s*\d+:\d\d(?:\.\d+)?)?[\s.,;]*",
    re.IGNORECASE,
)


def drop_clauses(text: str, pattern: re.Pattern[str], *, keep_first: bool = False) -> str:
    """The text without what speaks of something: a clause behind a comma, or the sentence that begins with it.

    With `keep_first` the beginning of a sentence stays, whatever it speaks of.

    >>> drop_clauses("Cars drive by, a dog barks. The sun shines.", re.compile("dog"))
    'Cars drive by. The sun shines.'
    >>> drop_clauses("It is dark. From 0:01 to 0:02, a dog barks.", re.compile("dog"))
    'It is dark.'
    """
    if not pattern.search(text):
        return text
    kept = []
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        if not pattern.search(sentence):
            kept.append(sentence)
            continue
        parts = re.split(r"([,;]\s+(?:and\s+|while\s+|as\s+)?|\s+(?:while|with|as)\s+)", sentence)
        if pattern.search(parts[0]) and not keep_first:
            # Of what falls from the sky, what is said behind it stays: it has a subject of its own.
            while len(parts) > 2 and pattern.pattern == GONE and (pattern.search(parts[0]) or parts[1][0] not in ",;"):
                parts = parts[2:]
            if pattern.search(parts[0]):
                continue
            parts[0] = parts[0][:1].upper() + parts[0][1:]
        rest, dropped = parts[0], False
        for joint, part in zip(parts[1::2], parts[2::2], strict=True):
            # What is joined by "with" or "as" goes with what it belongs to.
            dropped = bool(pattern.search(part)) or (dropped and joint[0] not in ",;")
            if not dropped:
                rest += joint + part
        if not TIME_ALONE.fullmatch(rest):
            kept.append(rest if rest[-1:] in ".!?" or sentence[-1:] not in ".!?" else rest + sentence[-1])
    return " ".join(kept)
