"""What of a text's writing does not matter when terms are looked for: case, accents, hyphens, marks of ownership.

Here: what each character counts as, alone, whatever stands beside it. Not here: what is a term (terms), many texts
folded at once (folded_texts), nor the phrases of selection, which keep their accents (vocabulary).
"""

import re
import unicodedata

_APOSTROPHES = frozenset("'`´‘’‛ʼ＇")
_HYPHENS = frozenset("−⁃")  # those that Unicode counts among signs; the others are of its category of dashes
_OWNERSHIP = frozenset("®™©℠")
# Letters that people write without their stroke, and pairs that are one letter; Unicode takes none of them apart.
_LETTERS = {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "Œ": "OE", "Æ": "AE", "Ø": "O", "Ł": "L", "Đ": "D"}
_LETTERS |= {"ẞ": "SS", "ß": "ss"}
_SPACES = re.compile(" +")
_OVERLAY, _FIRST_ACCENT = 1, 200  # combining classes; between them are signs that make another letter of theirs
_FIRST_SELECTOR, _LAST_SELECTOR = "\ufe00", "\ufe0f"


def fold_character(character: str, *, keep_case: bool = False) -> str:
    """What one code point counts as: a space for what separates, nothing for what nobody reads, else its letters.

    Both normal forms of an accent give the same; a sign that is no letter stays as it is.
    """
    if _separates(character):
        return " "
    if _is_unread(character):
        return ""
    is_letter = character.isalpha() or character.isdecimal()  # whose forms are one: the ligature "ﬁ" is "fi"
    plain = _without_accents(unicodedata.normalize("NFKD" if is_letter else "NFD", character))
    if not keep_case:
        plain = _without_accents(unicodedata.normalize("NFD", plain.casefold()))
    return "".join(" " if _separates(one) else _LETTERS.get(one, one) for one in plain)


def fold(text: str, *, keep_case: bool = False) -> str:
    """The text as terms are looked for in it, any run of spaces, hyphens and apostrophes one space."""
    return _SPACES.sub(" ", "".join(fold_character(character, keep_case=keep_case) for character in text))


def is_accent(character: str) -> bool:
    """Whether this code point is the accent of the letter before it."""
    return unicodedata.combining(character) == _OVERLAY or unicodedata.combining(character) >= _FIRST_ACCENT


def is_word(character: str) -> bool:
    """Whether a folded character is part of a word: a letter or digit of any script, a mark on one, an underscore."""
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


def _separates(character: str) -> bool:
    if character.isspace() or character in _APOSTROPHES or character in _HYPHENS:
        return True
    return unicodedata.category(character) == "Pd" or character < " " or character == "\x7f"


def _is_unread(character: str) -> bool:
    return (
        character in _OWNERSHIP
        or unicodedata.category(character) == "Cf"
        or _FIRST_SELECTOR <= character <= _LAST_SELECTOR
        or is_accent(character)
    )


def _without_accents(text: str) -> str:
    return "".join(character for character in text if not is_accent(character))
