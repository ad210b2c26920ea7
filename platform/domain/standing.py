"""Where an account stands, and what may happen next: to plan, to apply, to wait for people.

Here: jobs, approvals and the account as plain values; the gate before an apply; what a sensor asks for. Not here:
where they are kept (resources.launch_book), how a job is launched (domain.launches).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal

from domain.accounts import DesiredState, ExecutionMode
from domain.activities import Kind, PlanCounts

Mode = Literal["auto", "manual", "observe", "paused"]
MODES: tuple[Mode, ...] = ("auto", "manual", "observe", "paused")
DriftPolicy = Literal["detect", "alert", "revert"]
DRIFT_POLICIES: tuple[DriftPolicy, ...] = ("detect", "alert", "revert")
STALE = "STALE"  # a plan that succeeded and no longer says what an apply would do
LOST = "LOST"  # a launch whose reply never came, and that Schematics does not know
_SKEW = 60.0  # seconds by which two machines may differ
TRIES = 8  # runs asked for one step, before people are to look
_AT_REST = frozenset({"PLAN_FAILED", "APPLY_FAILED"})  # people look first


@dataclass(frozen=True, slots=True)
class Job:
    """One launch as the database knows it: intended, then launched, then over. `before` holds the activities of this
    kind that the workspace had already and that are not ours."""

    id: int
    account: str
    version: int
    kind: Kind
    attempt: int
    status: str
    fingerprint: str
    intended_at: datetime
    activity_id: str | None = None
    launched_at: datetime | None = None
    finished_at: datetime | None = None
    counts: PlanCounts | None = None
    resources: Sequence[str] = ()
    before: Sequence[str] = ()
    error: str = ""
    log_key: str = ""

    @property
    def open(self) -> bool:
        """Whether its end is not known yet."""
        return self.finished_at is None

    @property
    def runs(self) -> bool:
        """Whether it was launched, and its end is not known yet."""
        return self.open and self.activity_id is not None

    @property
    def succeeded(self) -> bool:
        """Whether it ended well, and still counts."""
        return self.status == "COMPLETED"

    @property
    def failed(self) -> bool:
        """Whether it ran and did not end well."""
        return self.status in ("FAILED", "STOPPED")

    @property
    def seal(self) -> str:
        """What an approval is bound to: this plan, of this version, with these inputs and these counts."""
        text = f"{self.id}|{self.account}|{self.version}|{self.fingerprint}|{self.counts}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody said of one plan, and until when an approval holds."""

    job: int
    seal: str
    decision: Literal["approved", "rejected"]
    by: str
    at: datetime
    expires_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One account with what is desired of it and the newest plan and apply of that version."""

    name: str
    number: str
    workspace_id: str | None
    mode: Mode
    status: str
    reason: str
    version: int
    applied_version: int | None
    state: DesiredState
    execution_mode: ExecutionMode
    drift_policy: DriftPolicy
    asked_at: datetime
    plan: Job | None = None
    apply: Job | None = None
    approval: Approval | None = None

    @property
    def applied(self) -> bool:
        """Whether the desired version is the applied one."""
        return self.applied_version == self.version


class Verdict(Enum):
    """What the gate before an apply says."""

    GO = "go"
    HOLD = "hold"  # nothing to do about it here: paused, observed, plan only, rejected
    ASK = "ask"  # somebody must approve
    REFUSE = "refuse"  # something must be mended first


@dataclass(frozen=True, slots=True)
class Ruling:
    """The gate's verdict, why, and what to do about it."""

    verdict: Verdict
    reason: str
    remedy: str = ""


def gate(account: Standing, now: datetime) -> Ruling:
    """Whether the account's plan may be applied now. Inputs that changed since are found at the workspace, not here."""
    plan, approval = account.plan, account.approval
    if account.mode == "paused":
        remedy = f"Let it go on: vigie accounts resume {account.name} --by NAME"
        return Ruling(Verdict.HOLD, "the account is paused", remedy)
    if plan is None and account.status == "PENDING_SCHEMATICS":
        return Ruling(Verdict.HOLD, "the version is still to be planned", f"Materialize plan for {account.name}.")
    if plan is None or not plan.succeeded:
        stale = plan is not None and plan.status == STALE
        why = "the plan no longer holds" if stale else "the version has no finished plan"
        return Ruling(Verdict.REFUSE, why, f"Plan it anew: vigie accounts retry {account.name} --by NAME")
    if account.mode == "observe":
        return Ruling(Verdict.HOLD, "the account is only observed", "Nothing is ever applied to it in this mode.")
    if apply_failed_after(account, plan):
        return Ruling(
            Verdict.REFUSE,
            "the last apply failed after this plan, and may have changed part of the account",
            f"Plan it anew: vigie accounts retry {account.name} --by NAME",
        )
    if approval and approval.job == plan.id:
        if approval.decision == "rejected":
            said = f": {approval.reason}" if approval.reason else ""
            return Ruling(
                Verdict.HOLD, f"{approval.by} rejected the plan{said}", "Send a new demand, or roll the account back."
            )
        if approval.seal == plan.seal and approval.expires_at > now:
            return Ruling(Verdict.GO, f"approved by {approval.by}")
    remedy = f"Look at the plan, then: vigie accounts approve {account.name} --plan {plan.id} --by NAME"
    if approval and approval.job == plan.id:
        return Ruling(Verdict.ASK, f"the approval of {approval.by} has expired", remedy)
    if account.execution_mode == "plan_only":
        return Ruling(Verdict.HOLD, f"planned only, as demanded ({_counts(plan)})", remedy)
    if plan.counts is None:
        return Ruling(Verdict.ASK, "what the plan would do is not known", remedy)
    if account.mode != "auto":
        return Ruling(Verdict.ASK, f"the account is not automatic ({plan.counts})", remedy)
    if plan.counts.destroy:
        return Ruling(Verdict.ASK, f"the plan destroys ({plan.counts})", remedy)
    return Ruling(Verdict.GO, f"automatic, and nothing is destroyed ({plan.counts})")


def next_step(account: Standing, now: datetime) -> Literal["plan", "apply"] | None:
    """What a run shall do for the account now; None where there is nothing to do, or people are to act."""
    if account.apply and account.apply.runs:  # whatever people decided since: somebody has to follow it
        return "apply"
    if account.plan and account.plan.runs:
        return "plan"
    if account.applied or account.mode == "paused" or account.status in _AT_REST:
        return None
    if account.apply and account.apply.open:
        return "apply"
    if account.plan is None or account.plan.open or not account.plan.succeeded:
        return "plan"
    verdict = gate(account, now).verdict
    if verdict is Verdict.REFUSE and account.status == "PENDING_SCHEMATICS":  # somebody asked for it again
        return "plan"
    return "apply" if verdict is Verdict.GO else None


def pause_before(tries: int) -> float:
    """Seconds to wait after the last of so many runs for one step: none after the first, which a crash may have ended,
    then ever longer, so that an outage of hours is outlived."""
    return 0.0 if tries <= 1 else min(30.0 * 4 ** (tries - 2), 3600.0)


def elapsed(then: float, now: float) -> float:
    """Seconds from `then` to `now`. For ever where `then` lies well ahead: the clock was set back, and nobody
    shall wait until it has caught up."""
    return max(now - then, 0.0) if then - now <= _SKEW else math.inf


def status_of_ruling(ruling: Ruling, current: str) -> str:
    """The account's status while the gate holds it."""
    if ruling.verdict is Verdict.ASK:
        return "AWAITING_APPROVAL"
    return "PLANNED" if ruling.verdict is Verdict.HOLD and current != "PENDING_SCHEMATICS" else current


def apply_failed_after(account: Standing, plan: Job) -> bool:
    """Whether an apply of this plan failed: it may have changed a part, so the plan no longer says what is left."""
    return account.apply is not None and account.apply.failed and account.apply.id > plan.id


def _counts(plan: Job) -> str:
    return str(plan.counts) if plan.counts else "counts unknown"
