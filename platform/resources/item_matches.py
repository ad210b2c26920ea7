"""The terms found in the items of requested cells: read by day, matched once per text, written by cells.

Here: what joins the warehouse and the matcher, with no Dagster around it. Not here: how a term is found
(domain.matching), which cells are wanted (assets.batches), nor what a match is worth (dbt's models).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from domain.matching import Matcher
from resources.warehouse import Param, Warehouse
from resources.warehouse_tables import TABLES

TABLE = "item_matches"
_FIELDS = ("title", "content")
# One text may be the item of many clients: it is read and matched once.
_TEXTS = """
    select items.item_id, items.content_hash, items.title, any_value(items.content) as content
    from raw.items as items
    inner join raw.build_cells as asked on asked.client_id = items.client_id and asked.day = items.day
    where asked.batch_id = @batch_id and items.day = @day
    group by items.item_id, items.content_hash, items.title
"""
_HOLDERS = """
    select items.client_id, items.day, items.item_id, items.content_hash, items.title
    from raw.items as items
    inner join raw.build_cells as asked on asked.client_id = items.client_id and asked.day = items.day
    where asked.batch_id = @batch_id and items.day = @day
"""
_TEXT_KEY = ["item_id", "content_hash", "title"]


@dataclass(frozen=True, slots=True)
class DayMatches:
    """What was found on one day: distinct texts, those with a match, cells' rows written, and finds per term."""

    day: date
    texts: int
    matched: int
    rows: int
    terms: dict[str, int]


def match_cells(
    warehouse: Warehouse, matcher: Matcher, batch_id: str, cells: Iterable[tuple[str, date]]
) -> Iterator[DayMatches]:
    """Finds every term in the items of these cells, which `batch_id` names in raw.build_cells, a day at a time.

    A day's cells are replaced in one transaction; a day that is done stays done whatever comes after it.
    """
    by_day: defaultdict[date, list[tuple[str, date]]] = defaultdict(list)
    for client, day in cells:
        by_day[day].append((client, day))
    for day, of_day in sorted(by_day.items()):
        asked: dict[str, Param] = {"batch_id": batch_id, "day": day}
        texts = warehouse.table(_TEXTS, asked)
        found = _found(matcher, texts)
        rows = found.join(warehouse.table(_HOLDERS, asked), keys=_TEXT_KEY, join_type="inner")
        warehouse.replace_rows(TABLE, of_day, rows.select(TABLES[TABLE].names).cast(TABLES[TABLE]))
        counts = pc.value_counts(found["term_key"]).to_pylist()
        yield DayMatches(
            day,
            texts=texts.num_rows,
            matched=found.group_by(_TEXT_KEY).aggregate([]).num_rows,
            rows=rows.num_rows,
            terms={count["values"]: count["counts"] for count in counts},
        )


def _found(matcher: Matcher, texts: pa.Table) -> pa.Table:
    """A row per find: the text's key, field, term_key, start_at, end_at."""
    parts = []
    for field in _FIELDS:
        finds = matcher.match(texts[field])
        keyed = texts.select(_TEXT_KEY).take(finds["row"])
        keyed = keyed.append_column("field", pa.repeat(pa.scalar(field), finds.num_rows))
        for name in ("term_key", "start_at", "end_at"):
            keyed = keyed.append_column(name, finds[name])
        parts.append(keyed)
    return pa.concat_tables(parts)
