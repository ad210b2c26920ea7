"""The check that every client has a new day: by its cells' own days, so that building an old day again changes nothing.

Here: the check and its job. Not here: what is too old (domain.freshness), when it is looked at (schedules).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    AssetRecordsFilter,
    AssetSelection,
    DagsterInstance,
    MetadataValue,
    TableRecord,
    asset_check,
    define_asset_job,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from assets.names import CLIENT_CONFIG, CLIENT_FRESHNESS, CLIENT_ITEMS, FINDINGS
from assets.outcomes import in_words
from domain.freshness import ClientAge, ages, stale
from partitions import CLIENTS, today
from resources.client_freshness import newest_days
from resources.object_store import ObjectStoreResource

_LISTED = 1000  # clients in the metadata, the oldest first
_NAMED = 5
_PAGE = 1000


def client_freshness_check(stale_days: int) -> AssetChecksDefinition:
    """The check: it fails where an active client's newest day is more than `stale_days` ago."""

    @asset_check(
        asset=CLIENT_ITEMS,
        name=CLIENT_FRESHNESS,
        description=f"Each active client's newest day, ok or degraded, is at most {stale_days} days ago.",
    )
    def clients_have_new_days(context: AssetCheckExecutionContext, data_store: ObjectStoreResource) -> AssetCheckResult:
        day = today()
        with in_words():
            newest = newest_days(data_store.store(), context.instance.get_dynamic_partitions(CLIENTS), day)
        found = ages(newest, day)
        never = [one.client_id for one in found if one.newest is None]
        since = _activated(context.instance, never, day - timedelta(days=stale_days))
        return _result(found, stale(found, stale_days, since, day), day)

    return clients_have_new_days


def freshness_job() -> UnresolvedAssetJobDefinition:
    """The job of the check alone."""
    only = AssetSelection.checks(AssetCheckKey(AssetKey(CLIENT_ITEMS), CLIENT_FRESHNESS))
    return define_asset_job("check_freshness", selection=only, description="Looks whether every client has a new day.")


def _result(found: Sequence[ClientAge], late: Sequence[ClientAge], day: date) -> AssetCheckResult:
    lines = [str(one) for one in late]
    more = f"; and {len(lines) - _NAMED:,} more" if len(lines) > _NAMED else ""
    rows = [
        TableRecord(
            {
                "client": one.client_id,
                "newest_day": str(one.newest or ""),
                "days_ago": -1 if one.age is None else one.age,
            }
        )
        for one in found[:_LISTED]
    ]
    return AssetCheckResult(
        passed=not late,
        severity=AssetCheckSeverity.ERROR,
        description=f"{day}: " + ("; ".join(lines[:_NAMED]) + more if lines else "every client has a new day") + ".",
        metadata={
            "day": day.isoformat(),
            "clients": len(found),
            "clients_stale": len(late),
            FINDINGS: MetadataValue.json({one.client_id: str(one) for one in late[:_LISTED]}),
            **({"per_client": MetadataValue.table(rows)} if rows else {}),
        },
    )


def _activated(instance: DagsterInstance, clients: Sequence[str], after: date) -> Mapping[str, date]:
    """The day since which each of these clients has a configuration, where that is not before `after`."""
    if not clients:
        return {}
    since = datetime(after.year, after.month, after.day, tzinfo=UTC).timestamp()
    before = AssetRecordsFilter(AssetKey(CLIENT_CONFIG), asset_partitions=list(clients), before_timestamp=since)
    old = {one.partition_key for one in instance.fetch_materializations(before, limit=_PAGE).records}
    new = AssetRecordsFilter(AssetKey(CLIENT_CONFIG), asset_partitions=list(clients), after_timestamp=since)
    found: dict[str, date] = {}
    for record in instance.fetch_materializations(new, limit=_PAGE, ascending=True).records:
        if record.partition_key and record.partition_key not in old:
            found.setdefault(record.partition_key, datetime.fromtimestamp(record.timestamp, UTC).date())
    return found
