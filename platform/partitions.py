"""What the graph is cut into: accounts, clients, days, client x day, client x week.

Here: the definitions, made from the settings, and the tags that ask for a range of them as one run. Not here: which
partitions there are now (sensors add and remove them).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from dagster import (
    DailyPartitionsDefinition,
    DynamicPartitionsDefinition,
    MultiPartitionKey,
    MultiPartitionsDefinition,
    WeeklyPartitionsDefinition,
)

from domain.ranges import Range, Rectangle

CLIENTS = "clients"
ACCOUNTS = "accounts"


@dataclass(frozen=True)
class Partitions:
    """Every partitioning of the graph, for one first day. Days are UTC, weeks start on Monday."""

    first_day: date
    accounts: DynamicPartitionsDefinition
    clients: DynamicPartitionsDefinition
    days: DailyPartitionsDefinition
    client_days: MultiPartitionsDefinition
    client_weeks: MultiPartitionsDefinition

    @classmethod
    def since(cls, first_day: date) -> "Partitions":
        """The partitionings whose first day is `first_day`; today's day and the running week exist already."""
        clients = DynamicPartitionsDefinition(name=CLIENTS)
        days = DailyPartitionsDefinition(start_date=first_day.isoformat(), end_offset=1, timezone="UTC")
        weeks = WeeklyPartitionsDefinition(
            start_date=monday(first_day).isoformat(), day_offset=1, end_offset=1, timezone="UTC"
        )
        return cls(
            first_day=first_day,
            accounts=DynamicPartitionsDefinition(name=ACCOUNTS),
            clients=clients,
            days=days,
            client_days=MultiPartitionsDefinition({"client": clients, "day": days}),
            client_weeks=MultiPartitionsDefinition({"client": clients, "week": weeks}),
        )

    def window(self, today: date, length: int) -> list[date]:
        """The last `length` days up to and including `today` that have a partition, oldest first."""
        first = max(self.first_day, today - timedelta(days=length - 1))
        return [first + timedelta(days=n) for n in range((today - first).days + 1)]


def today() -> date:
    """The UTC day."""
    return datetime.now(UTC).date()


def monday(day: date) -> date:
    """The first day of the day's week."""
    return day - timedelta(days=day.weekday())


def client_day(client: str, day: date | str) -> MultiPartitionKey:
    """`{client}|{day}`"""
    return MultiPartitionKey({"client": client, "day": str(day)})


def client_week(client: str, week: date | str) -> MultiPartitionKey:
    """`{client}|{Monday}`"""
    return MultiPartitionKey({"client": client, "week": str(week)})


def split(keys: Iterable[str]) -> list[tuple[str, date]]:
    """`client|day` or `client|week` keys as pairs. Client ids are slugs, so the bar is never part of one."""
    pairs = (key.partition("|") for key in keys)
    return [(client, date.fromisoformat(day)) for client, _bar, day in pairs]


def range_tags(span: Range) -> dict[str, str]:
    """The tags that make one run of a range of keys."""
    return {"dagster/asset_partition_range_start": span.first, "dagster/asset_partition_range_end": span.last}


def rectangle_tags(cells: Rectangle) -> dict[str, str]:
    """The tags that make one run of every key of a rectangle."""
    return range_tags(Range(f"{cells.rows.first}|{cells.columns.first}", f"{cells.rows.last}|{cells.columns.last}"))
