"""A job is launched at most once, whatever crashes: the intent is written first, the activity's id right after.

Here: launching, finding a launch whose reply was lost, following a job to its end. Not here: which job is due
(domain.standing), what a plan or an apply is made of (domain.changes), where rows are kept (resources.launch_book).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from domain.activities import (
    Activity,
    BusyError,
    Kind,
    LostReplyError,
    PlanSummary,
    State,
    Workspace,
    WorkspaceLook,
    activity_name,
)
from domain.errors import MissingError, PermanentError, TransientError
from domain.standing import LOST, Job

_LAUNCHES = 3  # of one call, where each reply was lost and Schematics knows of none


@dataclass(frozen=True, slots=True)
class Terms:
    """How patiently jobs are followed, in seconds."""

    poll: float
    lock_patience: float
    lost_reply: float
    job_deadline: float


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended: status COMPLETED, FAILED, STOPPED or LOST."""

    status: str
    plan: PlanSummary | None = None
    error: str = ""
    log_key: str = ""


class Book(Protocol):
    """The rows of jobs. Each call is one transaction; the account's own status follows in the same one."""

    def intend(self, account: str, version: int, kind: Kind, fingerprint: str, before: Sequence[str]) -> Job:
        """A new attempt, or the one that is open still, now with this fingerprint. After a lost attempt the new one
        keeps that one's `before`: the lost launch may yet arrive."""
        ...

    def launched(self, job: Job, activity_id: str) -> Job:
        """Writes the activity's id."""
        ...

    def finish(self, job: Job, end: End) -> Job:
        """Writes how it ended."""
        ...

    def claimed(self, account: str) -> set[str]:
        """The activities that are known to be ours."""
        ...

    def usual_seconds(self, kind: Kind) -> float:
        """How long jobs of this kind took lately; 0 where none did."""
        ...


class CalledOffError(TransientError):
    """Not launched: what allowed it no longer does. The intent is closed."""


class Lease(Protocol):
    """The exclusive right to work on an account, for a while."""

    def renew(self) -> None:
        """Raises TransientError where somebody else has it."""
        ...

    def pause(self, seconds: float) -> None:
        """Sleeps, and keeps the right."""
        ...


class Launcher:
    """Launches and follows the jobs of one account's workspace, under a lease on the account.

    `conclude` reads what a finished job left (its plan, its log) and says how it ended.
    """

    def __init__(
        self,
        book: Book,
        workspace: Workspace,
        lease: Lease,
        terms: Terms,
        conclude: Callable[[Job, Activity], End],
        tell: Callable[[str], None],
    ) -> None:
        self._book = book
        self._workspace = workspace
        self._lease = lease
        self._terms = terms
        self._conclude = conclude
        self._tell = tell

    def take_up(self, job: Job) -> Job:
        """An open job, followed to its end where it was launched; as it is where nobody finds that it was."""
        try:
            if job.activity_id is not None:
                return self._follow(job, job.activity_id)
            found = self._find(job)
            if found is None:
                return job
            self._tell(f"the {job.kind} was launched already: {found}")
            job = self._book.launched(job, found)
            return self._follow(job, found)
        except MissingError as error:  # else the row would stay open for ever
            return self._book.finish(job, End("FAILED", error=f"Schematics knows it no longer: {error.message}"))

    def unlocked(self) -> WorkspaceLook:
        """The workspace, once no job holds it. A lock may outlive its job for a moment."""
        waited, delay = 0.0, 1.0
        while (look := self._workspace.look()).locked:
            if waited >= self._terms.lock_patience:
                raise TransientError(
                    f"the workspace is locked by {look.locked_by or 'another job'} and stayed so for {waited:.0f} s.",
                    where=self._workspace.id,
                    remedy="See who works on it; once its job is over, unlock the workspace in Schematics.",
                )
            if not waited:
                self._tell(f"waiting for the lock of {look.locked_by or 'another job'}")
            self._lease.pause(delay)
            waited, delay = waited + delay, min(delay * 2, 30.0)
        if look.frozen:
            raise PermanentError(
                "the workspace is frozen.",
                where=self._workspace.id,
                remedy="Somebody froze it in Schematics, and has to unfreeze it there.",
            )
        return look

    def launch(
        self,
        account: str,
        version: int,
        kind: Kind,
        fingerprint: str,
        still_good: Callable[[WorkspaceLook | None], None] = lambda _look: None,
    ) -> Job:
        """Launches the job and follows it to its end. The workspace shall be unlocked.

        `still_good` is asked right before each launch, with a fresh look where the workspace was busy meanwhile, and
        raises CalledOffError where the job shall not be launched any more.
        """
        for _launch in range(_LAUNCHES):
            foreign = self._foreign(account, kind)
            job = self._book.intend(account, version, kind, fingerprint, foreign)
            # An intent that was there before, or that follows a lost one, may have come true only now.
            late = self._find(job) if set(foreign) - set(job.before) else None
            try:
                found = late or self._launch(job, still_good)
            except CalledOffError as error:
                self._book.finish(job, End(LOST, error=f"Not launched: {error.message}"))
                raise
            if found:
                return self._follow(self._book.launched(job, found), found)
            self._book.finish(job, End(LOST, error="The reply never came, and Schematics knows of no such job."))
        raise TransientError(
            f"{_LAUNCHES} launches went unanswered, and none of them arrived.",
            where=self._workspace.id,
            remedy="See whether Schematics answers; the next run tries again.",
        )

    def _launch(self, job: Job, still_good: Callable[[WorkspaceLook | None], None]) -> str | None:
        """The activity's id; None where the reply was lost and no activity came of it."""
        look: WorkspaceLook | None = None
        waited, delay = 0.0, 2.0
        while True:
            self._lease.renew()
            still_good(look)
            try:
                return self._workspace.launch(job.kind)
            except LostReplyError as error:
                self._tell(f"no reply to the launch ({error.message}); looking for its job")
                return self._look_for(job)
            except BusyError as error:
                if waited >= self._terms.lock_patience:
                    raise
                pause = max(delay, error.retry_after or 0.0)
                self._tell(f"not launched, trying again in {pause:.0f} s: {error.message}")
                self._lease.pause(pause)
                waited, delay = waited + pause, min(delay * 2, 60.0)
            # What holds the workspace may be this very job: a launch of an earlier worker that arrived late.
            if found := self._find(job):
                return found
            look = self.unlocked()

    def _look_for(self, job: Job) -> str | None:
        waited, delay = 0.0, min(1.0, self._terms.lost_reply or 1.0)
        while True:
            found = self._find(job)
            if found or waited >= self._terms.lost_reply:
                return found
            self._lease.pause(delay)
            waited, delay = waited + delay, delay * 2

    def _find(self, job: Job) -> str | None:
        """The activity of this kind that is neither older than the intent nor another row's."""
        known = self._book.claimed(job.account) | set(job.before)
        name = activity_name(job.kind)
        return next((a.id for a in self._workspace.activities() if a.name == name and a.id not in known), None)

    def _foreign(self, account: str, kind: Kind) -> list[str]:
        claimed, name = self._book.claimed(account), activity_name(kind)
        return [a.id for a in self._workspace.activities() if a.name == name and a.id not in claimed]

    def _follow(self, job: Job, activity_id: str) -> Job:
        """Looks at the activity until it is over: first when such jobs usually end, then ever more seldom."""
        usual, told = self._book.usual_seconds(job.kind) or self._book.usual_seconds("plan"), ""
        expected = max(self._terms.poll, usual * 0.95)
        while True:
            if (early := expected - self._elapsed(job)) > 0:
                self._lease.pause(min(60.0, early))
            activity = self._workspace.activity(activity_id)
            if activity.state.over:
                return self._book.finish(job, self._conclude(job, activity))
            if activity.status != told:
                odd = " (a status nobody knows: followed on)" if activity.state is State.UNKNOWN else ""
                self._tell(f"{job.kind} {activity_id}: {activity.status}{odd}")
                told = activity.status
            elapsed = self._elapsed(job)
            if elapsed > self._terms.job_deadline:
                raise TransientError(
                    f"the {job.kind} has not ended after {elapsed:.0f} s; its status is {activity.status!r}.",
                    where=f"{self._workspace.id}, activity {activity_id}",
                    remedy="Look at it in Schematics, stop it there if it hangs; a new run follows it on.",
                )
            if elapsed >= expected:
                self._lease.pause(max(self._terms.poll, min(60.0, (elapsed - expected) / 4)))

    def _elapsed(self, job: Job) -> float:
        return (datetime.now(UTC) - (job.launched_at or job.intended_at)).total_seconds()
