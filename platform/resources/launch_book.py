"""The rows of launches: intents, activities, ends, leases; and where each account stands because of them.

Here: one transaction per step of a change, the account's status in the same one. Not here: the order of the steps
(domain.changes, domain.launches), demands (database), what people decide (decisions).
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from domain.accounts import Demand
from domain.activities import Kind, PlanCounts
from domain.errors import TransientError
from domain.launches import End
from domain.standing import LOST, STALE, Approval, Job, Ruling, Standing, gate, status_of_ruling
from resources.account_tables import Account, Audit, SchematicsJob, StateVersion
from resources.account_tables import Approval as ApprovalRow
from resources.database import AccountsDatabase, ask, locked_account, new_version

VIGIE = "vigie"  # the actor of what nobody decided
_STARTED: dict[str, str] = {"plan": "PLANNING", "apply": "APPLYING"}
_UNDER_WAY = ("PENDING_SCHEMATICS", "PLANNING", "PLANNED", "AWAITING_APPROVAL", "APPLYING")
_LATELY = 9  # jobs that say how long one takes


class LaunchBook:
    """domain.changes.ChangeBook on the accounts' database."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def standing(self, account: str) -> Standing:
        """Where the account stands. DemandError where there is no such account."""
        with self._database.transaction() as session:
            return standing_of(session, locked_account(session, account))

    def names(self) -> list[str]:
        """Every account, by name."""
        with self._database.transaction() as session:
            return list(session.scalars(select(Account.name).order_by(Account.name)))

    def unfinished(self) -> list[Standing]:
        """The accounts whose desired version is not applied, by name; in four queries however many there are."""
        apart = or_(Account.applied_version.is_(None), Account.applied_version != Account.desired_version)
        desired = (SchematicsJob.account == Account.name, SchematicsJob.version == Account.desired_version)
        jobs = select(SchematicsJob).join(Account, and_(*desired)).where(apart, SchematicsJob.status != LOST)
        wanted = and_(StateVersion.account == Account.name, StateVersion.version == Account.desired_version)
        with self._database.transaction() as session:
            accounts = list(session.scalars(select(Account).where(apart).order_by(Account.name)))
            versions = {
                row.account: row for row in session.scalars(select(StateVersion).join(Account, wanted).where(apart))
            }
            newest = {(row.account, row.kind): row for row in session.scalars(jobs.order_by(SchematicsJob.id))}
            plans = [job.id for (_name, kind), job in newest.items() if kind == "plan"]
            approvals = {row.job: row for row in session.scalars(select(ApprovalRow).where(ApprovalRow.job.in_(plans)))}
            found = []
            for row in accounts:
                plan, apply = newest.get((row.name, "plan")), newest.get((row.name, "apply"))
                approval = approvals.get(plan.id) if plan else None
                found.append(_standing(row, versions[row.name], plan, apply, approval))
            return found

    def at_rest(self) -> list[str]:
        """The accounts with a workspace whose desired version is applied and that are not paused, by name."""
        applied = (Account.applied_version == Account.desired_version, Account.schematics_workspace_id.is_not(None))
        with self._database.transaction() as session:
            rows = select(Account.name).where(*applied, Account.mode != "paused").order_by(Account.name)
            return list(session.scalars(rows))

    def jobs(self, account: str) -> list[Job]:
        """Every job of the account, of all versions, oldest first."""
        with self._database.transaction() as session:
            mine = select(SchematicsJob).where(SchematicsJob.account == account).order_by(SchematicsJob.id)
            return [job_of(row) for row in session.scalars(mine)]

    def claimed(self, account: str) -> set[str]:
        """The activities that rows of this account name."""
        with self._database.transaction() as session:
            ids = session.scalars(select(SchematicsJob.activity_id).where(SchematicsJob.account == account))
            return {activity for activity in ids if activity}

    def open_jobs(self, account: str) -> list[Job]:
        """The account's jobs whose end is not known yet, of any version, oldest first."""
        mine = (SchematicsJob.account == account, SchematicsJob.finished_at.is_(None))
        with self._database.transaction() as session:
            return [
                job_of(row) for row in session.scalars(select(SchematicsJob).where(*mine).order_by(SchematicsJob.id))
            ]

    def usual_seconds(self, kind: Kind) -> float:
        """The median of the last jobs of this kind that ended well; 0 where none did."""
        columns = select(SchematicsJob.launched_at, SchematicsJob.finished_at)
        done = columns.where(SchematicsJob.kind == kind, SchematicsJob.status.in_(("COMPLETED", STALE)))
        with self._database.transaction() as session:
            rows = session.execute(done.order_by(SchematicsJob.id.desc()).limit(_LATELY)).all()
        seconds = [(end - start).total_seconds() for start, end in rows if start and end]
        return median(seconds) if seconds else 0.0

    def intend(self, account: str, version: int, kind: Kind, fingerprint: str, before: Sequence[str]) -> Job:
        """A new attempt, or the one that is open still, now with this fingerprint. After a lost attempt the new one
        keeps that one's `before`: the lost launch may yet arrive."""
        with self._database.transaction() as session:
            row = locked_account(session, account)
            mine = (SchematicsJob.account == account, SchematicsJob.version == version, SchematicsJob.kind == kind)
            job = session.scalar(select(SchematicsJob).where(*mine, SchematicsJob.finished_at.is_(None)))
            if job is None:
                newest = select(SchematicsJob).where(*mine).order_by(SchematicsJob.attempt.desc()).limit(1)
                last = session.scalar(newest)
                if last and last.status == LOST:
                    before = last.before
                job = SchematicsJob(
                    account=account,
                    version=version,
                    kind=kind,
                    attempt=last.attempt + 1 if last else 1,
                    status="INTENDED",
                    intended_at=datetime.now(UTC),
                    before=list(before),
                )
                session.add(job)
            job.fingerprint = fingerprint
            if kind in _STARTED and row.applied_version != version:
                _status(row, version, _STARTED[kind], "")
            session.flush()
            return job_of(job)

    def launched(self, job: Job, activity_id: str) -> Job:
        """Writes the activity's id."""
        with self._database.transaction() as session:
            row = session.get_one(SchematicsJob, job.id)
            row.activity_id, row.status, row.launched_at = activity_id, "LAUNCHED", datetime.now(UTC)
            return job_of(row)

    def finish(self, job: Job, end: End) -> Job:
        """Writes how the job ended, and what that makes of the account."""
        with self._database.transaction() as session:
            account = locked_account(session, job.account)
            row = session.get_one(SchematicsJob, job.id)
            row.status, row.log_key = end.status, end.log_key
            row.error = end.error.replace("\x00", "")  # PostgreSQL keeps none
            row.finished_at = datetime.now(UTC)
            if end.plan:
                row.resources = list(end.plan.resources)
                if end.plan.counts:
                    counts = end.plan.counts
                    row.to_add, row.to_change, row.to_destroy = counts.add, counts.change, counts.destroy
            session.flush()
            if end.status != LOST:
                _after(session, account, row)
                detail = {"version": job.version, "attempt": job.attempt, "status": end.status, "error": end.error}
                _audit(session, job.account, f"{job.kind} ended", detail)
            return job_of(row)

    def hold(self, account: Standing, ruling: Ruling) -> None:
        """Writes that the gate holds the account, and why."""
        with self._database.transaction() as session:
            row = locked_account(session, account.name)
            _status(row, account.version, status_of_ruling(ruling, row.status), ruling.reason)

    def stale(self, plan: Job, reason: str, *, plan_again: bool) -> None:
        """Writes that the plan no longer holds: another one is made at once, or people look first."""
        with self._database.transaction() as session:
            account = locked_account(session, plan.account)
            session.get_one(SchematicsJob, plan.id).status = STALE
            _status(account, plan.version, "PENDING_SCHEMATICS" if plan_again else "PLAN_FAILED", reason)
            _audit(session, plan.account, "plan stale", {"version": plan.version, "reason": reason})

    def nothing_to_apply(self, account: Standing) -> None:
        """Writes that the account is as desired without an apply."""
        with self._database.transaction() as session:
            row = locked_account(session, account.name)
            _applied(session, row, account.version, "nothing to apply")
            _audit(session, account.name, "nothing to apply", {"version": account.version})

    def drift_seen(self, account: Standing, job: Job, inputs: Sequence[str] = ()) -> None:
        """Writes what a look for drift found. An account that reverts gets its own content as a new version where the
        plan would do something; inputs alone that were applied since are for people to judge."""
        at_rest = job.counts is not None and job.counts.nothing
        found = "" if at_rest and not inputs else "; ".join((str(job.counts or "counts unknown"), *inputs))
        with self._database.transaction() as session:
            row = locked_account(session, account.name)
            row.drift, row.drift_seen_at = found, datetime.now(UTC)
            _audit(session, account.name, "drift" if found else "no drift", {"version": job.version, "plan": found})
            mends = row.drift_policy == "revert" and row.mode in ("auto", "manual") and job.counts is not None
            if not at_rest and mends and row.desired_version == job.version:
                again_as(session, row, job.version, "revert", VIGIE, f"drift: {found}")

    def give_up(self, account: str, version: int, reason: str) -> None:
        """Writes that no further run is asked for this version until somebody has looked; a verdict stays."""
        with self._database.transaction() as session:
            row = locked_account(session, account)
            if row.status in _UNDER_WAY and row.desired_version == version:
                _status(row, version, "APPLY_FAILED" if row.status == "APPLYING" else "PLAN_FAILED", reason)
                _audit(session, account, "give up", {"version": version, "reason": reason})

    @contextmanager
    def lease(self, account: str, seconds: float, tell: Callable[[str], None]) -> Iterator["AccountLease"]:
        """The account to oneself. Waits for another worker's lease to end or to run out."""
        lease = AccountLease(self._database, account, seconds)
        lease.acquire(tell)
        try:
            yield lease
        except Exception:
            lease.release()
            raise
        # A run that is terminated (no Exception) may have a launch on the wire: its lease runs out by itself.
        lease.release()


class AccountLease:
    """domain.launches.Lease: renewed at every step and every pause; a dead worker's runs out by itself."""

    def __init__(self, database: AccountsDatabase, account: str, seconds: float) -> None:
        self._database = database
        self._account = account
        self._seconds = seconds
        self._holder = uuid.uuid4().hex

    def acquire(self, tell: Callable[[str], None]) -> None:
        """Waits for as long as the lease of somebody else is kept up."""
        told = False
        while not self._take():
            if not told:
                tell(f"{self._account}: waiting for the worker that has the account now, or for the end of its lease")
                told = True
            time.sleep(min(1.0, self._seconds / 4))

    def renew(self) -> None:
        """Keeps the lease. Raises TransientError where it ran out and somebody else has it."""
        if not self._take():
            raise TransientError(
                "another worker has taken the account over.", where=self._account, remedy="It goes on from here."
            )

    def pause(self, seconds: float) -> None:
        """Sleeps, renewing the lease."""
        end = time.monotonic() + seconds
        while True:
            self.renew()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, self._seconds / 3))

    def release(self) -> None:
        """Gives the account back."""
        with self._database.transaction() as session:
            row = locked_account(session, self._account)
            if row.lease_holder == self._holder:
                row.lease_holder = row.lease_until = None

    def _take(self) -> bool:
        with self._database.transaction() as session:
            row, now = locked_account(session, self._account), datetime.now(UTC)
            if row.lease_holder not in (None, self._holder) and row.lease_until and row.lease_until > now:
                return False
            row.lease_holder, row.lease_until = self._holder, now + timedelta(seconds=self._seconds)
            return True


def standing_of(session: Session, account: Account) -> Standing:
    """Where the account of this row stands."""
    version = session.get_one(StateVersion, (account.name, account.desired_version))
    plan, apply = (session.scalar(_newest(account, kind)) for kind in ("plan", "apply"))
    return _standing(account, version, plan, apply, session.get(ApprovalRow, plan.id) if plan else None)


def _standing(
    account: Account,
    version: StateVersion,
    plan: SchematicsJob | None,
    apply: SchematicsJob | None,
    approval: ApprovalRow | None,
) -> Standing:
    return Standing(
        name=account.name,
        number=account.number,
        workspace_id=account.schematics_workspace_id,
        mode=account.mode,  # type: ignore[arg-type]  # the table holds it to the modes
        status=account.status,
        reason=account.status_reason,
        version=account.desired_version,
        applied_version=account.applied_version,
        state=version.state(),
        execution_mode=version.execution_mode,  # type: ignore[arg-type]  # written from a checked demand
        drift_policy=account.drift_policy,  # type: ignore[arg-type]  # the table holds it to the policies
        asked_at=account.asked_at,
        plan=job_of(plan) if plan else None,
        apply=job_of(apply) if apply else None,
        approval=_approval_of(approval) if approval else None,
    )


def again_as(session: Session, account: Account, version: int, origin: str, actor: str, reason: str) -> int:
    """A new version with an older one's content, for a rollback or a revert: its number."""
    content = session.get_one(StateVersion, (account.name, version))
    account.desired_version += 1
    demand = Demand([account.name], actor, reason, execution_mode="plan_and_apply")
    now = datetime.now(UTC)
    session.add(new_version(account.name, account.desired_version, content.state(), demand, now, origin))
    ask(account, reason, now)
    detail = {"version": account.desired_version, "content_of": version, "reason": reason}
    session.add(Audit(at=now, actor=actor, account=account.name, action=origin, detail=detail))
    return account.desired_version


def job_of(row: SchematicsJob) -> Job:
    """The row as a plain value."""
    counts = None
    if row.to_add is not None and row.to_change is not None and row.to_destroy is not None:
        counts = PlanCounts(row.to_add, row.to_change, row.to_destroy)
    return Job(
        id=row.id,
        account=row.account,
        version=row.version,
        kind=row.kind,  # type: ignore[arg-type]  # the table holds it to the kinds
        attempt=row.attempt,
        status=row.status,
        fingerprint=row.fingerprint,
        intended_at=row.intended_at,
        activity_id=row.activity_id,
        launched_at=row.launched_at,
        finished_at=row.finished_at,
        counts=counts,
        resources=tuple(row.resources),
        before=tuple(row.before),
        error=row.error,
        log_key=row.log_key,
    )


def _newest(account: Account, kind: str) -> Select[SchematicsJob]:
    mine = (SchematicsJob.account == account.name, SchematicsJob.version == account.desired_version)
    jobs = select(SchematicsJob).where(*mine, SchematicsJob.kind == kind, SchematicsJob.status != LOST)
    return jobs.order_by(SchematicsJob.id.desc()).limit(1)


def _approval_of(row: ApprovalRow) -> Approval:
    decision = row.decision
    return Approval(row.job, row.fingerprint, decision, row.approved_by, row.approved_at, row.expires_at, row.reason)  # type: ignore[arg-type]


def _after(session: Session, account: Account, job: SchematicsJob) -> None:
    """The account's status once a job is over; a demand that came meanwhile keeps the account pending."""
    if job.kind == "plan":
        if job.status != "COMPLETED":
            _status(account, job.version, "PLAN_FAILED", job.error)
        elif account.desired_version == job.version:
            ruling = gate(standing_of(session, account), datetime.now(UTC))
            _status(account, job.version, "PLANNED", "")
            _status(account, job.version, status_of_ruling(ruling, "PLANNED"), ruling.reason)
    elif job.kind == "apply":
        if job.status == "COMPLETED":
            _applied(session, account, job.version, "")
            return
        _status(account, job.version, "APPLY_FAILED", job.error)
        version = session.get_one(StateVersion, (account.name, job.version))
        back_to = account.applied_version
        wanted = account.rollback_on_failure and job.status == "FAILED"  # what people stopped, people decide on
        if wanted and back_to and version.origin != "rollback" and _is_newest(account, job):
            again_as(session, account, back_to, "rollback", VIGIE, f"version {job.version} failed: {job.error}")


def _applied(session: Session, account: Account, version: int, reason: str) -> None:
    account.applied_version, account.drift, account.drift_seen_at = version, None, None
    origin = session.get_one(StateVersion, (account.name, version)).origin
    _status(account, version, "ROLLED_BACK" if origin == "rollback" else "UPDATED", reason)


def _is_newest(account: Account, job: SchematicsJob) -> bool:
    return account.desired_version == job.version


def _status(account: Account, version: int, status: str, reason: str) -> None:
    if account.desired_version == version:
        account.status, account.status_reason, account.updated_at = status, reason, datetime.now(UTC)


def _audit(session: Session, account: str, action: str, detail: dict[str, object]) -> None:
    session.add(Audit(at=datetime.now(UTC), actor=VIGIE, account=account, action=action, detail=detail))
