"""What overtakes a change while it works or waits: people, other hands in the workspace, newer demands, dead workers.
The real SDK, the emulator, SQLite and PostgreSQL; a hook acts at the moment that the worker says it waits."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from domain.accounts import Demand, DesiredState
from domain.changes import Applied, Change, ChangeRefusedError
from domain.errors import PermanentError
from domain.launches import Terms
from domain.standing import LOST, Job, Standing, Verdict, next_step
from local.schematics_server import SchematicsEmulator
from resources.account_tables import Approval
from resources.database import AccountsDatabase
from resources.decisions import Decisions
from resources.launch_book import LaunchBook
from resources.schematics import Schematics
from settings import PROJECT_ROOT

INPUTS = {"iam_version": "1.0.0", "subnet_count": "3", "enable_monitoring": "false", "tags": "{}"}
_Done = TypeVar("_Done")
TERMS = Terms(poll=0.01, lock_patience=5.0, lost_reply=0.2, job_deadline=30.0)


@dataclass
class Alpha:
    """One account, automatic, whose version 2 is demanded; `when` acts on words of its worker, once each."""

    database: AccountsDatabase
    schematics: SchematicsEmulator
    workspace: str
    when: dict[str, Callable[[], object]] = field(default_factory=dict)

    @property
    def book(self) -> LaunchBook:
        return LaunchBook(self.database)

    @property
    def decisions(self) -> Decisions:
        return Decisions(self.database)

    @property
    def now(self) -> Standing:
        return self.book.standing("alpha")

    def demand(self, subnets: int) -> None:
        demand = Demand(["alpha"], "ann", "CHG-1", subnet_count=subnets, execution_mode="plan_and_apply")
        self.database.request(demand)

    def work(self, step: Callable[[Change], _Done], keep: Callable[[Job, str], str] | None = None) -> _Done:
        """What a run does, under a lease of its own."""
        with self.book.lease("alpha", 5.0, print) as lease, self.wire() as schematics:
            workspace = schematics.workspace(self.workspace)
            return step(Change(self.book, workspace, lease, TERMS, {}, "key", keep or _keep, self._hear))

    def wire(self) -> Schematics:
        """The real SDK on the emulator."""
        urls = (self.schematics.url, self.schematics.iam_url)
        return Schematics(*urls, "key", pace=lambda: None, request_timeout=10.0)

    def plan(self) -> Job | None:
        done = self.work(lambda change: change.plan("alpha"))
        return done[0] if done else None

    def apply(self) -> Applied:
        return self.work(lambda change: change.apply("alpha"))

    def launches(self) -> Counter[str]:
        return Counter(one["kind"].lower() for one in self.schematics.report()["launches"])

    def busy(self, job: str) -> None:
        """The workspace is somebody else's for the first launch."""
        self.schematics.fault("status", status=409, job=job, times=1)

    def other_hands(self) -> None:
        """Somebody changes an input in the console."""
        with self.schematics.state.lock:
            found = self.schematics.state.find("alpha").variables
            next(one for one in found if one["name"] == "subnet_count")["value"] = "9"

    def _hear(self, words: str) -> None:
        for start in [start for start in self.when if words.startswith(start)]:
            self.when.pop(start)()


def _keep(job: Job, _text: str) -> str:
    return f"{job.kind}.log"


@pytest.fixture
def alpha(url: str) -> Iterator[Alpha]:
    database = AccountsDatabase(url)
    database.upgrade(PROJECT_ROOT / "migrations")
    with SchematicsEmulator(job_seconds=0.05) as schematics:
        workspace = schematics.create_workspace("alpha", INPUTS)
        database.register("alpha", "1", DesiredState("1.0.0", 3), "ops", workspace=workspace, mode="auto")
        found = Alpha(database, schematics, workspace)
        found.demand(5)
        yield found
    database.close()


def test_a_pause_while_the_workspace_is_busy_keeps_the_apply_from_being_launched(alpha: Alpha) -> None:
    alpha.plan()
    alpha.busy("apply")
    alpha.when["not launched"] = lambda: alpha.decisions.set_mode("alpha", "paused", "ann")
    assert alpha.apply().ruling.verdict is Verdict.HOLD
    assert alpha.when == {}
    assert alpha.launches() == {"plan": 1}
    assert alpha.book.open_jobs("alpha") == []
    alpha.decisions.resume("alpha", "ann")
    assert alpha.apply().job
    assert alpha.launches() == {"plan": 1, "apply": 1}


def test_a_rejection_while_the_workspace_is_busy_counts(alpha: Alpha) -> None:
    alpha.plan()
    alpha.busy("apply")
    alpha.when["not launched"] = lambda: alpha.decisions.reject("alpha", "eve", "not today")
    assert "eve rejected the plan" in alpha.apply().ruling.reason
    assert alpha.launches() == {"plan": 1}
    assert alpha.now.status == "PLANNED"


def test_inputs_that_change_while_the_workspace_is_busy_are_not_applied(alpha: Alpha) -> None:
    alpha.plan()
    alpha.busy("apply")
    alpha.when["not launched"] = alpha.other_hands
    with pytest.raises(ChangeRefusedError, match="have changed since the plan"):
        alpha.apply()
    assert alpha.launches() == {"plan": 1}
    assert (alpha.now.status, alpha.book.open_jobs("alpha")) == ("PLAN_FAILED", [])


def test_a_demand_while_the_workspace_is_busy_takes_the_place_of_the_older_one(alpha: Alpha) -> None:
    alpha.plan()
    alpha.busy("apply")
    alpha.when["not launched"] = lambda: alpha.demand(6)
    assert alpha.apply().ruling.reason == "a newer demand took its place"
    assert (alpha.now.status, alpha.now.version) == ("PENDING_SCHEMATICS", 3)
    alpha.plan()
    assert alpha.apply().job
    assert (alpha.now.status, alpha.launches()) == ("UPDATED", {"plan": 2, "apply": 1})


def test_an_intent_that_nobody_launched_is_given_up_once_its_approval_has_expired(alpha: Alpha) -> None:
    alpha.decisions.set_mode("alpha", "manual", "ann")
    plan = alpha.plan()
    assert plan
    alpha.decisions.approve("alpha", "bob", 1.0, plan=plan.id)
    intent = alpha.book.intend("alpha", 2, "apply", plan.fingerprint, [])  # its worker died right after this
    with alpha.database.transaction() as session:
        session.get_one(Approval, plan.id).expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert alpha.apply().ruling.verdict is Verdict.ASK
    assert alpha.launches() == {"plan": 1}
    assert next(job for job in alpha.book.jobs("alpha") if job.id == intent.id).status == LOST
    alpha.decisions.approve("alpha", "bob", 1.0, plan=plan.id)
    assert alpha.apply().job
    assert alpha.launches() == {"plan": 1, "apply": 1}


def test_an_apply_under_way_is_followed_though_the_account_was_paused(alpha: Alpha) -> None:
    plan = alpha.plan()
    assert plan
    intent = alpha.book.intend("alpha", 2, "apply", plan.fingerprint, [])
    with alpha.wire() as schematics:
        alpha.book.launched(intent, schematics.workspace(alpha.workspace).launch("apply"))
    alpha.decisions.set_mode("alpha", "paused", "ann")
    assert next_step(alpha.now, datetime.now(UTC)) == "apply"
    assert alpha.apply().job
    assert (alpha.now.status, alpha.launches()) == ("UPDATED", {"plan": 1, "apply": 1})


def test_an_account_at_rest_is_not_planned(alpha: Alpha) -> None:
    alpha.plan()
    alpha.apply()
    alpha.plan()
    alpha.apply()
    assert alpha.launches() == {"plan": 1, "apply": 1}


def test_how_a_job_ended_is_written_though_its_log_is_gone(alpha: Alpha) -> None:
    def refuse(job: Job, _text: str) -> str:
        raise PermanentError("the store is read-only.", where=job.account)

    done = alpha.work(lambda change: change.plan("alpha"), refuse)
    assert done
    assert done[0].succeeded
    assert done[0].log_key == ""
    assert alpha.now.status == "PLANNED"


def test_a_job_that_schematics_forgot_is_over_and_the_account_says_so(alpha: Alpha) -> None:
    alpha.book.launched(alpha.book.intend("alpha", 2, "plan", "f" * 64, []), "no-such-activity")
    gone = alpha.plan()
    assert gone
    assert "Schematics knows it no longer" in gone.error
    assert (alpha.now.status, alpha.book.open_jobs("alpha")) == ("PLAN_FAILED", [])
    anew = alpha.plan()
    assert anew
    assert anew.succeeded


def test_a_look_for_drift_whose_worker_died_is_taken_up(alpha: Alpha) -> None:
    alpha.plan()
    alpha.apply()
    intent = alpha.book.intend("alpha", 2, "drift", "f" * 64, [])
    with alpha.wire() as schematics:
        schematics.workspace(alpha.workspace).launch("plan")  # launched, and the worker died before it wrote so
    found = alpha.work(lambda change: change.look_for_drift("alpha")).job
    assert found.id == intent.id
    assert alpha.launches() == {"plan": 2, "apply": 1}


def test_a_frozen_workspace_is_told_at_once_and_nothing_is_launched(alpha: Alpha) -> None:
    with alpha.schematics.state.lock:
        alpha.schematics.state.find("alpha").frozen_at = 1.0
    with pytest.raises(PermanentError, match="the workspace is frozen"):
        alpha.plan()
    assert alpha.launches() == {}


def test_a_workspace_that_is_linked_anew_is_planned_anew(alpha: Alpha) -> None:
    alpha.plan()
    other = alpha.schematics.create_workspace("elsewhere", INPUTS)
    alpha.database.link("alpha", other, "ops")
    alpha.workspace = other
    assert alpha.now.status == "PENDING_SCHEMATICS"
    with pytest.raises(ChangeRefusedError, match="have changed since the plan"):
        alpha.apply()
    alpha.plan()
    assert alpha.apply().job
    assert alpha.launches() == {"plan": 2, "apply": 1}
