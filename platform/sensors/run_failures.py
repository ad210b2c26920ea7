"""What a failed run says about itself: partitions with their own reasons, or steps and runs with one for all they left.

Here: one run's events -> failures. Not here: which of them still stand (failed_runs), what belongs together
(domain.alert_causes).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    EventLogRecord,
    EventRecordsFilter,
    JsonMetadataValue,
)
from dagster._core.storage.tags import PARTITION_NAME_TAG

from assets.names import KEYS_TAG
from domain.errors import VigieError

_PLANNED, _MADE = DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_MATERIALIZATION

Keys = Callable[[Mapping[str, str]], Sequence[str]]
"""The partitions of the batch that a run's tags name; none where they name none."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed partition, or a step or run without a reason for each of its partitions.

    `event` is the newest materialization there was as it failed. `left` says what the step or run was to materialize
    and has not: by asset its partitions, None where it has none; all it was to, where it has materialized everything.
    """

    run_id: str
    job: str
    step: str
    partition: str
    why: str
    at: datetime
    event: int
    own: bool = False  # whether the partition itself said why it failed
    left: Mapping[AssetKey, frozenset[str | None]] = field(default_factory=dict)


def failures_of(instance: DagsterInstance, run: DagsterRun, keys: Keys) -> Sequence[Failure]:
    """The failures of a run that is over: of its steps, or where none failed of the run itself."""
    steps = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.STEP_FAILURE).records
    found = [failure for record in steps for failure in _of_step(instance, run, record, keys)]
    if found:
        return found
    ends = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.RUN_FAILURE).records
    return [_whole(instance, run, ends[-1], "", _said_by_run(ends[-1]), keys)] if ends else []


def _of_step(instance: DagsterInstance, run: DagsterRun, record: EventLogRecord, keys: Keys) -> Iterator[Failure]:
    event = record.event_log_entry.get_dagster_event()
    step, data = event.step_key or "", event.step_failure_data
    said = data.user_failure_data
    failed = said.metadata.get("failed") if said else None
    # A step of many assets names other things than partitions.
    if isinstance(failed, JsonMetadataValue) and isinstance(failed.value, dict) and _is_asset(instance, step):
        at, before = _at(record), _newest(instance, record)
        for key, reason in failed.value.items():
            yield Failure(run.run_id, run.job_name, step, str(key), str(reason), at, before, own=True)
        return
    why = said.description if said and said.description else ""
    error = data.error
    while error and error.cause:
        error = error.cause
    why = why or (error.message.strip() if error else "the step failed without a reason")
    yield _whole(instance, run, record, step, why, keys)


def _is_asset(instance: DagsterInstance, step: str) -> bool:
    return instance.has_asset_key(AssetKey(step))


def _said_by_run(record: EventLogRecord) -> str:
    """Why a run failed of which no step did: its process was lost, or never began."""
    event = record.event_log_entry.get_dagster_event()
    error = event.job_failure_data.error if event.event_specific_data else None
    return (error.message if error else event.message or "the run ended without a reason").strip()


def _whole(
    instance: DagsterInstance, run: DagsterRun, record: EventLogRecord, step: str, why: str, keys: Keys
) -> Failure:
    return Failure(
        run.run_id,
        run.job_name,
        step,
        run.tags.get(PARTITION_NAME_TAG, ""),
        why,
        _at(record),
        _newest(instance, record),
        left=_left(instance, run, step, keys),
    )


def _left(
    instance: DagsterInstance, run: DagsterRun, step: str, keys: Keys
) -> Mapping[AssetKey, frozenset[str | None]]:
    planned: set[tuple[AssetKey, str | None]] = set()
    for record in instance.get_records_for_run(run.run_id, of_type=_PLANNED).records:
        event = record.event_log_entry.get_dagster_event()
        if step in ("", event.step_key):
            data = event.asset_materialization_planned_data
            subset = data.partitions_subset
            keys_of: Iterable[str | None] = subset.get_partition_keys() if subset else (data.partition,)
            planned.update((data.asset_key, key) for key in keys_of)
    if KEYS_TAG in run.tags and len(planned) == 1:  # lost before the step could say which partitions it is about
        ((asset, _first),) = planned
        planned = {(asset, key) for key in _batch(run, keys)}
    done = {
        (made.asset_key, made.partition)
        for record in instance.get_records_for_run(run.run_id, of_type=_MADE).records
        if (made := record.asset_materialization)
    }
    found: dict[AssetKey, set[str | None]] = {}
    for asset, key in planned - done or planned:
        found.setdefault(asset, set()).add(key)
    return {asset: frozenset(of_asset) for asset, of_asset in found.items()}


def _batch(run: DagsterRun, keys: Keys) -> Sequence[str]:
    try:
        return keys(run.tags)
    except VigieError:
        return []  # the list is gone or away: only a run of the same batch can end it


def _newest(instance: DagsterInstance, record: EventLogRecord) -> int:
    """The newest materialization before the failure; on PostgreSQL the failure's own number says it."""
    if not instance.event_log_storage.is_run_sharded:
        return record.storage_id
    # On SQLite each run counts its events from 1, and assets have a count of their own.
    before = EventRecordsFilter(_MADE, before_timestamp=record.timestamp)
    found = instance.event_log_storage.get_event_records(before, limit=1)
    return found[0].storage_id if found else 0


def _at(record: EventLogRecord) -> datetime:
    return datetime.fromtimestamp(record.timestamp, UTC)
