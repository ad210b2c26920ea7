"""Selections of partitions as the fewest ranges, because a range is one run whatever its size.

Here: keys in order -> ranges, cells -> rectangles. Not here: Dagster's tags for them (partitions).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """Both ends belong to it."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Every row of `rows` with every column of `columns`."""

    rows: Range
    columns: Range


def ranges(wanted: Collection[str], order: Sequence[str]) -> list[Range]:
    """`wanted` as ranges that hold nothing else of `order`."""
    found: list[Range] = []
    open_since = ""
    last = ""
    for key in order:
        if key in wanted:
            open_since, last = open_since or key, key
        elif open_since:
            found.append(Range(open_since, last))
            open_since = ""
    if open_since:
        found.append(Range(open_since, last))
    return found


def rectangles(wanted: Mapping[str, Collection[str]], rows: Sequence[str], columns: Sequence[str]) -> list[Rectangle]:
    """`wanted` (row -> columns) as rectangles that hold nothing else of `rows` x `columns`.

    Neighbouring rows that want the same columns share theirs, so a new batch x its history, or a fleet x a day,
    is one.
    """
    groups: list[tuple[Range, frozenset[str]]] = []
    previous: frozenset[str] = frozenset()
    for row in rows:
        columns_of_row = frozenset(wanted.get(row, ()))
        if columns_of_row and columns_of_row == previous:
            groups[-1] = (Range(groups[-1][0].first, row), columns_of_row)
        elif columns_of_row:
            groups.append((Range(row, row), columns_of_row))
        previous = columns_of_row
    return [Rectangle(rows_of, span) for rows_of, columns_of in groups for span in ranges(columns_of, columns)]
