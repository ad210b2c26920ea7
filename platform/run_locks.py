"""A run's lock: held at PostgreSQL by the process that works on the run, for as long as that process lives.

Here: holding it, seeing whether anybody holds it, giving the run up when it is lost, errands for one at a time.
PostgreSQL frees it when the process or its machine is gone, so it says truly that a worker is dead, and a run has at
most one worker. Not here: what a run does, what follows from a dead worker (fleet).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

BEAT = 2.0  # seconds between two looks of a holder at its own lock
GIVE_UP = 15.0  # seconds without it, after which a holder stops its work
# PostgreSQL frees the lock of a machine that is silent for 25 s, later than that machine's worker has given up.
_PATIENCE = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
_HELD = text(
    "select exists(select from pg_locks where locktype = 'advisory' and granted and objsubid = 1"
    " and database = (select oid from pg_database where datname = current_database())"
    " and classid::bigint = :key >> 32 and objid::bigint = :key & 4294967295)"
)


class RunLocks:
    """The locks of the runs of one Dagster instance, at the PostgreSQL server that keeps its runs."""

    def __init__(self, url: str | URL, beat: float = BEAT, give_up: float = GIVE_UP) -> None:
        self._beat, self._give_up = beat, give_up
        client = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "options": _PATIENCE}
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=client)

    def held(self, run_id: str) -> bool:
        """Whether a process works on the run. Raises SQLAlchemyError where the server does not answer."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(_HELD, {"key": _key(run_id)}))

    @contextmanager
    def alone(self, errand: str) -> Iterator[None]:
        """Waits until no other process is inside a block of the same errand, and keeps them out of it."""
        with self._engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _key(str(uuid5(NAMESPACE_OID, errand)))})
            yield

    @contextmanager
    def hold(self, run_id: str, lost: Callable[[], None]) -> Iterator[bool]:
        """Holds the run's lock inside the block. False: another process has it, and the work is not ours.

        A lock that is lost (a restarted server, a cut network) is taken again at the next beat; `lost` is called, in
        another thread, where that does not succeed within `give_up` seconds.
        """
        connection = self._take(run_id)
        if connection is None:
            yield False
            return
        over = threading.Event()
        keeper = threading.Thread(
            target=self._keep, args=(run_id, connection, over, lost), name=f"lock of {run_id}", daemon=True
        )
        keeper.start()
        try:
            yield True
        finally:
            over.set()
            keeper.join()

    def _take(self, run_id: str) -> Connection | None:
        connection = self._engine.connect()
        try:
            if connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": _key(run_id)}):
                return connection
        except SQLAlchemyError:
            connection.close()
            raise
        connection.close()
        return None

    def _keep(
        self, run_id: str, connection: Connection | None, over: threading.Event, lost: Callable[[], None]
    ) -> None:
        good = time.monotonic()
        while not over.wait(self._beat):
            try:
                if connection is None:
                    connection = self._take(run_id)
                else:
                    connection.execute(text("select 1"))
            except SQLAlchemyError:
                _close(connection)
                connection = None
            if connection is not None:
                good = time.monotonic()
            elif time.monotonic() - good > self._give_up:
                lost()
                return
        _close(connection)


def _close(connection: Connection | None) -> None:
    if connection is not None:
        with suppress(SQLAlchemyError):
            connection.close()


def _key(run_id: str) -> int:
    """A positive bigint: PostgreSQL's advisory locks are numbers."""
    return UUID(run_id).int >> 65
