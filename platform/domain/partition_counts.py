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
_WEEK = 7  # days by which the first day moves: so many more than `keep_days` there may be, today among them


@dataclass(frozen=True, slots=True)
class PartitionCount:
    """The partitions of one asset today, and in 90 days with the clients of today.

    Where days leave by themselves, `fitting` is how many may be kept with these clients, `kept` how many are to be.
    """

    asset: str
    now: int
    ahead: int
    clients: int = 0
    kept: int | None = None
    fitting: int = 0

    @property
    def near(self) -> bool:
        """Whether there is something to do. What has a bound grows no further: only the ceiling counts."""
        most = max(self.now, self.ahead)
        return most >= WARN_FROM if self.kept is None else most > CEILING


def count_of(asset: str, grid: Grid, keep_days: int | None = None) -> PartitionCount:
    """The asset's counts; `keep_days` bounds its days where the first of them moves on by itself."""
    more = {"client": 0, "day": AHEAD, "client x day": AHEAD, "client x week": AHEAD // 7 + 1}[grid.kind]
    if keep_days is None or not more:
        return PartitionCount(asset, grid.size, _size(grid, len(grid.columns) + more), len(grid.rows))
    weeks = grid.kind == "client x week"
    longest = keep_days + _WEEK
    columns = min(len(grid.columns) + more, max(len(grid.columns), longest // _WEEK + 1 if weeks else longest))
    most = CEILING // max(len(grid.rows), 1)
    fitting = ((most - 1) * _WEEK if weeks else most) - _WEEK
    return PartitionCount(asset, grid.size, _size(grid, columns), len(grid.rows), keep_days, fitting)


def remark_on(count: PartitionCount) -> str:
    """What to say and do about the asset's partitions; nothing where they are few."""
    if not count.near:
        return ""
    now = count.now >= (WARN_FROM if count.kept is None else CEILING + 1)
    when, many = ("has", count.now) if now else (f"will have in {AHEAD} days", count.ahead)
    remedy = "vigie archive --before DAY takes old days out of the graph, keep_days does so at each start"
    if count.clients >= WARN_FROM or (count.kept is not None and count.fitting < 1):
        remedy = "spread the clients over several targets"
    elif count.kept is not None and count.kept > count.fitting:
        remedy = f"keep_days is {count.kept}, and with {count.clients:,} clients {count.fitting} fit"
    elif count.kept is not None:
        remedy = f"keep_days is {count.kept}, and days leave when Dagster starts: start it anew"
    return f"{count.asset} {when} {many:,} partitions; {CEILING:,} is where Dagster becomes slow. {remedy}."


def first_kept_day(first_day: date, keep_days: int | None, today: date) -> date:
    """The first day partition: `first_day`, or the Monday of the week that holds the day `keep_days` ago.

    Weeks, because every change of the first day makes Dagster count an asset's partitions anew.
    """
    if keep_days is None:
        return first_day
    last = today - timedelta(days=keep_days)
    return max(first_day, last - timedelta(days=last.weekday()))


def _size(grid: Grid, columns: int) -> int:
    return Grid(grid.kind, grid.rows, [""] * columns).size


def leaving(grid: Grid, before: date) -> Collection[str]:
    """The columns of the grid that are gone once `before` is the first day; a week stays with its last day."""
    if grid.kind == "client":
        return []
    days = 7 if grid.kind == "client x week" else 1
    return [column for column in grid.columns if date.fromisoformat(column) + timedelta(days=days) <= before]
