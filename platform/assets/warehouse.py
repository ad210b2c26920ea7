"""The dbt models as assets by day: one dbt invocation per batch, replacing exactly the cells it names.

Here: models -> assets, which cells a run replaces, one `dbt build`. Not here: the SQL (dbt_project/), when a run is
due (sensors.chaining).
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import orjson
from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, BackfillPolicy
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from assets.names import ACCOUNT_MODELS, BATCH_TAG
from partitions import Partitions
from resources.archive import Archive
from resources.dbt import DbtResource
from resources.object_store import ObjectStoreResource
from resources.source_day_rows import load_source_days
from resources.warehouse_resource import WarehouseResource

_CATCH_UP = 3  # days before the newest one whose sources are noted again


class ModelTranslator(DagsterDbtTranslator):
    """A model is an asset of its own name, in the group of what it is about."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return super().get_asset_key(dbt_resource_props)
        return AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] != "model":
            return None
        return "accounts" if "accounts" in dbt_resource_props["tags"] else "warehouse"


def warehouse_assets(partitions: Partitions, project: DbtProject) -> AssetsDefinition:
    """Every model of the project by day; those about accounts are assets.account_warehouse's."""

    @dbt_assets(
        name="warehouse_models",
        manifest=project.manifest_path,
        project=project,
        exclude=ACCOUNT_MODELS,
        partitions_def=partitions.days,
        backfill_policy=BackfillPolicy.single_run(),
        dagster_dbt_translator=ModelTranslator(),
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
        archive, named = Archive(data_store.store()), context.run.tags.get(BATCH_TAG)
        if named:
            cells = archive.batch(named)
        else:  # asked for by a person: the whole days
            days = sorted(date.fromisoformat(key) for key in context.partition_keys)
            found = raw.query(
                "select client_id, day from raw.cells where day between @first and @last",
                {"first": days[0], "last": days[-1]},
            )
            cells = [(row["client_id"], row["day"]) for row in found]
        asked = {date.fromisoformat(key) for key in context.partition_keys}
        # A day on which every source failed has no cell, and so no run of its own: the next one takes it along.
        load_source_days(archive, raw, asked | {max(asked) - timedelta(days=n) for n in range(1, _CATCH_UP + 1)})
        batch_id = f"run-{context.run.run_id}"
        raw.request_build(batch_id, cells)
        context.log.info(f"dbt replaces {len(cells)} client-day cells")
        arguments = ["build", "--vars", orjson.dumps({"batch_id": batch_id}).decode()]
        yield from dbt.cli(arguments, context=context).stream()

    return warehouse_models
