"""What starts by the clock: the day's sources. Everything after them follows what materialized (sensors)."""

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from jobs import Stages
from partitions import Partitions, today
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
