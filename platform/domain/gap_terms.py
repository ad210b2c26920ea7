"""Terms with a gap: parts that stand in one sentence, in their order, found from the places of the parts.

Here: where sentences end, which places make a find. Not here: the places of single parts (matching).
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from domain.term_search import Finds

# A full stop ends a sentence unless an initial or one of these stands before it, as for phrases (vocabulary).
_ABBREVIATED = ("dr", "mr", "mrs", "ms", "prof", "inc", "ltd", "co", "corp", "vs", "approx")
_UNENDED = "".join(rf"(?<!\b{word}\.)" for word in (*_ABBREVIATED, r"\w"))
_SENTENCE_END = re.compile(rf"[.!?…]{_UNENDED}(?=\s|$)|;|\n\s*\n", re.IGNORECASE)
_SIGN = re.compile(r"[.!?…;\n]")  # much faster, and most finds have none of them inside
_ROW = 40  # bits of a place inside its row: a text is shorter


def spanning(parts: Sequence[Finds], texts: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Row, start and end of each time that all parts stand in their order in one sentence of a text.

    `parts` has where each part occurs, sorted, at least once. The nearest place of each next part counts; a find begins
    where the one before it has ended, or behind.
    """
    rows, starts, ends = parts[0].rows, parts[0].starts, parts[0].ends
    for part in parts[1:]:
        nearest = np.searchsorted(part.rows << _ROW | part.starts, rows << _ROW | ends)
        there = np.minimum(nearest, len(part.rows) - 1)
        complete = np.flatnonzero((nearest < len(part.rows)) & (part.rows[there] == rows))
        rows, starts, ends = rows[complete], starts[complete], part.ends[there[complete]]
    row_before, text, free = -1, "", 0
    sentence_ends: list[int] | None = None
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if row != row_before:
            row_before, text, free, sentence_ends = row, texts[row], 0, None
        if start < free:
            continue
        if _SIGN.search(text, start, end):
            if sentence_ends is None:
                sentence_ends = [one.start() for one in _SENTENCE_END.finditer(text)]
            place = bisect_left(sentence_ends, start)
            if place < len(sentence_ends) and sentence_ends[place] < end:
                continue
        yield row, start, end
        free = end
