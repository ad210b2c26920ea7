"""The baseline's code location: the same assets, asked for with one run per partition as Dagster does by default.

Here: a sensor that asks for each partition as soon as what it is made of is there. Not here: any asset. What
`BackfillPolicy.multi_run(1)` would launch: a run per client, per client and day, per day, per client and week.
"""

from dagster import (
    AssetKey,
    DefaultSensorStatus,
    Definitions,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.names import CLIENT_CONFIG, CLIENT_ITEMS, LAST_MODEL, SOURCE_SNAPSHOTS
from definitions import build_definitions
from domain.clients import client_id_of, is_config_key
from partitions import CLIENTS, Partitions, client_day, client_week, monday, today
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.object_store import ObjectStoreResource
from settings import Settings, load_settings

_SECONDS = 5  # between two looks: a third of what the target says, to the baseline's good
_JOBS = ("read_client_configs", "fetch_sources", "build_client_items", "build_warehouse", "write_newsletters")


def baseline(settings: Settings) -> Definitions:
    """The target's definitions with this one sensor in the place of all of theirs."""
    whole, partitions = build_definitions(settings), Partitions.since(settings.first_day)
    return Definitions(
        assets=whole.assets,
        asset_checks=whole.asset_checks,
        jobs=whole.jobs,
        sensors=[_one_run_each(whole, partitions, settings.history_days)],
        resources=whole.resources,
        executor=whole.executor,
    )


def _one_run_each(whole: Definitions, partitions: Partitions, history_days: int) -> SensorDefinition:
    jobs = [job for job in whole.jobs or () if job.name in _JOBS]

    @sensor(
        name="one_run_each", jobs=jobs, minimum_interval_seconds=_SECONDS, default_status=DefaultSensorStatus.RUNNING
    )
    def one_run_each(
        context: SensorEvaluationContext, config_store: ObjectStoreResource, data_store: ObjectStoreResource
    ) -> SensorResult | SkipReason:
        instance = context.instance
        clients = [client_id_of(key) for key in ConfigBucket(config_store.store()).listing() if is_config_key(key)]
        present = instance.get_dynamic_partitions(CLIENTS)
        archive = Archive(data_store.store())
        days = [day for day in partitions.window(today(), history_days) if archive.snapshot_sources(day)]
        weeks = sorted({monday(day) for day in days})
        configured, cells, fetched, built = (
            set(instance.get_materialized_partitions(AssetKey(asset)))
            for asset in (CLIENT_CONFIG, CLIENT_ITEMS, SOURCE_SNAPSHOTS, LAST_MODEL)
        )
        wanted: list[tuple[str, str]] = [("read_client_configs", client) for client in clients]
        if clients:
            wanted.append(("fetch_sources", str(today())))
        if str(today()) in fetched:
            wanted += [
                ("build_client_items", client_day(client, day))
                for client in clients
                if client in configured
                for day in days
            ]
        if clients and cells.issuperset(client_day(client, day) for client in clients for day in days):
            wanted += [("build_warehouse", str(day)) for day in days]
        if days and built.issuperset(map(str, days)):
            wanted += [("write_newsletters", client_week(client, week)) for client in clients for week in weeks]
        asked = set((context.cursor or "").split())
        due = [(job, partition) for job, partition in wanted if f"{job}:{partition}" not in asked]
        if not due:
            return SkipReason("nothing is due.")
        added = [client for client in clients if client not in present]
        return SensorResult(
            run_requests=[
                RunRequest(run_key=f"{job}:{partition}", job_name=job, partition_key=partition)
                for job, partition in due
            ],
            dynamic_partitions_requests=[partitions.clients.build_add_request(added)] if added else [],
            cursor=" ".join(sorted(asked | {f"{job}:{partition}" for job, partition in due})),
        )

    return one_run_each


defs = baseline(load_settings())
