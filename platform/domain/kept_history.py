"""What the stores say has happened: which cells there are and how they turned out, when nobody remembers.

Here: the pure decision on listings. Not here: taking the listings (resources.kept), telling Dagster (history).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class DaySources:
    """The sources that have a snapshot of a day, by how it turned out."""

    good: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeptCell:
    """A cell as the stores know it; `failures` are the followed sources that failed that day."""

    client_id: str
    day: date
    outcome: Literal["ok", "degraded", "no_snapshot"]
    failures: tuple[str, ...] = ()


def kept_cells(
    follows: Mapping[str, Collection[str]],
    stored: Collection[tuple[str, date]],
    days: Mapping[date, DaySources],
    today: date,
) -> list[KeptCell]:
    """The cells that were built: by day, then by client.

    `follows` are the sources of each client, `stored` the cells with items in the store. A past day of which a client's
    sources have no snapshot was built as "no_snapshot", which writes nothing; what is neither is still to be built.
    """
    there, found = set(stored), []
    for day in sorted({*days, *(day for _client, day in there)}):
        of_day = days.get(day, DaySources())
        seen = of_day.good | of_day.failed
        for client in sorted(follows):
            followed = seen.intersection(follows[client])
            if (client, day) in there:
                failures = tuple(sorted(followed & of_day.failed))
                found.append(KeptCell(client, day, "degraded" if failures else "ok", failures))
            elif seen and not followed and day < today:
                found.append(KeptCell(client, day, "no_snapshot"))
    return found


def parted(
    cells: Collection[KeptCell], loaded: Mapping[tuple[str, date], int], modelled: Mapping[tuple[str, date], int]
) -> tuple[list[KeptCell], list[KeptCell], list[KeptCell]]:
    """The cells as (done, waiting for the models, not loaded), by the items that the warehouse has of each.

    `loaded` is what was loaded, `modelled` what the models were built from. A cell that holds nothing because nothing
    was seen is done.
    """
    done: list[KeptCell] = []
    waiting: list[KeptCell] = []
    absent: list[KeptCell] = []
    for cell in cells:
        key = (cell.client_id, cell.day)
        if cell.outcome == "no_snapshot":
            done.append(cell)
        elif key not in loaded:
            absent.append(cell)
        elif modelled.get(key) != loaded[key]:
            waiting.append(cell)
        else:
            done.append(cell)
    return done, waiting, absent
