"""Workspaces, activities and jobs as the Schematics API shows them: pure functions from a record to JSON.

Here: field names, formats, what is left out while a job runs. Not here: which address answers what (schematics_routes).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local import schematics_terraform as terraform
from local.schematics_records import Job, Workspace

_CODES = {
    "CREATED": "job_pending",
    "COMPLETED": "job_finished",
    "FAILED": "job_failed",
    "STOPPED": "job_stopped",
}
_COMMANDS = {
    "PLAN": "workspace_plan",
    "APPLY": "workspace_apply",
    "DESTROY": "workspace_destroy",
    "REFRESH": "workspace_refresh",
}
_COUNTED = frozenset({"PLAN", "APPLY", "DESTROY"})


def moment(seconds: float | None) -> str | None:
    """RFC 3339, as the API writes it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def workspace_body(one: Workspace, now: float, url: str) -> dict[str, Any]:
    """WorkspaceResponse."""
    return {
        "applied_shareddata_ids": [],
        "catalog_ref": {},
        "description": "",
        "location": "us-south",
        "resource_group": "default",
        "shared_data": {},
        "tags": [],
        "type": [one.engine],
        **one.about,
        "id": one.id,
        "name": one.name,
        "crn": f"crn:v1:bluemix:public:schematics:us-south:a/emulator:{one.template}:workspace:{one.id}",
        "created_at": moment(one.created_at),
        "created_by": one.created_by,
        "last_health_check_at": "0001-01-01T00:00:00Z",
        "runtime_data": [runtime(one, url)],
        "status": one.status,
        "template_data": [template_data(one, url)],
        "template_ref": "",
        "template_repo": one.repo,
        "updated_at": moment(one.updated_at),
        "updated_by": one.created_by,
        "workspace_status": _lock_and_freeze(one, now),
        "workspace_status_msg": {"status_code": "200", "status_msg": ""},
    }


def _lock_and_freeze(one: Workspace, now: float) -> dict[str, Any]:
    # Dates that do not apply are left out: the SDK's models do not read a null.
    status: dict[str, Any] = {"frozen": one.frozen_at is not None, "locked": one.locked(now)}
    if status["frozen"]:
        status |= {"frozen_at": moment(one.frozen_at), "frozen_by": one.frozen_by}
    if status["locked"]:
        status |= {"locked_by": one.locked_by, "locked_time": moment(one.locked_at)}
    return status


def template_data(one: Workspace, url: str) -> dict[str, Any]:
    """The one template of a workspace."""
    return {
        "id": one.template,
        "folder": one.folder,
        "type": one.engine,
        "has_githubtoken": one.has_token,
        "uninstall_script_name": "",
        "values_metadata": one.metadata,
        "values_url": f"{url}/v1/workspaces/{one.id}/template_data/{one.template}/values",
        **inputs(one),
    }


def inputs(one: Workspace) -> dict[str, Any]:
    """UserValues; whether a variable takes its default is not told."""
    shown = [{key: value for key, value in item.items() if key != "use_default"} for item in one.variables]
    return {"env_values": one.env_values, "values": one.values, "variablestore": shown}


def runtime(one: Workspace, url: str) -> dict[str, Any]:
    """Where the engine keeps logs and state."""
    base = f"{url}/v1/workspaces/{one.id}/runtime_data/{one.template}"
    return {
        "id": one.template,
        "engine_name": "terraform",
        "engine_version": one.engine,
        "engine_cmd": "",
        "log_store_url": f"{base}/log_store",
        "state_store_url": f"{base}/state_store",
        "output_values": [],
        "resources": [],
    }


def output_values(one: Workspace) -> list[dict[str, Any]]:
    """A list of one template's outputs."""
    found = terraform.outputs(one.resources)
    return [{"id": one.template, "folder": one.folder, "value_type": one.engine, "output_values": [found]}]


def resources(one: Workspace) -> list[dict[str, Any]]:
    """A list of one template's resources."""
    rows = [
        {
            "resource_id": f"{one.template}/{address}",
            "resource_name": attributes.get("name", ""),
            "resource_type": address.partition(".")[0],
            "resource_address": address,
            "resource_status": "active",
            "resource_tainted": "",
        }
        for address, attributes in one.resources.items()
    ]
    return [
        {
            "id": one.template,
            "folder": one.folder,
            "template_type": one.engine,
            "resources": rows,
            "resources_count": len(rows),
            "null_resources": [],
            "related_resources": [],
        }
    ]


def activity(job: Job, one: Workspace, now: float, url: str) -> dict[str, Any]:
    """WorkspaceActivity."""
    status = job.status(now)
    ended = {} if job.ended is None else {"end_time": moment(job.ended)}
    return {
        "action_id": job.id,
        "name": job.name,
        "status": status,
        "message": [job.error] if job.error else [],
        "performed_at": moment(job.started),
        "performed_by": job.by,
        "templates": [
            {
                "template_id": one.template,
                "template_type": one.engine,
                "status": status,
                "start_time": moment(job.started),
                **ended,
                "message": job.error,
                "log_url": log_url(job, one, url),
                "log_summary": _log_summary(job, status),
            }
        ],
    }


def log_url(job: Job, one: Workspace, url: str) -> str:
    """Where an activity's log is."""
    return f"{url}/v1/workspaces/{one.id}/runtime_data/{one.template}/log_store/actions/{job.id}"


def log(job: Job) -> str:
    """The text of an activity's log; while the job runs, its beginning."""
    command = "commands" if job.name == "TERRAFORM_COMMANDS" else job.name.lower()
    lines = ["Initializing provider plugins...", *([f"local-exec: {job.echo}"] if job.echo else [])]
    if job.outcome == "COMPLETED" and "drift" in job.commands:
        lines += [f"configuration drift identfied: {change.address}" for change in job.changes]  # sic, as the service
    elif job.outcome == "COMPLETED":
        said = terraform.job_lines(job.name, job.changes)
        lines += [line for line in said if not (job.no_summary and _tells_counts(line))]
    elif job.outcome == "FAILED":
        lines += terraform.error_lines(job.error)
    elif job.outcome == "STOPPED":
        lines += ["Interrupt received.", "The activity was stopped."]
    return terraform.log_text(command, job.started, lines)


def v2_job(job: Job, now: float, url: str) -> dict[str, Any]:
    """Job: the same activity, as /v2 shows it."""
    status = job.status(now)
    counts = _counts(job)
    known = {}
    if counts is not None:
        numbers = (float(counts.added), float(counts.changed), float(counts.destroyed))
        known = dict(zip(("resources_add", "resources_modify", "resources_destroy"), numbers, strict=True))
    ended = {} if job.ended is None else {"end_at": moment(job.ended)}
    return {
        "id": job.id,
        "name": f"JOB.{job.workspace_name}.{job.id[:8]}",
        "description": "",
        "command_object": "workspace",
        "command_object_id": job.workspace,
        "command_name": _COMMANDS.get(job.name, job.name.lower()),
        "location": "us-south",
        "resource_group": "default",
        "submitted_at": moment(job.started),
        "submitted_by": job.by,
        "start_at": moment(job.started),
        **ended,
        "duration": f"{(job.ended or now) - job.started:.3f}",
        "updated_at": moment(job.ended or now),
        "status": {
            "position_in_queue": 0.0,
            "total_in_queue": 0.0,
            "workspace_job_status": {
                "workspace_name": job.workspace_name,
                "status_code": _CODES.get(status, "job_in_progress"),
                "status_message": job.error,
                "updated_at": moment(job.ended or now),
            },
        },
        "log_summary": {
            "job_id": job.id,
            "job_type": "workspace",
            "log_start_at": moment(job.started),
            "elapsed_time": (job.ended or now) - job.started,
            "workspace_job": known,
        },
        "log_store_url": f"{url}/v2/jobs/{job.id}/logs",
    }


def job_file(job: Job, one: Workspace, kind: str) -> dict[str, Any] | None:
    """The content is a string of JSON; None where the job has no such file."""
    content: Mapping[str, Any]
    if kind == "plan_json" and _counts(job) is not None:
        content = terraform.plan_json(job.changes, job.untouched)
    elif kind == "state_file" and job.outcome == "COMPLETED" and one.serial:
        content = terraform.state_file(one.resources, one.serial, one.template)
    else:
        return None
    return {
        "job_id": job.id,
        "job_name": job.name,
        "file_type": kind,
        "file_content": json.dumps(content),
        "updated_at": moment(job.ended),
    }


def _counts(job: Job) -> terraform.Counts | None:
    if job.outcome != "COMPLETED" or job.no_summary or job.name not in _COUNTED:
        return None
    return terraform.counts(job.changes)


def _log_summary(job: Job, status: str) -> dict[str, Any]:
    summary: dict[str, Any] = {"activity_status": status}
    if job.ended is not None:
        summary["time_taken"] = job.ended - job.started
    if job.error:
        summary["error"] = job.error
    if (counts := _counts(job)) is not None:
        summary["resources_added"] = counts.added
        summary["resources_modified"] = counts.changed
        summary["resources_destroyed"] = counts.destroyed
    return summary


def _tells_counts(line: str) -> bool:
    return line.startswith(("Plan: ", "No changes.", "Apply complete!", "Destroy complete!"))
