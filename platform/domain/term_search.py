"""One search over whole batches of texts: where its patterns occur as words of their own.

Here: the comparison, the boundaries of words, the capitals of acronyms. Not here: where it is worth to compare
(rare_grams), how texts are folded (folded_texts), nor what a pattern stands for (matching).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from domain.folded_texts import PADDING, WORD_BYTES, Bytes, FoldedTexts, Folder, Numbers, encoded
from domain.rare_grams import RareGrams
from domain.term_folding import fold

_PLACE = 32  # bits of a place in its text, and of the number of a target
_WORD = 8  # bytes compared at once


@dataclass(frozen=True, slots=True)
class Pattern:
    """A folded spelling with the number of what it stands for; an acronym's is in the case that it must have."""

    spelling: str
    target: int
    is_acronym: bool = False


@dataclass(frozen=True, slots=True)
class Finds:
    """Occurrences, in columns: row, start and end in characters of the text, number of what was found."""

    rows: Numbers
    starts: Numbers
    ends: Numbers
    targets: Numbers

    def __getitem__(self, which: Numbers) -> "Finds":
        return Finds(self.rows[which], self.starts[which], self.ends[which], self.targets[which])

    @classmethod
    def of(cls, found: Sequence[tuple[int, int, int, int]]) -> "Finds":
        """The columns of occurrences given one by one."""
        columns = np.array(found, dtype=np.int64).reshape(-1, 4)
        return cls(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3])

    @classmethod
    def joined(cls, several: Sequence["Finds"]) -> "Finds":
        """All of them, one after the other; at least one is given."""
        if len(several) == 1:
            return several[0]
        columns = ([one.rows, one.starts, one.ends, one.targets] for one in several)
        return cls(*(np.concatenate(column) for column in zip(*columns, strict=True)))

    def in_order(self) -> "Finds":
        """Sorted by row, start, end, target."""
        starts, ends = self.rows << _PLACE | self.starts, self.ends << _PLACE | self.targets
        order = np.argsort(starts, kind="stable")  # very fast where few are out of order
        starts, ends = starts[order], ends[order]
        if ((starts[1:] == starts[:-1]) & (ends[1:] < ends[:-1])).any():
            order = order[np.lexsort((ends, starts))]
        return self[order]

    def moved(self, by: int) -> "Finds":
        """The same in rows so much further on."""
        return Finds(self.rows + by, self.starts, self.ends, self.targets)


class TermSearch:
    """Finds patterns in batches of texts, nested and overlapping ones too; `folder` may be shared."""

    def __init__(self, patterns: Sequence[Pattern], folder: Folder) -> None:
        self._folder = folder
        self._targets = np.array([pattern.target for pattern in patterns], dtype=np.int64)
        cased = [encoded(pattern.spelling) if pattern.is_acronym else b"" for pattern in patterns]
        self._cased_length = np.array([len(spelling) for spelling in cased], dtype=np.int64)  # 0 where case is free
        self._cased = np.zeros((len(cased), max(map(len, cased), default=0)), dtype=np.uint8)
        for number, spelling in enumerate(cased):
            self._cased[number, : len(spelling)] = list(spelling)
        folded = [encoded(fold(one.spelling) if one.is_acronym else one.spelling) for one in patterns]
        self._lengths = np.array([len(spelling) for spelling in folded], dtype=np.int64)
        self._words = _words(folded)
        self._first_mask = _words([b"\xff" * min(len(spelling), _WORD) for spelling in folded])[0]
        self._last_word = _words([spelling[-_WORD:] for spelling in folded])[0]
        self._last_place = np.maximum(self._lengths - _WORD, 0)
        self._folded = folded
        self._grams: RareGrams | None = None  # of the first texts

    def finds(self, texts: pa.LargeStringArray) -> Finds:
        """The patterns in these texts, none of them null; in no order."""
        folded = self._folder.fold(texts)
        if self._grams is None:
            self._grams = RareGrams.of(self._folded, folded.data)
        starts, patterns = self._bounded(folded.data, self._grams)
        rows = np.searchsorted(folded.starts, starts, "right") - 1
        begin, end = folded.source_spans(rows, starts, starts + self._lengths[patterns])
        finds = Finds(rows, folded.characters(rows, begin), folded.characters(rows, end), self._targets[patterns])
        acronyms = np.flatnonzero(self._cased_length[patterns])
        if not len(acronyms):
            return finds
        right = np.ones(len(rows), dtype=np.bool_)
        right[acronyms] = self._in_case(folded, patterns[acronyms], begin[acronyms], end[acronyms])
        return finds[np.flatnonzero(right)]

    def _bounded(self, data: Bytes, grams: RareGrams) -> tuple[Numbers, Numbers]:
        """What begins and ends where a word does: its place in the folded bytes, number of the pattern."""
        found = [self._equal(data, *some) for some in grams.places(data, len(data) - PADDING)]
        places, patterns = (np.concatenate(column) for column in zip(*found, strict=True))
        behind = data[places + self._lengths[patterns]]
        bounded = np.flatnonzero(~(WORD_BYTES[data[places - 1]] | WORD_BYTES[behind]))
        return places[bounded], patterns[bounded]

    def _equal(self, data: Bytes, places: Numbers, patterns: Numbers) -> tuple[Numbers, Numbers]:
        """Those of these places where their patterns stand."""
        windows = np.ndarray(len(data) - _WORD + 1, np.uint64, data, strides=(1,))  # the eight bytes from each place on
        begins = windows[places]
        begins &= self._first_mask.take(patterns)
        same = (begins == self._words[0].take(patterns)).nonzero()[0]
        places, patterns = places[same], patterns[same]
        # Of what is longer, the last bytes come before those between: few are left after them.
        last = windows[np.minimum(places + self._last_place.take(patterns), len(windows) - 1)]
        last &= self._first_mask.take(patterns)
        same = (last == self._last_word.take(patterns)).nonzero()[0]
        places, patterns = places[same], patterns[same]
        for nth in range(1, len(self._words) - 1):
            longer = np.flatnonzero(self._lengths[patterns] > _WORD * (nth + 1))
            differs = windows[places[longer] + _WORD * nth] != self._words[nth][patterns[longer]]
            kept = np.ones(len(places), dtype=np.bool_)
            kept[longer[differs]] = False
            places, patterns = places[kept], patterns[kept]
        return places, patterns

    def _in_case(self, folded: FoldedTexts, patterns: Numbers, begin: Numbers, end: Numbers) -> NDArray[np.bool_]:
        """Which of these acronyms, at bytes [begin, end) of the source, are in their case."""
        width = np.arange(self._cased.shape[1])
        beyond = width >= self._cased_length[patterns][:, None]
        given = folded.source[np.minimum(begin[:, None] + width, len(folded.source) - 1)]
        alike: NDArray[np.bool_] = ((given == self._cased[patterns]) | beyond).all(axis=1)
        # What is not ASCII may still fold to the acronym: accents, signs that nobody reads.
        for place in np.flatnonzero(~alike & ((given >= 0x80) & ~beyond).any(axis=1)).tolist():
            text = folded.source[begin[place] : end[place]].tobytes().decode()
            cased = self._cased[patterns[place], : self._cased_length[patterns[place]]]
            alike[place] = encoded(fold(text, keep_case=True)) == cased.tobytes()
        return alike


def _words(spellings: Sequence[bytes]) -> NDArray[np.uint64]:
    """One row per word of the spellings, zeros behind their ends."""
    width = -(-max(map(len, spellings), default=1) // _WORD)
    filled = b"".join(one.ljust(width * _WORD, b"\0") for one in spellings)
    return np.ascontiguousarray(np.frombuffer(filled, np.uint64).reshape(len(spellings), width).T)
