"""The accounts_export_due sensor: accounts that are not as the warehouse has them -> one run.

Here: taking a look at the database and the instance. Not here: whether an export is due (domain.account_export), the
work (assets.account_warehouse). What was exported last is said by the export itself; the cursor says only since when
there is something new (the storage id of that export, and a moment).
"""

import time
from datetime import UTC, datetime

from dagster import (
    AssetKey,
    DagsterInstance,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.names import ACCOUNTS_EXPORT, VERSION_TAG
from domain.account_export import Look, reason_to_wait
from domain.standing import elapsed
from jobs import Stages
from resources.account_desk import AccountDesk
from resources.account_export import fingerprint


def accounts_export_due_sensor(stages: Stages, seconds: int) -> SensorDefinition:
    """The sensor, looking every `seconds`. Where the database does not answer, the tick fails."""

    @sensor(
        name="accounts_export_due",
        job=stages.account_export.job,
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Writes the accounts to the warehouse once after they changed, at a pace while they keep changing.",
    )
    def accounts_export_due(
        context: SensorEvaluationContext, accounts: ResourceParam[AccountDesk]
    ) -> SensorResult | SkipReason:
        look, number = _look(context.instance, stages, accounts, context.cursor or "")
        if look.current != look.exported:
            context.update_cursor(f"{number}:{time.time() - min(look.since_change, time.time())}")
        wait = reason_to_wait(look)
        if wait:
            return SkipReason(wait)
        return SensorResult(run_requests=[RunRequest(run_key=f"accounts-{number}-{look.tries}")])

    return accounts_export_due


def _look(instance: DagsterInstance, stages: Stages, accounts: AccountDesk, cursor: str) -> tuple[Look, int]:
    """What there is to decide on, and the storage id of the last export."""
    # Runs first: what one that ends now has changed or exported is in what is read after it.
    exporting = stages.account_export.under_way(instance)
    busy = stages.accounts.under_way(instance) or stages.drift.under_way(instance)
    with accounts.database() as database:
        current = fingerprint(database)
    records = instance.fetch_materializations(AssetKey(ACCOUNTS_EXPORT), limit=1).records
    last = records[0] if records else None
    event = last.asset_materialization if last else None
    at = last.timestamp if last else 0.0
    asked = RunsFilter(job_name=stages.account_export.job.name, created_after=datetime.fromtimestamp(at, UTC))
    newest = instance.get_run_records(asked, limit=1)
    now, number = time.time(), last.storage_id if last else 0
    of_export, _colon, seen_at = cursor.partition(":")
    look = Look(
        current=current,
        exported=(event.tags or {}).get(VERSION_TAG, "") if event else "",
        since_export=elapsed(at, now),
        since_change=elapsed(float(seen_at), now) if of_export == str(number) else 0.0,
        exporting=exporting,
        busy=busy,
        tries=instance.get_runs_count(asked),
        since_try=elapsed(newest[0].end_time or 0.0, now) if newest else 0.0,
    )
    return look, number
