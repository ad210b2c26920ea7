"""accounts_export -> the dbt models about accounts: the accounts' database as tables that people query.

Here: the export, and one `dbt build` of the models tagged `accounts`. Not here: what leaves the database
(resources.account_export), the SQL (dbt_project/models/accounts), when it is due (sensors.accounts_export_due).
"""

from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    DataVersion,
    MaterializeResult,
    ResourceParam,
    asset,
)
from dagster_dbt import DbtProject, dbt_assets

from assets.dbt_runs import build
from assets.names import ACCOUNT_MODELS, ACCOUNTS_EXPORT, SNAPSHOTS
from assets.outcomes import in_words
from assets.warehouse import ModelTranslator
from resources.account_desk import AccountDesk
from resources.account_export import read_export
from resources.dbt import DbtResource
from resources.warehouse_resource import WarehouseResource


def account_warehouse_assets(project: DbtProject) -> list[AssetsDefinition]:
    """The export and the models. The tables are small: they are replaced whole, so there are no partitions."""

    @asset(
        name=ACCOUNTS_EXPORT,
        group_name="accounts",
        kinds={"sql"},
        pool="warehouse",  # DuckDB has one writer
        description="The accounts, their versions and their jobs as tables of the warehouse, all of one moment.",
    )
    def accounts_export(accounts: ResourceParam[AccountDesk], warehouse: WarehouseResource) -> MaterializeResult[None]:
        with in_words():
            with accounts.database() as database:
                export = read_export(database)
            raw = warehouse.warehouse()
            raw.prepare()
            raw.replace_tables(export.tables)
        counts = {name: len(rows) for name, rows in export.tables.items()}
        return MaterializeResult(metadata=counts, data_version=DataVersion(export.fingerprint))

    @dbt_assets(
        name="account_models",
        manifest=project.manifest_path,
        project=project,
        select=ACCOUNT_MODELS,
        exclude=SNAPSHOTS,
        dagster_dbt_translator=ModelTranslator(),
        pool="warehouse",
    )
    def account_models(context: AssetExecutionContext, dbt: DbtResource) -> Iterator[Any]:
        yield from build(context, dbt)

    return [accounts_export, account_models]
