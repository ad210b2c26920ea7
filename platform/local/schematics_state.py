"""What the Schematics emulator knows: workspaces and jobs, under one lock, in one file that survives a restart.

Here: what may be launched, when a job ends and what it then changes, locks, what is measured. No thread: a job's end is
a time, and whoever looks after it finds it done. Not here: HTTP, the shapes of the answers (schematics_shapes).
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from local import schematics_terraform as terraform
from local.schematics_faults import Faults
from local.schematics_iam import RefusalError, Tokens
from local.schematics_records import Job, Workspace, new_workspace, repo_of
from local.schematics_terraform import Change, Resources

LAUNCHED = {
    "plan": "PLAN",
    "apply": "APPLY",
    "destroy": "DESTROY",
    "refresh": "REFRESH",
    "commands": "TERRAFORM_COMMANDS",
}
"""What can be launched, as faults and routes call it -> the activity's name."""
TERRAFORMED = {str(one["name"]) for one in terraform.DECLARED}
_LOCKED = "The workspace is locked by an activity in progress, or frozen. Try again later."


@dataclass
class Options:
    """What POST /_emulator/settings may change."""

    job_seconds: float = 0.0
    lock_tail_seconds: float = 0.0
    merge_inputs: bool = False
    latency: float = 0.0


class SchematicsState:
    """Everything behind the API. Call it only between `with state.lock:`; `advance` first."""

    def __init__(self, file: Path | None, options: Options, clock: Callable[[], float] = time.time) -> None:
        self.lock = threading.RLock()
        self.options = options
        self.faults = Faults()
        self.workspaces: dict[str, Workspace] = {}
        self.jobs: dict[str, Job] = {}
        self.tokens = Tokens(secrets.token_hex(16))
        self._file = file
        self._clock = clock
        self._requests = 0
        self._peak = 0
        self._tokens_given = 0
        self._recent: deque[float] = deque()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        if file is not None and file.exists():
            self._load(orjson.loads(file.read_bytes()))
        self.save()  # The key at once: a token given out before the first change is good after a restart.

    def now(self) -> float:
        """Seconds since 1970, by the emulator's clock."""
        return self._clock()

    # --- what happens -------------------------------------------------------------------------------------------

    def advance(self) -> float:
        """Ends the jobs whose time is over, in that order; the current time."""
        now = self.now()
        running = [self.jobs[one.running] for one in self.workspaces.values() if one.running]
        due = sorted((job.ends, job.id) for job in running if job.ends is not None and job.ends <= now)
        for ended, job_id in due:
            self._end(self.jobs[job_id], ended)
        if due:
            self.save()
        return now

    def add(self, workspace: Workspace) -> Workspace:
        """One more workspace; to be saved by the caller."""
        self.workspaces[workspace.id] = workspace
        return workspace

    def note(self, workspace: Workspace, name: str, by: str) -> Job:
        """An activity that was over at once (a creation, an upload); to be saved by the caller."""
        now = self.now()
        job = Job(secrets.token_hex(16), workspace.id, workspace.name, name, by, now, now, launched=False)
        job.ended, job.outcome = now, "COMPLETED"
        self.jobs[job.id] = job
        workspace.jobs.append(job.id)
        return job

    def launch(self, workspace: Workspace, kind: str, by: str, commands: Sequence[str] = ()) -> Job:
        """Starts a job; `kind` is a key of LAUNCHED. Raises RefusalError: a draft (400), a lock or a freeze (409)."""
        now = self.now()
        if workspace.status == "DRAFT":
            raise RefusalError(400, "M2025", "The workspace is a draft: it has no template yet.")
        if workspace.locked(now) or workspace.frozen_at is not None:
            raise RefusalError(409, "M2019", _LOCKED)
        faults = self.faults.for_job((workspace.id, workspace.name), kind)
        job = Job(
            *(secrets.token_hex(16), workspace.id, workspace.name, LAUNCHED[kind], by, now),
            ends=now + self.options.job_seconds,
            variables={name: text for name, text in workspace.inputs().items() if name in TERRAFORMED},
            commands=list(commands),
            fails="fail_job" in faults,
            no_summary="no_summary" in faults,
            echo=next((fault.echo for fault in faults.values() if fault.echo), ""),
            lock_tail=self.options.lock_tail_seconds,
            refresh_token=True,
        )
        if fault := faults.get("stuck_lock"):
            job.lock_tail += fault.seconds
        if fault := faults.get("unknown_status"):
            job.unknown_seconds = fault.seconds
            job.ends = now + self.options.job_seconds + fault.seconds
        if "stuck_job" in faults:
            job.ends = None
        self.jobs[job.id] = job
        workspace.jobs.append(job.id)
        workspace.running, workspace.status = job.id, "INPROGRESS"
        workspace.locked_by, workspace.locked_at = by, now
        self.save()
        return job

    def stop(self, job: Job) -> None:
        """Ends a job as STOPPED, now: it changes nothing. Raises RefusalError (400) if it is over already."""
        if job.outcome:
            raise RefusalError(400, "M2030", "The activity is not in progress.")
        self._end(job, self.now(), stopped=True)
        self.save()

    def clear_faults(self) -> None:
        """No fault is in force any more; jobs that are stuck end now."""
        self.faults.clear()
        for job in self.jobs.values():
            if not job.outcome and job.ends is None:
                job.ends = self.now()
        self.advance()

    def drift(self, key: str, address: str | None, remove: bool) -> str:
        """Somebody alters (or removes) a resource by hand; its address. Raises RefusalError (404): nothing there."""
        workspace = self.find(key)
        if not workspace.resources or (address or min(workspace.resources)) not in workspace.resources:
            raise RefusalError(404, "M2001", f"The workspace has no resource {address or 'at all'}.")
        chosen = address or min(workspace.resources)
        workspace.resources = terraform.drifted(workspace.resources, chosen, remove)
        self.save()
        return chosen

    def find(self, key: str) -> Workspace:
        """The workspace of this id, or else of this name. Raises RefusalError (404)."""
        found = self.workspaces.get(key)
        found = found or next((one for one in self.workspaces.values() if one.name == key), None)
        if found is None:
            raise RefusalError(404, "M2001", f"The workspace {key} was not found.")
        return found

    def set_variables(self, workspace: Workspace, items: Sequence[Mapping[str, Any]], merge: bool) -> None:
        """The variable store, replaced or merged by name; to be saved by the caller."""
        kept = {one["name"]: one for one in workspace.variables} if merge else {}
        for item in items:
            one = {key: item[key] for key in ("name", "type", "description", "use_default") if key in item}
            value = item.get("value", "")
            if not item.get("name") or not isinstance(value, str):
                raise RefusalError(400, "M2010", "A variable needs a name, and its value must be a string.")
            one["secure"] = bool(item.get("secure", False))
            one["value"] = self.tokens.cipher(value) if one["secure"] else value
            kept[one["name"]] = one
        workspace.variables = list(kept.values())
        workspace.updated_at = self.now()

    def create(self, name: str, applied: Mapping[str, Any] | None, declared: Sequence[str]) -> Workspace:
        """Set-up: a workspace as if made, and applied with these variables, long ago; to be saved by the caller."""
        workspace = new_workspace(name, self.now(), "set-up")
        workspace.repo = repo_of({"url": "https://git.example.test/baseline.git", "branch": "main"})
        workspace.metadata += [{"name": one, "type": "string"} for one in declared]
        workspace.status = "INACTIVE"
        if applied is not None:
            items = [{"name": key, "value": terraform.text_of(value)} for key, value in applied.items()]
            types = {one["name"]: one["type"] for one in workspace.metadata}
            self.set_variables(workspace, [{**one, "type": types.get(one["name"], "string")} for one in items], False)
            workspace.resources, workspace.serial = terraform.wanted(workspace.inputs()), 1
            workspace.status = "ACTIVE"
        return self.add(workspace)

    def _end(self, job: Job, ended: float, stopped: bool = False) -> None:
        workspace = self.workspaces[job.workspace]
        job.ended, job.outcome = ended, "STOPPED" if stopped else "COMPLETED"
        if not stopped:
            self._perform(job, workspace)
        job.variables = {}
        workspace.running, workspace.updated_at = None, ended
        workspace.locked_until = ended + job.lock_tail
        settled = "ACTIVE" if workspace.resources else "INACTIVE"
        workspace.status = settled if job.outcome == "COMPLETED" else job.outcome

    def _perform(self, job: Job, workspace: Workspace) -> None:
        try:
            if job.fails:
                quoted = f" (sent: {job.echo})" if job.echo else ""
                raise terraform.TerraformError(
                    f"[ERROR] Error updating the access group: Internal Server Error{quoted}"
                )
            if job.commands and "drift" in job.commands and not workspace.serial:
                raise terraform.TerraformError("Drift cannot be executed since state file doesn't exist")
            target: Resources = {} if job.name == "DESTROY" else terraform.wanted(job.variables)
        except terraform.TerraformError as error:
            job.outcome, job.error = "FAILED", error.message
            return
        if job.name in ("PLAN", "APPLY", "DESTROY") or "drift" in job.commands:
            job.changes = terraform.plan(workspace.resources, target)
            touched = {change.address for change in job.changes}
            job.untouched = sorted(workspace.resources.keys() - touched)
        if job.name in ("APPLY", "DESTROY"):
            workspace.resources = target
            workspace.serial += 1

    # --- what is measured ---------------------------------------------------------------------------------------

    def count_request(self) -> None:
        """One more request of /v1 or /v2. Kept in the file from the next change on: a look writes nothing."""
        now = self.now()
        self._requests += 1
        self._recent.append(now)
        while self._recent[0] <= now - 60:
            self._recent.popleft()
        self._peak = max(self._peak, len(self._recent))

    def count_token(self) -> None:
        """One more token given out."""
        self._tokens_given += 1

    def report(self) -> dict[str, Any]:
        """What GET /_emulator/report answers."""
        now = self.advance()
        launched = sorted((job for job in self.jobs.values() if job.launched), key=lambda job: job.started)
        ends = [job.ended for job in launched if job.ended is not None]
        return {
            "launches": [
                {
                    "workspace": job.workspace,
                    "workspace_name": job.workspace_name,
                    "kind": job.name,
                    "activity": job.id,
                    "started": job.started,
                    "ended": job.ended,
                    "status": job.status(now),
                    "refresh_token": job.refresh_token,
                }
                for job in launched
            ],
            "max_parallel": _most_at_once([(job.started, job.ended or now) for job in launched]),
            "busy_seconds": sum((job.ended or now) - job.started for job in launched),
            "first_launch": launched[0].started if launched else None,
            "last_end": max(ends, default=None),
            "requests": self._requests,
            "requests_per_minute_peak": self._peak,
            "tokens": self._tokens_given,
        }

    # --- the file -----------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Everything to the file, which is never seen half written."""
        if self._file is None:
            return
        whole = {
            "key": self.tokens.key,
            "workspaces": list(self.workspaces.values()),
            "jobs": list(self.jobs.values()),
            "requests": self._requests,
            "peak": self._peak,
            "tokens": self._tokens_given,
        }
        beside = self._file.with_name(self._file.name + ".new")
        beside.write_bytes(orjson.dumps(whole))
        beside.replace(self._file)

    def _load(self, whole: Mapping[str, Any]) -> None:
        self.tokens.key = whole["key"]
        self.workspaces = {one["id"]: Workspace(**one) for one in whole["workspaces"]}
        for one in whole["jobs"]:
            changes = [Change(**change) for change in one.pop("changes")]
            self.jobs[one["id"]] = Job(**one, changes=changes)
        self._requests, self._peak, self._tokens_given = whole["requests"], whole["peak"], whole["tokens"]


def _most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    # At one and the same time, what ends makes room before what starts.
    moments = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    most = running = 0
    for _, step in moments:
        running += step
        most = max(most, running)
    return max(most, 1 if spans else 0)
