"""What the matcher must find, worked out slowly: character by character, term by term, place by place.

Here: the rules of terms written a second time, without the modules that they test. Not here: tests.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from domain.terms import Term

_SPACES = set("-−⁃'`´‘’‛ʼ＇")
_STROKES = {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ß": "ss"}
_ABBREVIATED = {"dr", "mr", "mrs", "ms", "prof", "inc", "ltd", "co", "corp", "vs", "approx"}

Sign = tuple[str, int, int]  # a folded character, and the characters [begin, end) that it stands for
Find = tuple[str, int, int]  # key, start, end


def finds(terms: Iterable[Term], text: str) -> list[Find]:
    """Every occurrence of every term in one text, in the order of start, end, key."""
    found: set[Find] = set()
    for term in terms:
        keep_case, parts = _looked_for(term.written)
        places = [_places(text, spellings, keep_case) for spellings in parts]
        spans = places[0] if len(places) == 1 else _in_order(text, places) if places else []
        found |= {(term.key, *span) for span in spans}
    return sorted(found, key=lambda find: (find[1], find[2], find[0]))


@cache
def _looked_for(written: str) -> tuple[bool, list[list[str]]]:
    """Whether the case counts, and the spellings of each part."""
    acronym = _word(_letters(written, True))
    if _is_acronym(acronym):
        return True, [[acronym, f"{acronym}s"]]
    parts = [part for part in map(_word, _letters(written, False).split(".*")) if any(map(_in_word, part))]
    return False, [[part] for part in parts[:-1]] + [_with_plural(part) for part in parts[-1:]]


@lru_cache(maxsize=8)
def _signs(text: str, keep_case: bool) -> list[Sign]:
    signs: list[Sign] = []
    for place, character in enumerate(text):
        accent = unicodedata.combining(character) == 1 or unicodedata.combining(character) >= 200
        if accent and signs and signs[-1][2] == place and signs[-1][0] != " ":
            signs[-1] = (signs[-1][0], signs[-1][1], place + 1)
        if accent:
            continue
        for sign in _meaning(character, keep_case):
            if sign == " " and signs and signs[-1][0] == " ":
                continue
            signs.append((sign, place, place + 1))
    return signs


@lru_cache(maxsize=8)
def _letters(text: str, keep_case: bool) -> str:
    return "".join(sign for sign, _begin, _end in _signs(text, keep_case))


def _meaning(character: str, keep_case: bool) -> str:
    category = unicodedata.category(character)
    is_control = character < " " or character == "\x7f"
    if character.isspace() or is_control or category == "Pd" or character in _SPACES:
        return " "
    if category == "Cf" or character in "®™©℠" or "\ufe00" <= character <= "\ufe0f":
        return ""
    letter = category[0] == "L" or category == "Nd"
    meaning = ""
    for one in unicodedata.normalize("NFKD" if letter else "NFD", character):
        if unicodedata.combining(one) in (0, *range(2, 200)):
            for lower in unicodedata.normalize("NFD", one if keep_case else one.casefold()):
                stroke = _STROKES.get(lower.lower(), lower) if lower != "ẞ" else "ss"
                meaning += stroke.upper() if keep_case and lower.isupper() else stroke
    return "".join(" " if one in _SPACES else one for one in meaning)


def _word(folded: str) -> str:
    return folded.strip(' .,;:!?…"')


def _is_acronym(cased: str) -> bool:
    capitals = sum(character.isupper() for character in cased)
    digits = sum(character.isdecimal() for character in cased)
    return 2 <= len(cased) <= 4 and capitals > 0 and capitals + digits == len(cased)


def _with_plural(word: str) -> list[str]:
    if not word[-1].isascii() or not word[-1].islower():
        return [word]
    if word[-1] in "sxz" or word[-2:] in ("ch", "sh"):
        return [word, word + "es"]
    if word[-1] == "y" and word[-2:-1].isascii() and word[-2:-1].isalpha() and word[-2] not in "aeiou":
        return [word, word[:-1] + "ies"]
    return [word, word + "s"]


def _in_word(sign: str) -> bool:
    return sign == "_" or sign.isalnum() or unicodedata.category(sign).startswith("M")


def _places(text: str, spellings: list[str], keep_case: bool) -> list[tuple[int, int]]:
    """Where one of the spellings stands with no part of a word on either side."""
    letters = _letters(text, keep_case)
    spellings = [spelling for spelling in spellings if spelling in letters]  # the others need no looking
    signs = _signs(text, keep_case)
    places = []
    for first in range(len(signs) if spellings else 0):
        for spelling in spellings:
            behind = first + len(spelling)
            if signs[first][0] != spelling[0] or behind > len(signs):
                continue
            if any(signs[first + n][0] != spelling[n] for n in range(len(spelling))):
                continue
            before = first > 0 and _in_word(signs[first - 1][0])
            after = behind < len(signs) and _in_word(signs[behind][0])
            if not before and not after:
                places.append((signs[first][1], signs[behind - 1][2]))
    return sorted(places)


def _in_order(text: str, parts: list[list[tuple[int, int]]]) -> Iterator[tuple[int, int]]:
    """From each first part, the nearest place of each next one, where no sentence ends on the way."""
    ends = [place for place in range(len(text)) if _ends_a_sentence(text, place)]
    free = 0
    for start, end in parts[0]:
        if start < free:
            continue
        for places in parts[1:]:
            later = [span for span in places if span[0] >= end]
            if not later:
                return
            end = later[0][1]
        if not any(start <= place < end for place in ends):
            yield start, end
            free = end


def _ends_a_sentence(text: str, place: int) -> bool:
    sign, rest = text[place], text[place + 1 :]
    if sign == ";":
        return True
    if sign == "\n":
        return "\n" in rest[: len(rest) - len(rest.lstrip())]
    if sign not in ".!?…" or (rest and not rest[0].isspace()):
        return False
    begin = place
    while begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        begin -= 1
    word = text[begin:place].casefold()
    return sign != "." or not (place - begin == 1 or word in _ABBREVIATED)
