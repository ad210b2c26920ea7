"""The pace of requests to Schematics, over all runs on all machines: IBM counts them per user, not per process.

Here: taking a turn, in the accounts' database, because that is what all runs share. Not here: what is requested.
"""

import time
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from resources.account_tables import Pace as PaceRow
from resources.database import AccountsDatabase

WINDOW = 60.0  # seconds
_NAME = "schematics"


class Pace:
    """At most `per_minute` turns in any 60 seconds. Calling it takes a turn, and waits for one where there is none."""

    def __init__(
        self,
        database: AccountsDatabase,
        per_minute: int,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._per_minute = per_minute
        self._sleep = sleep
        self._now = now

    def __call__(self) -> None:
        """Returns once a request may be sent."""
        while (wait := self._turn()) > 0:
            self._sleep(wait)

    def _turn(self) -> float:
        """0 where the turn is taken, else the seconds until there may be one."""
        with self._database.transaction() as session:
            row = _row(session)
            now = self._now()
            # A clock that was set back would leave turns in the future: they do not count.
            recent = [at for at in row.recent if now - WINDOW < at <= now]
            if len(recent) < self._per_minute:
                row.recent = [*recent, now]
                return 0.0
            return max(recent[-self._per_minute] + WINDOW - now, 0.01)


def _row(session: Session) -> PaceRow:
    """The one row, which the migration has made; nobody else's until the end of the transaction."""
    return session.scalars(select(PaceRow).where(PaceRow.name == _NAME).with_for_update()).one()
