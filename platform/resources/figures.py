"""The figures that operators watch, read from the instance, the database and the data store; nothing is written.

Here: names, meanings and how each is read. Not here: Prometheus (metrics), Dagster's own tables (instance_tables).
Names follow Prometheus: base units, `_total` for what only grows; labels are few and bounded.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import orjson
from dagster import AssetKey, AssetRecordsFilter, DagsterInstance, DagsterRunStatus, RunsFilter
from sqlalchemy import make_url

from domain.errors import MissingError
from domain.source_health import FetchState
from resources.database import open_database
from resources.health_instance import sensor_ticks, sensors_on
from resources.instance_tables import event_log_size, materialized_partitions, runs_by_job
from resources.object_store import open_store
from settings import Settings

_OVER = {"SUCCESS", "FAILURE", "CANCELED"}
_ITEMS = AssetKey("client_items")
_LAST_DAYS = 3 * 86_400.0  # seconds: how far back the newest day of client_items is looked for
_PAGE = 5000


Samples = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: its samples by the values of `labels`, in their order."""

    name: str
    about: str
    samples: Samples
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"


@dataclass(frozen=True, slots=True)
class Part:
    """Figures that are read together, and fail together."""

    name: str
    read: Callable[[], Iterable[Figure]]


def parts(settings: Settings, home: Path) -> list[Part]:
    """What is read, for a target whose instance is in `home`."""
    readers = {"runs": _runs, "assets": _assets, "pools": _pools}
    return [
        *(Part(name, partial(_of_instance, home, read)) for name, read in readers.items()),
        Part("daemon", partial(_of_instance, home, partial(_daemon, sensors=sensors_on(settings)))),
        Part("items", partial(_of_instance, home, partial(_items, by_client=settings.metrics.clients))),
        Part("sources", partial(_sources, settings)),
        Part("accounts", partial(_accounts, settings)),
    ]


def _of_instance(home: Path, read: Callable[[DagsterInstance], Iterator[Figure]]) -> list[Figure]:
    if not (home / "dagster.yaml").is_file():
        raise MissingError("there is no instance.", where=str(home), remedy="Run: vigie prepare")
    with DagsterInstance.from_config(str(home)) as instance:
        return list(read(instance))


def _runs(instance: DagsterInstance) -> Iterator[Figure]:
    counts = runs_by_job(instance)
    labels = ("job", "status")
    over: Samples = {key: float(count) for key, count in counts.items() if key[1] in _OVER}
    yield Figure("vigie_runs_finished", "Runs that are over.", over, labels, "counter")
    left: Samples = {key: float(count) for key, count in counts.items() if key[1] not in _OVER}
    yield Figure("vigie_runs_unfinished", "Runs that are not over.", left, labels)
    queued = instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.QUEUED]), ascending=True)
    yield Figure("vigie_queued_runs", "Runs that wait in the queue.", {(): float(len(queued))})
    now = time.time()
    oldest = min((record.create_timestamp.timestamp() for record in queued), default=now)
    yield Figure(
        "vigie_queued_run_oldest_age_seconds",
        "Since when the oldest run in the queue waits; 0 where none does.",
        {(): max(0.0, now - oldest)},
    )
    yield Figure("vigie_event_log_bytes", "Disk that Dagster's event log takes.", {(): float(event_log_size(instance))})


def _assets(instance: DagsterInstance) -> Iterator[Figure]:
    done = materialized_partitions(instance)
    yield Figure(
        "vigie_partitions_materialized",
        "Partitions that were ever materialized; an asset without partitions is one.",
        {(asset,): float(count) for asset, count in done.items()},
        ("asset",),
    )
    tried = {
        key: instance.event_log_storage.get_latest_asset_partition_materialization_attempts_without_materializations(
            key
        )
        for key in instance.all_asset_keys()
    }
    run_ids = {run_id for attempts in tried.values() for run_id, _event in attempts.values()}
    failed = _failed(instance, sorted(run_ids))
    yield Figure(
        "vigie_partitions_failed",
        "Partitions whose last try failed.",
        {
            (key.to_user_string(),): float(sum(run_id in failed for run_id, _event in attempts.values()))
            for key, attempts in tried.items()
        },
        ("asset",),
    )


def _failed(instance: DagsterInstance, run_ids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(run_ids), 500):
        asked = RunsFilter(run_ids=run_ids[start : start + 500], statuses=[DagsterRunStatus.FAILURE])
        found |= {run.run_id for run in instance.get_runs(asked)}
    return found


def _daemon(instance: DagsterInstance, *, sensors: Mapping[str, bool]) -> Iterator[Figure]:
    now = time.time()
    yield Figure(
        "vigie_daemon_heartbeat_age_seconds",
        "Since when a thread of Dagster's daemon gave no sign of life; below 0 where the clock was set back.",
        {(name,): now - beat.timestamp for name, beat in instance.get_daemon_heartbeats().items()},
        ("daemon",),
    )
    ticks = sensor_ticks(instance, sensors, now)
    yield Figure(
        "vigie_sensor_tick_age_seconds",
        "Since when a running sensor has not looked; below 0 where the clock was set back.",
        {(name,): tick.age for name, tick in ticks.items()},
        ("sensor",),
    )
    yield Figure(
        "vigie_sensor_tick_failed",
        "1 where a running sensor's last tick failed.",
        {(name,): float(bool(tick.error)) for name, tick in ticks.items()},
        ("sensor",),
    )


def _pools(instance: DagsterInstance) -> Iterator[Figure]:
    storage = instance.event_log_storage
    pools = {name: storage.get_concurrency_info(name) for name in sorted(storage.get_concurrency_keys())}
    slots: Samples = {(name,): float(info.slot_count) for name, info in pools.items()}
    used: Samples = {(name,): float(info.active_slot_count) for name, info in pools.items()}
    waiting: Samples = {(name,): float(info.pending_step_count) for name, info in pools.items()}
    yield Figure("vigie_pool_slots", "Steps that may be in a pool at once.", slots, ("pool",))
    yield Figure("vigie_pool_slots_used", "Steps that are in a pool.", used, ("pool",))
    yield Figure("vigie_pool_steps_waiting", "Steps that wait for a pool.", waiting, ("pool",))


def _items(instance: DagsterInstance, *, by_client: bool) -> Iterator[Figure]:
    """Of the newest day that was built: read from the events, for whoever opens a DuckDB file holds up its writer."""
    cells: dict[tuple[str, str], float] = {}
    since = AssetRecordsFilter(_ITEMS, after_timestamp=time.time() - _LAST_DAYS)
    cursor = None
    while True:
        page = instance.fetch_materializations(since, limit=_PAGE, cursor=cursor, ascending=True)
        for record in page.records:
            event = record.asset_materialization
            kept = event.metadata.get("items_kept") if event else None
            client, _bar, day = (record.partition_key or "").partition("|")
            if kept is not None and day:
                cells[day, client] = float(str(kept.value))
        if not page.has_more:
            break
        cursor = page.cursor
    newest = max((day for day, _client in cells), default="")
    of_day: Samples = {(client,): count for (day, client), count in cells.items() if day == newest}
    yield Figure("vigie_items_last_day", "Items of all clients on the newest day built.", {(): sum(of_day.values())})
    yield Figure("vigie_clients_last_day", "Clients of whom the newest day is built.", {(): float(len(of_day))})
    if by_client:
        yield Figure("vigie_client_items_last_day", "Items of a client on the newest day built.", of_day, ("client",))


def _sources(settings: Settings) -> Iterator[Figure]:
    store = open_store(settings.stores.data)
    total = failing = 0
    for info in store.list("fetch_state/"):
        try:
            state = FetchState.from_record(orjson.loads(store.get(info.key).body))
        except (MissingError, ValueError, TypeError, KeyError):
            continue  # nothing is known of it
        total, failing = total + 1, failing + bool(state.failures)
    yield Figure("vigie_sources", "Sources that were ever fetched.", {(): float(total)})
    yield Figure("vigie_sources_failing", "Sources whose last fetch failed.", {(): float(failing)})


def _accounts(settings: Settings) -> Iterator[Figure]:
    counts: dict[tuple[str, ...], float] = {}
    url = make_url(settings.database.url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():  # opening it would make it
        raise MissingError("the file is not there.", where=str(url.database), remedy="Run: vigie prepare")
    with closing(open_database(settings)) as database:
        for account in database.accounts():
            counts[account.status,] = counts.get((account.status,), 0.0) + 1
    yield Figure("vigie_accounts", "Accounts by their status.", counts, ("status",))
