"""At most once, whatever crashes: a worker is killed by SIGKILL before each of its steps, on SQLite and PostgreSQL, and
the next one goes on. Schematics has then seen exactly one plan and one apply, and the account is as desired."""

import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from domain.accounts import Demand, DesiredState
from local.schematics_server import SchematicsEmulator
from resources.database import AccountsDatabase
from resources.launch_book import LaunchBook
from settings import PROJECT_ROOT
from tests.contract.crash_worker import NEVER, Place, run

pytestmark = pytest.mark.crash
AT_ONCE = 6
STATE = DesiredState("1.0.0", 3)
INPUTS = {"iam_version": "1.0.0", "subnet_count": "3", "enable_monitoring": "false", "tags": "{}"}
PROCESSES = multiprocessing.get_context("forkserver")


@dataclass
class Matrix:
    """Many accounts with the same demand, one for each way to crash."""

    url: str
    schematics: SchematicsEmulator
    database: AccountsDatabase
    places: dict[str, Place] = field(default_factory=dict)

    def account(self, name: str) -> Place:
        """A new account that shall get two more subnets."""
        workspace = self.schematics.create_workspace(name, INPUTS)
        self.database.register(name, "1", STATE, "ops", workspace=workspace, mode="auto")
        self.database.request(Demand([name], "ann", "CHG-1", subnet_count=5, execution_mode="plan_and_apply"))
        place = Place(self.url, self.schematics.url, self.schematics.iam_url, name, workspace)
        self.places[name] = place
        return place

    def work(self, place: Place, die_before: int = NEVER) -> int:
        """A worker in a process of its own: its exit code."""
        worker = PROCESSES.Process(target=run, args=(place, die_before))
        worker.start()
        worker.join(60)
        assert worker.exitcode is not None, f"{place.account} hangs"
        return worker.exitcode

    def steps(self, place: Place) -> list[str]:
        """Everything that an undisturbed worker does."""
        taken = PROCESSES.Queue()
        worker = PROCESSES.Process(target=run, args=(place, NEVER, taken))
        worker.start()
        steps: list[str] = taken.get(timeout=60)
        worker.join(60)
        return steps

    def crash(self, name: str, *deaths: int) -> None:
        """Kills one worker after the other before those steps; the last one is left alone."""
        place = self.account(name)
        for death in deaths:
            self.work(place, death)
        assert self.work(place) == 0, f"{name}: the worker that was left alone failed"

    def together(self, cases: dict[str, tuple[int, ...]]) -> None:
        """Several at once: processes that mostly wait."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda case: self.crash(case[0], *case[1]), cases.items()))

    def wrong(self) -> dict[str, str]:
        """The accounts that did not end well, or that saw a job twice."""
        seen = Counter((one["workspace_name"], one["kind"]) for one in self.schematics.report()["launches"])
        book, found = LaunchBook(self.database), dict[str, str]()
        for name in self.places:
            standing, counts = book.standing(name), (seen[name, "PLAN"], seen[name, "APPLY"])
            if counts != (1, 1) or (standing.status, standing.applied_version) != ("UPDATED", 2):
                found[name] = f"{counts} plans and applies, {standing.status}: {standing.reason}"
        return found


@pytest.fixture(scope="module", autouse=True)
def _workers_start_fast() -> None:
    loaded = ["resources.launch_book", "resources.schematics_wire", "sqlalchemy.dialects.sqlite", "psycopg2"]
    PROCESSES.set_forkserver_preload([*loaded, "domain.changes", "alembic.command"])


@pytest.fixture
def matrix(url: str) -> Iterator[Matrix]:
    database = AccountsDatabase(url)
    database.upgrade(PROJECT_ROOT / "migrations")
    with SchematicsEmulator(job_seconds=0.05) as schematics:
        yield Matrix(url, schematics, database)
    database.close()


def test_killed_before_any_step_a_change_is_planned_once_and_applied_once(matrix: Matrix) -> None:
    steps = matrix.steps(matrix.account("undisturbed"))
    assert {"book.intend", "workspace.launch", "book.launched", "workspace.activity", "book.finish"} < set(steps)
    assert (steps.count("workspace.launch"), steps.count("book.intend")) == (2, 2)
    matrix.together({f"step-{n}": (n,) for n in range(1, len(steps) + 1)})
    assert matrix.wrong() == {}


def test_killed_before_any_step_while_the_replies_of_launches_are_lost(matrix: Matrix) -> None:
    for job in ("plan", "apply"):
        matrix.schematics.fault("lost_reply", job=job)
    steps = matrix.steps(matrix.account("undisturbed"))
    matrix.together({f"step-{n}": (n,) for n in range(1, len(steps) + 1)})
    assert matrix.wrong() == {}


def test_killed_again_and_again(matrix: Matrix) -> None:
    dice = random.Random(7)
    matrix.together({f"case-{n}": tuple(dice.randint(1, 24) for _ in range(3)) for n in range(8)})
    assert matrix.wrong() == {}


@pytest.mark.parametrize("job", ["plan", "apply"])
def test_killed_while_the_reply_of_the_launch_is_on_its_way(matrix: Matrix, job: str) -> None:
    place = matrix.account("alpha")
    matrix.schematics.fault("hold_reply", job=job, seconds=5.0, times=1)
    worker = PROCESSES.Process(target=run, args=(place, NEVER))
    worker.start()
    deadline = time.monotonic() + 30
    while not any(one["kind"] == job.upper() for one in matrix.schematics.report()["launches"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    worker.kill()
    worker.join(10)
    assert worker.exitcode == -signal.SIGKILL
    assert matrix.work(place) == 0
    assert matrix.wrong() == {}


def test_several_workers_at_once_on_one_account_make_no_second_job(matrix: Matrix) -> None:
    place = matrix.account("alpha")
    workers = [PROCESSES.Process(target=run, args=(place, NEVER)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert matrix.wrong() == {}


def test_a_matrix_that_saw_a_second_apply_would_say_so(matrix: Matrix) -> None:
    place = matrix.account("alpha")
    assert matrix.work(place) == 0
    assert matrix.wrong() == {}
    matrix.database.request(Demand(["alpha"], "ann", "CHG-2", subnet_count=6, execution_mode="plan_and_apply"))
    assert matrix.work(place) == 0
    assert "(2, 2) plans and applies" in matrix.wrong()["alpha"]
