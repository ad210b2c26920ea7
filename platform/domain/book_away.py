"""The one trouble that no book can remember: that the book is away. When it is told, and when its end is.

Here: what is kept of it between two looks. Not here: where that is kept (sensors.alerts, sensors.outside_look), who is
told (resources.alert_desk).
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_PATIENCE = timedelta(minutes=2)  # before it is told: one failed look is weather


@dataclass(frozen=True, slots=True)
class BookAway:
    """Since when the book is away, which channels were told, and since when it is back, where it is.

    One that comes and goes is away all the while: until it has stayed for as long as any trouble must be gone.
    """

    since: datetime
    told: frozenset[str] = frozenset()
    back_since: datetime | None = None

    @classmethod
    def of(cls, text: str | None) -> "BookAway | None":
        """What a text says; None where it says nothing, or cannot be read."""
        try:
            record = json.loads(text or "")
            back = record.get("back_since")
            return cls(
                datetime.fromisoformat(record["since"]),
                frozenset(record["told"]),
                datetime.fromisoformat(back) if back else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def text(self) -> str:
        """All that is kept."""
        back = self.back_since.isoformat() if self.back_since else None
        return json.dumps({"since": self.since.isoformat(), "told": sorted(self.told), "back_since": back})

    def is_news(self, now: datetime) -> bool:
        """Whether it has been away for long enough to be told."""
        return now - self.since >= _PATIENCE

    def is_over(self, now: datetime, settled: timedelta) -> bool:
        """Whether it has been back for long enough."""
        return self.back_since is not None and now - self.back_since >= settled

    def with_told(self, channels: Collection[str]) -> "BookAway":
        """After exactly these channels were told."""
        return replace(self, told=frozenset(channels))


def failed(before: BookAway | None, now: datetime) -> BookAway:
    """After a look that could not reach the book."""
    return replace(before, back_since=None) if before else BookAway(now)


def reached(before: BookAway, now: datetime) -> BookAway:
    """After a look that reached it."""
    return replace(before, back_since=before.back_since or now)
