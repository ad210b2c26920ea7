"""What people decide about accounts: to approve or reject a plan, a mode, a way back. Written whole, with an audit row.

Here: one transaction per decision, and its refusals. Not here: demands (database), what follows from a decision (the
sensor asks for it, the gate allows it: domain.standing).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.accounts import DemandError, checked_person
from domain.standing import (
    DRIFT_POLICIES,
    MODES,
    Approval,
    DriftPolicy,
    Job,
    Mode,
    Standing,
    Verdict,
    apply_failed_after,
    gate,
    status_of_ruling,
)
from resources.account_tables import Account, Audit, SchematicsJob, StateVersion
from resources.account_tables import Approval as ApprovalRow
from resources.database import AccountsDatabase, Written, ask, locked_account, locked_accounts
from resources.launch_book import again_as, job_of, standing_of

_Done = TypeVar("_Done")
_LONGEST = 24.0 * 366  # hours that an approval may hold


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and the plan that it was decided of."""

    plan: Job
    approval: Approval

    def __str__(self) -> str:
        plan, given = self.plan, self.approval
        until = f" until {given.expires_at:%Y-%m-%d %H:%M} UTC" if given.decision == "approved" else ""
        would = plan.counts or "what it would do is not known"
        return f"{plan.account}: the plan of version {plan.version} is {given.decision}{until} ({would})"


class Decisions:
    """People's decisions on the accounts' database. Raises DemandError, nothing written, for what cannot be."""

    def __init__(self, database: AccountsDatabase, session: Session | None = None) -> None:
        self._database = database
        self._session = session  # where several decisions are one transaction

    def each(self, names: Sequence[str], decide: Callable[["Decisions", str], _Done]) -> dict[str, _Done]:
        """One decision on several accounts, by name: on all of them, or on none, naming all that refuse."""
        done, refused = dict[str, _Done](), list[DemandError]()
        with self._database.transaction() as session:
            together = Decisions(self._database, session)
            for name in sorted(locked_accounts(session, names)):
                try:
                    done[name] = decide(together, name)
                except DemandError as error:
                    refused.append(error)
            if len(done) + len(refused) == 1 and refused:
                raise refused[0]
            if refused:
                raise DemandError(" ".join(map(str, refused)), remedy="Nothing was decided for any of the accounts.")
        return done

    def approve(self, name: str, by: str, hours: float, reason: str = "", plan: int | None = None) -> Decision:
        """Lets the newest plan of the desired version be applied, exactly as it is, for so many hours.

        `plan` is the number of the plan that was looked at; another one is refused. A plan that destroys, or whose
        counts are unknown, is approved by its number only.
        """
        if not 0 < hours <= _LONGEST:
            raise DemandError(f"an approval holds for 0 to {_LONGEST:.0f} hours, not for {hours}.", where=name)
        return self._decide(name, by, "approved", hours, reason, plan)

    def reject(self, name: str, by: str, reason: str) -> Decision:
        """Keeps the newest plan from being applied; the desired version stays written, and unapplied."""
        return self._decide(name, by, "rejected", 0.0, reason)

    def set_mode(self, name: str, mode: Mode, by: str) -> Mode:
        """Sets how far the account goes by itself: the mode it had."""
        if mode not in MODES:
            raise DemandError(f"{mode!r} is no mode.", where=name, remedy=f"Use one of: {', '.join(MODES)}.")
        with self._transaction() as session:
            account = locked_account(session, name)
            before = account.mode
            if before == "paused" and mode != "paused":
                raise DemandError(
                    "the account is paused.", where=name, remedy=f"First: vigie accounts resume {name} --by NAME"
                )
            if before != mode:
                account.mode = mode
                _as_the_gate_says(session, account)
                _audit(session, by, name, "mode", {"from": before, "to": mode})
        return before  # type: ignore[return-value]  # the table holds it to the modes

    def resume(self, name: str, by: str) -> Mode:
        """Lets a paused account go on in the mode that it had before."""
        with self._transaction() as session:
            account = locked_account(session, name)
            if account.mode != "paused":
                raise DemandError(f"the account is not paused, its mode is {account.mode}.", where=name)
            changes = select(Audit).where(Audit.account == name, Audit.action == "mode").order_by(Audit.id.desc())
            pause = next((row.detail for row in session.scalars(changes) if row.detail["to"] == "paused"), None)
            account.mode = pause["from"] if pause else "manual"
            account.asked_at = datetime.now(UTC)
            _as_the_gate_says(session, account)
            _audit(session, by, name, "mode", {"from": "paused", "to": account.mode})
            return account.mode  # type: ignore[return-value]  # the table holds it to the modes

    def set_drift_policy(self, name: str, policy: DriftPolicy, by: str) -> None:
        """Says what follows from drift: it is shown, it fails the check, or it is reverted."""
        if policy not in DRIFT_POLICIES:
            raise DemandError(
                f"{policy!r} is no drift policy.", where=name, remedy=f"Use one of: {', '.join(DRIFT_POLICIES)}."
            )
        with self._transaction() as session:
            account = locked_account(session, name)
            _audit(session, by, name, "drift policy", {"from": account.drift_policy, "to": policy})
            account.drift_policy = policy

    def set_rollback_on_failure(self, name: str, wanted: bool, by: str) -> None:
        """Says whether a failed apply asks for the last applied version again, by itself."""
        with self._transaction() as session:
            account = locked_account(session, name)
            _audit(session, by, name, "rollback on failure", {"from": account.rollback_on_failure, "to": wanted})
            account.rollback_on_failure = wanted

    def rollback(self, name: str, to: int, by: str, reason: str) -> Written:
        """A new version with the content of version `to`; nothing new where that is desired already."""
        checked_person(by)
        with self._transaction() as session:
            account = locked_account(session, name)
            wanted = session.get(StateVersion, (name, to))
            if wanted is None:
                raise DemandError(
                    f"there is no version {to}; the newest is {account.desired_version}.",
                    where=name,
                    remedy=f"See: vigie accounts show {name}",
                )
            current = session.get_one(StateVersion, (name, account.desired_version))
            applied = account.applied_version == account.desired_version
            if current.fingerprint == wanted.fingerprint and (applied or account.status == "PENDING_SCHEMATICS"):
                return Written(name, account.desired_version, new=False)
            number = again_as(session, account, to, "rollback", by, reason or f"back to version {to}")
            return Written(name, number, new=True)

    def running(self, name: str, *, again: bool = False) -> Job:
        """The account's job that runs in Schematics. DemandError where none does, or where it was stopped already: a
        second interrupt aborts Terraform, so it is sent only where `again` says so."""
        with self._transaction() as session:
            return _running(session, locked_account(session, name), again)

    def stop(self, name: str, by: str, *, again: bool = False) -> Job:
        """Writes that somebody stops the running job, before Schematics is asked to: the job."""
        with self._transaction() as session:
            job = _running(session, locked_account(session, name), again)
            detail: dict[str, object] = {"version": job.version, "kind": job.kind, "activity": job.activity_id}
            _audit(session, by, name, "stop", detail)
            return job

    def retry(self, name: str, by: str) -> None:
        """Asks again for what failed: the sensor plans the desired version anew.

        A change under way stays as it is: where its runs failed, the next one is not waited for.
        """
        checked_person(by)
        with self._transaction() as session:
            account, now = locked_account(session, name), datetime.now(UTC)
            if account.status in ("PLAN_FAILED", "APPLY_FAILED"):
                ask(account, f"{by} asked again", now)
            elif account.status in ("PENDING_SCHEMATICS", "PLANNING", "APPLYING"):
                account.asked_at = now
            else:
                raise DemandError(f"nothing failed: the account is {account.status}.", where=name)
            _audit(session, by, name, "retry", {"version": account.desired_version})

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        if self._session is not None:
            yield self._session
            return
        with self._database.transaction() as session:
            yield session

    def _decide(
        self, name: str, by: str, decision: str, hours: float, reason: str, looked_at: int | None = None
    ) -> Decision:
        checked_person(by)
        with self._transaction() as session:
            account = locked_account(session, name)
            plan = _decidable_plan(standing_of(session, account))
            if decision == "approved":
                _check_looked_at(plan, looked_at)
            now = datetime.now(UTC)
            row = session.get(ApprovalRow, plan.id) or ApprovalRow(job=plan.id)
            row.fingerprint, row.decision, row.reason = plan.seal, decision, reason
            row.approved_by, row.approved_at, row.expires_at = by, now, now + timedelta(hours=hours)
            session.add(row)
            if decision == "rejected":
                _say(account, "PLANNED", f"{by} rejected the plan" + (f": {reason}" if reason else ""), now)
            else:
                _say(account, "AWAITING_APPROVAL", f"approved by {by}", now)  # the sensor asks for the apply
                account.asked_at = now
            _audit(session, by, name, decision, {"version": plan.version, "plan": str(plan.counts), "reason": reason})
            given = Approval(plan.id, plan.seal, row.decision, by, now, row.expires_at, reason)  # type: ignore[arg-type]
            return Decision(plan, given)


def _check_looked_at(plan: Job, looked_at: int | None) -> None:
    """Whoever approves what destroys says which plan was looked at: another one may have taken its place since."""
    exact = f"Look at it (vigie accounts show {plan.account}), then name it: --plan {plan.id}"
    if looked_at is not None and looked_at != plan.id:
        raise DemandError(
            f"the newest plan is {plan.id} ({plan.counts}), not {looked_at}.", where=plan.account, remedy=exact
        )
    if looked_at is None and (plan.counts is None or plan.counts.destroy):
        would = f"destroys ({plan.counts})" if plan.counts else "does what is not known"
        raise DemandError(
            f"plan {plan.id} {would}: it is approved by its number only.", where=plan.account, remedy=exact
        )


def _decidable_plan(account: Standing) -> Job:
    if account.applied:
        raise DemandError("the desired version is applied already.", where=account.name)
    if account.mode == "observe":
        raise DemandError(
            "the account is only observed, nothing is applied to it.",
            where=account.name,
            remedy="Give it another mode first.",
        )
    if account.plan is None or not account.plan.succeeded:
        raise DemandError(
            f"there is no plan of version {account.version} to decide on; the account is {account.status}.",
            where=account.name,
            remedy=f"Wait for the plan, or materialize plan for {account.name}.",
        )
    if account.apply and account.apply.runs:
        raise DemandError("the plan is being applied.", where=account.name)
    if apply_failed_after(account, account.plan):
        raise DemandError(
            "an apply of this plan failed, and may have changed part of the account.",
            where=account.name,
            remedy=f"Plan it anew, then decide on that plan: vigie accounts retry {account.name} --by NAME",
        )
    return account.plan


def _running(session: Session, account: Account, again: bool) -> Job:
    mine = select(SchematicsJob).where(SchematicsJob.account == account.name, SchematicsJob.finished_at.is_(None))
    row = session.scalars(mine.order_by(SchematicsJob.id.desc())).first()
    if row is None:
        raise DemandError(
            f"no job of the account runs; the account is {account.status}.",
            where=account.name,
            remedy=f"To keep the next one from starting: vigie accounts pause {account.name} --by NAME",
        )
    if row.activity_id is None:
        raise DemandError(
            f"the {row.kind} of version {row.version} is just being launched: its activity is not known yet.",
            where=account.name,
            remedy="Try again in a moment.",
        )
    stops = session.scalars(select(Audit).where(Audit.account == account.name, Audit.action == "stop"))
    stopped = next((stop for stop in stops if stop.detail["activity"] == row.activity_id), None)
    if stopped and not again:
        raise DemandError(
            f"{stopped.actor} has asked to stop the {row.kind} already; a second time aborts Terraform at once.",
            where=account.name,
            remedy="Wait for it to end; if it hangs, ask once more with --again.",
        )
    return job_of(row)


def _as_the_gate_says(session: Session, account: Account) -> None:
    """The status of a planned account in its new mode."""
    standing = standing_of(session, account)
    if account.status in ("PLANNED", "AWAITING_APPROVAL") and standing.plan and standing.plan.succeeded:
        ruling = gate(standing, datetime.now(UTC))
        status = "PLANNED" if ruling.verdict is Verdict.GO else status_of_ruling(ruling, account.status)
        _say(account, status, ruling.reason, datetime.now(UTC))


def _say(account: Account, status: str, reason: str, now: datetime) -> None:
    account.status, account.status_reason, account.updated_at = status, reason, now


def _audit(session: Session, by: str, account: str, action: str, detail: dict[str, object]) -> None:
    checked_person(by)
    session.add(Audit(at=datetime.now(UTC), actor=by, account=account, action=action, detail=detail))
