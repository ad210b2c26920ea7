"""The dashboard_due sensor: the dashboard does not show what was built since -> one run.

Here: a look at the instance. Not here: the work (assets.dashboard). A build of the warehouse writes the page itself;
what is left are the accounts, and builds that ended before they came to it. The page says which event it has seen; the
cursor is the newest one that a run was asked for: a page that cannot be written is not asked for again and again.
"""

from dagster import (
    AssetKey,
    DagsterInstance,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.dashboard import newest_shown
from assets.names import DASHBOARD, SEEN_TAG
from jobs import Stages


def dashboard_due_sensor(stages: Stages, seconds: int) -> SensorDefinition:
    """The sensor, looking every `seconds`; it waits while what the page shows is being built."""

    @sensor(
        name="dashboard_due",
        job=stages.dashboard.job,
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Writes the dashboard where no build of the warehouse did.",
    )
    def dashboard_due(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        instance = context.instance
        for stage in (stages.items, stages.warehouse, stages.account_export, stages.dashboard):
            if stage.under_way(instance):
                return SkipReason(f"waiting for {stage.job.name} in progress.")
        newest = newest_shown(instance)
        if newest <= max(_shown(instance), int(context.cursor or 0)):
            return SkipReason("nothing was built since the last page.")
        return SensorResult(run_requests=[RunRequest(run_key=f"dashboard-{newest}")], cursor=str(newest))

    return dashboard_due


def _shown(instance: DagsterInstance) -> int:
    """The newest event that the last page has seen; a page of an earlier release does not say, it saw all before it."""
    records = instance.fetch_materializations(AssetKey(DASHBOARD), limit=1).records
    if not records:
        return 0
    event = records[0].asset_materialization
    return int((event.tags or {}).get(SEEN_TAG) or records[0].storage_id) if event else 0
