"""What dbt does beside the batches: how fresh the sources are, the history of accounts, the docs, and the night's job.

Here: the assets, the checks and their jobs. Not here: how a build runs and is tried again (assets.dbt_runs), what is
declared of sources, snapshots and docs (dbt_project/), at what hour the night's job starts (schedules).
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    Failure,
    MaterializeResult,
    MetadataValue,
    asset,
    define_asset_job,
    multi_asset_check,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster_dbt import DbtProject, dbt_assets

from assets.dbt_runs import build
from assets.names import DBT_DOCS, SNAPSHOTS, TARGET_TAG
from assets.warehouse import ModelTranslator
from resources.dbt import DbtResource
from resources.dbt_invocation import Invocation, Line
from resources.object_store import ObjectStoreResource
from resources.warehouse_resource import WarehouseResource

DOCS_KEY = "dbt_docs/index.html"  # in the data bucket


@dataclass(frozen=True)
class DbtUpkeep:
    """The assets and checks of this module."""

    snapshots: AssetsDefinition
    docs: AssetsDefinition
    freshness: AssetChecksDefinition

    @classmethod
    def of(cls, project: DbtProject) -> "DbtUpkeep":
        """Those of a project whose manifest is prepared."""
        return cls(_snapshots(project), _docs(), _freshness(project))

    def jobs(self, target: str, models: Sequence[AssetsDefinition]) -> dict[str, UnresolvedAssetJobDefinition]:
        """Name -> job; `models` are those whose tests the night runs over all rows. Each run's tags name the target."""
        kept, docs = AssetSelection.assets(self.snapshots), AssetSelection.assets(self.docs)
        fresh, tests = AssetSelection.checks(self.freshness), AssetSelection.checks_for_assets(*models)
        about = {
            "dbt_freshness": (fresh, "Says which sources of the warehouse were not loaded for too long."),
            "dbt_snapshot": (kept, "Adds to the history of the accounts what has changed."),
            "dbt_docs": (docs, "Writes the documentation of the models and their columns, one page."),
            "dbt_nightly": (
                tests | kept | fresh | docs,
                "Every test over all rows, the history, how fresh the sources are, the documentation.",
            ),
        }
        return {
            name: define_asset_job(name, selection=selection, description=text, tags={TARGET_TAG: target})
            for name, (selection, text) in about.items()
        }

    def at_night(
        self, models: Sequence[AssetsDefinition]
    ) -> dict[AssetKey, tuple[list[AssetKey], list[AssetCheckKey]]]:
        """What was built once -> the assets and the checks that the night's job is about then."""
        due: dict[AssetKey, tuple[list[AssetKey], list[AssetCheckKey]]] = {}
        for definition in models:
            for check in definition.check_keys:
                due.setdefault(check.asset_key, ([], []))[1].append(check)
        for check in self.freshness.check_keys:
            due.setdefault(check.asset_key, ([], []))[1].append(check)
        for key in self.snapshots.keys:
            for read in self.snapshots.asset_deps[key]:
                due.setdefault(read, ([], []))[0].append(key)
            due.setdefault(key, ([], []))[1].extend(self.snapshots.check_keys)
        return due


def _snapshots(project: DbtProject) -> AssetsDefinition:
    @dbt_assets(
        name="warehouse_history",
        manifest=project.manifest_path,
        project=project,
        select=SNAPSHOTS,
        dagster_dbt_translator=ModelTranslator(),
        pool="warehouse",  # DuckDB has one writer
    )
    def warehouse_history(context: AssetExecutionContext, dbt: DbtResource) -> Iterator[Any]:
        yield from build(context, dbt)

    return warehouse_history


def _docs() -> AssetsDefinition:
    @asset(
        name=DBT_DOCS,
        group_name="warehouse",
        kinds={"dbt", "html"},
        pool="warehouse",
        description="The models, their columns, tests and lineage as one page, as dbt writes it.",
    )
    def warehouse_docs(
        context: AssetExecutionContext,
        dbt: DbtResource,
        data_store: ObjectStoreResource,
        warehouse: WarehouseResource,
    ) -> MaterializeResult[None]:
        warehouse.warehouse().prepare()
        words = ["docs", "generate", "--static", "--no-compile"]
        with dbt.running(words, f"docs-{context.run.run_id[:8]}") as (invocation, said):
            shutil.copyfile(dbt.manifest_path, invocation.artifacts / "manifest.json")  # dbt puts it into the page
            _log(context, said)
            _refuse(invocation)
            page = (invocation.artifacts / "static_index.html").read_bytes()
            catalog = orjson.loads((invocation.artifacts / "catalog.json").read_bytes())
        store = data_store.store()
        store.put(DOCS_KEY, page, "text/html; charset=utf-8")
        return MaterializeResult(
            metadata={
                "path": MetadataValue.path(f"{store.uri}/{DOCS_KEY}"),
                "bytes": len(page),
                "tables": len(catalog["nodes"]),
                "sources": len(catalog["sources"]),
            }
        )

    return warehouse_docs


def _freshness(project: DbtProject) -> AssetChecksDefinition:
    sources = _watched(orjson.loads(Path(project.manifest_path).read_bytes()))

    @multi_asset_check(
        name="source_freshness",
        specs=[
            AssetCheckSpec(_check(node), asset=ModelTranslator().get_asset_key(node), description=_promise(node))
            for node in sources.values()
        ],
        pool="warehouse",
    )
    def source_freshness(
        context: AssetCheckExecutionContext, dbt: DbtResource, warehouse: WarehouseResource
    ) -> Iterator[AssetCheckResult]:
        warehouse.warehouse().prepare()
        with dbt.running(["source", "freshness"], f"freshness-{context.run.run_id[:8]}") as (invocation, said):
            _log(context, said)
            found = invocation.outcome.results if invocation.outcome else []
            if not found:
                _refuse(invocation)
        for result in found:
            node = sources[result.node.unique_id]
            yield fresh_enough(_check(node), ModelTranslator().get_asset_key(node), result)

    return source_freshness


def fresh_enough(name: str, key: AssetKey, result: Any) -> AssetCheckResult:
    """What the check says of dbt's result for one source: old is a warning that names it, unreadable an error."""
    table, status = f"{result.node.source_name}.{result.node.name}", str(result.status)
    loaded = getattr(result, "max_loaded_at", None)
    metadata: dict[str, Any] = {"status": status}
    if status == "runtime error":
        said = f"{table} cannot be read: {result.message}"
    elif loaded is None or loaded.year == 1:  # dbt's way to say that there is no row
        said = f"{table} was never loaded."
    else:
        metadata |= {"loaded_at": loaded.isoformat(), "hours": round(result.age / 3600, 2)}
        said = f"{table} was loaded {result.age / 3600:.1f} hours ago."
    return AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=status == "pass",
        severity=AssetCheckSeverity.ERROR if status == "runtime error" else AssetCheckSeverity.WARN,
        description=said,
        metadata=metadata,
    )


def _watched(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The sources that say how fresh they shall be."""
    return {
        unique_id: node
        for unique_id, node in manifest["sources"].items()
        if any((node.get("freshness") or {}).get(limit, {}).get("count") for limit in ("warn_after", "error_after"))
    }


def _check(node: Mapping[str, Any]) -> str:
    return f"{node['source_name']}_{node['name']}_fresh"


def _promise(node: Mapping[str, Any]) -> str:
    limit = node["freshness"]["warn_after"]
    return f"{node['source_name']}.{node['name']} was loaded in the last {limit['count']} {limit['period']}s."


def _log(context: AssetExecutionContext | AssetCheckExecutionContext, said: Iterator[Any]) -> None:
    for one in said:
        if isinstance(one, Line):
            getattr(context.log, one.level)(one.text)


def _refuse(invocation: Invocation) -> None:
    """Failure with dbt's words where it did not do what was asked."""
    broken = [result for result in invocation.results if result.failed]
    if invocation.error or broken:
        words = invocation.error or "; ".join(f"{result.unique_id}: {result.message}" for result in broken)
        raise Failure(words, metadata={"log": str(invocation.log)}, allow_retries=False)
