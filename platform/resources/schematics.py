"""IBM Schematics as the work on accounts sees it: workspaces with their inputs, jobs, plans and logs.

Here: which request answers which question, and what may be written. Not here: tokens, pace, retries and failures
(resources.schematics_wire), reading of plans (domain.plans), when a job is launched (domain.launches).
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from domain.activities import Activity, Kind, LostReplyError, PlanCounts, PlanSummary, WorkspaceLook
from domain.bodies import declared_in, dicts, first, look_of, object_of, same_value
from domain.errors import MissingError, PermanentError, RefusedError, TransientError
from domain.inputs import Variable
from domain.plans import (
    ACTIVITY_COUNTS,
    JOB_COUNTS,
    activity_of,
    counts_of_log,
    counts_of_summary,
    summary_of_plan,
    templates_of,
)

if TYPE_CHECKING:
    from resources.schematics_wire import Wire

_PAGE = 100  # what Schematics gives where nobody asks for more
_ZERO = PlanCounts(0, 0, 0)


class Schematics:
    """One region of Schematics, asked with one API key. `pace` blocks until one more request may be sent.

    `hidden` are the secrets that it was ever sent: any answer may quote them, not only the one to the request that
    carried them.

    Nothing is sent, and IBM's SDK is not loaded, before the first question.
    """

    def __init__(
        self,
        url: str,
        iam_url: str,
        api_key: str,
        *,
        hidden: Iterable[str] = (),
        pace: Callable[[], None],
        request_timeout: float,
        attempts: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")

        def made() -> "Wire":
            from resources.schematics_wire import Wire

            return Wire(
                self.url,
                iam_url,
                api_key,
                hidden=hidden,
                pace=pace,
                request_timeout=request_timeout,
                attempts=attempts,
                sleep=sleep,
            )

        self._made = made  # the key is kept in there alone

    @cached_property
    def wire(self) -> "Wire":
        """The client, made when it is first needed."""
        return self._made()

    def workspace(self, workspace_id: str) -> "SchematicsWorkspace":
        """The workspace of that id; whether there is one shows at the first question."""
        return SchematicsWorkspace(self, workspace_id)

    def find(self, name: str) -> list[str]:
        """The ids of the workspaces with exactly this name: names are not unique."""

        def page(offset: int) -> list[dict[str, Any]]:
            what = "Listing the workspaces"
            body = self.wire.read(what, "", lambda sdk: sdk.list_workspaces(offset=offset, limit=_PAGE))
            return dicts(object_of(body, what).get("workspaces"))

        return list(dict.fromkeys(str(one["id"]) for one in _every(page) if one.get("name") == name))

    def close(self) -> None:
        """Closes the connections, where there are any."""
        if "wire" in self.__dict__:
            self.wire.close()

    def __enter__(self) -> "Schematics":
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Schematics({self.url!r})"


class SchematicsWorkspace:
    """One workspace: domain.activities.Workspace, on the wire."""

    def __init__(self, schematics: Schematics, workspace_id: str) -> None:
        self._schematics = schematics
        self._id = workspace_id
        self._template = ""  # its id, once a look has told
        self._environment: frozenset[str] = frozenset()  # names of the environment variables of the last look
        self._described: Mapping[str, str] = {}  # variable -> its description, at the last look

    def __repr__(self) -> str:
        return f"SchematicsWorkspace({self._id!r})"

    @property
    def id(self) -> str:
        """The workspace's id."""
        return self._id

    def look(self) -> WorkspaceLook:
        """Status, lock and variables: one request."""
        what = "Reading the workspace"
        body = object_of(self._read(what, lambda sdk: sdk.get_workspace(self._id)), what)
        look = look_of(body)
        data = first(body.get("template_data"))
        self._template = look.template_id
        self._environment = frozenset(str(one.get("name")) for one in dicts(data.get("env_values")))
        self._described = {
            str(one.get("name")): str(one["description"])
            for one in dicts(data.get("variablestore"))
            if one.get("description")
        }
        return look

    def set_inputs(self, look: WorkspaceLook, inputs: Sequence[Variable]) -> WorkspaceLook:
        """Merges the inputs into what the workspace has, writes the whole list, reads it back and checks it.

        Two requests, and one more where the look does not say what the template declares. The write is repeated where
        it fails: it always says everything.
        """
        declared = look.declared if look.declared is not None else self._asked_declared(look.template_id)
        self._check_names(look, inputs, declared)
        ours = {variable.name: variable for variable in inputs}
        others = [variable for variable in look.variables if variable.name not in ours]
        written = [*others, *ours.values()]
        environment = self._environment
        body = [self._stored(variable) for variable in written]
        self._read(
            "Writing the inputs",
            lambda sdk: sdk.replace_workspace_inputs(self._id, look.template_id, variablestore=body),
            hidden=[variable.value for variable in written if variable.secure],
        )
        back = self.look()
        self._check_written(written, back.variables)
        if lost := environment - self._environment:
            raise PermanentError(
                f"writing the inputs removed environment variables: {_names(lost)}.",
                where=self._id,
                remedy="Set them again in the workspace: Schematics has changed, tell the maintainers.",
            )
        return replace(back, declared=declared)

    def activities(self) -> Sequence[Activity]:
        """Every job of the workspace that Schematics remembers: one request per hundred."""

        def page(offset: int) -> list[dict[str, Any]]:
            what = "Listing the activities"
            body = self._read(what, lambda sdk: sdk.list_workspace_activities(self._id, offset=offset, limit=_PAGE))
            return dicts(object_of(body, what).get("actions"))

        return list({activity.id: activity for activity in map(activity_of, _every(page))}.values())

    def activity(self, activity_id: str) -> Activity:
        """One job: one request."""
        return activity_of(self._activity(activity_id))

    def launch(self, kind: Kind) -> str:
        """Starts a job, in one request: its activity id. A drift job is a plan. Destroying has a call of its own."""
        match kind:
            case "plan" | "drift":
                return self._launched(
                    "Launching a plan", lambda sdk, token: sdk.plan_workspace_command(self._id, token)
                )
            case "apply":
                return self._launched(
                    "Launching an apply", lambda sdk, token: sdk.apply_workspace_command(self._id, token)
                )
        raise RefusedError(
            f"a {kind} is not launched by its name alone.", where=self._id, remedy="Call destroy(confirm=<the id>)."
        )

    def destroy(self, confirm: str) -> str:
        """Destroys everything that the workspace made: `confirm` is the workspace's id, said once more."""
        if confirm != self._id:
            raise RefusedError(
                "destroying was not confirmed.", where=self._id, remedy="Confirm it with the workspace's own id."
            )
        return self._launched("Launching a destroy", lambda sdk, token: sdk.destroy_workspace_command(self._id, token))

    def plan_summary(self, activity_id: str) -> PlanSummary:
        """What a finished plan would do: one request where the plan itself can be had, else up to four.

        The summaries of Schematics say what was done as well as what would be: zeros there are believed only where
        the log says so too.
        """
        plan = self._try(
            lambda: self._read("Reading the plan", self._get(f"/v2/jobs/{quote(activity_id, safe='')}/files"))
        )
        if isinstance(plan, dict) and (summary := summary_of_plan(plan.get("file_content"))):
            return summary
        body = self._activity(activity_id)
        parts = templates_of(body)
        for part in parts:
            if counts := counts_of_summary(part.get("log_summary"), ACTIVITY_COUNTS):
                break
        else:
            job = self._try(lambda: self._read("Reading the job", lambda sdk: sdk.get_job(activity_id)))
            said = (job.get("log_summary") or {}).get("workspace_job") if isinstance(job, dict) else None
            counts = counts_of_summary(said, JOB_COUNTS)
        if counts and counts != _ZERO:
            return PlanSummary(counts)
        template = str(first(parts).get("template_id") or "")
        return PlanSummary(counts_of_log(self._try(lambda: self._log(activity_id, template)) or ""))

    def log(self, activity_id: str) -> str:
        """The job's log, as text: one request, and one more where the template is not known yet."""
        return self._log(activity_id, self._template)

    def stop(self, activity_id: str) -> None:
        """Asks a running job to end in good order: one request, never repeated, as a second interrupt is an abort."""

        def interrupt(sdk: Any) -> Any:
            job, workspace = quote(activity_id, safe=""), quote(self._id, safe="")
            request = sdk.prepare_request(
                "DELETE",
                f"/v1/workspaces/{workspace}/actions/{job}",
                params={"signal": "interrupt"},
                headers={"Accept": "application/json"},
            )
            return sdk.send(request)

        self._schematics.wire.once("Stopping a job", self._id, interrupt)

    def outputs(self) -> list[dict[str, Any]]:
        """The outputs as name, type and value. Sensitive ones are left out."""
        listed = self._read("Reading the outputs", lambda sdk: sdk.get_workspace_outputs(self._id))
        found = []
        for template in dicts(listed):
            for group in dicts(template.get("output_values")):
                for name, output in group.items():
                    if isinstance(output, dict) and not output.get("sensitive"):
                        found.append({"name": name, "type": output.get("type"), "value": output.get("value")})
        return found

    def resources(self) -> list[dict[str, Any]]:
        """What the workspace made, as Schematics lists it."""
        listed = self._read("Reading the resources", lambda sdk: sdk.get_workspace_resources(self._id))
        return [resource for template in dicts(listed) for resource in dicts(template.get("resources"))]

    def _read(self, what: str, call: Callable[..., Any], *, hidden: Iterable[str] = ()) -> Any:
        return self._schematics.wire.read(what, self._id, call, hidden=hidden)

    def _get(self, path: str) -> Callable[..., Any]:
        """A plan as JSON: the SDK of 2021 has no call for it."""

        def get(sdk: Any) -> Any:
            headers = {"Accept": "application/json"}
            return sdk.send(sdk.prepare_request("GET", path, params={"file_type": "plan_json"}, headers=headers))

        return get

    def _activity(self, activity_id: str) -> Mapping[str, Any]:
        what = "Reading an activity"
        return object_of(self._read(what, lambda sdk: sdk.get_workspace_activity(self._id, activity_id)), what)

    def _launched(self, what: str, call: Callable[[Any, str], Any]) -> str:
        body = self._schematics.wire.launch(what, self._id, call)
        activity_id = body.get("activityid") if isinstance(body, dict) else None
        if not isinstance(activity_id, str) or not activity_id:
            raise LostReplyError(
                f"{what}: the answer names no activity.",
                where=self._id,
                remedy="Look in the workspace's activities before trying again.",
            )
        return activity_id

    def _log(self, activity_id: str, template: str) -> str:
        template = template or str(first(templates_of(self._activity(activity_id))).get("template_id") or "")
        answer = self._read("Reading a log", lambda sdk: sdk.get_template_activity_log(self._id, template, activity_id))
        if isinstance(answer, str) or answer is None:
            return answer or ""
        content = getattr(answer, "content", None)  # text/plain comes as the library's response, undecoded
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else json.dumps(answer)

    def _try(self, ask: Callable[[], Any]) -> Any:
        """An answer that something else can stand in for: None where Schematics does not give it."""
        try:
            return ask()
        except PermanentError:
            return None

    def _asked_declared(self, template: str) -> frozenset[str] | None:
        try:
            listed = self._read(
                "Reading what the template declares",
                lambda sdk: sdk.get_workspace_input_metadata(self._id, template),
            )
        except MissingError:
            return None
        return declared_in(listed)

    def _check_names(self, look: WorkspaceLook, inputs: Sequence[Variable], declared: frozenset[str] | None) -> None:
        names = {variable.name for variable in inputs}
        if declared is not None and (undeclared := names - declared):
            raise PermanentError(
                f"the template declares no variable {_names(undeclared)}: Schematics would ignore it.",
                where=self._id,
                remedy="Mend the inputs or `schematics.secure_inputs` of the target, or the Terraform code.",
            )
        if hidden := {variable.name for variable in look.variables if variable.secure} - names:
            raise PermanentError(
                f"the workspace has secure variables that the target does not supply: {_names(hidden)}.",
                where=self._id,
                remedy="Name their secrets in `schematics.secure_inputs` of the target: they cannot be read back.",
            )

    def _check_written(self, written: Sequence[Variable], found: Sequence[Variable]) -> None:
        back = {variable.name: variable for variable in found}
        wrong = {
            variable.name
            for variable in written
            if variable.name not in back
            or variable.secure != back[variable.name].secure
            or not (variable.secure or same_value(variable.value, back[variable.name].value))
        }
        if wrong:
            raise TransientError(
                f"the inputs read back differ from those written: {_names(wrong)}.",
                where=self._id,
                remedy="Somebody may be changing the workspace by hand: run again.",
            )

    def _stored(self, variable: Variable) -> dict[str, Any]:
        stored = {"name": variable.name, "value": variable.value, "type": variable.type, "secure": variable.secure}
        description = self._described.get(variable.name)
        return {**stored, "description": description} if description else stored


def _every(page: Callable[[int], list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """What all the pages of a list hold; ends too where the same page comes again and again."""
    offset, last = 0, None
    while (listed := page(offset)) and listed != last:
        yield from listed
        if len(listed) < _PAGE:
            return
        offset, last = offset + len(listed), listed


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
