"""Where terms occur in texts: every occurrence of every term, nested and overlapping ones too.

Here: what is looked for in which texts, and the table of what was found. Not here: what a term is looked for as
(terms), how it is found (term_search, gap_terms), nor which items a find speaks for.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from domain.folded_texts import Folder, Numbers
from domain.gap_terms import spanning
from domain.term_search import Finds, Pattern, TermSearch
from domain.terms import Term, wanted

_BATCH = 1 << 21  # bytes of text looked through at once
_KEPT_MEMORY = 1 << 24  # bytes
_COLUMNS = pa.schema([("row", pa.int64()), ("term_key", pa.string()), ("start_at", pa.int64()), ("end_at", pa.int64())])
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)


class Matcher:
    """Finds terms in batches of texts; built once, and not to be shared between threads."""

    def __init__(self, terms: Iterable[Term]) -> None:
        # glibc keeps freed memory up to the largest block it has seen freed: after one large block, the buffers of a
        # batch are taken again without asking the system, which would cost a quarter of all time.
        np.empty(_KEPT_MEMORY, dtype=np.uint8)
        self._keys = sorted({term.key for term in terms if term.key})
        folder = Folder()
        looks = {number: wanted(key) for number, key in enumerate(self._keys)}
        whole = [
            Pattern(spelling, number, look.is_acronym)
            for number, look in looks.items()
            if len(look.parts) == 1
            for spelling in look.parts[0]
        ]
        # The parts of terms with a gap are common words; only texts that have a first one are searched for all of them.
        gaps = {number: look.parts for number, look in looks.items() if len(look.parts) > 1}
        parts = {part: number for number, part in enumerate({part for those in gaps.values() for part in those})}
        self._gaps = {number: [parts[part] for part in those] for number, those in gaps.items()}
        first = sorted({those[0][0] for those in gaps.values()})
        whole += [Pattern(spelling, len(self._keys)) for spelling in first]
        self._whole = TermSearch(whole, folder)
        every = [Pattern(spelling, number) for part, number in parts.items() for spelling in part]
        self._parts = TermSearch(every, folder)

    def match(self, texts: pa.Array | pa.ChunkedArray) -> pa.Table:
        """One row per occurrence and key: row (int64, the text's place), term_key, start_at, end_at (int64).

        `texts` are strings; nothing is found in null. Positions are in characters of the text as given: what was found
        is `text[start_at:end_at]`. Ordered by row, start, end, key. Raises TypeError for what is no text.
        """
        texts = _as_texts(texts)
        finds = _over(texts, self._whole)
        begun = finds.targets == len(self._keys)
        if begun.any():
            rows = np.unique(finds.rows[begun])
            finds = Finds.joined([finds[np.flatnonzero(~begun)], self._with_gaps(texts.take(pa.array(rows)), rows)])
        finds = finds.in_order()
        term_keys = pa.array(self._keys, pa.string()).take(pa.array(finds.targets))
        return pa.table([finds.rows, term_keys, finds.starts, finds.ends], schema=_COLUMNS)

    def _with_gaps(self, texts: pa.Array | pa.ChunkedArray, rows: Numbers) -> Finds:
        """The terms with a gap in these texts; `rows` says where each of them stands among all."""
        finds = _over(texts, self._parts).in_order()
        places = {part: finds[np.flatnonzero(finds.targets == part)] for part in np.unique(finds.targets).tolist()}
        written = texts.to_pylist()
        found = [
            (int(rows[row]), start, end, number)
            for number, parts in self._gaps.items()
            if all(part in places for part in parts)
            for row, start, end in spanning([places[part] for part in parts], written)
        ]
        return Finds.of(sorted(found))


def _over(texts: pa.Array | pa.ChunkedArray, search: TermSearch) -> Finds:
    """What the search finds in all the texts, batch by batch."""
    found = [Finds.of([])]
    row = 0
    for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        for batch in _batches(chunk):
            found.append(search.finds(batch).moved(row))
            row += len(batch)
    return Finds.joined(found)


def _as_texts(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The texts as large strings, null as the empty text."""
    kind = texts.type.value_type if pa.types.is_dictionary(texts.type) else texts.type
    if not any(is_kind(kind) for is_kind in _TEXTS):
        raise TypeError(f"terms are looked for in texts, not in {texts.type}")
    texts = texts.cast(pa.large_string())
    return texts.fill_null("") if texts.null_count else texts


def _batches(texts: pa.LargeStringArray) -> Iterator[pa.LargeStringArray]:
    """The texts in slices of some `_BATCH` bytes."""
    offsets = np.frombuffer(texts.buffers()[1], np.int64, len(texts) + 1, 8 * texts.offset)
    start = 0
    while start < len(texts):
        end = max(start + 1, int(np.searchsorted(offsets, offsets[start] + _BATCH, "right")) - 1)
        yield texts.slice(start, end - start)
        start = end
