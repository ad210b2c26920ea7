"""Which address of the Schematics API does and answers what: /v1, /v2, for callers with a token of IAM.

Here: the table of routes and what is behind each. Not here: requests and answers as such (schematics_calls), faults and
sockets (schematics_server), what a launch or a lock means (schematics_state).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from local import schematics_shapes as shapes
from local import schematics_terraform as terraform
from local.schematics_calls import Answer, Call, Request, refusal
from local.schematics_iam import RefusalError
from local.schematics_records import Workspace, new_workspace, repo_of
from local.schematics_state import LAUNCHED, SchematicsState

_ECHOED = (
    *("applied_shareddata_ids", "catalog_ref", "description", "location", "resource_group", "shared_data", "tags"),
    "type",
)
_COMMANDS = {f"workspace_{kind}": kind for kind in ("plan", "apply", "destroy", "refresh")}
_SIGNALS = frozenset({"interrupt", "force-stop", "terminate"})


def answer(state: SchematicsState, request: Request, url: str) -> Answer:
    """Checks the token, finds the route, does what it says; the lock is held meanwhile."""
    with state.lock:
        now = state.advance()
        try:
            by = state.tokens.bearer(request.headers.get("authorization", ""), now)
            for method, pattern, action in _ROUTES:
                if method == request.method and (found := pattern.fullmatch(request.path)):
                    ids = {name: unquote(text) for name, text in found.groupdict().items()}
                    return action(Call(state, request, url, by, now, ids))
            raise RefusalError(404, "M1002", f"There is no {request.method} {request.path}.")
        except RefusalError as refused:
            return refusal(refused, now)


def target_of(state: SchematicsState, request: Request) -> tuple[tuple[str, ...], str | None]:
    """The workspace (id and name) and the kind of job that a request is about, for the faults."""
    parts = [unquote(part) for part in request.path.strip("/").split("/")]
    key = job = None
    if parts[:2] == ["v1", "workspaces"]:
        key = parts[2] if len(parts) > 2 else None
        job = parts[3] if len(parts) == 4 and parts[3] in LAUNCHED and request.method != "GET" else None
    elif parts[:2] == ["v2", "jobs"] and len(parts) > 2:
        known = state.jobs.get(parts[2])
        key = known.workspace if known else None
    elif parts[:2] == ["v2", "jobs"] and request.method == "POST" and request.body.startswith(b"{"):
        try:
            asked = orjson.loads(request.body)
        except ValueError:
            asked = {}
        key, job = asked.get("command_object_id"), _COMMANDS.get(asked.get("command_name", ""))
    workspace = state.workspaces.get(key or "")
    return (() if workspace is None else (workspace.id, workspace.name)), job


# --- workspaces -----------------------------------------------------------------------------------------------------


def _list(call: Call) -> Answer:
    offset, limit = call.page()
    every = list(call.state.workspaces.values())
    shown = [shapes.workspace_body(one, call.now, call.url) for one in every[offset : offset + limit]]
    return Answer(200, {"offset": offset, "limit": limit, "count": len(every), "workspaces": shown})


def _create(call: Call) -> Answer:
    asked = call.fields()
    if not isinstance(asked.get("name"), str) or not asked["name"].strip():
        raise RefusalError(400, "M2010", "A workspace needs a name.")
    one = new_workspace(asked["name"], call.now, call.by)
    templates = asked.get("template_data") or [{}]
    given = [*templates[0].get("values_metadata", []), *templates[0].get("variablestore", [])]
    for item in given:
        if item.get("name") and item["name"] not in {known["name"] for known in one.metadata}:
            declared = ("name", "type", "description", "default", "secure")
            one.metadata.append({"type": "string", **{key: item[key] for key in declared if key in item}})
    one.has_token = bool(call.request.headers.get("x-github-token"))
    _change(call, one, asked)
    call.state.add(one)
    call.state.note(one, "WORKSPACE_CREATE", call.by)
    call.state.save()
    return Answer(201, shapes.workspace_body(one, call.now, call.url))


def _get(call: Call) -> Answer:
    return Answer(200, shapes.workspace_body(call.workspace, call.now, call.url))


def _update(call: Call) -> Answer:
    one, asked = call.workspace, call.fields()
    if {"template_data", "template_repo"} & asked.keys():
        if one.locked(call.now):
            raise RefusalError(409, "M2019", "The workspace is locked by an activity in progress. Try again later.")
        call.state.note(one, "WORKSPACE_UPDATE", call.by)
    _change(call, one, asked)
    call.state.save()
    return Answer(200, shapes.workspace_body(one, call.now, call.url))


def _change(call: Call, one: Workspace, asked: Mapping[str, Any]) -> None:
    """What creation, replacement and update have in common; what is not named stays as it is."""
    one.name = asked.get("name") or one.name
    one.about |= {key: asked[key] for key in _ECHOED if key in asked}
    one.updated_at = call.now
    for template in (asked.get("template_data") or [])[:1]:
        one.folder, one.engine = template.get("folder", one.folder), template.get("type", one.engine)
        _take_inputs(call, one, template, merge=False)
    repo = asked.get("template_repo") or {}
    if repo.get("url") or repo.get("repo_url"):
        one.repo = repo_of(repo)
        one.status = "INACTIVE" if one.status == "DRAFT" else one.status
    wish = asked.get("workspace_status") or {}
    if "frozen" in wish:
        one.frozen_at, one.frozen_by = (call.now, call.by) if wish["frozen"] else (None, "")
    if wish.get("locked") is False and one.running is None:
        one.locked_until = 0.0


def _delete(call: Call) -> Answer:
    one = call.workspace
    call.check_refresh()
    if one.locked(call.now):
        raise RefusalError(409, "M2019", "The workspace is locked by an activity in progress. Try again later.")
    del call.state.workspaces[one.id]
    call.state.save()
    return Answer(200, f"The workspace {one.id} was deleted.")


def _upload(call: Call) -> Answer:
    one = call.workspace
    if not call.request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise RefusalError(400, "M2010", "The template is sent as multipart/form-data.")
    one.repo = {**repo_of({"branch": ""}), **one.repo, "has_uploadedgitrepotar": True}
    one.status = "INACTIVE" if one.status == "DRAFT" else one.status
    call.state.note(one, "TAR_WORKSPACE_UPLOAD", call.by)
    call.state.save()
    return Answer(200, {"file_value": "template.tar", "has_received_file": True, "id": one.template})


# --- inputs ---------------------------------------------------------------------------------------------------------


def _inputs(call: Call) -> Answer:
    return Answer(200, {**shapes.inputs(call.workspace), "values_metadata": call.workspace.metadata})


def _replace_inputs(call: Call) -> Answer:
    _take_inputs(call, call.workspace, call.fields(), merge=call.state.options.merge_inputs)
    call.state.save()
    return Answer(200, shapes.inputs(call.workspace))


def _take_inputs(call: Call, one: Workspace, asked: Mapping[str, Any], merge: bool) -> None:
    if "variablestore" in asked:
        call.state.set_variables(one, asked["variablestore"], merge)
    one.env_values = asked.get("env_values", one.env_values)
    one.values = asked.get("values", one.values)


def _all_inputs(call: Call) -> Answer:
    one = call.workspace
    body = {"runtime_data": [shapes.runtime(one, call.url)], "shared_data": {}}
    return Answer(200, {**body, "template_data": [shapes.template_data(one, call.url)]})


# --- jobs -----------------------------------------------------------------------------------------------------------


def _launch(call: Call) -> Answer:
    one = call.workspace
    call.check_refresh()
    commands = [str(item.get("command", "")) for item in call.fields().get("commands") or []]
    return Answer(202, {"activityid": call.state.launch(one, call.ids["kind"], call.by, commands).id})


def _activities(call: Call) -> Answer:
    (offset, limit), one = call.page(), call.workspace
    newest = [call.state.jobs[job] for job in reversed(one.jobs)][offset : offset + limit]
    shown = [shapes.activity(job, one, call.now, call.url) for job in newest]
    return Answer(200, {"workspace_id": one.id, "workspace_name": one.name, "actions": shown})


def _activity(call: Call) -> Answer:
    return Answer(200, shapes.activity(call.job, call.workspace, call.now, call.url))


def _stop(call: Call) -> Answer:
    if call.request.query.get("signal", "interrupt") not in _SIGNALS:
        raise RefusalError(400, "M2032", f"The signal is one of {sorted(_SIGNALS)}.")
    call.state.stop(call.job)
    return Answer(202, {"activityid": call.job.id})


def _log_urls(call: Call) -> Answer:
    job, one = call.job, call.workspace
    where = {"template_id": one.template, "template_type": one.engine, "log_url": shapes.log_url(job, one, call.url)}
    return Answer(200, {"action_id": job.id, "name": job.name, "templates": [where]})


def _log(call: Call) -> Answer:
    return Answer(200, shapes.log(call.job), "text/plain; charset=utf-8")


def _latest_log(call: Call) -> Answer:
    launched = [call.state.jobs[job] for job in call.workspace.jobs if call.state.jobs[job].launched]
    if not launched:
        raise RefusalError(404, "M2033", "The workspace has no log yet.")
    return Answer(200, shapes.log(launched[-1]), "text/plain; charset=utf-8")


def _stores(call: Call) -> Answer:
    kept = ("id", "engine_name", "engine_version", "log_store_url", "state_store_url")
    other = "state_store_url" if call.request.path.endswith("/log_stores") else "log_store_url"
    shown = shapes.runtime(call.workspace, call.url)
    return Answer(200, {"runtime_data": [{key: shown[key] for key in kept if key != other}]})


def _state_file(call: Call) -> Answer:
    one = call.workspace
    if not one.serial:
        raise RefusalError(404, "M2034", "The workspace has no state file yet.")
    return Answer(200, terraform.state_file(one.resources, one.serial, one.template))


def _jobs(call: Call) -> Answer:
    offset, limit = call.page()
    of = call.request.query.get("resource_id")
    every = [job for job in call.state.jobs.values() if job.workspace in call.state.workspaces]
    every = [job for job in reversed(every) if job.launched and of in (None, job.workspace)]
    shown = [shapes.v2_job(job, call.now, call.url) for job in every[offset : offset + limit]]
    return Answer(200, {"total_count": len(every), "offset": offset, "limit": limit, "jobs": shown})


def _create_job(call: Call) -> Answer:
    asked = call.fields()
    call.check_refresh()
    kind = _COMMANDS.get(str(asked.get("command_name")))
    one = call.state.workspaces.get(str(asked.get("command_object_id")))
    if kind is None or asked.get("command_object") != "workspace":
        raise RefusalError(400, "M2010", f"A job here is for a workspace, and one of {sorted(_COMMANDS)}.")
    if one is None:
        raise RefusalError(404, "M2001", f"The workspace {asked.get('command_object_id')} was not found.")
    return Answer(201, shapes.v2_job(call.state.launch(one, kind, call.by), call.now, call.url))


def _job(call: Call) -> Answer:
    return Answer(200, shapes.v2_job(call.job, call.now, call.url))


def _delete_job(call: Call) -> Answer:
    call.check_refresh()
    if not call.job.outcome:
        call.state.stop(call.job)
    return Answer(204)


def _job_file(call: Call) -> Answer:
    kind = call.request.query.get("file_type", "")
    body = shapes.job_file(call.job, call.state.workspaces[call.job.workspace], kind)
    if body is None:
        raise RefusalError(404, "M2035", f"The job has no file {kind!r}.")
    return Answer(200, body)


_VERSION = {
    "builddate": "2026-01-01",
    "buildno": "1",
    "commitsha": "emulator",
    "helm_provider_version": "",
    "helm_version": "",
    "supported_template_types": {"terraform": ["terraform_v1.5"]},
    "terraform_provider_version": "",
    "terraform_version": f"v{terraform.VERSION}",
}
_LOCATION = {"id": "us-south", "name": "Dallas", "country": "us", "geography": "na", "kind": "region"}
_GROUP = {"id": "default", "name": "default", "default": True, "state": "ACTIVE"}
_README = "# Baseline\n\nWhat every account has.\n"

_W = r"/v1/workspaces/(?P<w>[^/]+)"
_T = r"/(?P<t>[^/]+)"
_A = r"/(?P<a>[^/]+)"
_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[[Call], Answer]], ...] = tuple(
    (method, re.compile(pattern), action)
    for method, pattern, action in (
        ("GET", "/v1/workspaces", _list),
        ("POST", "/v1/workspaces", _create),
        ("GET", _W, _get),
        ("PUT", _W, _update),
        ("PATCH", _W, _update),
        ("DELETE", _W, _delete),
        ("PUT", f"{_W}/template_data{_T}/template_repo_upload", _upload),
        ("GET", f"{_W}/template_data{_T}/values", _inputs),
        ("PUT", f"{_W}/template_data{_T}/values", _replace_inputs),
        ("GET", f"{_W}/template_data{_T}/values_metadata", lambda call: Answer(200, call.workspace.metadata)),
        ("GET", f"{_W}/templates/values", _all_inputs),
        ("GET", f"{_W}/templates/readme", lambda call: Answer(200, {"readme": call.workspace.id and _README})),
        ("POST", f"{_W}/(?P<kind>plan)", _launch),
        ("PUT", f"{_W}/(?P<kind>apply|destroy|refresh|commands)", _launch),
        ("GET", f"{_W}/actions", _activities),
        ("GET", f"{_W}/actions{_A}", _activity),
        ("DELETE", f"{_W}/actions{_A}", _stop),
        ("GET", f"{_W}/actions{_A}/logs", _log_urls),
        ("GET", f"{_W}/runtime_data{_T}/log_store/actions{_A}", _log),
        ("GET", f"{_W}/runtime_data{_T}/log_store", _latest_log),
        ("GET", f"{_W}/runtime_data{_T}/state_store", _state_file),
        ("GET", f"{_W}/log_stores", _stores),
        ("GET", f"{_W}/state_stores", _stores),
        ("GET", f"{_W}/output_values", lambda call: Answer(200, shapes.output_values(call.workspace))),
        ("GET", f"{_W}/resources", lambda call: Answer(200, shapes.resources(call.workspace))),
        ("GET", "/v2/jobs", _jobs),
        ("POST", "/v2/jobs", _create_job),
        ("GET", f"/v2/jobs{_A}", _job),
        ("DELETE", f"/v2/jobs{_A}", _delete_job),
        ("GET", f"/v2/jobs{_A}/logs", _log),
        ("GET", f"/v2/jobs{_A}/files", _job_file),
        ("GET", "/v1/version", lambda call: Answer(200, _VERSION)),
        ("GET", "/v1/locations", lambda call: Answer(200, [_LOCATION])),
        ("GET", "/v1/resource_groups", lambda call: Answer(200, [_GROUP])),
    )
)
