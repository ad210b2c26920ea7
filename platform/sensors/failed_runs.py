"""What failed and has not been mended since: partitions with their own reasons, and runs that ended without one.

Here: the instance's failed runs -> signs. Not here: what belongs together (domain.alert_causes), sensors, checks and
accounts (alert_signs).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    EventLogRecord,
    JsonMetadataValue,
    RunRecord,
    RunsFilter,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)

from assets.names import APPLY, CLIENT_CONFIG, DESIRED_STATE, DRIFT, PLAN
from domain.alert_causes import Sign
from partitions import ACCOUNTS, CLIENTS

ACCOUNT_ASSETS = (DESIRED_STATE, PLAN, APPLY, DRIFT)
_MOST = 500  # failed runs looked at: the newest
_REMEMBERED = 5000
_RANGE = (PARTITION_NAME_TAG, ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)


@dataclass(frozen=True, slots=True)
class _Failure:
    """One failed partition, or a step or run without partitions of its own; `event` is the failure's storage id."""

    run_id: str
    job: str
    step: str
    partition: str
    why: str
    at: datetime
    event: int
    own: bool  # whether the partition itself said why it failed


class FailedRuns:
    """The failed runs of one instance. What a run that is over says never changes: it is read once per process."""

    def __init__(self) -> None:
        self._read: dict[str, Sequence[_Failure]] = {}
        self._mended: set[str] = set()

    def signs(self, instance: DagsterInstance, since: datetime, jobs: Callable[[DagsterRun], bool]) -> list[Sign]:
        """A sign for each failure since then that still stands, of the runs that `jobs` lets through.

        A partition's failure stands until the partition materializes, a run's until one of the same job and partitions
        succeeds. Partitions that are gone, and runs that Dagster is about to try again, are nobody's concern.
        """
        filters = RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=since)
        records = instance.get_run_records(filters, limit=_MOST)
        standing = [
            one
            for one in records
            if jobs(one.dagster_run)
            and one.dagster_run.tags.get(WILL_RETRY_TAG) != "true"
            and one.dagster_run.run_id not in self._mended
        ]
        partitions = self._newest(failure for one in standing for failure in self._failures(instance, one))
        found = [_sign(failure) for failure in _not_materialized(instance, partitions)]
        for one in standing:
            whole = [failure for failure in self._failures(instance, one) if not failure.own]
            if whole and self._succeeded_since(instance, one):
                self._mended.add(one.dagster_run.run_id)
            else:
                found += [_sign(failure) for failure in whole]
        return found

    def _failures(self, instance: DagsterInstance, record: RunRecord) -> Sequence[_Failure]:
        run = record.dagster_run
        if run.run_id not in self._read:
            if len(self._read) >= _REMEMBERED:
                self._read.pop(next(iter(self._read)))
            self._read[run.run_id] = _failures_of(instance, run)
        return self._read[run.run_id]

    @staticmethod
    def _newest(failures: Iterable[_Failure]) -> list[_Failure]:
        """Of each partition of an asset the last failure: an earlier one's reason is history."""
        newest: dict[tuple[str, str], _Failure] = {}
        for failure in failures:
            key = (failure.step, failure.partition)
            if failure.own and (key not in newest or newest[key].event < failure.event):
                newest[key] = failure
        return list(newest.values())

    @staticmethod
    def _succeeded_since(instance: DagsterInstance, record: RunRecord) -> bool:
        """Whether a later run did the same: of this job, of these partitions, or a re-execution of this run."""
        run = record.dagster_run
        same = {tag: run.tags[tag] for tag in _RANGE if tag in run.tags}
        later = RunsFilter(
            job_name=run.job_name,
            statuses=[DagsterRunStatus.SUCCESS],
            tags=same or None,
            created_after=record.create_timestamp,
        )
        selection = run.asset_selection
        return any(
            selection is None or one.asset_selection is None or selection <= one.asset_selection
            for one in instance.get_runs(later, limit=20)
        )


def _failures_of(instance: DagsterInstance, run: DagsterRun) -> Sequence[_Failure]:
    steps = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.STEP_FAILURE).records
    found = [failure for record in steps for failure in _of_step(run, record)]
    if found:
        return found
    ends = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.RUN_FAILURE).records
    return [_failure(run, ends[-1], "", run.tags.get(PARTITION_NAME_TAG, ""), _said_by_run(ends[-1]))] if ends else []


def _of_step(run: DagsterRun, record: EventLogRecord) -> list[_Failure]:
    event = record.event_log_entry.get_dagster_event()
    step, data = event.step_key or "", event.step_failure_data
    said = data.user_failure_data
    failed = said.metadata.get("failed") if said else None
    if isinstance(failed, JsonMetadataValue) and isinstance(failed.value, dict):
        reasons = failed.value.items()
        return [_failure(run, record, step, str(key), str(reason), own=True) for key, reason in reasons]
    why = said.description if said and said.description else ""
    error = data.error
    while error and error.cause:
        error = error.cause
    why = why or (error.message.strip() if error else "the step failed without a reason")
    return [_failure(run, record, step, run.tags.get(PARTITION_NAME_TAG, ""), why)]


def _said_by_run(record: EventLogRecord) -> str:
    """Why a run failed of which no step did: its process was lost, or never began."""
    event = record.event_log_entry.get_dagster_event()
    error = event.job_failure_data.error if event.event_specific_data else None
    return (error.message if error else event.message or "the run ended without a reason").strip()


def _failure(
    run: DagsterRun, record: EventLogRecord, step: str, partition: str, why: str, *, own: bool = False
) -> _Failure:
    at = datetime.fromtimestamp(record.timestamp, UTC)
    return _Failure(run.run_id, run.job_name, step, partition, why, at, record.storage_id, own)


def _not_materialized(instance: DagsterInstance, failures: Iterable[_Failure]) -> list[_Failure]:
    """Those whose partition exists, and has not materialized since."""
    by_asset: dict[str, list[_Failure]] = {}
    for failure in failures:
        by_asset.setdefault(failure.step, []).append(failure)
    clients, accounts = (set(instance.get_dynamic_partitions(name)) for name in (CLIENTS, ACCOUNTS))
    found = []
    for asset, failed in by_asset.items():
        there = [one for one in failed if "|" not in one.partition or one.partition.partition("|")[0] in clients]
        if asset == CLIENT_CONFIG:
            there = [one for one in there if one.partition in clients]
        if asset in ACCOUNT_ASSETS:
            there = [one for one in there if one.partition in accounts]
        last = instance.event_log_storage.get_latest_storage_id_by_partition(
            AssetKey(asset), DagsterEventType.ASSET_MATERIALIZATION, partitions={one.partition for one in there}
        )
        found += [one for one in there if last.get(one.partition, 0) < one.event]
    return found


def _sign(failure: _Failure) -> Sign:
    what = f"{failure.step or failure.job} failed"
    if failure.partition:
        what = f"{failure.step or failure.job} of {failure.partition} failed"
    return Sign(
        kind="failure",
        what=what,
        why=failure.why,
        at=failure.at,
        about=_about(failure),
        asset=failure.step or failure.job,
        partition=failure.partition,
        run_id=failure.run_id,
    )


def _about(failure: _Failure) -> str:
    name, bar, _rest = failure.partition.partition("|")
    if bar or failure.step == CLIENT_CONFIG:
        return f"client {name}"
    return f"account {name}" if failure.step in ACCOUNT_ASSETS and name else ""
