"""What can be made to go wrong in the Schematics emulator: rules, and which of them strike.

Here: the rules, their matching, their dice. Not here: what a fault then does to a request (schematics_server) or to a
job (schematics_state).
"""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.errors import ConfigError

REQUEST_KINDS = frozenset({"status", "drop", "lost_reply", "hold_reply"})
JOB_KINDS = frozenset({"fail_job", "stuck_job", "stuck_lock", "unknown_status", "no_summary", "echo"})
_WITH_SECONDS = frozenset({"hold_reply", "stuck_lock", "unknown_status"})
STATUSES = frozenset({400, 401, 403, 404, 409, 429, 500, 502, 503, 504})


@dataclass
class Fault:
    """One rule. Without `times` and `share` it strikes always; `times` counts strikes, not looks.

    `workspace` is an id or a name; `job` is plan, apply, destroy, refresh or commands; `method` an HTTP method.
    `iam`: the rule is for the token endpoint, and for nothing else. `echo` is a text that is given away: the message of
    an injected status quotes it, so do the log of a job and, where the job fails, its error.
    """

    kind: str
    workspace: str | None = None
    job: str | None = None
    method: str | None = None
    share: float | None = None
    times: int | None = None
    seconds: float = 0.0
    status: int = 503
    retry_after: int | None = None
    iam: bool = False
    echo: str = ""
    seed: int = 0
    struck: int = 0
    _dice: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in REQUEST_KINDS | JOB_KINDS:
            raise ConfigError(f"there is no fault of kind {self.kind!r}", remedy=f"Known: {sorted(ALL_KINDS)}.")
        if self.kind in _WITH_SECONDS and self.seconds <= 0:
            raise ConfigError(f"the fault {self.kind!r} needs seconds > 0")
        if self.kind == "echo" and not self.echo:
            raise ConfigError("the fault 'echo' needs the text to echo", remedy='Say it: {"echo": "..."}.')
        if self.kind == "status" and self.status not in STATUSES:
            raise ConfigError(f"status {self.status} cannot be injected", remedy=f"Known: {sorted(STATUSES)}.")
        self._dice = random.Random(self.seed)  # noqa: S311 - the same seed gives the same faults

    def strikes(self) -> bool:
        """Whether the rule, which fits, strikes this time."""
        if self.times is not None and self.struck >= self.times:
            return False
        if self.share is not None and self._dice.random() >= self.share:
            return False
        self.struck += 1
        return True


ALL_KINDS = REQUEST_KINDS | JOB_KINDS
_FIELDS = frozenset({"kind", "workspace", "job", "method", "share", "times", "seconds", "status", "retry_after"}) | {
    "iam",
    "echo",
    "seed",
}


class Faults:
    """The rules in force, in memory only: a restarted emulator has none."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, wish: Mapping[str, Any]) -> Fault:
        """One more rule, from the body of POST /_emulator/faults. Raises ConfigError where it says nothing sensible."""
        if unknown := wish.keys() - _FIELDS:
            raise ConfigError(f"a fault has no {sorted(unknown)}", remedy=f"Known: {sorted(_FIELDS)}.")
        if "kind" not in wish:
            raise ConfigError("a fault needs a kind", remedy=f"Known: {sorted(ALL_KINDS)}.")
        rule = Fault(**wish)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """No rule is in force any more."""
        with self._lock:
            self._rules.clear()

    def listed(self) -> list[dict[str, Any]]:
        """The rules in force, and how often each struck."""
        with self._lock:
            return [{name: getattr(rule, name) for name in (*sorted(_FIELDS), "struck")} for rule in self._rules]

    def for_request(self, method: str, *, workspace: tuple[str, ...], job: str | None, iam: bool) -> Fault | None:
        """The first rule that strikes this request; `workspace` is its id and name, empty if the path has none."""
        with self._lock:
            for rule in self._rules:
                fits = rule.kind in REQUEST_KINDS and rule.iam == iam and rule.method in (None, method)
                if fits and _meant(rule, workspace, job) and rule.strikes():
                    return rule
        return None

    def for_job(self, workspace: tuple[str, ...], job: str) -> dict[str, Fault]:
        """The rules that strike a job at its launch, one of each kind at most."""
        found: dict[str, Fault] = {}
        with self._lock:
            for rule in self._rules:
                fits = rule.kind in JOB_KINDS and rule.kind not in found
                if fits and _meant(rule, workspace, job) and rule.strikes():
                    found[rule.kind] = rule
        return found


def _meant(rule: Fault, workspace: tuple[str, ...], job: str | None) -> bool:
    return (rule.workspace is None or rule.workspace in workspace) and rule.job in (None, job)
