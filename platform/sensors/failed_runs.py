"""What failed and has not been mended since: partitions with their own reasons, and runs that ended without one.

Here: the instance's failed runs -> signs. Not here: what a failed run says (run_failures), what belongs together
(domain.alert_causes), sensors, checks and accounts (alert_signs).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dagster import AssetKey, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)

from assets.names import APPLY, CLIENT_CONFIG, CLIENT_ITEMS, DESIRED_STATE, DRIFT, KEYS_TAG, PLAN, SOURCE_SNAPSHOTS
from domain.alert_causes import Sign, is_lost_day
from partitions import ACCOUNTS, CLIENTS, today
from sensors.run_failures import Failure, Keys, failures_of

ACCOUNT_ASSETS = (DESIRED_STATE, PLAN, APPLY, DRIFT)
_PAGE = 500  # failed runs read at once
_MOST = 5000  # failed runs of which none is mended, as far as anybody knows
_REMEMBERED = 2 * _MOST
_SAME = (PARTITION_NAME_TAG, ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG, KEYS_TAG)


@dataclass(frozen=True, slots=True)
class Found:
    """The signs, and whether they are all: where there are too many failed runs, some were not looked at."""

    signs: list[Sign]
    all: bool


class FailedRuns:
    """The failed runs of one instance. What a run that is over says never changes: it is read once per process."""

    def __init__(self, keys: Keys, most: int = _MOST, page: int = _PAGE) -> None:
        self._keys, self._most, self._page = keys, most, page
        self._read: dict[str, Sequence[Failure]] = {}
        self._mended: set[str] = set()

    def signs(self, instance: DagsterInstance, since: datetime, jobs: Callable[[DagsterRun], bool]) -> Found:
        """A sign for each failure since then that still stands, of the runs that `jobs` lets through.

        A partition's failure stands until the partition materializes, a run's until everything that it left undone
        does, or a run of the same job and partitions succeeds. A past day that its sources failed cannot come back:
        it stands until a later day materializes. Partitions that are gone, and runs that Dagster is about to try
        again, are nobody's concern.
        """
        records, complete = self._standing(instance, since, jobs)
        said = [(record, self._failures(instance, record)) for record in records]
        own = _newest(failure for _record, failures in said for failure in failures)
        there = _There.of(instance)
        found = [_sign(failure) for failure in _not_materialized(instance, own.values(), there)]
        for record, failures in said:
            whole = [failure for failure in failures if not failure.own]
            if not whole:
                continue
            if all(_made_good(instance, failure, own, there) for failure in whole) or _succeeded_since(
                instance, record
            ):
                self._mended.add(record.dagster_run.run_id)
            else:
                found += [_sign(failure) for failure in whole]
        return Found(found, complete)

    def _standing(
        self, instance: DagsterInstance, since: datetime, jobs: Callable[[DagsterRun], bool]
    ) -> tuple[list[RunRecord], bool]:
        """The failed runs that may stand, the newest first, and whether that is all of them."""
        filters = RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=since)
        found: list[RunRecord] = []
        cursor = None
        while len(found) < self._most:
            page = instance.get_run_records(filters, limit=self._page, cursor=cursor)
            found += [
                one
                for one in page
                if jobs(one.dagster_run)
                and one.dagster_run.tags.get(WILL_RETRY_TAG) != "true"
                and one.dagster_run.run_id not in self._mended
            ]
            if len(page) < self._page:
                return found, True
            cursor = page[-1].dagster_run.run_id
        return found, False

    def _failures(self, instance: DagsterInstance, record: RunRecord) -> Sequence[Failure]:
        run = record.dagster_run
        if run.run_id not in self._read:
            if len(self._read) >= _REMEMBERED:
                self._read.pop(next(iter(self._read)))
            self._read[run.run_id] = failures_of(instance, run, self._keys)
        return self._read[run.run_id]


@dataclass(frozen=True, slots=True)
class _There:
    """The clients and accounts there are: a partition of another is gone."""

    clients: frozenset[str]
    accounts: frozenset[str]

    @classmethod
    def of(cls, instance: DagsterInstance) -> "_There":
        return cls(*(frozenset(instance.get_dynamic_partitions(name)) for name in (CLIENTS, ACCOUNTS)))

    def has(self, asset: str, partition: str) -> bool:
        name, bar, _rest = partition.partition("|")
        if bar or asset == CLIENT_CONFIG:
            return name in self.clients
        return asset not in ACCOUNT_ASSETS or partition in self.accounts


def _newest(failures: Iterable[Failure]) -> dict[tuple[str, str], Failure]:
    """Of each partition of an asset the last failure with its own reason: an earlier one's is history."""
    newest: dict[tuple[str, str], Failure] = {}
    for failure in failures:
        key = (failure.step, failure.partition)
        if failure.own and (key not in newest or newest[key].at < failure.at):
            newest[key] = failure
    return newest


def _not_materialized(instance: DagsterInstance, failures: Iterable[Failure], there: _There) -> list[Failure]:
    """Those whose partition exists, and has not materialized since; of a lost day also no later one."""
    by_asset: dict[str, list[Failure]] = {}
    for failure in failures:
        if there.has(failure.step, failure.partition):
            by_asset.setdefault(failure.step, []).append(failure)
    found = []
    for asset, failed in by_asset.items():
        mends = {one.partition: {one.partition, *_later_days(one)} for one in failed}
        last = _last(instance, AssetKey(asset), {key for keys in mends.values() for key in keys})
        found += [one for one in failed if all(last.get(key, 0) <= one.event for key in mends[one.partition])]
    return found


def _later_days(failure: Failure) -> list[str]:
    """Of a day that cannot come back: the later days of the same client or asset that may have come since."""
    if failure.step not in (SOURCE_SNAPSHOTS, CLIENT_ITEMS) or not is_lost_day(failure.why):
        return []
    client, bar, day = failure.partition.rpartition("|")
    first = max(date.fromisoformat(day) + timedelta(days=1), failure.at.date())
    return [f"{client}{bar}{first + timedelta(days=n)}" for n in range((today() - first).days + 1)]


def _made_good(
    instance: DagsterInstance, failure: Failure, own: Mapping[tuple[str, str], Failure], there: _There
) -> bool:
    """Whether everything that a step or run left undone has materialized since, or failed with a reason of its own."""
    for asset, keys in failure.left.items():
        name = asset.to_user_string()
        wanted = {key for key in keys if key is not None and there.has(name, key)}
        wanted = {key for key in wanted if (name, key) not in own or own[name, key].at <= failure.at}
        last = _last(instance, asset, wanted)
        if any(last.get(key, 0) <= failure.event for key in wanted):
            return False
        if None in keys:
            (record,) = instance.get_asset_records([asset]) or (None,)
            if record is None or (record.asset_entry.last_materialization_storage_id or 0) <= failure.event:
                return False
    return bool(failure.left)


def _last(instance: DagsterInstance, asset: AssetKey, partitions: Collection[str]) -> Mapping[str, int]:
    """The newest materialization of each of these partitions."""
    if not partitions:
        return {}  # Dagster would read every partition
    return instance.event_log_storage.get_latest_storage_id_by_partition(
        asset, DagsterEventType.ASSET_MATERIALIZATION, partitions=set(partitions)
    )


def _succeeded_since(instance: DagsterInstance, record: RunRecord) -> bool:
    """Whether a later run did the same: of this job, of these partitions, or a re-execution of this run."""
    run = record.dagster_run
    same = {tag: run.tags[tag] for tag in _SAME if tag in run.tags}
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


def _sign(failure: Failure) -> Sign:
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


def _about(failure: Failure) -> str:
    name, bar, _rest = failure.partition.partition("|")
    if bar or failure.step == CLIENT_CONFIG:
        return f"client {name}"
    return f"account {name}" if failure.step in ACCOUNT_ASSETS and name else ""
