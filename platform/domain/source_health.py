"""What is remembered of a source between fetches: what it last showed, how often it failed, when to ask again.

Here: the record, and the pure rules of waiting. Not here: keeping it (resources.archive), asking (resources.fetcher).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from domain.errors import TransientError

PATIENCE = 3  # failed fetches in a row before a source is slowed down
FIRST_WAIT = timedelta(hours=3)
# Under a day, with room for a run that starts earlier than the last one: every day's run asks every source.
LONGEST_WAIT = timedelta(hours=20)
# Said of a day that nothing was kept of, and known again by it: nothing brings that day back.
PAST_DAY = "a past day cannot be fetched"


class WaitingError(TransientError):
    """The source was not asked: it failed too often, or asked for patience, and its time has not come."""


@dataclass(frozen=True, slots=True)
class FetchState:
    """One source as of its last fetch. `url` is the catalog's address; of another address nothing is known.

    The answer that its last good snapshot was made of: `answered_by` (final URL), `content_type`, `etag`,
    `last_modified`, the `day` its body is kept under, the `digest` of that body, and `fresh_until`: the instant up to
    which the server wants no second look. Then the `failures` in a row, since when, what the last one said, and the
    instant before which the source is not asked again. Instants carry their zone.
    """

    url: str
    answered_by: str = ""
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    day: date | None = None
    digest: str = ""
    fresh_until: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    last_error: str = ""
    not_before: datetime | None = None

    def succeeded(self) -> "FetchState":
        """The streak of failures is over."""
        return replace(self, failures=0, failing_since=None, last_error="", not_before=None)

    def failed(self, at: datetime, error: str, retry_after: float | None = None) -> "FetchState":
        """One failure more; `retry_after` is the patience that the source asked for, in seconds."""
        return replace(
            self,
            failures=self.failures + 1,
            failing_since=self.failing_since or at,
            last_error=error,
            not_before=next_try(self.failures + 1, at, retry_after),
        )

    def is_fresh(self, at: datetime) -> bool:
        """Whether the kept body stands for the source's answer without asking."""
        return bool(self.day and self.fresh_until and at < self.fresh_until)

    def waiting(self, at: datetime) -> WaitingError | None:
        """Why the source is not asked at that instant; None where it is."""
        if not self.not_before or at >= self.not_before:
            return None
        times = "once" if self.failures == 1 else f"{self.failures} times in a row"
        return WaitingError(
            f"not asked: it failed {times} since {_minute(self.failing_since or at)}, last with "
            f"{self.last_error!r}; tried again from {_minute(self.not_before)}.",
            where=self.url,
            remedy="Materialize today's source_snapshots with force_refresh to try at once.",
        )

    def record(self) -> dict[str, Any]:
        """JSON types only; the inverse of `from_record`."""
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in self._fields()}

    def _fields(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__slots__]

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "FetchState":
        """The inverse of `record`. Raises ValueError, TypeError or KeyError where it is none."""
        values: dict[str, Any] = {name: record[name] for name in _TEXTS}
        if not all(isinstance(text, str) for text in values.values()) or not isinstance(record["failures"], int):
            raise TypeError("not the record of a fetch")
        values |= {name: _instant(record[name]) for name in _INSTANTS}
        values["day"] = date.fromisoformat(record["day"]) if record["day"] else None
        return cls(**values, failures=record["failures"])


def next_try(failures: int, at: datetime, retry_after: float | None = None) -> datetime | None:
    """When a source that failed at `at`, `failures` times in a row, is asked again at the earliest; None is at once.

    From the third failure on: 3 h, 6 h, 12 h, then 20 h. A longer `retry_after` (seconds) is honoured, up to 20 h.
    """
    wait = timedelta(seconds=min(retry_after or 0.0, LONGEST_WAIT.total_seconds()))
    if failures >= PATIENCE:
        doubled = min(failures - PATIENCE, 8)  # beyond, 2 ** n is only larger than what it is cut to
        wait = max(wait, min(FIRST_WAIT * 2**doubled, LONGEST_WAIT))
    return at + wait if wait else None


_TEXTS = ("url", "answered_by", "content_type", "etag", "last_modified", "digest", "last_error")
_INSTANTS = ("fresh_until", "failing_since", "not_before")


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    found = datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError("an instant without its zone")
    return found


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}"
