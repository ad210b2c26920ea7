"""A run's lock at a real PostgreSQL: one holder, freed by death, taken again after an outage, given up in time."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from run_locks import RunLocks
from settings import PROJECT_ROOT

BEAT, GIVE_UP = 0.05, 0.4
# What a restart of the server does to every holder.
CUT = text("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted")
HOLDER = """
import sys, time
from run_locks import RunLocks
with RunLocks(sys.argv[1]).hold(sys.argv[2], lambda: None) as held:
    print(held, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run_id() -> str:
    return str(uuid4())


@pytest.fixture
def admin(postgres: str) -> Engine:
    return create_engine(postgres, poolclass=NullPool, isolation_level="AUTOCOMMIT")


@pytest.fixture
def locks(postgres: str) -> RunLocks:
    return RunLocks(postgres, BEAT, GIVE_UP)


def soon(seen: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not seen() and time.monotonic() < deadline:
        time.sleep(0.02)
    return seen()


def never() -> None:
    raise AssertionError("the lock was given up")


def test_a_lock_is_held_inside_its_block_and_by_one_alone(locks: RunLocks, run_id: str) -> None:
    assert not locks.held(run_id)
    with locks.hold(run_id, never) as first, locks.hold(run_id, never) as second:
        assert (first, second) == (True, False)
        assert locks.held(run_id)
    assert not locks.held(run_id)


def test_runs_do_not_share_a_lock(locks: RunLocks, run_id: str) -> None:
    with locks.hold(run_id, never):
        assert not locks.held(str(uuid4()))


def test_a_lock_is_free_as_soon_as_its_process_is_killed(locks: RunLocks, run_id: str, postgres: str) -> None:
    command = [sys.executable, "-c", HOLDER, postgres, run_id]
    with subprocess.Popen(command, cwd=PROJECT_ROOT / "platform", stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "True\n"
        assert locks.held(run_id)
        process.kill()
    assert soon(lambda: not locks.held(run_id))


def test_a_lock_that_the_server_has_dropped_is_taken_again(locks: RunLocks, run_id: str, admin: Engine) -> None:
    with locks.hold(run_id, never) as held:
        assert held
        with admin.connect() as connection:
            connection.execute(CUT)
        assert soon(lambda: locks.held(run_id))
    assert not locks.held(run_id)


def test_a_lock_that_another_has_taken_meanwhile_is_given_up_in_time(
    locks: RunLocks, run_id: str, admin: Engine
) -> None:
    lost = threading.Event()
    take = text("select pg_advisory_lock(cast(:key as bigint))").bindparams(key=UUID(run_id).int >> 65)
    waiting = text("select exists(select from pg_locks where locktype = 'advisory' and not granted)")
    with admin.connect() as usurper, admin.connect() as observer, locks.hold(run_id, lost.set):
        next_in_line = threading.Thread(target=usurper.execute, args=(take,))
        next_in_line.start()
        assert soon(lambda: bool(observer.scalar(waiting)))
        observer.execute(CUT)
        next_in_line.join()
        assert lost.wait(GIVE_UP + 5)


def test_a_server_that_does_not_answer_is_an_error_and_not_a_free_lock(postgres: str, run_id: str) -> None:
    nowhere = postgres.replace("host=", "host=/nowhere")
    with pytest.raises(OperationalError, match="nowhere"):
        RunLocks(nowhere).held(run_id)
