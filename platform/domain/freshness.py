"""Which clients have no new day: by the days of their own cells, so that building an old day again changes nothing.

Here: the decision. Not here: which days there are (resources.client_freshness), how it is reported
(assets.client_freshness), the same over weeks, with items and publication (dbt's client_freshness).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class ClientAge:
    """A client's newest day that turned out ok or degraded, and how many days ago it was; None: never built."""

    client_id: str
    newest: date | None
    age: int | None

    def __str__(self) -> str:
        if self.newest is None:
            return f"{self.client_id}: no day was ever built"
        return f"{self.client_id}: the newest day is {self.newest}, {self.age} days ago"


def ages(newest: Mapping[str, date | None], today: date) -> list[ClientAge]:
    """Every client's age, the oldest first, those without any day before them."""
    found = [ClientAge(client, day, (today - day).days if day else None) for client, day in newest.items()]
    return sorted(found, key=lambda one: (one.newest or date.min, one.client_id))


def stale(found: list[ClientAge], at_most: int, since: Mapping[str, date], today: date) -> list[ClientAge]:
    """Those whose newest day is more than `at_most` days ago.

    A client without any day counts from the day it was activated (`since`); one of which that is not known, at once.
    """
    return [
        one
        for one in found
        if (one.age if one.age is not None else (today - since.get(one.client_id, date.min)).days) > at_most
    ]
