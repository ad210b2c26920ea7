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
from assets.client_freshness import client_freshness_check, freshness_job
from assets.client_items import client_item_assets
from assets.dashboard import dashboard_assets
from assets.dbt_jobs import DbtUpkeep
from assets.deliveries import delivery_assets
from assets.matches import match_assets
from assets.names import STAGE_TAG, TARGET_TAG
from assets.newsletters import newsletter_assets
from assets.partition_counts import partition_checks
from assets.readings import reading_assets
from assets.source_health import source_checks
from assets.sources import source_assets
from assets.upkeep_jobs import pruning_job
from assets.warehouse import warehouse_assets
from domain.partition_counts import first_kept_day
from executor import patient_executor
from jobs import Stage, Stages
from partitions import Partitions, today
from resources.account_desk import AccountDesk
from resources.alert_desk import AlertDesk
from resources.dbt import DbtResource, dbt_environment, dbt_project, prepare_manifest
from resources.delivery import DeliveryDesk
from resources.fetcher import FetcherResource
from resources.json_logs import use_log_format
from resources.language_model import LanguageModelResource
from resources.lineage import LineageDesk
from resources.object_store import ObjectStoreResource
from resources.warehouse_resource import WarehouseResource
from schedules import daily_deliveries, daily_freshness, daily_sources, nightly_drift, nightly_pruning, nightly_upkeep
from sensors.account_requests import account_requests_sensor
from sensors.accounts_export_due import accounts_export_due_sensor
from sensors.alerts import alerts_sensor
from sensors.chaining import newsletters_due_sensor, warehouse_due_sensor
from sensors.client_activation import client_activation_sensor
from sensors.client_items_due import client_items_due_sensor
from sensors.dashboard_due import dashboard_due_sensor
from sensors.lineage import lineage_sensor
from settings import Settings, load_settings


def build_definitions(settings: Settings) -> Definitions:
    """Everything for one target. Needs no credential and no network; parses the dbt project where that is stale."""
    partitions = Partitions.since(first_kept_day(settings.first_day, settings.keep_days, today()))
    seconds = settings.schedule.sensor_seconds
    use_log_format(settings)
    project = dbt_project(settings)
    prepare_manifest(project, dbt_environment(settings))
    configs, sources = client_config_assets(partitions), source_assets(partitions)
    items, newsletters = client_item_assets(partitions, settings.keep_days), newsletter_assets(partitions)
    named, models = [*match_assets(partitions), *reading_assets(partitions)], warehouse_assets(partitions, project)
    dashboard, mailed = dashboard_assets(), delivery_assets(partitions)
    mail = Stage.of("deliver_newsletters", "Mails the issues that are due.", mailed).job
    accounts, drift = account_assets(partitions), drift_assets(partitions)
    exported = account_warehouse_assets(project)
    pruning = pruning_job(settings)
    fresh = freshness_job()
    upkeep, on_target = DbtUpkeep.of(project), {TARGET_TAG: settings.target}
    dbt_jobs = upkeep.jobs(settings.target, [models, exported[-1]])
    stages = Stages(
        configs=Stage.of("read_client_configs", "Reads the files of a range of clients.", configs),
        sources=Stage.of("fetch_sources", "Fetches every source of the day, once for all clients.", sources),
        items=Stage.of("build_client_items", "Builds a rectangle of client-day cells.", items),
        warehouse=Stage.of(
            "build_warehouse",
            "Finds what one batch of cells names, runs dbt for it, writes the dashboard.",
            [*named, models, *dashboard],
            checks=True,
            tags=on_target,
        ),
        newsletters=Stage.of("write_newsletters", "Writes the pages of a rectangle of client weeks.", newsletters),
        dashboard=Stage.of("write_dashboard", "Writes the dashboard's page.", dashboard),
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
            "export_accounts",
            "Writes the accounts to the warehouse and builds their models.",
            exported,
            checks=True,
            tags=on_target,
        ),
    )
    return Definitions(
        assets=[
            *configured_assets(),
            *configs,
            *sources,
            *items,
            *named,
            models,
            *newsletters,
            *dashboard,
            *mailed,
            *accounts,
            *drift,
            *exported,
            upkeep.snapshots,
            upkeep.docs,
        ],
        asset_checks=[
            *config_checks(),
            *source_checks(),
            *partition_checks(partitions, settings.keep_days),
            upkeep.freshness,
            client_freshness_check(settings.freshness.stale_days),
        ],
        jobs=[*stages.all(), *account_jobs(), mail, fresh, pruning, *dbt_jobs.values()],
        sensors=[
            client_activation_sensor(partitions, stages, seconds),
            client_items_due_sensor(partitions, stages, settings.history_days, seconds),
            warehouse_due_sensor(partitions, stages, seconds),
            newsletters_due_sensor(stages, seconds),
            dashboard_due_sensor(stages, seconds),
            account_requests_sensor(partitions, stages, seconds),
            accounts_export_due_sensor(stages, seconds),
            alerts_sensor(settings.alerts.is_on, seconds),
            *([lineage_sensor(seconds)] if settings.lineage.url else []),
        ],
        schedules=[
            daily_sources(partitions, stages, settings.schedule),
            daily_freshness(fresh, settings.freshness.at, settings.schedule.timezone),
            nightly_upkeep(dbt_jobs["dbt_nightly"], upkeep.at_night([models, exported[-1]]), settings.schedule),
            daily_deliveries(
                mail, settings.delivery.deliver_at, settings.schedule.timezone, on=settings.delivery.kind != "none"
            ),
            nightly_drift(stages, settings.schematics.drift_at, settings.schedule.timezone),
            nightly_pruning(pruning, settings.retention, settings.schedule.timezone),
        ],
        resources={
            "accounts": AccountDesk(settings),
            "alerts": AlertDesk(settings),
            "config_store": ObjectStoreResource.at(settings.stores.config),
            "delivery": DeliveryDesk(settings),
            "data_store": ObjectStoreResource.at(settings.stores.data),
            "newsletter_store": ObjectStoreResource.at(settings.stores.newsletters),
            "fetcher": FetcherResource(**settings.fetch.model_dump()),
            "warehouse": WarehouseResource.of(settings.warehouse),
            "dbt": DbtResource.at(settings),
            "language_model": LanguageModelResource.of(settings.language_model),
            "lineage": LineageDesk(settings),
        },
        # Runs wait on I/O and bring their own concurrency: a process per step would only cost its start.
        executor=patient_executor(),
    )


defs = build_definitions(load_settings())
