"""How many partitions an asset has, will have, and how many are too many.

Here: the counts, the ceiling and what to say about it, the first day that is kept. Not here: asking an instance, moving
a target's first day (archive_cli).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from domain.asked_partitions import Grid

CEILING = 100_000  # partitions of one asset: above it, Dagster says, its UI and its daemon become slow
WARN_FROM = 80_000
AHEAD = 90  # days


@dataclass(frozen=True, slots=True)
class PartitionCount:
    """The partitions of one asset today, and in 90 days with the clients of today."""

    asset: str
    now: int
    ahead: int
    clients: int = 0

    @property
    def near(self) -> bool:
        """Whether there is something to do."""
        return max(self.now, self.ahead) >= WARN_FROM


def count_of(asset: str, grid: Grid, keep_days: int | None = None) -> PartitionCount:
    """The asset's counts; `keep_days` bounds its days where the first of them moves on by itself."""
    more = {"client": 0, "day": AHEAD, "client x day": AHEAD, "client x week": AHEAD // 7 + 1}[grid.kind]
    columns = len(grid.columns) + more
    if keep_days is not None and more:
        longest = keep_days + 31  # the first day moves at the starts of months
        columns = min(columns, max(len(grid.columns), longest if more == AHEAD else longest // 7 + 1))
    ahead = Grid(grid.kind, grid.rows, [""] * columns).size
    return PartitionCount(asset, grid.size, ahead, len(grid.rows))


def remark_on(count: PartitionCount) -> str:
    """What to say and do about the asset's partitions; nothing where they are few."""
    if not count.near:
        return ""
    when = "has" if count.now >= WARN_FROM else f"will have in {AHEAD} days"
    many = count.now if count.now >= WARN_FROM else count.ahead
    remedy = "vigie archive --before DAY takes old days out of the graph, keep_days does so by itself"
    if count.clients >= WARN_FROM:
        remedy = "spread the clients over several targets"
    return f"{count.asset} {when} {many:,} partitions; {CEILING:,} is where Dagster becomes slow. {remedy}."


def first_kept_day(first_day: date, keep_days: int | None, today: date) -> date:
    """The first day partition: `first_day`, or the start of the month that holds the day `keep_days` ago.

    Months, because every change of the first day makes Dagster count an asset's partitions anew.
    """
    if keep_days is None:
        return first_day
    return max(first_day, (today - timedelta(days=keep_days)).replace(day=1))


def leaving(grid: Grid, before: date) -> Collection[str]:
    """The columns of the grid that are gone once `before` is the first day; a week stays with its last day."""
    if grid.kind == "client":
        return []
    days = 7 if grid.kind == "client x week" else 1
    return [column for column in grid.columns if date.fromisoformat(column) + timedelta(days=days) <= before]
