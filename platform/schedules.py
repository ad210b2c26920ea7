"""What starts by the clock: the day's sources, the nightly look for drift, the nightly upkeep of the warehouse, mail.

Not here: what follows what materialized, or what the database says (sensors).
"""

from collections.abc import Mapping, Sequence

from dagster import (
    AssetCheckKey,
    AssetKey,
    DefaultScheduleStatus,
    JobDefinition,
    ResourceParam,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from assets.names import DBT_DOCS
from domain.deliveries import last_week
from domain.ranges import Range, Rectangle
from jobs import Stages
from options import Retention
from partitions import ACCOUNTS, CLIENTS, Partitions, rectangle_tags, today
from resources.account_desk import AccountDesk
from resources.archive import Archive
from resources.delivery import DeliveryDesk
from resources.object_store import ObjectStoreResource
from settings import Schedule

Due = Mapping[AssetKey, tuple[Sequence[AssetKey], Sequence[AssetCheckKey]]]


def daily_sources(partitions: Partitions, stages: Stages, settings: Schedule) -> ScheduleDefinition:
    """Fetches the sources of the UTC day, at the hour the target says."""
    hour, minute = settings.daily_at.split(":")

    @schedule(
        name="daily_sources",
        job=stages.sources.job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=settings.timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Fetches every source that an active client needs, once a day.",
    )
    def daily(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        day = today()
        if day < partitions.first_day:
            return SkipReason(f"the first day of this target is {partitions.first_day}.")
        return RunRequest(
            run_key=f"daily-{day}",
            partition_key=str(day),
        )

    return daily


def nightly_upkeep(job: UnresolvedAssetJobDefinition, due: Due, settings: Schedule) -> ScheduleDefinition:
    """Every test over all rows, history, freshness and docs, at the hour the target says.

    `due` says, of each asset that has been built, what there is to do about it: a test of a table that is not there yet
    would only fail.
    """
    hour, minute = settings.nightly_at.split(":")

    @schedule(
        name="nightly_dbt",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=settings.timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Tests every row of the warehouse, keeps its history, looks how fresh its sources are.",
    )
    def nightly(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        built = [key for key in due if context.instance.get_latest_materialization_event(key)]
        if not built:
            return SkipReason("nothing of the warehouse has been built yet.")
        return RunRequest(
            run_key=f"dbt-{context.scheduled_execution_time:%Y-%m-%d}",
            asset_selection=[AssetKey(DBT_DOCS), *(asset for key in built for asset in due[key][0])],
            asset_check_keys=[check for key in built for check in due[key][1]],
        )

    return nightly


def nightly_drift(stages: Stages, at: str, timezone: str) -> ScheduleDefinition:
    """Looks for drift in every account whose desired version is applied, at the hour the target says."""
    hour, minute = at.split(":")

    @schedule(
        name="nightly_drift",
        job=stages.drift.job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Plans the accounts that nothing is asked of: what a plan would change was changed by other hands.",
    )
    def nightly(
        context: ScheduleEvaluationContext, accounts: ResourceParam[AccountDesk]
    ) -> list[RunRequest] | SkipReason:
        with accounts.book() as book:
            names = book.at_rest()
        if not names:
            return SkipReason("no account with a workspace is at rest.")
        waiting = stages.drift.partitions_under_way(context.instance)  # of the night before: they do not pile up
        known = set(context.instance.get_dynamic_partitions(ACCOUNTS)) - waiting
        night = f"{context.scheduled_execution_time:%Y-%m-%d}"
        return [
            # What people asked for goes first.
            RunRequest(run_key=f"drift-{night}-{name}", partition_key=name, tags={"dagster/priority": "-1"})
            for name in names
            if name in known
        ]

    return nightly


def daily_deliveries(job: UnresolvedAssetJobDefinition, at: str, timezone: str, on: bool) -> ScheduleDefinition:
    """Mails what is due of the last week that is over: on Mondays, and later what was refused or came late."""
    hour, minute = at.split(":")

    @schedule(
        name="daily_deliveries",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.RUNNING if on else DefaultScheduleStatus.STOPPED,
        description="Mails the issues of the last week that is over, each once, to the clients that ask for it.",
    )
    def daily(
        context: ScheduleEvaluationContext, delivery: ResourceParam[DeliveryDesk], data_store: ObjectStoreResource
    ) -> RunRequest | SkipReason:
        if not delivery.is_on:
            return SkipReason("this target mails nothing (delivery.kind: none).")
        week = last_week(today())
        known = context.instance.get_dynamic_partitions(CLIENTS)
        due = delivery.due(Archive(data_store.store()).configs(known).values(), week)
        if not due:
            return SkipReason(f"nothing is due of the week of {week}.")
        waiting = [client for client in known if client in due]
        cells = Rectangle(Range(waiting[0], waiting[-1]), Range(str(week), str(week)))
        return RunRequest(run_key=f"deliveries-{context.scheduled_execution_time:%Y-%m-%d}", tags=rectangle_tags(cells))

    return daily


def daily_freshness(job: UnresolvedAssetJobDefinition, at: str, timezone: str) -> ScheduleDefinition:
    """Looks each day, after the day's work, whether every client got a new day."""
    hour, minute = at.split(":")
    return ScheduleDefinition(
        name="daily_freshness",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.RUNNING,
        description="Checks that each active client's newest day is not too old.",
    )


def nightly_pruning(job: JobDefinition, retention: Retention, timezone: str) -> ScheduleDefinition:
    """Takes away what is older than the target's `retention` says, at the hour it says; off where it says so."""
    hour, minute = retention.at.split(":")
    return ScheduleDefinition(
        name="nightly_pruning",
        job=job,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        execution_timezone=timezone,
        default_status=DefaultScheduleStatus.RUNNING if retention.nightly else DefaultScheduleStatus.STOPPED,
        description="Takes the details from old runs' logs; no partition's status rests on them.",
    )
