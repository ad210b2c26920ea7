"""What starts by the clock: the day's sources, the nightly look for drift.

Not here: what follows what materialized, or what the database says (sensors).
"""

from dagster import (
    DefaultScheduleStatus,
    ResourceParam,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from jobs import Stages
from partitions import ACCOUNTS, Partitions, today
from resources.account_desk import AccountDesk
from settings import Schedule


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
