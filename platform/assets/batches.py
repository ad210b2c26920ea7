"""Which (client, day) cells a run of the warehouse is about: those its tag names, or the whole days people asked for.

Not here: who names a batch (sensors.chaining), nor what is done with the cells.
"""

from datetime import date

from dagster import AssetExecutionContext

from assets.names import BATCH_TAG
from resources.archive import Archive
from resources.warehouse import Warehouse


def requested(
    context: AssetExecutionContext, archive: Archive, warehouse: Warehouse
) -> tuple[str, list[tuple[str, date]]]:
    """The id under which the run's cells stand in raw.build_cells, and the cells themselves."""
    named = context.run.tags.get(BATCH_TAG)
    if named:
        cells = archive.batch(named)
    else:  # asked for by a person: the whole days
        days = sorted(date.fromisoformat(key) for key in context.partition_keys)
        found = warehouse.query(
            "select client_id, day from raw.cells where day between @first and @last",
            {"first": days[0], "last": days[-1]},
        )
        cells = [(row["client_id"], row["day"]) for row in found]
    batch_id = f"run-{context.run.run_id}"
    warehouse.request_build(batch_id, cells)
    return batch_id, cells
