"""One account's change: its plan, its apply, its look for drift; each may be cut short anywhere and begun again.

Here: the order of the steps, and the refusals between them. Not here: launching (domain.launches), the gate
(domain.standing), rows and wires (resources).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from domain.activities import Activity, State, Workspace, WorkspaceLook
from domain.bodies import same_value
from domain.errors import PermanentError
from domain.inputs import fingerprint, inputs_of
from domain.launches import Book, CalledOffError, End, Launcher, Lease, Terms
from domain.masking import masked
from domain.plans import without_colour
from domain.standing import LOST, Job, Ruling, Standing, Verdict, apply_failed_after, gate

_ERROR = re.compile(r"^.*?\bError: (.+)$", re.MULTILINE)


class ChangeRefusedError(PermanentError):
    """The change may not go on until somebody mends what the message names."""


class ChangeBook(Book, Protocol):
    """What a change reads and writes beyond its jobs' rows."""

    def standing(self, account: str) -> Standing:
        """Where the account stands."""
        ...

    def open_jobs(self, account: str) -> list[Job]:
        """The account's jobs whose end is not known yet, of any version, oldest first."""
        ...

    def hold(self, account: Standing, ruling: Ruling) -> None:
        """Writes that the gate holds the account, and why."""
        ...

    def stale(self, plan: Job, reason: str, *, plan_again: bool) -> None:
        """Writes that the plan no longer holds: another one is made at once, or people look first."""
        ...

    def nothing_to_apply(self, account: Standing) -> None:
        """Writes that the account is as desired without an apply."""
        ...

    def drift_seen(self, account: Standing, job: Job, inputs: Sequence[str]) -> None:
        """Writes what a look for drift found: its plan, and inputs that are others than was applied, in words."""
        ...


class _OtherInputsError(CalledOffError):
    """The workspace is not what was planned."""


class _HeldError(CalledOffError):
    """Somebody decided otherwise meanwhile."""

    def __init__(self, ruling: Ruling) -> None:
        super().__init__(ruling.reason)
        self.ruling = ruling


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of an apply: its job, or why there is none."""

    ruling: Ruling
    job: Job | None = None
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """What a look for drift found: its job, and the inputs that are others than was applied, in words."""

    job: Job
    inputs: Sequence[str]

    @property
    def nothing(self) -> bool:
        """Whether the account is what was applied."""
        return bool(self.job.counts and self.job.counts.nothing) and not self.inputs


class Change:
    """The work on one account, under a lease. `secrets` are the secure inputs, read a moment ago; `key` seals them."""

    def __init__(
        self,
        book: ChangeBook,
        workspace: Workspace,
        lease: Lease,
        terms: Terms,
        secrets: Mapping[str, str],
        key: str,
        keep_log: Callable[[Job, str], str],
        tell: Callable[[str], None],
    ) -> None:
        self._book = book
        self._workspace = workspace
        self._secrets = secrets
        self._key = key
        self._keep_log = keep_log
        self._tell = tell
        self._launcher = Launcher(book, workspace, lease, terms, self._conclude, tell)

    def plan(self, name: str) -> tuple[Job, bool] | None:
        """The plan of the desired version, and whether it was there already; None where there is nothing to plan.

        A plan whose inputs have changed since is stale and made again; a failed one is tried anew, unless this call
        saw it fail. There is nothing to plan where the account is paused, or is as desired.
        """
        account = self._settled(name)
        plan = account.plan
        if plan and plan.open:
            plan = self._launcher.take_up(plan)
            if not plan.open:
                return plan, False
        if account.applied:
            return (plan, True) if plan and plan.succeeded else None
        if account.mode == "paused":
            return None
        look = self._launcher.unlocked()
        if plan and plan.succeeded:
            if self._fingerprint(look) == plan.fingerprint and not apply_failed_after(account, plan):
                return plan, True
            self._book.stale(plan, "planned anew", plan_again=True)
        look = self._workspace.set_inputs(look, inputs_of(account.state, self._secrets))
        return self._launcher.launch(name, account.version, "plan", self._fingerprint(look)), False

    def apply(self, name: str) -> Applied:
        """Applies the plan where the gate lets it through. Raises ChangeRefusedError where something must be mended."""
        account = self._settled(name)
        apply, plan = account.apply, account.plan
        if account.applied and (apply is None or not apply.open):
            return Applied(Ruling(Verdict.GO, "applied already"), apply, reused=True)
        if apply and apply.open:
            apply = self._launcher.take_up(apply)
            if not apply.open:
                return Applied(Ruling(Verdict.GO, "launched by an earlier run"), apply)
        ruling = gate(account, datetime.now(UTC))
        if (
            apply and apply.open and ruling.verdict is not Verdict.GO
        ):  # an intent that nobody launched, and that shall not be now
            self._book.finish(apply, End(LOST, error=f"Not launched: {ruling.reason}"))
        if ruling.verdict is Verdict.REFUSE or plan is None:
            raise ChangeRefusedError(f"not applied: {ruling.reason}.", where=name, remedy=ruling.remedy)
        if ruling.verdict is not Verdict.GO:
            self._book.hold(account, ruling)
            return Applied(ruling)
        try:
            self._same_inputs(self._launcher.unlocked(), plan)
            if plan.counts and plan.counts.nothing:
                self._book.nothing_to_apply(account)
                return Applied(Ruling(Verdict.GO, "nothing to apply"))

            def still_good(look: WorkspaceLook | None) -> None:
                if look:
                    self._same_inputs(look, plan)
                self._same_verdict(account)

            return Applied(ruling, self._launcher.launch(name, account.version, "apply", plan.fingerprint, still_good))
        except _OtherInputsError as error:
            for intent in self._book.open_jobs(name):
                self._book.finish(intent, End(LOST, error="Not launched: the plan is stale."))
            self._book.stale(plan, "the inputs or the Terraform code have changed since the plan", plan_again=False)
            raise ChangeRefusedError(
                "not applied: the inputs or the Terraform code have changed since the plan.",
                where=name,
                remedy=f"Plan it anew, and approve that: vigie accounts retry {name} --by NAME",
            ) from error
        except _HeldError as error:
            self._book.hold(account, error.ruling)
            return Applied(error.ruling)

    def look_for_drift(self, name: str) -> Drift:
        """Plans what is applied already, with the inputs as they are. Anything it would do is drift, and so are inputs
        that are others than the applied version's: somebody may have applied them, and then the plan does nothing."""
        account = self._settled(name)
        if not account.applied:
            raise ChangeRefusedError(
                "drift is looked for once the desired version is applied.", where=name, remedy="Apply it first."
            )
        job = self._drift_under_way(name)
        look = self._launcher.unlocked()
        if job is None:
            job = self._launcher.launch(name, account.version, "drift", self._fingerprint(look))
        found = Drift(job, self._other_inputs(account, look))
        if job.succeeded:
            self._book.drift_seen(account, job, found.inputs)
        return found

    def _drift_under_way(self, name: str) -> Job | None:
        """What a look for drift found whose worker died; None where there is none, or nobody launched it."""
        for job in self._book.open_jobs(name):
            if job.kind == "drift" and not (done := self._launcher.take_up(job)).open:
                return done
        return None

    def _other_inputs(self, account: Standing, look: WorkspaceLook) -> list[str]:
        """The plain inputs of the workspace that are not those of the applied version. One that it lacks has the
        default of the Terraform code, and the plan tells what that would do."""
        there = {variable.name: variable.value for variable in look.variables if not variable.secure}
        hidden = (*self._secrets.values(), self._key)
        return [
            masked(f'{one.name} is "{there[one.name]}" in the workspace, applied was "{one.value}"', hidden)
            for one in inputs_of(account.state, {})
            if one.name in there and not same_value(there[one.name], one.value)
        ]

    def _same_inputs(self, look: WorkspaceLook, plan: Job) -> None:
        if self._fingerprint(look) != plan.fingerprint:
            raise _OtherInputsError("the inputs or the Terraform code have changed since the plan.")

    def _same_verdict(self, account: Standing) -> None:
        now = self._book.standing(account.name)
        if now.version != account.version:
            raise _HeldError(Ruling(Verdict.HOLD, "a newer demand took its place"))
        ruling = gate(now, datetime.now(UTC))
        if ruling.verdict is not Verdict.GO:
            raise _HeldError(ruling)

    def _settled(self, name: str) -> Standing:
        """Where the account stands, once the jobs of versions that a newer demand overtook are over and written."""
        account = self._book.standing(name)
        overtaken = [job for job in self._book.open_jobs(name) if job.version != account.version]
        for job in overtaken:
            if self._launcher.take_up(job).open:
                self._book.finish(job, End(LOST, error="Never launched; a newer demand took its place."))
        return self._book.standing(name) if overtaken else account

    def _fingerprint(self, look: WorkspaceLook) -> str:
        code = f"{self._workspace.id} {look.template_version}"  # the same inputs elsewhere are another plan
        return fingerprint(look.variables, self._secrets, code, self._key)

    def _conclude(self, job: Job, activity: Activity) -> End:
        hidden = (*self._secrets.values(), self._key)
        log, log_key = "", ""
        try:
            log = without_colour(masked(self._workspace.log(activity.id), hidden))
            log_key = self._keep_log(job, log)
        except PermanentError as error:  # how the job ended does not hang on its log
            self._tell(f"the log of the {job.kind} could not be kept: {error}")
        if activity.state is State.COMPLETED:
            plan = self._workspace.plan_summary(activity.id) if job.kind in ("plan", "drift") else None
            if plan:  # the key of a for_each is in the resource's address, and a secure variable may be one
                plan = replace(plan, resources=[masked(line, hidden) for line in plan.resources])
            return End("COMPLETED", plan, log_key=log_key)
        said = _ERROR.findall(log) or [activity.message or f"the job ended as {activity.status}"]
        return End(activity.state.name, error=masked(said[0].strip(), hidden), log_key=log_key)


def failure_of(job: Job) -> ChangeRefusedError:
    """A job that did not end well, in words."""
    return ChangeRefusedError(
        f"the {job.kind} of version {job.version} ended as {job.status}: {job.error}",
        where=f"{job.account}, activity {job.activity_id}",
        remedy=f"Its log: {job.log_key or 'not kept'}. Mend the cause. "
        f"Then: vigie accounts retry {job.account} --by NAME",
    )
