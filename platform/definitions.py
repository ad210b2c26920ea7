"""The assembly: settings -> every asset, check, sensor, schedule and resource of one target.

Here: what is plugged into what. Not here: any work, any network; the last line is what Dagster loads.
"""

from dagster import Definitions

from assets.account_drift import drift_assets
from assets.account_jobs import account_jobs
from assets.account_warehouse import account_warehouse_assets
from assets.accounts import account_assets
from assets.checks import config_checks, configured_assets
from assets.client_configs import client_config_assets
from assets.client_items import client_item_assets
from assets.names import STAGE_TAG
from assets.newsletters import newsletter_assets
from assets.source_health import source_checks
from assets.sources import source_assets
from assets.warehouse import warehouse_assets
from executor import patient_executor
from jobs import Stage, Stages
from partitions import Partitions
from resources.account_desk import AccountDesk
from resources.dbt import DbtResource, dbt_environment, dbt_project, prepare_manifest
from resources.fetcher import FetcherResource
from resources.object_store import ObjectStoreResource
from resources.warehouse_resource import WarehouseResource
from schedules import daily_sources, nightly_drift
from sensors.account_requests import account_requests_sensor
from sensors.accounts_export_due import accounts_export_due_sensor
from sensors.chaining import newsletters_due_sensor, warehouse_due_sensor
from sensors.client_activation import client_activation_sensor
from sensors.client_items_due import client_items_due_sensor
from settings import Settings, load_settings


def build_definitions(settings: Settings) -> Definitions:
    """Everything for one target. Needs no credential and no network; parses the dbt project where that is stale."""
    partitions, seconds = Partitions.since(settings.first_day), settings.schedule.sensor_seconds
    project, environment = dbt_project(settings), dbt_environment(settings)
    prepare_manifest(project, environment)
    configs, sources = client_config_assets(partitions), source_assets(partitions)
    items, newsletters = client_item_assets(partitions), newsletter_assets(partitions)
    models = warehouse_assets(partitions, project)
    accounts, drift = account_assets(partitions), drift_assets(partitions)
    exported = account_warehouse_assets(project)
    stages = Stages(
        configs=Stage.of("read_client_configs", "Reads the files of a range of clients.", configs),
        sources=Stage.of("fetch_sources", "Fetches every source of the day, once for all clients.", sources),
        items=Stage.of("build_client_items", "Builds a rectangle of client-day cells.", items),
        warehouse=Stage.of("build_warehouse", "Runs dbt for one batch of cells.", [models], checks=True),
        newsletters=Stage.of("write_newsletters", "Writes the pages of a rectangle of client weeks.", newsletters),
        accounts=Stage.of(
            "change_account",
            "Plans an account's desired version, and applies it where it may.",
            accounts,
            tags={STAGE_TAG: "accounts"},
        ),
        drift=Stage.of(
            "look_for_drift",
            "Plans what is applied already: anything it would do is drift.",
            drift,
            checks=True,
            tags={STAGE_TAG: "accounts"},
        ),
        account_export=Stage.of(
            "export_accounts", "Writes the accounts to the warehouse and builds their models.", exported, checks=True
        ),
    )
    return Definitions(
        assets=[*configured_assets(), *configs, *sources, *items, models, *newsletters, *accounts, *drift, *exported],
        asset_checks=[*config_checks(), *source_checks()],
        jobs=[*stages.all(), *account_jobs()],
        sensors=[
            client_activation_sensor(partitions, stages, seconds),
            client_items_due_sensor(partitions, stages, settings.history_days, seconds),
            warehouse_due_sensor(stages, seconds),
            newsletters_due_sensor(stages, seconds),
            account_requests_sensor(partitions, stages, seconds),
            accounts_export_due_sensor(stages, seconds),
        ],
        schedules=[
            daily_sources(partitions, stages, settings.schedule),
            nightly_drift(stages, settings.schematics.drift_at, settings.schedule.timezone),
        ],
        resources={
            "accounts": AccountDesk(settings),
            "config_store": ObjectStoreResource.at(settings.stores.config),
            "data_store": ObjectStoreResource.at(settings.stores.data),
            "newsletter_store": ObjectStoreResource.at(settings.stores.newsletters),
            "fetcher": FetcherResource(**settings.fetch.model_dump()),
            "warehouse": WarehouseResource.of(settings.warehouse),
            "dbt": DbtResource.of(project, environment),
        },
        # Runs wait on I/O and bring their own concurrency: a process per step would only cost its start.
        executor=patient_executor(),
    )


defs = build_definitions(load_settings())
