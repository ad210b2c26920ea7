"""The dbt models as assets: one dbt invocation per batch, replacing exactly the cells it names, and the marts after it.

Here: models -> assets and their partitions, which cells a run replaces. Not here: how dbt runs and is tried again
(assets.dbt_runs), the SQL (dbt_project/), when a run is due (sensors.chaining).

A model that replaces cells, or a view of such, is partitioned by day. A mart that is replaced whole has no partitions:
it is built in the same invocation, after what it reads.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, BackfillPolicy, PartitionsDefinition
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from assets.batches import requested
from assets.dbt_runs import build
from assets.names import ACCOUNT_MODELS
from partitions import Partitions
from resources.archive import Archive
from resources.dbt import DbtResource
from resources.object_store import ObjectStoreResource
from resources.source_day_rows import load_source_days
from resources.warehouse_resource import WarehouseResource

_CATCH_UP = 3  # days before the newest one whose sources are noted again
_BY_DAY = ("partition_replace", "view")  # cells, or what is seen of them


class ModelTranslator(DagsterDbtTranslator):
    """A model is an asset of its own name, in the group of what it is about, by day where it is about cells."""

    def __init__(self, days: PartitionsDefinition[str] | None = None) -> None:
        # Several raw tables are written by one asset.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self._days = days

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return super().get_asset_key(dbt_resource_props)
        return AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] not in ("model", "snapshot"):
            return None
        return "accounts" if "accounts" in dbt_resource_props["tags"] else "warehouse"

    def get_partitions_def(self, dbt_resource_props: Mapping[str, Any]) -> PartitionsDefinition[str] | None:
        by_day = dbt_resource_props.get("config", {}).get("materialized") in _BY_DAY
        return self._days if by_day else None


def warehouse_assets(partitions: Partitions, project: DbtProject) -> AssetsDefinition:
    """Every model of the project but those about accounts, which are assets.account_warehouse's."""

    @dbt_assets(
        name="warehouse_models",
        manifest=project.manifest_path,
        project=project,
        exclude=ACCOUNT_MODELS,
        backfill_policy=BackfillPolicy.single_run(),
        dagster_dbt_translator=ModelTranslator(partitions.days),
        pool="warehouse",  # DuckDB has one writer
    )
    def warehouse_models(
        context: AssetExecutionContext,
        dbt: DbtResource,
        data_store: ObjectStoreResource,
        warehouse: WarehouseResource,
    ) -> Iterator[Any]:
        raw = warehouse.warehouse()
        raw.prepare()
        if not (context.has_partition_key or context.has_partition_key_range):  # marts alone, or tests of all rows
            yield from build(context, dbt)
            return
        archive = Archive(data_store.store())
        asked = {date.fromisoformat(key) for key in context.partition_keys}
        # A day on which every source failed has no cell, and so no run of its own: the next one takes it along.
        load_source_days(archive, raw, asked | {max(asked) - timedelta(days=n) for n in range(1, _CATCH_UP + 1)})
        batch_id, cells = requested(context, archive, raw)
        context.log.info(f"dbt replaces {len(cells)} client-day cells")
        yield from build(context, dbt, {"batch_id": batch_id})

    return warehouse_models
