"""The figures of the dashboard: rows of the marts as it reads them, each a small record.

Here: the records, with their units. Not here: the queries that fill them (assets.dashboard), what is made of them
(dashboard).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class ClientDay:
    """How many items a client got on a day."""

    client_id: str
    day: date
    items: int


@dataclass(frozen=True, slots=True)
class ScoreCount:
    """How many items have a score of that many whole points, rounded down; None: a score of zero."""

    points: int | None
    items: int


@dataclass(frozen=True, slots=True)
class ClientScores:
    """One client's scores of the last `days` days; the three scores are of those above zero, None where none is."""

    client_id: str
    days: int
    items: int
    high: int
    medium: int
    low: int
    zero: int
    average_score: float | None
    median_score: float | None
    max_score: float | None
    without_domain_share: float | None


@dataclass(frozen=True, slots=True)
class Entity:
    """What is watched for, over all clients; an item counts once for each client that got it."""

    category: str
    entity: str
    clients: int
    items_7: int
    items_30: int
    last_day: date | None
    average_score: float | None


@dataclass(frozen=True, slots=True)
class ClientFreshness:
    """What a client has and how old it is, in days up to the newest day of all clients."""

    client_id: str
    status: str
    newest_cell: date
    newest_item: date | None
    newest_published: date | None
    days_since_item: int | None
    degraded_7: int
    items_7: int
    items_30: int


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How a source does; the share is 0 to 1."""

    source_key: str
    status: str
    last_day: date
    last_good_day: date | None
    failures_in_a_row: int
    items_per_day_7: float
    items_per_day_30: float
    undated_share: float | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class AccountCompliance:
    """Whether a cloud account is as it shall be."""

    account: str
    compliant: bool
    desired_version: int
    applied_version: int | None
    pending_days: float | None
    drift: str | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything that the page tells; `written_at` is an instant with its zone. What is not there yet is empty."""

    written_at: datetime
    activity: Sequence[ClientDay] = ()
    score_counts: Sequence[ScoreCount] = ()
    scores: Sequence[ClientScores] = ()
    entities: Sequence[Entity] = ()
    clients: Sequence[ClientFreshness] = ()
    sources: Sequence[SourceHealth] = ()
    accounts: Sequence[AccountCompliance] = ()

    @property
    def newest_day(self) -> date | None:
        """The newest day that any client was built on."""
        return max((row.day for row in self.activity), default=None)
