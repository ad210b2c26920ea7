"""Where spellings may stand in folded texts: told by 4-grams, the rarest that each spelling has.

Here: which gram tells of which spelling, and the places where they are met. Not here: whether the spelling does stand
there (term_search).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from domain.folded_texts import Bytes, Numbers

_GRAM = 4  # bytes; every fourth place is looked at
_A, _LETTERS = np.uint8(ord("a")), np.uint8(len(ascii_lowercase))
_FACTOR = np.uint32(0x9E3779B1)  # an odd number without a pattern
_HASHES, _SHIFT = 1 << 18, np.uint32(14)
_ANY = -1  # a byte of which nothing is known
_ALL = (0, *ascii_lowercase.encode())
_SAMPLE = 1 << 18  # bytes
_BLOCK = 1 << 17  # grams looked at at once, to stay in the processor's cache
_PLACES = 1 << 13  # handed over at once: a hostile text may tell of a spelling at each of its grams


@dataclass(frozen=True, slots=True)
class RareGrams:
    """Which spellings the hash of a gram tells of, and how far behind the beginning of a spelling the gram stands."""

    _spellings: Numbers
    _offsets: Numbers
    _first: Numbers  # for each hash, where what it tells of begins in the two above
    _tells: NDArray[np.bool_]

    @classmethod
    def of(cls, spellings: Sequence[bytes], data: Bytes) -> "RareGrams":
        """The grams that are rare in these folded texts; in others they tell of as much, only more often in vain."""
        sample = data[:_SAMPLE]
        shifted = (sample[start:] for start in range(_GRAM))
        met = np.concatenate([_hashes(one[: len(one) // _GRAM * _GRAM]) for one in shifted])
        common = np.bincount(met, minlength=_HASHES)
        told = [(*one, number) for number, spelling in enumerate(spellings) for one in _telling(spelling, common)]
        hashes, offsets, numbers = np.array(sorted(told), dtype=np.int64).reshape(-1, 3).T.copy()
        counts = np.bincount(hashes, minlength=_HASHES)
        return cls(numbers, offsets, np.concatenate(([0], np.cumsum(counts))), counts > 0)

    def places(self, data: Bytes, end: int) -> Iterator[tuple[Numbers, Numbers]]:
        """Places before `end` where spellings may begin, and the spellings' numbers, each pair once.

        They come in several batches, and in one at least.
        """
        for begin in range(0, end, _BLOCK * _GRAM):
            hashes = _hashes(data[begin : min(begin + _BLOCK * _GRAM, end + -end % _GRAM)])
            met = self._tells.take(hashes).nonzero()[0]
            told = hashes[met].astype(np.int64)
            met *= _GRAM
            met += begin
            for some in range(0, len(met) or 1, _PLACES):
                yield self._told(met[some : some + _PLACES], told[some : some + _PLACES])

    def _told(self, met: Numbers, hashes: Numbers) -> tuple[Numbers, Numbers]:
        first = self._first.take(hashes)
        counts = self._first.take(hashes + 1) - first
        told = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        places = np.repeat(met, counts) - self._offsets.take(told)
        inside = (places >= 0).nonzero()[0]
        return places[inside], self._spellings.take(told[inside])


def _hashes(data: Bytes) -> NDArray[np.uint32]:
    """The hashes of grams that stand one behind the other; bytes that are no letters count as one."""
    letters = data - _A
    np.less(letters, _LETTERS, out=letters.view(np.bool_))
    letters *= data
    hashes = letters.view(np.uint32)
    hashes *= _FACTOR
    hashes >>= _SHIFT
    return hashes


def _telling(spelling: bytes, common: Numbers) -> Iterator[tuple[int, int]]:
    """The hashes of grams in this spelling or over its ends, with their offsets from its beginning.

    For each remainder of a gram's place by four it is the least common one: wherever the spelling stands, one of the
    four is at a place that is looked at. `common` counts how often each hash was met.
    """
    letters = (byte if byte in _ALL else 0 for byte in spelling)
    around = [_ANY, _ANY, 0, *letters, 0, _ANY, _ANY]  # no letter stands beside it
    grams = [around[at : at + _GRAM] for at in range(len(around) - _GRAM + 1)]
    for remainder in range(_GRAM):
        least = min(gram.count(_ANY) for gram in grams[remainder::_GRAM])
        several = [at for at in range(remainder, len(grams), _GRAM) if grams[at].count(_ANY) == least]
        hashes = _hashes_of([grams[at] for at in several]).reshape(len(several), -1)
        rarest = int(common[hashes].sum(axis=1).argmin())
        for found in set(hashes[rarest].tolist()):
            yield found, several[rarest] - _GRAM + 1


def _hashes_of(grams: Sequence[Sequence[int]]) -> NDArray[np.uint32]:
    """The hashes of these grams one after another, of each with every letter and none in place of any byte."""
    choices = ([_ALL if byte == _ANY else (byte,) for byte in gram] for gram in grams)
    filled = chain.from_iterable(product(*those) for those in choices)
    return _hashes(np.frombuffer(b"".join(map(bytes, filled)), np.uint8))
