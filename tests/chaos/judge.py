"""What must hold after a chaos run, and what does not: pure functions on the evidence.

Here: the comparison and its figures. Not here: where the evidence comes from (evidence).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

CellKey = tuple[str, str]  # client, day


@dataclass(frozen=True)
class Launch:
    """A job as Schematics has seen it; `version` is that of the row that names it, None where none does."""

    account: str
    kind: str
    version: int | None
    started: float
    ended: float | None
    succeeded: bool


@dataclass(frozen=True)
class AccountEnd:
    """An account in the database, beside what its workspace really is."""

    name: str
    status: str
    desired_version: int
    applied_version: int | None
    open_jobs: int
    as_desired: bool  # the workspace's resources are those of the desired version
    wished_subnets: int
    subnets: int


@dataclass
class Evidence:
    """What was found when nothing moved any more."""

    expected: Mapping[CellKey, Mapping[str, str]] = field(default_factory=dict)
    stored: Mapping[CellKey, Sequence[tuple[str, str]]] = field(default_factory=dict)
    warehouse: Sequence[tuple[str, str, str]] = ()  # client, day, item
    models: Sequence[tuple[str, str, str]] = ()  # of the model that the newsletters' stories come from
    launches: Sequence[Launch] = ()
    accounts: Sequence[AccountEnd] = ()
    claimed_slots: Mapping[str, int] = field(default_factory=dict)
    runs_left: Sequence[str] = ()
    materialized: Mapping[str, frozenset[str]] = field(default_factory=dict)  # asset -> partitions
    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)  # asset -> partitions with a whole object
    broken_objects: Sequence[str] = ()


@dataclass
class Verdict:
    """Figures that must all be zero, and what each of them counts, in words."""

    findings: dict[str, list[str]]

    @property
    def figures(self) -> dict[str, int]:
        """Name -> how many."""
        return {name: len(found) for name, found in self.findings.items()}

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not any(self.findings.values())


def judge(evidence: Evidence) -> Verdict:
    """Everything that should not be."""
    return Verdict(
        {
            "lost": list(_lost(evidence)),
            "duplicated": list(_duplicated(evidence)),
            "applied_twice": list(_applied_twice(evidence.launches)),
            "slots_leaked": [
                f"{pool}: {count}" for pool, count in evidence.claimed_slots.items() for _ in range(count)
            ],
            "runs_left": list(evidence.runs_left),
            "accounts_wrong": list(_accounts_wrong(evidence)),
            "inconsistent": list(_inconsistent(evidence)),
        }
    )


def _lost(evidence: Evidence) -> Iterable[str]:
    """Items that should be in the store, the warehouse or the models."""
    stored = {(*cell, item) for cell, items in evidence.stored.items() for item, _hash in items}
    due = {(*cell, item) for cell, items in evidence.expected.items() for item in items}
    for place, found in (
        ("the store", stored),
        ("the warehouse", set(evidence.warehouse)),
        ("the models", set(evidence.models)),
    ):
        for client, day, item in sorted(due - found):
            yield f"{item} of {client} {day} is not in {place}"


def _duplicated(evidence: Evidence) -> Iterable[str]:
    """Items twice in one place, or on two days of one client."""
    for cell, items in evidence.stored.items():
        yield from (f"{item} twice in {cell}" for item in _twice(item for item, _hash in items))
    by_client = Counter((client, item) for (client, _day), items in evidence.stored.items() for item, _hash in items)
    inside = Counter(
        (cell[0], item) for cell, items in evidence.stored.items() for item in _twice(i for i, _h in items)
    )
    yield from (
        f"{item} on several days of {client}"
        for (client, item), count in by_client.items()
        if count > 1 + inside[client, item]
    )
    yield from (f"{row} twice in the warehouse" for row in _twice(evidence.warehouse))
    yield from (f"{row} twice in the models" for row in _twice(evidence.models))


def _applied_twice(launches: Sequence[Launch]) -> Iterable[str]:
    """Versions of an account that were applied more than once, jobs of one account at once, launches of nobody."""
    done = Counter(
        (one.account, one.version) for one in launches if one.kind == "APPLY" and one.succeeded and one.version
    )
    yield from (f"{account} v{version}: {count} applies" for (account, version), count in done.items() if count > 1)
    yield from (f"{one.account}: no row names a {one.kind}" for one in launches if one.version is None)
    by_account: dict[str, list[Launch]] = {}
    for one in sorted(launches, key=lambda launch: launch.started):
        by_account.setdefault(one.account, []).append(one)
    for account, jobs in by_account.items():
        for earlier, later in pairwise(jobs):
            if earlier.ended is None or earlier.ended > later.started:
                yield f"{account}: a {later.kind} began before the {earlier.kind} was over"


def _accounts_wrong(evidence: Evidence) -> Iterable[str]:
    """Accounts that are not as they were wished, or whose rows and workspace disagree."""
    for one in evidence.accounts:
        if one.status != "UPDATED" or one.applied_version != one.desired_version:
            yield f"{one.name} is {one.status}, v{one.applied_version} of v{one.desired_version}"
        if one.open_jobs:
            yield f"{one.name}: {one.open_jobs} jobs without an end"
        if not one.as_desired:
            yield f"{one.name}: the workspace is not what v{one.desired_version} says"
        if one.subnets != one.wished_subnets:
            yield f"{one.name}: {one.subnets} subnets, {one.wished_subnets} were wished"


def _inconsistent(evidence: Evidence) -> Iterable[str]:
    """Partitions and objects that do not belong together, and items that are not what they should be."""
    yield from evidence.broken_objects
    for asset in sorted(evidence.materialized.keys() | evidence.kept.keys()):
        materialized = evidence.materialized.get(asset, frozenset())
        kept = evidence.kept.get(asset, frozenset())
        yield from (f"{asset} {key} is materialized, and not kept" for key in sorted(materialized - kept))
        yield from (f"{asset} {key} is kept, and not materialized" for key in sorted(kept - materialized))
    for cell, items in sorted(evidence.stored.items()):
        due = evidence.expected.get(cell, {})
        for item, digest in items:
            if item not in due:
                yield f"{item} does not belong to {cell}"
            elif due[item] != digest:
                yield f"{item} of {cell} has another content"
    stored = {(*cell, item) for cell, items in evidence.stored.items() for item, _hash in items}
    for place, rows in (("warehouse", evidence.warehouse), ("models", evidence.models)):
        yield from (f"{row} is in the {place}, and not in the store" for row in sorted(set(rows) - stored))


def _twice(found: Iterable[object]) -> list[object]:
    return [one for one, count in Counter(found).items() if count > 1]
