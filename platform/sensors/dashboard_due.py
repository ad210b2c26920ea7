"""The dashboard_due sensor: what the dashboard shows was built anew -> one run.

Here: a look at the instance. Not here: the work (assets.dashboard). The cursor is the newest event that the page of the
last run asked for has seen.
"""

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.names import ACCOUNT_COMPLIANCE, DASHBOARD, LAST_MODEL
from jobs import Stages
from sensors.events import last_event


def dashboard_due_sensor(stages: Stages, seconds: int) -> SensorDefinition:
    """The sensor, looking every `seconds`; it waits while what the page shows is being built."""

    @sensor(
        name="dashboard_due",
        job=stages.dashboard.job,
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Writes the dashboard once the models that it shows are built.",
    )
    def dashboard_due(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        instance = context.instance
        for stage in (stages.items, stages.warehouse, stages.account_export, stages.dashboard):
            if stage.under_way(instance):
                return SkipReason(f"waiting for {stage.job.name} in progress.")
        newest = max(last_event(instance, shown) for shown in (LAST_MODEL, ACCOUNT_COMPLIANCE))
        seen = int(context.cursor) if context.cursor else last_event(instance, DASHBOARD)
        if newest <= seen:
            return SkipReason("nothing was built since the last page.")
        return SensorResult(run_requests=[RunRequest(run_key=f"dashboard-{newest}")], cursor=str(newest))

    return dashboard_due
