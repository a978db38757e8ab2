"""Text of others on a terminal: what would command the terminal is shown as visible characters."""

from __future__ import annotations

import unicodedata

__all__ = ["visible"]

# Newlines and tabs; joiners, without which some scripts and emoji are written wrongly.
HARMLESS = "\n\t\u200c\u200d"


def visible(text: str) -> str:
    """The text with every control code, also those that turn the writing direction, as a sign that shows it.

    >>> visible("red: \\x1b[31m, back: \\u202e, bell: \\x07")
    'red: ␛[31m, back: <U+202E>, bell: ␇'
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in HARMLESS else _sign(character)
        for character in text.replace("\r\n", "\n")
    )


def _sign(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    # Spaces of any width are no codes; lone halves and letters that nobody has named stay what they are.
    if unicodedata.category(character) in ("Zs", "Cn", "Co", "Cs"):
        return character
    return f"<U+{code:04X}>"
