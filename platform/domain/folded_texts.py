"""Many texts folded at once as bytes, and the way back from a place in them to the characters of a text as given.

Here: Arrow's own buffer of a batch, edited where its characters fold to something else. Not here: what a character
folds to (term_folding), nor what is looked for (matching).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.term_folding import fold_character, is_accent, is_word

Numbers = NDArray[np.int64]
Bytes = NDArray[np.uint8]

PADDING = 16  # zeros behind the folded bytes: what begins in them can be read eight bytes at once
_END = 0x0A  # behind each text: it folds to a space, and is in no folded text
_CODE_POINTS = 0x110000
_BEYOND_ASCII = 0x80
_NO_BYTE = 0xFF  # in no text
_CONTINUATION = 0x80  # the top bits of every byte of a character but its first
_SPACE = 0x20
_FENCE = "\x1a"
_SEPARATORS = [bytes([code]) for code in range(_SPACE + 1, 0x80) if fold_character(chr(code)) == " "]
_UNKNOWN, _UNCHANGED = 0, 1
WORD_BYTES = np.array([code >= _BEYOND_ASCII or is_word(chr(code)) for code in range(0x100)], dtype=np.bool_)


def encoded(folded: str) -> bytes:
    """The bytes of folded characters: a byte is part of a word just where `WORD_BYTES` has it.

    A sign beyond ASCII that is in no word stands between two fences.
    """
    return "".join(
        character if character.isascii() or is_word(character) else f"{_FENCE}{character}{_FENCE}"
        for character in folded
    ).encode()


@dataclass(frozen=True, slots=True)
class Edits:
    """Places of a buffer that became other bytes: [old_start, old_end) became [new_start, new_end), in order."""

    old_start: Numbers
    old_end: Numbers
    new_start: Numbers
    new_end: Numbers
    _grown: Numbers  # how much longer the buffer is before each edit, and at the end

    @classmethod
    def of(cls, start: Numbers, end: Numbers, length: Numbers) -> "Edits":
        """The edits that give the bytes [start, end) another length each."""
        grown = np.concatenate(([0], np.cumsum(length - (end - start))))
        return cls(start, end, start + grown[:-1], start + grown[:-1] + length, grown)

    def applied(self, data: bytearray, became: Iterable[bytes]) -> bytearray:
        """`data` with each place replaced."""
        if not len(self.old_start):
            return data
        pieces: list[bytes | memoryview] = [b""] * (2 * len(self.old_start) + 1)
        kept = map(slice, [0, *self.old_end.tolist()], [*self.old_start.tolist(), None])
        pieces[::2] = map(memoryview(data).__getitem__, kept)
        pieces[1::2] = became
        return bytearray().join(pieces)

    def moved(self, old: Numbers) -> Numbers:
        """Where places between the edits are now."""
        return old + self._grown[np.searchsorted(self.old_end, old, "right")]

    def starts(self, new: Numbers) -> Numbers:
        """Where what begins at these new places began before."""
        return self._before(new, self.old_start)

    def ends(self, new: Numbers) -> Numbers:
        """Where what ends at these new places ended before."""
        return self._before(new - 1, self.old_end - 1) + 1

    def _before(self, new: Numbers, inside: Numbers) -> Numbers:
        if not len(self.old_start):
            return new
        last = np.searchsorted(self.new_start, new, "right") - 1
        before = new - self._grown[last + 1]
        return np.where((last >= 0) & (new < self.new_end[last]), inside[last], before)


@dataclass(frozen=True, slots=True)
class FoldedTexts:
    """A batch of texts: `source` as given, `data` folded, both as bytes one text after another, a byte behind each.

    In `data` that byte is in no word and in no folded text, and `PADDING` zeros stand behind the last one.
    `source_starts` and `starts` are where each text begins in them, and where another one would; `irregular` are the
    texts whose bytes are not their characters, or not at the same places in both.
    """

    source: Bytes
    source_starts: Numbers
    data: Bytes
    starts: Numbers
    irregular: NDArray[np.bool_]
    _characters: Edits
    _spaces: Edits
    _accent_start: Numbers
    _accent_end: Numbers
    _continuations: Numbers

    def source_spans(self, rows: Numbers, starts: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
        """The bytes of `source` behind these bytes of `data`, with the accents on the last character."""
        moved = (self.source_starts - self.starts)[rows]
        begin, end = starts + moved, ends + moved
        edited = np.flatnonzero(self.irregular[rows])
        if len(edited):
            begin[edited] = self._characters.starts(self._spaces.starts(starts[edited]))
            end[edited] = self._accented(self._characters.ends(self._spaces.ends(ends[edited])))
        return begin, end

    def _accented(self, end: Numbers) -> Numbers:
        if not len(self._accent_start):
            return end
        accent = np.minimum(np.searchsorted(self._accent_start, end), len(self._accent_start) - 1)
        return np.where(self._accent_start[accent] == end, self._accent_end[accent], end)

    def characters(self, rows: Numbers, places: Numbers) -> Numbers:
        """Bytes of `source` as characters of their text."""
        counted = places - self.source_starts[rows]
        several = np.flatnonzero(self.irregular[rows])
        if len(several) and len(self._continuations):
            rows, places = rows[several], places[several]
            before = np.searchsorted(self._continuations, self.source_starts[rows])
            counted[several] -= np.searchsorted(self._continuations, places) - before
        return counted


@dataclass(slots=True)
class Folder:
    """Folds batches; it learns what each character beyond ASCII becomes when it first meets it: not for two threads."""

    _action: NDArray[np.int32] = field(default_factory=lambda: np.zeros(_CODE_POINTS, dtype=np.int32))
    _became: list[bytes] = field(default_factory=lambda: [b"", b""])
    _lengths: Numbers = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    _is_accent: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(2, dtype=np.bool_))

    def fold(self, texts: pa.LargeStringArray) -> FoldedTexts:
        """The texts folded, none of them null."""
        source, starts = _buffer(texts)
        data = _ascii_folded(source)
        np.frombuffer(data, np.uint8)[starts[1:] - 1] = _END
        first, continuations = _beyond_ascii(source)
        if len(first):
            code_points, ends = _decoded(source, first)
            action = self._actions(code_points)
            changed = np.flatnonzero(action != _UNCHANGED)
            action, first, ends = action[changed], first[changed], ends[changed]
            characters = Edits.of(first, ends, self._lengths[action])
            became = self._became
            data = characters.applied(data, [became[one] for one in action.tolist()])
            accents = self._is_accent[action]
            accent_start, accent_end = _runs(first[accents], ends[accents])
        else:
            characters, accent_start, accent_end = _NO_EDITS, _NONE, _NONE
        repeated = _repeated_spaces(np.frombuffer(data, np.uint8))
        spaces = _removed(repeated)
        if len(repeated):
            np.frombuffer(data, np.uint8)[repeated] = _NO_BYTE
            data = data.replace(bytes([_NO_BYTE]), b"")
        folded_starts = spaces.moved(characters.moved(starts))
        irregular = np.diff(np.searchsorted(continuations, starts)) > 0
        irregular |= np.diff(folded_starts) != np.diff(starts)
        return FoldedTexts(
            source,
            starts,
            np.frombuffer(data, np.uint8),
            folded_starts,
            irregular,
            characters,
            spaces,
            accent_start,
            accent_end,
            continuations,
        )

    def _actions(self, code_points: Numbers) -> NDArray[np.int32]:
        action = self._action[code_points]
        new = np.unique(code_points[action == _UNKNOWN])
        if not len(new):
            return action
        for code_point in new.tolist():
            character = chr(code_point)
            became = encoded(fold_character(character))
            if became == character.encode():
                self._action[code_point] = _UNCHANGED
            else:
                self._action[code_point] = len(self._became)
                self._became.append(became)
        self._lengths = np.array([len(became) for became in self._became], dtype=np.int64)
        of_edits = np.zeros(len(self._became), dtype=np.bool_)
        of_edits[: len(self._is_accent)] = self._is_accent
        of_edits[self._action[new]] = [is_accent(chr(code_point)) for code_point in new.tolist()]
        self._is_accent = of_edits
        return self._action[code_points]


_NONE = np.zeros(0, dtype=np.int64)
_NO_EDITS = Edits.of(_NONE, _NONE, _NONE)
_POOL = pa.system_memory_pool()  # it keeps the memory that a batch has given back, as numpy's does
_EMPTY, _BETWEEN = pa.scalar("", pa.large_string()), pa.scalar(" ", pa.large_string())


def _buffer(texts: pa.LargeStringArray) -> tuple[Bytes, Numbers]:
    """The texts' bytes with a space behind each text, and where in them each text begins and another one would."""
    _valid, offsets, data = pc.binary_join_element_wise(texts, _EMPTY, _BETWEEN, memory_pool=_POOL).buffers()
    starts = np.frombuffer(offsets, np.int64, len(texts) + 1)
    return np.frombuffer(data, np.uint8, starts[-1]), starts


def _ascii_folded(source: Bytes) -> bytearray:
    """The bytes with all of ASCII folded, and the padding: faster by far than what `translate` does."""
    # As one text: of a slice that was cast, pyarrow 26 lowers other texts than these.
    whole = pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([0, len(source)])), pa.py_buffer(source))
    lowered: bytes = pc.ascii_lower(whole, memory_pool=_POOL).buffers()[2].to_pybytes()
    for separator in _SEPARATORS:
        lowered = lowered.replace(separator, b" ")
    folded = bytearray().join((lowered, bytes(PADDING)))
    if source.min() < _SPACE:
        data = np.frombuffer(folded, np.uint8)[: len(source)]
        np.putmask(data, data < _SPACE, np.uint8(_SPACE))
    return folded


def _places(mask: NDArray[np.bool_]) -> Numbers:
    """Where the mask is true, as `flatnonzero` says, faster where that is rare."""
    whole = len(mask) // 8 * 8
    eights = np.flatnonzero(mask[:whole].view(np.uint64) != 0)
    places = (eights[:, None] * 8 + np.arange(8)).ravel()
    return np.concatenate((places[mask[places]], np.flatnonzero(mask[whole:]) + whole))


def _beyond_ascii(source: Bytes) -> tuple[Numbers, Numbers]:
    """The first bytes of all characters beyond ASCII, and their other bytes."""
    places = _places(source >= _BEYOND_ASCII)
    if not len(places):
        return _NONE, _NONE
    values = source[places]
    continues = (values & 0xC0) == _CONTINUATION
    return places[~continues], places[continues]


def _decoded(source: Bytes, first: Numbers) -> tuple[Numbers, Numbers]:
    """The code points of the characters that begin at `first`, all beyond ASCII, and where they end."""
    lead = source[first].astype(np.int64)
    code_points, ends = lead & 0x1F, first + 2
    for at_least, bits, offset in ((0xE0, 0x0F, 2), (0xF0, 0x07, 3)):
        longer = lead >= at_least
        code_points = np.where(longer, lead & bits, code_points)
        ends = np.where(longer, first + offset + 1, ends)
    for offset in (1, 2, 3):
        there = first + offset < ends
        following = source[np.minimum(first + offset, len(source) - 1)] & 0x3F
        code_points = np.where(there, code_points << 6 | following, code_points)
    return code_points, ends


def _runs(start: Numbers, end: Numbers) -> tuple[Numbers, Numbers]:
    """Where neighbouring places begin, and for each of them where the last of its neighbours ends."""
    if not len(start):
        return start, end
    begins = np.concatenate(([True], start[1:] != end[:-1]))
    last = np.concatenate((np.flatnonzero(begins)[1:], [len(start)])) - 1
    return start, end[last][np.cumsum(begins) - 1]


def _repeated_spaces(data: Bytes) -> Numbers:
    """The places of spaces behind a space."""
    places = _places((data[1:] | data[:-1]) == _SPACE) + 1
    repeated: Numbers = places[(data[places] == _SPACE) & (data[places - 1] == _SPACE)]
    return repeated


def _removed(places: Numbers) -> Edits:
    """The edits that take away these bytes, neighbours in one."""
    if not len(places):
        return _NO_EDITS
    apart = np.flatnonzero(np.diff(places) != 1)
    start = places[np.concatenate(([0], apart + 1))]
    return Edits.of(start, places[np.concatenate((apart, [len(places) - 1]))] + 1, np.zeros_like(start))
