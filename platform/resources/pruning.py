"""Taking away what is old: the details in runs' logs, captured output, delivered messages, what sources sent.

Here: finding it, taking it away, counting it. Not here: what is old (domain.retention), the statements on Dagster's
tables (instance_tables), when (schedules). What is said of every partition and check stays as it is.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager

from domain.errors import MissingError, RefusedError
from domain.retention import PRUNED_TAG, Pruned, expired, is_pruned, pruned_mark, runs_before, sources_before
from domain.source_health import FetchState
from resources.instance_tables import delivered_messages, details, event_log_size
from resources.object_store import PARALLEL, ObjectStore
from settings import Settings

_PAGE = 200  # runs at once
_DELIVERED = timedelta(days=7)  # that the broker of a fleet keeps what it has delivered: for people who look for it
_OVER = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def prune(
    instance: DagsterInstance, store: ObjectStore, settings: Settings, *, keep_days: int | None = None, dry_run: bool
) -> Pruned:
    """Takes away what the target's `retention` says; `keep_days` is another age for the runs' logs.

    Cut short, it goes on where it was at the next call. With `dry_run` it only counts.
    """
    now, answers = datetime.now(UTC), settings.retention
    days = answers.run_days if keep_days is None else keep_days
    done = prune_runs(instance, runs_before(now, days), dry_run=dry_run)
    done = replace(done, messages=delivered_messages(instance, now - _DELIVERED, take_away=not dry_run))
    if answers.source_days is None:
        return done
    before = sources_before(now.date(), answers.source_days, settings.history_days)
    objects, size, refused = prune_sources(store, before, dry_run=dry_run)
    refused = "; ".join(why for why in (done.refused, f"what sources sent stays: {refused}" if refused else "") if why)
    return replace(done, objects=objects, objects_size=size, refused=refused)


def prune_runs(instance: DagsterInstance, before: datetime, *, dry_run: bool) -> Pruned:
    """Takes the details from the logs of runs that were over before that moment, and their captured output.

    Each such run gets a tag that says so, and is not looked at again, unless its output is still there.
    """
    done = Pruned(log_before=event_log_size(instance))
    still: list[str] = []  # runs whose output the store keeps
    for records in _old_runs(instance, before):
        run_ids = [record.dagster_run.run_id for record in records]
        files = files_size = 0
        for run_id in run_ids:
            count, size = _captured(instance, run_id)
            files, files_size = files + count, files_size + size
            if not dry_run:
                instance.compute_log_manager.delete_logs(prefix=_captured_below(run_id))
                still += [run_id] if _is_kept_in_s3(instance, run_id) else []
        volume = details(instance, run_ids, take_away=not dry_run)
        if not dry_run:
            for run_id in sorted(set(run_ids).difference(still)):
                instance.add_run_tags(run_id, {PRUNED_TAG: pruned_mark(run_id, datetime.now(UTC).date())})
        done = replace(
            done,
            runs=done.runs + len(run_ids),
            rows=done.rows + volume.rows,
            size=done.size + volume.size,
            files=done.files + files,
            files_size=done.files_size + files_size,
        )
    refused = f"captured output of {len(still)} runs stays: the store does not let it be deleted" if still else ""
    return replace(done, log_after=event_log_size(instance), refused=refused)


def prune_sources(store: ObjectStore, before: date, *, dry_run: bool) -> tuple[int, int, str]:
    """Takes away what sources sent before that day: objects, bytes, and why the store refused, where it did."""
    sizes = {info.key: info.size for info in store.list("snapshots/")}
    keys = expired(sizes, before, _compared_with(store))
    if dry_run:
        return len(keys), sum(sizes[key] for key in keys), ""
    gone = 0
    gone_size = 0
    for last in (False, True):  # bodies and pages first, then the snapshots that speak of them
        now = [key for key in keys if key.endswith(".json.gz") == last]
        try:
            with ThreadPoolExecutor(PARALLEL) as threads:
                for key, _none in zip(now, threads.map(store.delete, now), strict=True):
                    gone, gone_size = gone + 1, gone_size + sizes[key]
        except RefusedError as error:
            return gone, gone_size, str(error)
    return gone, gone_size, ""


def _old_runs(instance: DagsterInstance, before: datetime) -> Iterator[list[RunRecord]]:
    """Pages of runs that were over before that moment and have their details still, the newest first."""
    over, cursor = RunsFilter(statuses=_OVER, updated_before=before), None
    while records := instance.get_run_records(over, limit=_PAGE, cursor=cursor):
        cursor = records[-1].dagster_run.run_id
        if old := [one for one in records if not is_pruned(one.dagster_run.run_id, dict(one.dagster_run.tags))]:
            yield old


def _captured_below(run_id: str) -> list[str]:
    return [run_id, "compute_logs"]


def _captured(instance: DagsterInstance, run_id: str) -> tuple[int, int]:
    """Files of captured output on this machine, and their bytes; those elsewhere go uncounted."""
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return 0, 0
    inside = [*_captured_below(run_id), "any"]
    folder = Path(manager.get_captured_local_path(inside, IO_TYPE_EXTENSION[ComputeIOType.STDOUT])).parent
    if not folder.is_dir():
        return 0, 0
    sizes = [path.stat().st_size for path in folder.iterdir() if path.is_file()]
    return len(sizes), sum(sizes)


def _is_kept_in_s3(instance: DagsterInstance, run_id: str) -> bool:
    """Whether output is left that was to go: S3 answers 200 to a refusal, and Dagster does not look into the answer."""
    manager = instance.compute_log_manager
    if isinstance(manager, LocalComputeLogManager):
        return False
    from dagster_aws.s3 import S3ComputeLogManager  # loads boto3

    if not isinstance(manager, S3ComputeLogManager):
        return False
    below = "/".join([manager._s3_prefix, "storage", *_captured_below(run_id), ""])
    found = manager._s3_session.list_objects_v2(Bucket=manager._s3_bucket, Prefix=below, MaxKeys=1)
    return bool(found["KeyCount"])


def _compared_with(store: ObjectStore) -> set[tuple[str, date]]:
    """The (source, day) whose kept bodies stand for a source that says "not modified"."""
    found = set()
    for info in store.list("fetch_state/"):
        try:
            state = FetchState.from_record(orjson.loads(store.get(info.key).body))
        except (MissingError, ValueError, TypeError, KeyError):
            continue  # nothing is known of it: the next fetch asks as if for the first time
        if state.day:
            found.add((info.key.removeprefix("fetch_state/").removesuffix(".json"), state.day))
    return found
