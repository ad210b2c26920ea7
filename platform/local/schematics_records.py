"""One workspace and one job of the Schematics emulator, as they are kept.

Here: the records and what each says of itself at a time. Not here: what happens to them (schematics_state), how the API
shows them (schematics_shapes).
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.schematics_terraform import DECLARED, Change, Resources

_MOST_OF_CREATED = 0.5  # seconds a job shows itself as CREATED, at most


@dataclass
class Job:
    """One activity. `ends` is when it will end (None: never, it is stuck), `ended` when it did."""

    id: str
    workspace: str
    workspace_name: str
    name: str
    by: str
    started: float
    ends: float | None
    launched: bool = True
    ended: float | None = None
    outcome: str = ""
    error: str = ""
    changes: list[Change] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    fails: bool = False
    no_summary: bool = False
    echo: str = ""
    unknown_seconds: float = 0.0
    lock_tail: float = 0.0
    refresh_token: bool = False

    def status(self, now: float) -> str:
        """As the activity shows it."""
        if self.outcome:
            return self.outcome
        if self.ends is not None and self.unknown_seconds and now >= self.ends - self.unknown_seconds:
            return "RECONCILING"
        length = _MOST_OF_CREATED if self.ends is None else min((self.ends - self.started) / 10, _MOST_OF_CREATED)
        return "CREATED" if now < self.started + length else "INPROGRESS"


@dataclass
class Workspace:
    """One workspace. Of a secure variable only the cipher is kept."""

    id: str
    name: str
    template: str
    created_at: float
    created_by: str
    status: str = "DRAFT"
    updated_at: float = 0.0
    about: dict[str, Any] = field(default_factory=dict)
    repo: dict[str, Any] = field(default_factory=dict)
    folder: str = "."
    engine: str = "terraform_v1.5"
    has_token: bool = False
    variables: list[dict[str, Any]] = field(default_factory=list)
    env_values: list[Any] = field(default_factory=list)
    values: str = ""
    metadata: list[dict[str, Any]] = field(default_factory=list)
    resources: Resources = field(default_factory=dict)
    serial: int = 0
    frozen_by: str = ""
    frozen_at: float | None = None
    locked_by: str = ""
    locked_at: float | None = None
    locked_until: float = 0.0
    running: str | None = None
    jobs: list[str] = field(default_factory=list)

    def locked(self, now: float) -> bool:
        """Whether a job runs, or its lock outlives it."""
        return self.running is not None or now < self.locked_until

    def inputs(self) -> dict[str, str]:
        """The variables as Terraform gets them."""
        return {one["name"]: one.get("value", "") for one in self.variables if not one.get("use_default")}


def new_workspace(name: str, now: float, by: str) -> Workspace:
    """An empty draft; the template's own variables are declared."""
    slug = "".join(letter if letter.isalnum() else "-" for letter in name)[:60]
    mark = secrets.token_hex(4)
    return Workspace(
        *(f"us-south.workspace.{slug}.{mark}", name, f"{slug}-{mark[:5]}", now, by),
        updated_at=now,
        metadata=[dict(one) for one in DECLARED],
    )


def repo_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The repository as it is shown; without a given commit, one that follows from the address."""
    url = str(asked.get("url") or asked.get("repo_url") or "")
    branch = str(asked.get("branch") or "main")
    sha = asked.get("repo_sha_value") or hashlib.sha256(f"{url} {branch}".encode()).hexdigest()[:40]
    return {
        "url": url,
        "repo_url": url,
        "full_url": url,
        "branch": branch,
        "release": str(asked.get("release") or ""),
        "repo_sha_value": sha,
        "has_uploadedgitrepotar": False,
    }
