"""What is odd about a source, or about what a client got: failing, stale, without dates, mere copies, nothing for days.

Here: decisions on snapshots and counts; each finding is a sentence about one source or client. Not here: how findings
are reported (assets.checks), nor the same over weeks (dbt's source_health).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from domain.duplicates import group
from domain.items import Item
from domain.snapshots import Snapshot

FAILING_DAYS = 2  # one bad day is weather
STALE_DAYS = 30  # days; dbt's source_health has the same
MOSTLY = 0.5  # a larger share is most of them
FEWEST_NEW = 3  # a share of fewer new items says nothing
QUIET_DAYS = 7

Findings = dict[str, str]
"""By source or client, in the order of what was looked at."""


@dataclass(frozen=True, slots=True)
class Copies:
    """How many of a day's new items repeat another's text, and the sources that give little else."""

    items: int
    copies: int
    findings: Findings

    @property
    def share(self) -> float:
        """Of all new items, 0 to 1."""
        return self.copies / self.items if self.items else 0.0


def newest_item(snapshot: Snapshot) -> date | None:
    """The day of the newest item that the source shows; None where it shows none.

    An item is as old as its date says, and at least as old as our knowledge of it: an event announced for next year is
    no sign of life next year.
    """
    return max((min(item.published_at or item.first_seen, item.first_seen) for item in snapshot.items), default=None)


def failing(history: Sequence[Mapping[str, Snapshot]], at_least: int = FAILING_DAYS) -> Findings:
    """The sources of the first day of `history` that have failed on `at_least` days in a row.

    `history` has one mapping a day, the newest first. A day without a snapshot of the source counts neither way.
    """
    found: Findings = {}
    for key, newest in (history[0] if history else {}).items():
        known = [day[key].failed for day in history if key in day]
        failed = known.index(False) if False in known else len(known)
        if failed >= max(1, at_least):
            ever = "" if False in known else " at least"
            found[key] = f"failed on{ever} {failed} days in a row, last: {newest.error}"
    return found


def stale(snapshots: Mapping[str, Snapshot], day: date, after: int = STALE_DAYS) -> Findings:
    """The sources that answer with nothing newer than `after` days before `day`, or with nothing at all."""
    found: Findings = {}
    for key, snapshot in snapshots.items():
        newest = newest_item(snapshot)
        if snapshot.failed:
            continue
        if newest is None:
            found[key] = "answers, and shows no item"
        elif (day - newest).days > after:
            found[key] = f"its newest item is of {newest}, {(day - newest).days} days ago"
    return found


def mostly_undated(snapshots: Mapping[str, Snapshot], above: float = MOSTLY, fewest: int = FEWEST_NEW) -> Findings:
    """The sources of whose new items (`fewest` or more) a larger share than `above` has no date."""
    found: Findings = {}
    for key, snapshot in snapshots.items():
        new = snapshot.new_items
        undated = sum(item.published_at is None for item in new)
        if len(new) >= fewest and undated > above * len(new):
            found[key] = f"{undated} of {len(new)} new items have no date"
    return found


def copies(snapshots: Mapping[str, Snapshot], above: float = MOSTLY, fewest: int = FEWEST_NEW) -> Copies:
    """Which of the day's new items repeat another's text, over all sources, the earlier source of `snapshots` first.

    A finding is a source of whose new items (`fewest` or more) a larger share than `above` are copies.
    """
    new: dict[str, Item] = {item.item_id: item for snapshot in snapshots.values() for item in snapshot.new_items}
    groups = group(new.values(), source_order=list(snapshots))
    repeated = Counter(new[name].source_key for made in groups for name in made.members[1:])
    total = Counter(item.source_key for item in new.values())
    found = {
        key: f"{repeated[key]} of {total[key]} new items repeat another's text"
        for key in snapshots
        if total[key] >= fewest and repeated[key] > above * total[key]
    }
    return Copies(len(new), repeated.total(), found)


def quiet(counts: Mapping[tuple[str, date], int], last: date, days: int = QUIET_DAYS) -> Findings:
    """The clients without an item on the `days` days up to and including `last`.

    `counts` has the items of each (client, day) that was built, as far back as anybody likes. A client that was not
    built on the last of those days, or not as early as their first, is not judged.
    """
    first = last - timedelta(days=days - 1)
    built: dict[str, dict[date, int]] = defaultdict(dict)
    for (client, day), items in counts.items():
        if day <= last:
            built[client][day] = items
    found: Findings = {}
    for client, by_day in sorted(built.items()):
        judged = last in by_day and min(by_day) <= first
        given = [day for day, items in by_day.items() if items]
        if judged and max(given, default=date.min) < first:
            since = f"the last is of {max(given)}" if given else f"none since {min(by_day)}"
            found[client] = f"no item for {days} days; {since}"
    return found
