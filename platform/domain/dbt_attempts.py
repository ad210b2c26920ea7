"""What one attempt of dbt said about each node, and which nodes a further attempt takes up.

Here: results, and the decision, as plain Python. Not here: dbt itself (resources.dbt_invocation), the pauses between
attempts and what Dagster is told (assets.dbt_runs).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

_GOOD = frozenset({"success", "pass", "warn", "no-op", "reused"})
_NOT_RUN = "skipped"
_PERMANENT = ("Compilation Error", "Parsing Error")  # how dbt's words about a node begin where its text is wrong


@dataclass(frozen=True, slots=True)
class NodeResult:
    """How a model, a snapshot or a test of dbt ended in one attempt.

    `status` and `message` are dbt's own words, `seconds` its work, `rows` what a model wrote (None where nobody
    counted), `failures` the rows that a test objects to.
    """

    unique_id: str
    status: str
    message: str = ""
    seconds: float = 0.0
    rows: int | None = None
    failures: int | None = None

    @property
    def good(self) -> bool:
        """Whether it did what it shall; a skipped node did not."""
        return self.status in _GOOD

    @property
    def failed(self) -> bool:
        """Whether it ran, and ended badly."""
        return not self.good and self.status != _NOT_RUN

    @property
    def permanent(self) -> bool:
        """Whether the same text can only fail again."""
        return self.failed and self.message.lstrip().startswith(_PERMANENT)


@dataclass(frozen=True, slots=True)
class Lineage:
    """Who reads whom: node -> the nodes that read it, and node -> the nodes that it reads."""

    children: Mapping[str, Collection[str]]
    parents: Mapping[str, Collection[str]]

    def below(self, node: str) -> set[str]:
        """Every node that depends on this one, however indirectly."""
        found: set[str] = set()
        left = list(self.children.get(node, ()))
        while left:
            child = left.pop()
            if child not in found:
                found.add(child)
                left.extend(self.children.get(child, ()))
        return found

    def held_back_by(self, node: str) -> set[str]:
        """What dbt does not build while this node fails: of a test, what depends on all that it looks at."""
        if not is_test(node):
            return self.below(node)
        looked_at = [self.below(parent) for parent in self.parents.get(node, ())]
        return set.intersection(*looked_at) if looked_at else set()


@dataclass
class Attempts:
    """The results of one build over its attempts: the last of each node, and how often each was tried."""

    wanted: frozenset[str]
    model_retries: int = 2
    test_retries: int = 1
    last: dict[str, NodeResult] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)

    def record(self, results: Iterable[NodeResult]) -> None:
        """One attempt is over, with these results."""
        for result in results:
            self.last[result.unique_id] = result
            if result.status != _NOT_RUN:
                self.tries[result.unique_id] = self.tries.get(result.unique_id, 0) + 1

    def next(self, lineage: Lineage) -> frozenset[str]:
        """The nodes of the next attempt: what failed and may be tried again, and what was skipped because of it.

        Empty where nothing is left to try. A node that waits for one that failed for good is not among them: alone,
        dbt would build it from what that one left behind.
        """
        failed = {node for node in self.wanted & self.last.keys() if self.last[node].failed}
        again = {node for node in failed if self._may_retry(node)}
        if not again:
            return frozenset()
        held = set().union(*(lineage.held_back_by(node) for node in failed - again))
        skipped = {node for node in self.wanted & self.last.keys() if self.last[node].status == _NOT_RUN}
        return frozenset(again | (skipped - held))

    def unfinished(self) -> frozenset[str]:
        """The wanted nodes of which nothing good is known."""
        return frozenset(node for node in self.wanted if node not in self.last or not self.last[node].good)

    def _may_retry(self, node: str) -> bool:
        retries = self.test_retries if is_test(node) else self.model_retries
        return not self.last[node].permanent and self.tries.get(node, 0) <= retries


def is_test(node: str) -> bool:
    """Whether the id is a test's; of what is built, models, seeds and snapshots are not."""
    return node.startswith(("test.", "unit_test."))
