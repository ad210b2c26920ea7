"""Phrases and the texts they are looked for in, both as plain words: what makes one occur in the other.

Here: how a text becomes words, phrases with a gap in them, many phrases looked for at once. Not here: which phrases
people keep under which name (scopes), nor what follows from a find (ingestion_profiles).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

# Soft hyphens, joiners and marks of ownership are left out; apostrophes are spaces, as hyphens will be.
_SIGNS: dict[int, str | None] = dict.fromkeys([0, 0xAD, *range(0x200B, 0x200E), 0x2060, 0xFEFF, *map(ord, "®™©")])
_SIGNS |= dict.fromkeys(map(ord, "'’"), " ") | dict.fromkeys(map(ord, "‐‑‒–—"), "-")
# A full stop ends a sentence unless an initial or one of these stands before it: "Dr. Kim" is one sentence.
_ABBREVIATED = ("dr", "mr", "mrs", "ms", "prof", "inc", "ltd", "co", "corp", "vs", "approx")
_UNENDED = "".join(rf"(?<!\b{word}\.)" for word in (*_ABBREVIATED, r"\w"))
_SENTENCE = re.compile(rf"[.!?…]{_UNENDED}(?=\s|$)|;|\n\s*\n")
_STOP = re.compile(r"[^\w\s\0&+-]|-+(?=\s)")  # a dash with a space after it is no hyphen
_STOPS = re.compile(r"(?: [,\0])+(?= )")
_GAP = ".*"
_PATTERN_SIGNS = re.compile(r"[.][+?]|[\\^$|\[\]{}]|\(\?|\w[*]")


def words(text: str) -> str:
    """The words of `text`, one space around each, without case; "," where something stands between two of them, a line
    break where a sentence ends (an empty line ends one too).

    Both spellings of an accent are one, and so are hyphen and space: " long acting " is in the words of "Long-acting".
    """
    text = unicodedata.normalize("NFC", text.translate(_SIGNS).casefold())
    text = _STOP.sub(" , ", _SENTENCE.sub(" \0 ", text)).replace("-", " ")
    # Between two words stands one space, one "," or one end of a sentence, however much was written there.
    return _STOPS.sub(_one_stop, f" {' '.join(text.split())} ").replace("\0", "\n")


def _one_stop(stops: re.Match[str]) -> str:
    return " \0" if "\0" in stops[0] else " ,"


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is looked for: parts of whole words, in this order within one sentence; `written` as people wrote it."""

    written: str
    parts: tuple[str, ...]

    @classmethod
    def of(cls, written: str) -> "Phrase":
        """`seeks.*engineer` has two parts with anything between them; every other sign of a regex is punctuation.

        A phrase without a word has no parts and never occurs.
        """
        parts = (words(part).strip(" ,\n") for part in written.split(_GAP))
        return cls(written, tuple(f" {part} " for part in parts if part))

    @property
    def looks_like_a_pattern(self) -> bool:
        """Whether it holds signs of a regular expression that have no effect here."""
        return bool(_PATTERN_SIGNS.search(self.written.replace(_GAP, "")))

    def occurs_in(self, text: str) -> bool:
        """Whether it is in `text`, which `words` made."""
        if len(self.parts) == 1:
            return self.parts[0] in text
        if not self.parts or not all(part in text for part in self.parts):
            return False
        return any(self._in_order(sentence) for sentence in text.split("\n"))

    def _in_order(self, sentence: str) -> bool:
        # The first place of each part leaves the most room for the next one, so nothing need be tried twice.
        start = 0
        for part in self.parts:
            start = sentence.find(part, start)
            if start < 0:
                return False
            start += len(part) - 1  # the space after it may be the one before the next
        return True


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Phrases to look for together, each once however often and in whatever spelling it was written."""

    phrases: tuple[Phrase, ...] = ()
    _by_word: dict[str, tuple[Phrase, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, written: Iterable[str]) -> "Vocabulary":
        """The vocabulary of these phrases, in their order."""
        distinct: dict[tuple[str, ...], Phrase] = {}
        for one in written:
            phrase = Phrase.of(one)
            if phrase.parts:
                distinct.setdefault(phrase.parts, phrase)
        by_word: dict[str, tuple[Phrase, ...]] = {}
        for phrase in distinct.values():
            # The longest of its words is the one that the fewest texts have.
            rarest = max("".join(phrase.parts).split(), key=len)
            by_word[rarest] = (*by_word.get(rarest, ()), phrase)
        return cls(tuple(distinct.values()), by_word)

    def __bool__(self) -> bool:
        return bool(self.phrases)

    def found_in(self, text: str) -> tuple[str, ...]:
        """The phrases that occur in `text`, which `words` made, as people wrote them and in their order.

        The cost is that of the text's words, not of the vocabulary: only phrases with one of them are looked for.
        """
        candidates = self._by_word.keys() & text.split()
        if not candidates:
            return ()
        found = {phrase for word in candidates for phrase in self._by_word[word] if phrase.occurs_in(text)}
        return tuple(phrase.written for phrase in self.phrases if phrase in found)
