"""What the command line shows of accounts: tables for people, documents for machines, what happens next in words.

Here: values -> what is printed. Not here: where they come from (resources), commands and arguments (accounts_cli).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from domain.standing import Job, Standing, Verdict, gate, next_step
from terminal import table

if TYPE_CHECKING:
    from resources.account_tables import Account, Audit, StateVersion

_SHORT = 48  # characters of a reason in the list
_SHOWN = 20  # resources of a plan
_TIME = "%Y-%m-%d %H:%M"


def account_table(accounts: "Sequence[Account]") -> Table:
    """One line per account, readable at 100 columns; `1 > 2` is a version that is desired and not applied yet."""
    made = table("accounts (times in UTC)", "name", "mode", "version", "status", "since", "reason")
    for one in accounts:
        applied = "-" if one.applied_version is None else str(one.applied_version)
        desired = str(one.desired_version)
        version = desired if applied == desired else f"{applied} > {desired}"
        since = f"{one.updated_at:%m-%d %H:%M}"
        made.add_row(one.name, one.mode, version, one.status, since, _short(one.status_reason))
    return made


def version_table(versions: "Sequence[StateVersion]") -> Table:
    """What the account was asked to be, version by version."""
    columns = ("version", "from", "iam", "subnets", "monitored", "tags", "by", "reason", "at")
    made = table("versions", *columns)
    for one in versions:
        content = (one.iam_version, str(one.subnet_count), "yes" if one.enable_monitoring else "no", _pairs(one.tags))
        asked = (one.requested_by, one.reason, f"{one.requested_at:{_TIME}}")
        made.add_row(str(one.version), one.origin, *content, *asked)
    return made


def job_table(jobs: Sequence[Job]) -> Table:
    """What was launched in Schematics for the account; counts are to add, to change, to destroy."""
    made = table("jobs", "number", "version", "kind", "attempt", "status", "counts", "seconds", "at", "error")
    for job in jobs:
        counts = f"+{job.counts.add} ~{job.counts.change} -{job.counts.destroy}" if job.counts else "-"
        seconds = _seconds(job)
        took = "-" if seconds is None else f"{seconds:.0f}"
        at = f"{job.launched_at or job.intended_at:{_TIME}}"
        made.add_row(str(job.id), str(job.version), job.kind, str(job.attempt), job.status, counts, took, at, job.error)
    return made


def audit_table(rows: "Sequence[Audit]") -> Table:
    """Who did what to the account."""
    made = table("audit", "at", "who", "what", "detail")
    for row in rows:
        made.add_row(f"{row.at:{_TIME}}", row.actor, row.action, _pairs(row.detail))
    return made


def standing_lines(account: "Account", standing: Standing, now: datetime) -> list[str]:
    """Where the account stands, and what happens next."""
    since = f"{account.updated_at:{_TIME}} UTC"
    applied = "nothing" if standing.applied_version is None else f"version {standing.applied_version}"
    lines = [
        f"{account.name}, number {account.number}, workspace {account.schematics_workspace_id or 'none'}",
        f"mode {standing.mode}, drift policy {standing.drift_policy}, rollback on failure "
        f"{'on' if account.rollback_on_failure else 'off'}",
        f"{standing.status} since {since}" + (f": {standing.reason}" if standing.reason else ""),
        f"desired: version {standing.version} ({standing.execution_mode}); applied: {applied}",
        f"drift: {_drift(account)}",
        f"next: {what_next(standing, now)}",
    ]
    plan = standing.plan
    if plan and plan.succeeded and not standing.applied:
        lines.append(f"the plan of version {plan.version}: {plan.counts or 'what it would do is not known'}")
        lines += [f"  {line}" for line in plan.resources[:_SHOWN]]
        if len(plan.resources) > _SHOWN:
            lines.append(f"  and {len(plan.resources) - _SHOWN} more: vigie accounts log {account.name} --kind plan")
    return lines


def what_next(account: Standing, now: datetime) -> str:
    """What follows by itself, or who is to do what."""
    if account.applied:
        return "nothing, the desired version is applied"
    step, ruling = next_step(account, now), gate(account, now)
    if step and account.workspace_id is None:
        return f"it needs a workspace: vigie accounts link {account.name} WORKSPACE_ID --by NAME"
    job = account.plan if step == "plan" else account.apply
    if step and job and job.open:
        return f"the {step} under way is followed to its end"
    if step == "plan":
        return "the sensor account_requests asks for a plan"
    if step == "apply":
        return f"the sensor account_requests asks for the apply ({ruling.reason})"
    if account.status.endswith("_FAILED") and account.mode != "paused":
        if ruling.verdict is Verdict.REFUSE:
            return f"nothing by itself, {ruling.reason}. Mend the cause. {ruling.remedy}"
        return f"nothing by itself. Mend the cause, then: vigie accounts retry {account.name} --by NAME"
    return f"it waits, {ruling.reason}. {ruling.remedy}".rstrip()


def account_document(account: "Account") -> dict[str, Any]:
    """An account for machines."""
    return {
        "name": account.name,
        "number": account.number,
        "type": account.type,
        "environment_type": account.environment_type,
        "code_bu": account.code_bu,
        "workspace_id": account.schematics_workspace_id,
        "mode": account.mode,
        "status": account.status,
        "reason": account.status_reason,
        "desired_version": account.desired_version,
        "applied_version": account.applied_version,
        "updated_at": account.updated_at.isoformat(),
        "drift_policy": account.drift_policy,
        "drift": account.drift,
        "drift_seen_at": account.drift_seen_at.isoformat() if account.drift_seen_at else None,
        "rollback_on_failure": account.rollback_on_failure,
    }


def _drift(account: "Account") -> str:
    if account.drift is None or account.drift_seen_at is None:
        return "not looked for yet"
    return f"{account.drift or 'none'} (seen {account.drift_seen_at:{_TIME}})"


def _seconds(job: Job) -> float | None:
    start, end = job.launched_at, job.finished_at
    return (end - start).total_seconds() if start and end else None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else f"{line[: _SHORT - 1]}…"


def _pairs(values: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(values.items()))
