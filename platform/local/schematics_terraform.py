"""What "Terraform" does in the Schematics emulator: pure functions from variables and state to plans, logs and files.

Here: the one template every workspace runs, the difference between two sets of resources, Terraform's own words.
Not here: workspaces, jobs and clocks (schematics_state), what the API makes of it (schematics_shapes).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.errors import PermanentError

VERSION = "1.5.7"
PROVIDER = 'provider["registry.terraform.io/ibm-cloud/ibm"]'
MOST_SUBNETS = 64

Resources = dict[str, dict[str, Any]]
"""Address -> attributes."""

DECLARED: tuple[dict[str, Any], ...] = (
    {"name": "iam_version", "type": "string", "description": "Version of the IAM baseline", "default": "1.0.0"},
    {"name": "subnet_count", "type": "number", "description": "Subnets of the network", "default": "1"},
    {"name": "enable_monitoring", "type": "bool", "description": "Whether to monitor", "default": "false"},
    {"name": "tags", "type": "map(string)", "description": "Tags on the access group", "default": "{}"},
)
_DEFAULTS = {str(one["name"]): str(one["default"]) for one in DECLARED}
_ADDRESS = re.compile(r"(?P<type>\w+)\.(?P<name>\w+)(?:\[(?P<index>\d+)\])?")
_VERBS = {"create": "created", "update": "updated in-place", "delete": "destroyed"}
_SIGNS = {"create": "+", "update": "~", "delete": "-"}


class TerraformError(PermanentError):
    """The template does not accept these variables: the job fails, as `terraform plan` would."""


@dataclass(frozen=True)
class Change:
    """What happens to one resource: `action` is create, update or delete."""

    address: str
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True)
class Counts:
    """How many resources come, change and go."""

    added: int
    changed: int
    destroyed: int


def text_of(value: Any) -> str:
    """A value as Schematics takes it: always a string, complex types as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def wanted(variables: Mapping[str, str]) -> Resources:
    """The resources the template asks for; a variable that is absent has its default, an unknown one is ignored.

    Raises TerraformError where a value is not of the declared type.
    """
    given = {**_DEFAULTS, **{name: text for name, text in variables.items() if name in _DEFAULTS}}
    resources: Resources = {
        "ibm_iam_access_group.baseline": {
            "name": "baseline",
            "iam_version": given["iam_version"],
            "tags": _texts("tags", given["tags"]),
        },
        "ibm_is_vpc.network": {"name": "network", "address_prefix_management": "auto"},
    }
    for index in range(_number("subnet_count", given["subnet_count"])):
        resources[f"ibm_is_subnet.subnet[{index}]"] = {
            "name": f"subnet-{index}",
            "total_ipv4_address_count": 256,
            "zone": f"us-south-{index % 3 + 1}",
        }
    if _truth("enable_monitoring", given["enable_monitoring"]):
        resources["ibm_resource_instance.monitoring[0]"] = {
            "name": "monitoring",
            "plan": "graduated-tier",
            "service": "sysdig-monitor",
        }
    return resources


def plan(state: Mapping[str, dict[str, Any]], target: Mapping[str, dict[str, Any]]) -> list[Change]:
    """What leads from the state to the target, in the order of the addresses."""
    changes = []
    for address in sorted(state.keys() | target.keys()):
        before, after = state.get(address), target.get(address)
        if before != after:
            action = "create" if before is None else "delete" if after is None else "update"
            changes.append(Change(address, action, before, after))
    return changes


def counts(changes: Iterable[Change]) -> Counts:
    """The numbers of Terraform's summary line."""
    actions = [change.action for change in changes]
    return Counts(actions.count("create"), actions.count("update"), actions.count("delete"))


def drifted(state: Resources, address: str, remove: bool) -> Resources:
    """The state after somebody was at work by hand: one resource is altered, or gone."""
    if remove:
        return {key: value for key, value in state.items() if key != address}
    return {**state, address: {**state[address], "name": "changed-by-hand"}}


def plan_line(changes: Iterable[Change]) -> str:
    """The line of a plan's log that carries its result."""
    total = counts(changes)
    if total == Counts(0, 0, 0):
        return "No changes. Your infrastructure matches the configuration."
    return f"Plan: {total.added} to add, {total.changed} to change, {total.destroyed} to destroy."


def job_lines(kind: str, changes: list[Change]) -> list[str]:
    """What Terraform says in a successful job of this kind."""
    total = counts(changes)
    if kind == "PLAN":
        return [*_announced(changes), plan_line(changes)]
    if kind == "APPLY":
        done = f"Resources: {total.added} added, {total.changed} changed, {total.destroyed} destroyed."
        return [*_announced(changes), plan_line(changes), *_performed(changes), f"Apply complete! {done}"]
    if kind == "DESTROY":
        done = f"Destroy complete! Resources: {total.destroyed} destroyed."
        return [*_announced(changes), plan_line(changes), *_performed(changes), done]
    return ["Refreshing state..."]


def error_lines(text: str) -> list[str]:
    """Terraform's frame around an error."""
    return ["╷", *(f"│ {line}" for line in ["Error: " + text, "", "  on main.tf line 12:"]), "╵"]


def log_text(command: str, started: float, lines: Iterable[str]) -> str:
    """Lines as Schematics stores them: a time and the command before each."""
    stamp = f"{datetime.fromtimestamp(started, UTC):%Y/%m/%d %H:%M:%S}"
    head = [f"{stamp} -----  New Workspace Action  -----", f"{stamp} Command: terraform {command}"]
    return "\n".join([*head, *(f"{stamp} Terraform {command} | {line}" for line in lines)]) + "\n"


def plan_json(changes: Iterable[Change], untouched: Iterable[str]) -> dict[str, Any]:
    """The plan in Terraform's JSON; what does not change is listed as no-op, as Terraform does."""
    every = [*changes, *(Change(address, "no-op", None, None) for address in untouched)]
    return {
        "format_version": "1.2",
        "terraform_version": VERSION,
        "resource_changes": [
            {
                **_named(change.address),
                "address": change.address,
                "mode": "managed",
                "provider_name": "registry.terraform.io/ibm-cloud/ibm",
                "change": {"actions": [change.action], "before": change.before, "after": change.after},
            }
            for change in sorted(every, key=lambda change: change.address)
        ],
    }


def outputs(state: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The template's outputs; none before anything is applied."""
    if "ibm_iam_access_group.baseline" not in state:
        return {}
    subnets = sorted(address for address in state if address.startswith("ibm_is_subnet."))
    version = state["ibm_iam_access_group.baseline"].get("iam_version", "")
    return {
        "iam_version": {"sensitive": False, "type": "string", "value": version},
        "subnets": {"sensitive": False, "type": ["list", "string"], "value": subnets},
    }


def state_file(state: Mapping[str, dict[str, Any]], serial: int, lineage: str) -> dict[str, Any]:
    """terraform.tfstate, version 4: instances of one counted resource are kept together."""
    resources: dict[tuple[str, str], dict[str, Any]] = {}
    for address, attributes in state.items():
        name = _named(address)
        one = resources.setdefault(
            (name["type"], name["name"]),
            {"mode": "managed", "type": name["type"], "name": name["name"], "provider": PROVIDER, "instances": []},
        )
        index = {"index_key": name["index"]} if "index" in name else {}
        one["instances"].append({**index, "schema_version": 0, "attributes": attributes})
    return {
        "version": 4,
        "terraform_version": VERSION,
        "serial": serial,
        "lineage": lineage,
        "outputs": {name: {"value": one["value"], "type": one["type"]} for name, one in outputs(state).items()},
        "resources": list(resources.values()),
    }


def _named(address: str) -> dict[str, Any]:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return {"type": "", "name": address}
    index = {"index": int(found["index"])} if found["index"] is not None else {}
    return {"type": found["type"], "name": found["name"], **index}


def _announced(changes: Iterable[Change]) -> list[str]:
    lines = []
    for change in changes:
        lines.append(f"  # {change.address} will be {_VERBS[change.action]}")
        lines.append(f'  {_SIGNS[change.action]} resource "{change.address}"')
    return lines


def _performed(changes: Iterable[Change]) -> list[str]:
    done = {"create": "Creation", "update": "Modifications", "delete": "Destruction"}
    return [f"{change.address}: {done[change.action]} complete after 1s" for change in changes]


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text) or int(text) > MOST_SUBNETS:
        raise TerraformError(f'Invalid value for input variable "{name}": a number of 0 to {MOST_SUBNETS} is required.')
    return int(text)


def _truth(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise TerraformError(f'Invalid value for input variable "{name}": a bool is required.')
    return text == "true"


def _texts(name: str, text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise TerraformError(f'Invalid value for input variable "{name}": map of string required.')
    return found
