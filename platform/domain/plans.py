"""What a finished job says of itself: a plan's counts from any of the four places that tell them, an activity's body.

Here: pure readings of bodies and logs. Not here: fetching them (resources.schematics). Of a plan document, which is
sensitive, only counts and addresses are kept.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from domain.activities import Activity, PlanCounts, PlanSummary
from domain.bodies import dicts
from domain.errors import ParseError

# What Schematics calls the three counts: in a v1 activity's `log_summary`, in a v2 job's.
ACTIVITY_COUNTS = ("resources_added", "resources_modified", "resources_destroyed")
JOB_COUNTS = ("resources_add", "resources_modify", "resources_destroy")

_COUNTED = {
    ("create",): ("create", 1, 0, 0),
    ("update",): ("update", 0, 1, 0),
    ("delete",): ("delete", 0, 0, 1),
    ("delete", "create"): ("replace", 1, 0, 1),
    ("create", "delete"): ("replace", 1, 0, 1),
}
_IDLE = {(), ("no-op",), ("read",)}
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PREFIX = r"^[ \t]*(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d[ \t]+)?(?:Terraform \w+ \|[ \t]*)?"
_PLAN = re.compile(
    _PREFIX + r"Plan: (?:\d+ to import, )?(\d+) to add, (\d+) to change, (\d+) to destroy\b", re.MULTILINE
)
_NO_CHANGES = re.compile(_PREFIX + r"No changes\.", re.MULTILINE)


def summary_of_plan(document: object) -> PlanSummary | None:
    """The counts and addresses of `terraform show -json`, given as text or loaded; None where it is not a whole plan.

    A replacement is one to add and one to destroy, as in Terraform's own count. An action not known here counts as a
    change: a plan that does something is never said to do nothing.
    """
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return None
    if not isinstance(document, Mapping) or document.get("errored") or "format_version" not in document:
        return None
    changes = document.get("resource_changes")
    if changes is None:
        changes = []  # Terraform leaves the list out where the configuration has no resource
    if not isinstance(changes, list):
        return None
    add = change = destroy = 0
    resources = []
    for resource in changes:
        actions = _actions(resource)
        if actions is None:
            return None
        if actions in _IDLE:
            continue
        word, adds, updates, deletes = _COUNTED.get(actions, ("+".join(actions), 0, 1, 0))
        add, change, destroy = add + adds, change + updates, destroy + deletes
        resources.append(f"{word} {resource.get('address', '?')}")
    return PlanSummary(PlanCounts(add, change, destroy), tuple(resources))


def counts_of_summary(summary: object, names: tuple[str, str, str]) -> PlanCounts | None:
    """The counts of a `log_summary`; None unless all three are there."""
    if not isinstance(summary, Mapping):
        return None
    found = [summary.get(name) for name in names]
    if any(isinstance(value, bool) or not isinstance(value, int | float) or value < 0 for value in found):
        return None
    add, change, destroy = (int(value) for value in found if value is not None)
    return PlanCounts(add, change, destroy)


def without_colour(text: str) -> str:
    """The text without a terminal's control sequences, in which Terraform writes its errors."""
    return _ANSI.sub("", text).replace("\r", "")


def counts_of_log(text: str) -> PlanCounts | None:
    """The counts in a plan's log, with or without Schematics' prefixes and colours; None where it has none."""
    plain = without_colour(text)
    if plans := _PLAN.findall(plain):
        add, change, destroy = plans[-1]
        return PlanCounts(int(add), int(change), int(destroy))
    return PlanCounts(0, 0, 0) if _NO_CHANGES.search(plain) else None


def activity_of(body: object) -> Activity:
    """An entry of a workspace's list of jobs, or one job alone. Raises ParseError where it has no id."""
    if not isinstance(body, Mapping) or not body.get("action_id"):
        raise ParseError("an activity came without its id.", remedy="Schematics has changed: tell the maintainers.")
    said = [
        *_texts(body.get("message")),
        *(line for part in templates_of(body) for line in _texts(part.get("message"))),
    ]
    return Activity(
        id=str(body["action_id"]),
        name=str(body.get("name") or ""),
        status=str(body.get("status") or ""),
        message="; ".join(dict.fromkeys(said)),
    )


def templates_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The templates of an activity: one per Terraform configuration, and a workspace has one."""
    return dicts(body.get("templates"))


def _actions(resource: object) -> tuple[str, ...] | None:
    change = resource.get("change") if isinstance(resource, Mapping) else None
    actions = change.get("actions") if isinstance(change, Mapping) else None
    return tuple(str(action) for action in actions) if isinstance(actions, list) else None


def _texts(message: object) -> Iterable[str]:
    lines = message if isinstance(message, list) else [message]
    return [line.strip() for line in lines if isinstance(line, str) and line.strip()]
