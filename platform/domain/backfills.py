"""Any selection of partitions as the fewest runs: a range where it is one, else a batch whose keys are listed.

Here: keys or cells -> batches of a bounded size. Not here: how a run is told its batch (assets.batched), which
partitions a person means (asked_partitions).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domain.ranges import Range, ranges, rectangles

_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one run does: `keys`; `span` holds exactly them where they are a range, or a rectangle of cells."""

    keys: tuple[str, ...]
    span: Range | None = None


def key_batches(wanted: Collection[str], order: Sequence[str], at_most: int = 0) -> list[Batch]:
    """`wanted` as batches of `at_most` keys (0: any number), in the order of `order`; what that lacks is left out."""
    known = [key for key in order if key in wanted]
    return [_batch(keys, ranges(set(keys), order)) for keys in _parts(known, at_most)]


def range_batches(wanted: Collection[str], order: Sequence[str], at_most: int = 0) -> list[Batch]:
    """As `key_batches`, but every batch is a range: for assets that Dagster asks for by ranges only."""
    found = []
    for span in ranges(wanted, order):
        keys = order[order.index(span.first) : order.index(span.last) + 1]
        found += [Batch(tuple(part), Range(part[0], part[-1])) for part in _parts(keys, at_most)]
    return found


def cell_batches(
    wanted: Mapping[str, Collection[str]], rows: Sequence[str], columns: Sequence[str], at_most: int = 0
) -> list[Batch]:
    """`wanted` (row -> columns) as batches of `at_most` cells (0: any number), keys `row|column`, column by column.

    One rectangle is cut between its columns where that is enough, so that its parts are rectangles as well.
    """
    whole = rectangles(wanted, rows, columns)
    height = sum(1 for row in rows if wanted.get(row))
    if len(whole) == 1 and at_most and height <= at_most:
        at_most -= at_most % height
    chosen = {row: frozenset(found) for row, found in wanted.items()}
    none: frozenset[str] = frozenset()
    cells = [(row, column) for column in columns for row in rows if column in chosen.get(row, none)]
    return [_cell_batch(part, rows, columns) for part in _parts(cells, at_most)]


def _cell_batch(cells: Sequence[tuple[str, str]], rows: Sequence[str], columns: Sequence[str]) -> Batch:
    of_row: dict[str, set[str]] = {}
    for row, column in cells:
        of_row.setdefault(row, set()).add(column)
    spans = [
        Range(f"{one.rows.first}|{one.columns.first}", f"{one.rows.last}|{one.columns.last}")
        for one in rectangles(of_row, rows, columns)
    ]
    return _batch([f"{row}|{column}" for row, column in cells], spans)


def _batch(keys: Sequence[str], spans: Sequence[Range]) -> Batch:
    return Batch(tuple(keys), spans[0] if len(spans) == 1 else None)


def _parts(things: Sequence[_Thing], at_most: int) -> Iterator[Sequence[_Thing]]:
    size = at_most or max(1, len(things))
    return (things[start : start + size] for start in range(0, len(things), size))
