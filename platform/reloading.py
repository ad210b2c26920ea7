"""The warehouse made anew from the items in the store: loaded as they were kept, then built by the usual jobs.

Here: which cells, the loads, the runs in this process. Not here: how a cell turned out (domain.kept_history), the
statements (resources.warehouse), the jobs themselves (definitions).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from dagster import DagsterInstance, Definitions

from assets.names import BATCH_TAG, CLIENT_ITEMS
from domain.errors import PermanentError
from domain.kept_history import KeptCell, kept_cells
from domain.ranges import ranges
from partitions import Partitions, range_tags
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.kept import kept_cells_of, kept_configs, kept_days
from resources.object_store import ObjectStore
from resources.warehouse import Cell, Warehouse, items_table
from sensors.events import last_event

_LOAD = "rebuild"
_AT_ONCE = 200  # cells in one transaction
_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What was loaded, and the runs that built the models."""

    cells: int
    items: int
    runs: int


def reload(
    instance: DagsterInstance,
    defs: Definitions,
    config: ObjectStore,
    data: ObjectStore,
    warehouse: Warehouse,
    partitions: Partitions,
    today: date,
    tell: Callable[[str], None] = lambda _line: None,
) -> Reloaded:
    """Loads every stored cell and builds all models of them, one run per unbroken span of days; fetches nothing.

    Repeatable. Readings of a language model and dbt's snapshots of the past are not in the store: they begin anew.
    PermanentError where a run failed.
    """
    archive = Archive(data)
    cells = _stored(config, data, archive, partitions, today)
    warehouse.prepare()
    items = 0
    for day, group in groupby(cells, key=lambda cell: cell.day):
        of_day = list(group)
        for start in range(0, len(of_day), _AT_ONCE):
            some = of_day[start : start + _AT_ONCE]
            rows = items_table((cell.client_id, day, archive.items(cell.client_id, day)) for cell in some)
            warehouse.replace_cells([_row(cell) for cell in some], rows, _LOAD)
            items += rows.num_rows
        tell(f"{day}: {len(of_day)} cells")
    runs = _build(instance, defs, archive, cells)
    return Reloaded(len(cells), items, runs)


def _stored(
    config: ObjectStore, data: ObjectStore, archive: Archive, partitions: Partitions, today: date
) -> list[KeptCell]:
    """The stored cells of every client, those that have left included, by day."""
    stored = {cell for cell in kept_cells_of(data) if partitions.first_day <= cell[1] <= today}
    catalog = ConfigBucket(config).catalog()
    follows: dict[str, set[str]] = {client: set() for client, _day in stored}
    for client, (_etag, one) in kept_configs(data).items():
        if client in follows:
            resolution = catalog.resolve(one.bouquets, one.extra_sources)
            follows[client] = {source.source_key for source in resolution.sources}
    days = kept_days(archive, sorted({day for _client, day in stored}))
    return [cell for cell in kept_cells(follows, stored, days, today) if cell.outcome != "no_snapshot"]


def _row(cell: KeptCell) -> Cell:
    return Cell(cell.client_id, cell.day, "degraded" if cell.failures else "ok", len(cell.failures))


def _build(instance: DagsterInstance, defs: Definitions, archive: Archive, cells: list[KeptCell]) -> int:
    days = sorted({cell.day for cell in cells})
    runs = 0
    if days:
        # Named like the sensor's own batches: up to the newest cell everything is asked for by this.
        end = last_event(instance, CLIENT_ITEMS)
        calendar = [str(date.fromordinal(n)) for n in range(days[0].toordinal(), days[-1].toordinal() + 1)]
        for span in ranges({str(day) for day in days}, calendar):
            batch_id = f"{end}-{span.first}-rebuild-{instance.get_runs_count()}"
            archive.keep_batch(
                batch_id, [(cell.client_id, cell.day) for cell in cells if span.first <= str(cell.day) <= span.last]
            )
            _run(instance, defs, "build_warehouse", {**range_tags(span), BATCH_TAG: batch_id})
            runs += 1
    _run(instance, defs, "export_accounts", {})
    return runs + 1


def _run(instance: DagsterInstance, defs: Definitions, job: str, tags: dict[str, str]) -> None:
    done = defs.resolve_job_def(job).execute_in_process(
        instance=instance, tags=tags, run_config=_QUIET, raise_on_error=False
    )
    if done.success:
        return
    failures = (event.step_failure_data.error for event in done.filter_events(lambda event: event.is_step_failure))
    said = next((error.message.strip() for error in failures if error), "see the run")
    raise PermanentError(
        f"{job} failed: {said}", where=f"run {done.run_id}", remedy="Mend the cause, then run this again."
    )
