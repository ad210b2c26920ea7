"""client_items [client x day]: what each client keeps of what its sources showed for the first time that day.

Here: writing cells to the warehouse, recording each as it finishes, what people read about it. Not here: building a
cell (resources.cells), nor when cells are due (sensors.client_items_due).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Literal

from dagster import (
    AssetCheckEvaluation,
    AssetDep,
    AssetExecutionContext,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    MetadataValue,
    multi_asset,
)

from assets.checks import evaluation
from assets.lists import listed
from assets.names import CLIENT_CONFIG, CLIENT_ITEMS, SOURCE_SNAPSHOTS
from assets.outcomes import Outcomes
from assets.partition_counts import partitions_few_enough
from assets.source_health import quiet_clients
from domain.client_days import ClientDay, rejections_key
from domain.errors import VigieError
from partitions import Partitions, client_day, split, today
from resources.archive import Archive
from resources.cells import Cells
from resources.config_bucket import ConfigBucket
from resources.object_store import ObjectStoreResource
from resources.warehouse import Cell, Warehouse, items_table
from resources.warehouse_resource import WarehouseResource

_AT_ONCE = 200  # cells in one warehouse transaction: what a killed run may have to do again
_PLOT_DAYS = 14
_MOST_REMARKS = 50  # in one line of the log: a thousand clients may share one mistake

Counts = dict[tuple[str, date], int]


def client_item_assets(partitions: Partitions, keep_days: int | None = None) -> list[AssetsDefinition]:
    """The asset, for the given partitionings; `keep_days` is the target's answer."""

    @multi_asset(
        name=CLIENT_ITEMS,
        specs=[
            AssetSpec(
                CLIENT_ITEMS,
                description="The items its sources showed first on that day, as the client's profile selects them.",
                group_name="clients",
                kinds={"json"},
                skippable=True,
                partitions_def=partitions.client_days,
                deps=[
                    AssetDep(CLIENT_CONFIG),
                    AssetDep(SOURCE_SNAPSHOTS),
                ],
            )
        ],
        backfill_policy=BackfillPolicy.single_run(),
        pool="warehouse",  # DuckDB has one writer
    )
    def client_items(
        context: AssetExecutionContext,
        config_store: ObjectStoreResource,
        data_store: ObjectStoreResource,
        warehouse: WarehouseResource,
    ) -> Iterator[AssetMaterialization | AssetCheckEvaluation]:
        outcomes = Outcomes(context, CLIENT_ITEMS, data_store.store())
        wanted = sorted((day, client) for client, day in split(outcomes.pending()))
        if not wanted:
            return
        clients = {client for _day, client in wanted}
        config = ConfigBucket(config_store.store())
        catalog, rules = config.catalog(), config.selection_rules()
        cells = Cells(Archive(data_store.store()), catalog, clients, today(), rules=rules)
        if remarks := cells.remarks():
            context.log.warning("\n".join(str(remark) for remark in remarks[:_MOST_REMARKS]))
        raw = warehouse.warehouse()
        raw.prepare()
        counts = _counts(raw, wanted[0][0] - timedelta(days=_PLOT_DAYS), wanted[-1][0])
        for day, group in groupby(wanted, key=lambda cell: cell[0]):
            of_day = [client for _day, client in group]
            for start in range(0, len(of_day), _AT_ONCE):
                yield from _do(context, outcomes, cells, raw, counts, day, of_day[start : start + _AT_ONCE])
        if wanted[-1][0] == today():
            yield evaluation(quiet_clients(counts, today()))
            yield evaluation(partitions_few_enough(context.instance, partitions, keep_days))
        outcomes.close()

    return [client_items]


def _do(
    context: AssetExecutionContext,
    outcomes: Outcomes,
    cells: Cells,
    raw: Warehouse,
    counts: Counts,
    day: date,
    clients: Sequence[str],
) -> Iterator[AssetMaterialization]:
    """Builds, loads and records the cells of some clients on one day."""
    started = time.monotonic()
    built: list[ClientDay] = []
    for client, outcome in cells.build_day(day, clients).items():
        if isinstance(outcome, VigieError):
            outcomes.fail(client_day(client, day), outcome)
        else:
            built.append(outcome)
    loaded = [cell for cell in built if cell.outcome != "no_snapshot"]
    if loaded:
        rows = items_table((cell.client_id, cell.day, cell.items) for cell in loaded)
        try:
            raw.replace_cells([_row(cell) for cell in loaded], rows, context.run.run_id)
        except VigieError as error:
            for cell in loaded:
                outcomes.fail(client_day(cell.client_id, day), error)
            return
    seconds = (time.monotonic() - started) / max(1, len(built))
    for cell in built:
        counts[cell.client_id, day] = len(cell.items)
        yield outcomes.record(client_day(cell.client_id, day), _metadata(cell, counts, seconds))
    context.log.info(f"{day}: {len(built)} of {len(clients)} clients, {sum(len(c.items) for c in built)} items")


def _row(cell: ClientDay) -> Cell:
    outcome: Literal["ok", "degraded"] = "degraded" if cell.failures else "ok"
    return Cell(cell.client_id, cell.day, outcome, len(cell.failures))


def _metadata(cell: ClientDay, counts: Counts, seconds: float) -> dict[str, object]:
    reasons = cell.selection.reasons
    return {
        "outcome": cell.outcome,
        "ingestion_mode": cell.mode,
        "items_fetched": cell.fetched,
        "items_filtered": sum(reasons.values()),
        "filtered_because": listed(f"{count} {reason}" for reason, count in sorted(reasons.items())),
        "items_deduplicated": len(cell.selection.duplicates),
        "items_near_duplicate": sum(item.duplicate_group not in ("", item.item_id) for item in cell.items),
        "items_kept": len(cell.items),
        "sources_failed": len(cell.failures),
        "failures": listed(f"{key}: {reason}" for key, reason in sorted(cell.failures.items())),
        "sources_not_followed_yet": ", ".join(cell.unseen) or "none",
        "seconds": round(seconds, 4),
        "items_per_day": MetadataValue.md(_plot(cell.client_id, cell.day, counts)),
        "path": cell.key,
        "rejections_path": rejections_key(cell.client_id, cell.day),
    }


def _counts(raw: Warehouse, first: date, last: date) -> Counts:
    rows = raw.query(
        "select client_id, day, items from raw.cells where day between @first and @last",
        {"first": first, "last": last},
    )
    return {(row["client_id"], row["day"]): row["items"] for row in rows}


def _plot(client: str, last: date, counts: Mapping[tuple[str, date], int]) -> str:
    """A bar per day, the newest last, for the days of which anything is known."""
    days = [last - timedelta(days=n) for n in reversed(range(_PLOT_DAYS))]
    known = [(day, counts[client, day]) for day in days if (client, day) in counts]
    most = max((count for _day, count in known), default=0) or 1
    bars = [f"{day:%m-%d} {'█' * -(-count * 30 // most)} {count}" for day, count in known]
    return "```\n" + "\n".join(bars) + "\n```"
