"""Cloud accounts: what is desired of one, what a demand asks for, what makes two desired states the same.

Here: demands and desired states as plain values, checked. Not here: where they are written (resources.database),
nor how they are applied.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from domain.errors import PermanentError

ExecutionMode = Literal["plan_only", "plan_and_apply"]
EXECUTION_MODES: tuple[ExecutionMode, ...] = ("plan_only", "plan_and_apply")
SUBNETS = range(1, 21)
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")  # becomes a partition key and a path
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_TAG = re.compile(r"[^\s=,][^=,\n]{0,127}")


class DemandError(PermanentError):
    """A demand says something that no account can be given; nothing of it was written."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What one version of an account shall be."""

    iam_version: str
    subnet_count: int
    enable_monitoring: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """16 hex: equal for equal content, whatever the order of the tags."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Demand:
    """A change asked of accounts named exactly; None leaves a value as it is, `tags` replaces all tags."""

    account_names: Sequence[str]
    requested_by: str
    reason: str
    iam_version: str | None = None
    subnet_count: int | None = None
    enable_monitoring: bool | None = None
    tags: Mapping[str, str] | None = None
    execution_mode: ExecutionMode = "plan_only"

    def checked(self) -> "Demand":
        """The demand itself. Raises DemandError naming everything that is wrong with it at once."""
        wrong = list(self._wrong())
        if wrong:
            raise DemandError("; ".join(wrong) + ".", where="demand", remedy="Mend the demand and send it again.")
        return self

    def applied_to(self, state: DesiredState) -> DesiredState:
        """What the account shall be, once the demand is met."""
        return DesiredState(
            iam_version=state.iam_version if self.iam_version is None else self.iam_version,
            subnet_count=state.subnet_count if self.subnet_count is None else self.subnet_count,
            enable_monitoring=state.enable_monitoring if self.enable_monitoring is None else self.enable_monitoring,
            tags=dict(state.tags if self.tags is None else self.tags),
        )

    def _wrong(self) -> Sequence[str]:
        wrong = []
        if not self.account_names:
            wrong.append("no account is named")
        twice = sorted({name for name in self.account_names if list(self.account_names).count(name) > 1})
        if twice:
            wrong.append(f"accounts are named twice: {', '.join(twice)}")
        if (self.iam_version, self.subnet_count, self.enable_monitoring, self.tags) == (None, None, None, None):
            wrong.append("no change is asked for: give iam_version, subnet_count, enable_monitoring or tags")
        if self.execution_mode not in EXECUTION_MODES:
            wrong.append(f"execution_mode is one of {', '.join(EXECUTION_MODES)}, not {self.execution_mode!r}")
        if not self.requested_by.strip():
            wrong.append("requested_by is empty")
        if not self.reason.strip():
            wrong.append("reason is empty")
        return [*wrong, *wrong_state(self.iam_version, self.subnet_count, self.tags)]


def wrong_state(iam_version: str | None, subnet_count: int | None, tags: Mapping[str, str] | None) -> list[str]:
    """What is wrong with these values, in words; None is never wrong."""
    wrong = []
    if iam_version is not None and not _VERSION.fullmatch(iam_version):
        wrong.append(f"iam_version {iam_version!r} is not a version such as 1.4.2")
    if subnet_count is not None and (isinstance(subnet_count, bool) or subnet_count not in SUBNETS):
        wrong.append(f"subnet_count is {SUBNETS[0]} to {SUBNETS[-1]}, not {subnet_count!r}")
    for key, value in (tags or {}).items():
        if not _TAG.fullmatch(key) or (value and not _TAG.fullmatch(value)):
            wrong.append(f"the tag {key!r}: {value!r} holds what a tag cannot: '=', ',' or a line end")
    return wrong


def checked_name(name: str) -> str:
    """The account's name, or DemandError: it becomes a partition key and a path."""
    if not NAME.fullmatch(name):
        raise DemandError(
            f"{name!r} cannot be an account's name.", remedy="Use 1 to 100 of a-z, 0-9, '_' and '-', a letter first."
        )
    return name


def checked_person(name: str) -> str:
    """Who decides, or DemandError: every decision is somebody's."""
    if not name.strip():
        raise DemandError("who decides is empty.", remedy="Say who you are: --by NAME")
    return name
