"""How one build of dbt runs inside one step of Dagster: its nodes, its attempts, and what is told of each.

Here: selected assets and checks -> nodes, attempts with a pause between, events with metadata, the step's end. Not
here: dbt itself (resources.dbt_invocation), which failures are tried again (domain.dbt_attempts), SQL (dbt_project/).

A model is materialized as soon as it is built, once. A test is one check, told when nothing can change it any more.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    Failure,
    MetadataValue,
    Output,
)
from dagster_dbt.asset_utils import get_asset_check_key_for_test, get_manifest_and_translator_from_dbt_assets

from domain.dbt_attempts import Attempts, Lineage, NodeResult, is_test
from resources.dbt import DbtResource
from resources.dbt_invocation import Invocation, Line

Event = Output[None] | AssetCheckResult
_NAMED = 20  # failed nodes in the step's error; the metadata has all
_ATTEMPTS_AT_ALL = 3  # where dbt itself gives up before it names a node
_LAST_WORDS = 600  # characters of dbt's words about a node in one line of the error


@dataclass(frozen=True)
class _Graph:
    """The nodes of a step's project and what each is in Dagster."""

    nodes: Mapping[str, Mapping[str, Any]]
    assets: Mapping[str, AssetKey]
    checks: Mapping[str, AssetCheckKey | None]
    lineage: Lineage

    @classmethod
    def of(cls, context: AssetExecutionContext) -> "_Graph":
        manifest, translator, project = get_manifest_and_translator_from_dbt_assets([context.assets_def])
        nodes = manifest["nodes"]
        return cls(
            nodes,
            {
                unique_id: translator.get_asset_spec(manifest, unique_id, project).key
                for unique_id, node in nodes.items()
                if node["resource_type"] in ("model", "snapshot", "seed")
            },
            {
                unique_id: get_asset_check_key_for_test(manifest, translator, unique_id, project=project)
                for unique_id, node in nodes.items()
                if node["resource_type"] == "test"
            },
            Lineage(manifest["child_map"], manifest["parent_map"]),
        )

    def selected(self, context: AssetExecutionContext) -> frozenset[str]:
        """The nodes that the step is about; a test that is no asset's check goes with all that it looks at."""
        chosen = {node for node, key in self.assets.items() if key in context.selected_asset_keys}
        checked = context.selected_asset_check_keys
        tests = {node for node, key in self.checks.items() if key in checked}
        free = {
            node
            for node, key in self.checks.items()
            if key is None and chosen.issuperset(set(self.lineage.parents[node]) & self.assets.keys())
        }
        return frozenset(chosen | tests | (free if chosen else set()))

    def words(self, nodes: frozenset[str]) -> list[str]:
        """dbt's selection of exactly these nodes."""
        named = sorted("fqn:" + ".".join(self.nodes[node]["fqn"]) for node in nodes)
        return ["--select", *named, "--indirect-selection", "empty"]

    def name(self, node: str) -> str:
        return str(self.nodes[node]["name"]) if node in self.nodes else node


@dataclass
class _Step:
    """What the attempts of one step have told already."""

    context: AssetExecutionContext
    graph: _Graph
    attempts: Attempts
    project_dir: Path
    number: int = 0
    told: set[str] = field(default_factory=set)

    def hear(self, invocation: Invocation, said: Iterator[Line | NodeResult]) -> Iterator[Event]:
        """One attempt: dbt's lines into the log, each model that is built as it is built."""
        heard: list[NodeResult] = []
        for one in said:
            if isinstance(one, Line):
                getattr(self.context.log, one.level)(one.text)
                continue
            heard.append(one)
            if one.good and one.unique_id in self.graph.assets and one.unique_id in self.attempts.wanted:
                yield self._built(one, invocation)
        self.attempts.record(invocation.results or heard)  # dbt that broke off has no results, but has built some nodes

    def _built(self, result: NodeResult, invocation: Invocation) -> Output[None]:
        metadata = self._metadata(result, invocation)
        if result.rows is not None:
            metadata["rows"] = result.rows
        key = self.graph.assets[result.unique_id]
        return Output(None, output_name=key.to_python_identifier(), metadata=metadata)

    def checked(self, open_nodes: frozenset[str], invocation: Invocation) -> Iterator[Event]:
        """The checks that no further attempt changes: those that ran and are not among the open nodes."""
        for node in sorted(self.attempts.wanted - open_nodes - self.told):
            result, key = self.attempts.last.get(node), self.graph.checks.get(node)
            if result is None or key is None or not (result.good or result.failed):
                continue
            self.told.add(node)
            metadata = self._metadata(result, invocation)
            if result.failures is not None:
                metadata["failed_rows"] = result.failures
            yield AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=result.status == "pass",
                severity=AssetCheckSeverity.WARN if result.status == "warn" else AssetCheckSeverity.ERROR,
                description=result.message or None,
                metadata=metadata,
            )

    def again(self, invocation: Invocation) -> frozenset[str]:
        """The nodes of the next attempt; none where there is nothing to try."""
        if not invocation.error:
            return self.attempts.next(self.graph.lineage)
        over = invocation.permanent or self.number >= _ATTEMPTS_AT_ALL
        return frozenset() if over else self.attempts.unfinished()

    def close(self, invocation: Invocation) -> None:
        """Ends the step: cleanly where every wanted node is good, else failed with dbt's words."""
        if invocation.error:
            raise Failure(
                f"dbt gave up: {invocation.error}",
                metadata={"attempts": self.number, "log": str(invocation.log)},
                allow_retries=False,
            )
        left, last = self.attempts.unfinished(), self.attempts.last
        if not left:
            return
        failed = {
            self.graph.name(node): last[node].message for node in sorted(left) if node in last and last[node].failed
        }
        skipped = sorted(self.graph.name(node) for node in left if node not in last or not last[node].failed)
        lines = [f"{name}: {message[:_LAST_WORDS]}" for name, message in list(failed.items())[:_NAMED]]
        more = f"\nand {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        waits = f"\nNot built, for they wait for those: {', '.join(skipped[:_NAMED])}" if skipped else ""
        raise Failure(
            f"{len(failed)} of {len(self.attempts.wanted)} nodes failed after {self.number} attempts.\n"
            + "\n".join(lines)
            + more
            + waits,
            metadata={
                "failed_nodes": MetadataValue.json(failed),
                "not_built": MetadataValue.json(skipped),
                "attempts": self.number,
                "remedy": "What succeeded stays. Mend the cause, then re-execute this run.",
            },
            allow_retries=False,
        )

    def _metadata(self, result: NodeResult, invocation: Invocation) -> dict[str, Any]:
        node = self.graph.nodes[result.unique_id]
        compiled = invocation.artifacts / "compiled" / node["package_name"] / node["original_file_path"]
        if is_test(result.unique_id) and not compiled.is_file():  # a generic test is a file below that of its model
            compiled = compiled / node["path"]
        metadata: dict[str, Any] = {
            "seconds": result.seconds,
            "attempts": self.attempts.tries.get(result.unique_id, 0) + (result.unique_id in self.graph.assets),
            "status": result.status,
            "unique_id": result.unique_id,
        }
        if compiled.is_file():
            metadata["compiled_sql"] = compiled.relative_to(self.project_dir).as_posix()
        return metadata


def build(
    context: AssetExecutionContext, dbt: DbtResource, variables: Mapping[str, str] | None = None
) -> Iterator[Event]:
    """Builds what the step selects, and tries again what failed; materializations and checks as they are known.

    A model is tried three times, `dbt.retry_seconds` apart, a test twice, and only what failed and what was skipped
    because of it. A text that dbt cannot compile is tried once. Failure where something is not good at the end; what
    was built stays materialized.
    """
    graph = _Graph.of(context)
    wanted = graph.selected(context)
    step = _Step(context, graph, Attempts(wanted), Path(dbt.project_dir))
    given = ["--vars", orjson.dumps(dict(variables)).decode()] if variables else []
    left = wanted
    while left:
        step.number += 1
        name = f"{context.op_execution_context.op.name}-{context.run.run_id[:8]}-{step.number}"
        with dbt.running(["build", *graph.words(left), *given], name) as (invocation, said):
            yield from step.hear(invocation, said)
            again = step.again(invocation)
            yield from step.checked(again, invocation)
        if not again:
            step.close(invocation)
            return
        context.log.info(f"attempt {step.number + 1} in {dbt.retry_seconds:g} s: {_listed(graph, again)}")
        time.sleep(dbt.retry_seconds)
        left = again


def _listed(graph: _Graph, nodes: frozenset[str]) -> str:
    names: Sequence[str] = sorted(graph.name(node) for node in nodes)
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
