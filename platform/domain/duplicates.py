"""Items that tell the same text, grouped, with the one that speaks for each group; nothing is dropped.

Here: what near-duplicates are, found by MinHash and verified exactly. Not here: identity (items), copies that are alike
to the letter within one cell (profiles), nor what a reader is shown of a group.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from domain.items import Item

SIMILAR = 0.8
FEWEST_WORDS = 20  # as dbt's duplicate_min_words: under it a text says too little to be recognised without its title
_FEWEST_TITLE_WORDS = 4  # "Download attachment", "Press release": titles that different items share
_PERMUTATIONS = 128
_MISSED = 1e-6  # the share of true pairs, just at the threshold, that the buckets may miss
_AT_ONCE = 1_000  # texts whose shingles are copied at a time
_WORD = re.compile(r"\w+")

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Items of one text: the ids of all `members`, the representative first, then by the same order of preference.

    `similarity` is the lowest Jaccard similarity (0 to 1) between the representative and a member; 1.0 for a group of
    one, and for short texts, which share their title. A chain of small edits may lead below the threshold.
    """

    representative: str
    members: tuple[str, ...]
    similarity: float


def group(
    items: Iterable[Item],
    *,
    threshold: float = SIMILAR,
    fewest_words: int = FEWEST_WORDS,
    source_order: Sequence[str] = (),
) -> tuple[Group, ...]:
    """Every item in exactly one group, in the order of the representatives' ids; the order of `items` is of no matter.

    Two texts (title and content) belong together where the Jaccard similarity of their three-word shingles is at least
    `threshold`, and so does what they lead to. Under `fewest_words` words only an equal title of four words or more
    counts, among such short texts. The representative has a date rather than none, then the longest content, the
    earliest first day, the first source of `source_order`, the smallest id. An id given twice is one item.
    Raises ValueError for a threshold outside 0 < threshold <= 1 and for fewer than three words.
    """
    if not 0 < threshold <= 1 or fewest_words < 3:
        raise ValueError("a threshold is in (0, 1], and a shingle has three words")
    places = {source: place for place, source in reversed(list(enumerate(source_order)))}

    def preference(item: Item) -> tuple[bool, int, int, int, str]:
        place = places.get(item.source_key, len(source_order))
        return item.published_at is None, -len(item.content), item.first_seen.toordinal(), place, item.item_id

    ranked = list({item.item_id: item for item in sorted(items, key=preference, reverse=True)}.values())
    ranked.sort(key=preference)
    texts = [_words(f"{item.title} {item.content}") for item in ranked]
    groups = np.arange(len(ranked), dtype=np.int64)  # of each item, the first item that it is connected to
    titles: dict[tuple[str, ...], int] = {}
    for number, item in enumerate(ranked):
        title = tuple(_words(item.title))
        if len(texts[number]) < fewest_words and len(title) >= _FEWEST_TITLE_WORDS:
            groups[number] = titles.setdefault(title, number)
    shingles = _shingles({number: words for number, words in enumerate(texts) if len(words) >= fewest_words})
    _join_similar(shingles, threshold, groups)
    return tuple(sorted(_groups(ranked, groups, shingles), key=lambda found: found.representative))


class NearDuplicates:
    """The near-duplicates among a day's items, worked out once and asked for the items of each client."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._group_of: dict[str, int] = {}
        self._with_mark: dict[tuple[int, str], tuple[Item, Item]] = {}
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, str]] = {}
        for number, found in enumerate(group(items)):
            self._group_of |= dict.fromkeys(found.members, number)

    def named(self, kept: Sequence[Item], source_order: Sequence[str]) -> tuple[Item, ...]:
        """`kept`, each with its representative in `duplicate_group` where it is not alone.

        It is what `group` says of `kept` alone: what only an item outside leads to is no group. What is not one of the
        day's items, as those that stay of a failed source, is compared with all of `kept`.
        """
        marks = self._marks(kept, tuple(source_order))
        return tuple(self._marked(item, marks.get(item.item_id, "")) for item in kept)

    def _marked(self, item: Item, mark: str) -> Item:
        """The item with its mark; one object for all clients, who share most marks too."""
        if item.duplicate_group == mark:
            return item
        known = self._with_mark.get((id(item), mark))
        if known is None:  # the item itself is kept too: its id stays its own
            known = self._with_mark[id(item), mark] = (item, replace(item, duplicate_group=mark))
        return known[1]

    def _marks(self, kept: Sequence[Item], source_order: tuple[str, ...]) -> dict[str, str]:
        if any(item.item_id not in self._group_of for item in kept):
            return _marks(kept, source_order)
        together: dict[int, list[Item]] = defaultdict(list)
        for item in kept:
            together[self._group_of[item.item_id]].append(item)
        marks: dict[str, str] = {}
        for few in together.values():
            if len(few) > 1:
                question = (tuple(item.item_id for item in few), source_order)
                if question not in self._known:  # clients with the same sources ask the same
                    self._known[question] = _marks(few, source_order)
                marks |= self._known[question]
        return marks


def _marks(items: Sequence[Item], source_order: Sequence[str]) -> dict[str, str]:
    """Item id -> representative, of those that are not alone."""
    found = [one for one in group(items, source_order=source_order) if len(one.members) > 1]
    return {member: one.representative for one in found for member in one.members}


def _groups(ranked: Sequence[Item], groups: Numbers, shingles: Mapping[int, Hashes]) -> Iterator[Group]:
    members: dict[int, list[int]] = defaultdict(list)
    for number, first in enumerate(groups.tolist()):  # the best first, so that a group's first is its representative
        members[first].append(number)
    for first, numbers in members.items():
        similarity = 1.0
        if first in shingles:
            similarity = float(_jaccards(shingles[first], [shingles[number] for number in numbers]).min())
        yield Group(ranked[first].item_id, tuple(ranked[number].item_id for number in numbers), round(similarity, 4))


def _join_similar(shingles: Mapping[int, Hashes], threshold: float, groups: Numbers) -> None:
    """Connects every pair of texts that is at least `threshold` similar."""
    distinct: dict[bytes, int] = {}
    for number, hashes in shingles.items():
        groups[number] = distinct.setdefault(hashes.tobytes(), number)
    numbers = np.array(list(distinct.values()), dtype=np.int64)
    texts = [shingles[number] for number in distinct.values()]
    for position, buckets in _buckets(texts, threshold).items():
        near = np.zeros(len(texts), dtype=np.bool_)
        for bucket in buckets:
            near[bucket] = True
        near[: position + 1] = False  # those have looked at this one
        # What is connected already need not be compared: the groups are the same.
        near &= groups[numbers] != groups[numbers[position]]
        others = np.flatnonzero(near)
        alike = _jaccards(texts[position], [texts[other] for other in others]) >= threshold
        for other in numbers[others[alike]]:
            low, high = sorted((groups[numbers[position]], groups[other]))
            groups[groups == high] = low


def _jaccards(one: Hashes, others: Sequence[Hashes]) -> NDArray[np.float64]:
    """The similarity of one text to each of the others: common shingles by all shingles."""
    found = [np.empty(0)]
    for n in range(0, len(others), _AT_ONCE):
        some = others[n : n + _AT_ONCE]
        sizes, every = np.array([other.size for other in some]), np.concatenate(some)
        places = np.minimum(np.searchsorted(one, every), one.size - 1)
        common = np.add.reduceat((one[places] == every).astype(np.int64), np.cumsum(sizes) - sizes)
        found.append(common / (one.size + sizes - common))
    return np.concatenate(found)


def _buckets(texts: Sequence[Hashes], threshold: float) -> dict[int, list[Numbers]]:
    """Position of a text -> the positions that agree with it in a band of their signatures, one array per such band.

    All pairs that are worth comparing agree in one band at least.
    """
    found: dict[int, list[Numbers]] = defaultdict(list)
    if not texts:
        return found
    signatures = np.concatenate([_signatures(texts[n : n + _AT_ONCE]) for n in range(0, len(texts), _AT_ONCE)])
    rows = _rows_of_a_band(threshold)
    for start in range(0, _PERMUTATIONS - rows + 1, rows):
        band = np.ascontiguousarray(signatures[:, start : start + rows])
        agreeing: dict[bytes, list[int]] = defaultdict(list)
        for position, key in enumerate(band.view(f"V{band.itemsize * rows}").ravel().tolist()):
            agreeing[key].append(position)
        for positions in agreeing.values():
            if len(positions) > 1:
                bucket = np.array(positions, dtype=np.int64)
                for position in positions:
                    found[position].append(bucket)
    return found


def _rows_of_a_band(threshold: float) -> int:
    """The longest band, which makes the fewest candidates, that still misses next to none of the true pairs."""
    fit = [rows for rows in range(1, 17) if (1 - threshold**rows) ** (_PERMUTATIONS // rows) <= _MISSED]
    return max(fit, default=1)


def _signatures(texts: Sequence[Hashes]) -> Hashes:
    """The MinHash signature of each text: its smallest shingle under each permutation; (texts, permutations)."""
    sizes = np.array([text.size for text in texts])
    starts = np.cumsum(sizes) - sizes
    every = np.concatenate(texts)
    made = np.empty((len(texts), _PERMUTATIONS), dtype=np.uint64)
    for number in range(_PERMUTATIONS):
        made[:, number] = np.minimum.reduceat(every * _FACTORS[number] + _OFFSETS[number], starts)
    return made


def _shingles(texts: Mapping[int, Sequence[str]]) -> dict[int, Hashes]:
    """The set of three-word shingles of each text, as sorted 64-bit hashes."""
    known: dict[str, int] = {}
    made = {}
    for number, words in texts.items():
        for word in words:
            if word not in known:
                known[word] = _hash64(word)
        hashes = np.fromiter((known[word] for word in words), dtype=np.uint64, count=len(words))
        mixed = hashes[:-2] * _FACTORS[0] + hashes[1:-1] * _FACTORS[1] + hashes[2:] * _FACTORS[2]
        mixed = (mixed ^ (mixed >> _HALF)) * _FACTORS[3]  # the low bits take part in the order too
        made[number] = np.unique(mixed ^ (mixed >> _HALF))
    return made


def _words(text: str) -> list[str]:
    """The words of a text, case, punctuation and typography apart."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _hash64(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


# Fixed, so that the same items make the same groups in every process. A factor is odd: it permutes the 64-bit numbers.
_FACTORS = np.array([_hash64(f"factor {n}") | 1 for n in range(_PERMUTATIONS)], dtype=np.uint64)
_OFFSETS = np.array([_hash64(f"offset {n}") for n in range(_PERMUTATIONS)], dtype=np.uint64)
_HALF = np.uint64(32)
