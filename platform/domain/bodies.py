"""What the bodies of Schematics' answers say of a workspace: its look, its variables, what its template declares.

Here: pure readings of loaded JSON, in which anything may be missing. Not here: fetching it (resources.schematics), what
a finished job says (domain.plans).
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from domain.activities import WorkspaceLook
from domain.errors import ParseError
from domain.inputs import Variable


def dicts(listed: object) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def first(listed: object) -> dict[str, Any]:
    """The first object of a list: a workspace has one template, and one set of data."""
    return next(iter(dicts(listed)), {})


def object_of(body: object, what: str) -> dict[str, Any]:
    """A body that must be an object. Raises ParseError: silence is not an empty answer."""
    if not isinstance(body, dict):
        raise ParseError(f"{what} gave something else than an object.", remedy="Check `schematics.url` of the target.")
    return body


def look_of(body: Mapping[str, Any]) -> WorkspaceLook:
    """A workspace as GET /v1/workspaces/{id} tells it. What it shows of secure values is left out."""
    data = first(body.get("template_data"))
    lock = body.get("workspace_status") or {}
    return WorkspaceLook(
        status=str(body.get("status") or ""),
        locked=bool(lock.get("locked")),
        locked_by=str(lock.get("locked_by") or ""),
        frozen=bool(lock.get("frozen")),
        template_id=str(data.get("id") or first(body.get("runtime_data")).get("id") or ""),
        template_version=_version(body, data),
        variables=tuple(_variable(one) for one in dicts(data.get("variablestore")) if one.get("name")),
        declared=declared_in(data.get("values_metadata")),
    )


def declared_in(metadata: object) -> frozenset[str] | None:
    """The names a template declares; None where there are none, as before its code is read."""
    return frozenset(str(one["name"]) for one in dicts(metadata) if one.get("name")) or None


def same_value(one: str, other: str) -> bool:
    """Whether two values are one: equal, or the same JSON spaced or ordered differently."""
    try:
        return one == other or _canonical(one) == _canonical(other)
    except ValueError:
        return False


def _canonical(value: str) -> str:
    return json.dumps(json.loads(value), sort_keys=True)


def _variable(stored: Mapping[str, Any]) -> Variable:
    secure = bool(stored.get("secure"))
    value = stored.get("value")
    shown = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return Variable(str(stored["name"]), "" if secure else shown, str(stored.get("type") or "string"), secure)


def _version(body: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """What identifies the Terraform code and its engine. The user name and token in a URL are left out."""
    repository = body.get("template_repo") or {}
    url = urlsplit(str(repository.get("repo_url") or repository.get("url") or repository.get("full_url") or ""))
    place = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
    catalog = body.get("catalog_ref") or {}
    parts = (
        *(place, repository.get("branch"), repository.get("release"), repository.get("repo_sha_value")),
        *(data.get("folder"), data.get("type"), catalog.get("item_id"), catalog.get("item_version")),
    )
    return " ".join(str(part) for part in parts if part)
