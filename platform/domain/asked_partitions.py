"""Which partitions a person means: names of clients, days, keys of a file -> keys that exist, or why not.

Here: reading what was typed against what there is, with near matches; one shape for all four kinds of partitions. Not
here: how the keys become runs (backfills), which of them failed (resources.partition_states).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Literal

from domain.backfills import Batch, cell_batches, key_batches, range_batches
from domain.errors import PermanentError

Kind = Literal["client", "day", "client x day", "client x week"]
_SHOWN = 5


class AskedError(PermanentError):
    """What was asked for names something that does not exist, or does not fit the asset."""


@dataclass(frozen=True)
class Grid:
    """Every partition of an asset: `rows` are clients in Dagster's order, `columns` days or Mondays, oldest first.

    An asset by client has no columns, one by day no rows; their keys are the one name, the others' are `row|column`.
    """

    kind: Kind
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()

    @property
    def size(self) -> int:
        """How many partitions there are."""
        if self.kind in ("client", "day"):
            return len(self.rows) + len(self.columns)
        return len(self.rows) * len(self.columns)

    def keys(self, rows: Collection[str], columns: Collection[str]) -> list[str]:
        """The keys of those clients and those days or weeks, in order."""
        if self.kind == "client":
            return [row for row in self.rows if row in rows]
        if self.kind == "day":
            return [column for column in self.columns if column in columns]
        chosen = [row for row in self.rows if row in rows]
        return [f"{row}|{column}" for column in self.columns if column in columns for row in chosen]

    def batches(self, keys: Collection[str], at_most: int, *, any_set: bool) -> list[Batch]:
        """The keys as the fewest runs of `at_most` partitions; only ranges where the asset does not take any set."""
        order = self.rows if self.kind == "client" else self.columns
        if self.kind in ("client", "day"):
            return (key_batches if any_set else range_batches)(set(keys), order, at_most)
        wanted: dict[str, set[str]] = {}
        for key in keys:
            row, _bar, column = key.partition("|")
            wanted.setdefault(row, set()).add(column)
        return cell_batches(wanted, self.rows, self.columns, at_most)


def asked_name(name: str, known: Mapping[str, object], what: str) -> str:
    """The name, where it is known. Raises AskedError with the nearest ones."""
    if name not in known:
        raise AskedError(f"there is no {what} {name!r}.", remedy=_nearest(name, known))
    return name


def asked_clients(text: str | None, grid: Grid) -> list[str]:
    """`a,b`, `all` or nothing (all) as clients of the grid. Raises AskedError for unknown ones, all at once."""
    if text is None or text == "all":
        return list(grid.rows)
    if grid.kind == "day":
        raise AskedError("has no clients: its partitions are days.", where="--clients", remedy="Leave --clients out.")
    names = _words(text, "--clients")
    known = set(grid.rows)
    if unknown := [name for name in names if name not in known]:
        raise AskedError(
            f"unknown clients: {', '.join(unknown)}.",
            where="--clients",
            remedy=_nearest(unknown[0], grid.rows) + " A client is known once its file was read: vigie clients list",
        )
    return names


def asked_days(first: str | None, last: str | None, days: str | None, grid: Grid, today: date) -> list[str]:
    """`--from`, `--to` and `--days` as columns of the grid; all of them where nothing is said.

    A day stands for its week where the partitions are weeks. Raises AskedError for what is no day, for days before
    the first partition and for days to come.
    """
    if first is None and last is None and days is None:
        return list(grid.columns)
    if grid.kind == "client":
        raise AskedError("has no days: its partitions are clients.", where="--from", remedy="Leave the days out.")
    start, end = _day(first, "--from"), _day(last, "--to")
    wanted = {_day(word, "--days") or today for word in _words(days, "--days")} if days is not None else set()
    if start and end and end < start:
        raise AskedError(f"{start} is after {end}.", where="--from", remedy="Exchange --from and --to.")
    oldest = date.fromisoformat(grid.columns[0]) if grid.columns else today
    for where, day in (("--from", start), ("--to", end), *(("--days", one) for one in sorted(wanted))):
        if day and day > today:
            raise AskedError(f"{day} has not begun (UTC).", where=where, remedy=f"The last day is {today}.")
        if day and _column(day, grid) < oldest:
            raise AskedError(
                f"{day} is before the first partition.",
                where=where,
                remedy=f"It is {oldest}. Earlier days are archived: docs/backfill.md says how to bring them back.",
            )
    if start or end or not wanted:
        start, end = start or oldest, end or today
        wanted |= {start + timedelta(days=n) for n in range((end - start).days + 1)}
    chosen = {str(_column(day, grid)) for day in wanted}
    return [column for column in grid.columns if column in chosen]


def asked_keys(lines: Iterable[str], grid: Grid, where: str) -> list[str]:
    """The keys of a file, one a line, `#` begins a remark. Raises AskedError for those that are no partition."""
    named = [line.partition("#")[0].strip() for line in lines]
    keys = list(dict.fromkeys(key for key in named if key))
    known = set(grid.keys(set(grid.rows), set(grid.columns)))
    if unknown := [key for key in keys if key not in known]:
        shown = ", ".join(unknown[:_SHOWN]) + (f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else "")
        example = grid.keys(set(grid.rows[:1]), set(grid.columns[-1:]))
        looks = f" A key looks like {example[0]}." if example else ""
        raise AskedError(f"no partitions: {shown}.", where=where, remedy=f"Take these lines out.{looks}")
    return keys


def _column(day: date, grid: Grid) -> date:
    return day - timedelta(days=day.weekday()) if grid.kind == "client x week" else day


def _day(text: str | None, where: str) -> date | None:
    if text is None:
        return None
    _words(text, where)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise AskedError(f"{text!r} is no day.", where=where, remedy="Write it as 2026-11-21.") from None


def _words(text: str, where: str) -> list[str]:
    """An option that is given and says nothing is a slip, of a script's empty variable perhaps: never all, or none."""
    words = list(dict.fromkeys(word for word in (part.strip() for part in text.split(",")) if word))
    if not words:
        raise AskedError("says nothing.", where=where, remedy="Name what you mean, or leave the option out.")
    return words


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    some = ", ".join(names[:_SHOWN]) or "none"
    return f"There are: {some}{' and more' if len(names) > _SHOWN else ''}."
