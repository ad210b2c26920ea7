"""Items to read in a warehouse of their own, for the suites about readings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from domain.items import Item, content_hash, word_count
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.warehouse import Cell, items_table
from resources.warehouse_tables import TABLES

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)
MODEL = "eu.example.reader-1:0"
FILLER = (
    "It is told at the length that a text must have to be read at all by anybody, be it a person or a machine. " * 2
)


def item(number: int, content: str = "") -> Item:
    """An item by its number, long enough to be read."""
    text = content or f"Orvane signs deal number {number:03}. {FILLER}"
    return Item(
        item_id=f"wire_{number:03}",
        source_key="wire",
        source_type="press_sector",
        title=f"Title {number:03}",
        content=text,
        url=f"https://example.com/{number}",
        guid="",
        published_at=None,
        date_source="unknown",
        first_seen=MONDAY,
        ingested_at=datetime(2026, 11, 16, 6, tzinfo=UTC),
        language="en",
        content_hash=content_hash(text),
        author="",
        tags=(),
        word_count=word_count(text),
    )


@dataclass
class Texts:
    """A DuckDB file with the raw tables."""

    path: Path
    cells: list[tuple[str, date]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.warehouse.prepare()

    @property
    def warehouse(self) -> DuckdbWarehouse:
        return DuckdbWarehouse(self.path, wait_seconds=1)

    def load(self, cells: Sequence[tuple[str, date, Sequence[Item]]]) -> None:
        """Makes these items all that is known of their cells, and asks for them as the batch "all"."""
        self.warehouse.replace_cells([Cell(client, day) for client, day, _ in cells], items_table(cells), "load")
        self.cells = [(client, day) for client, day, _ in cells]
        self.warehouse.request_build("all", self.cells)

    def match(self, client: str, day: date, item_id: str) -> None:
        """Has a term found in the title of one item of the cell."""
        found = dict(zip(TABLES["item_matches"].names, (client, day, item_id, "title", "orvane", 0, 6), strict=True))
        rows = pa.Table.from_pylist([found], schema=TABLES["item_matches"])
        self.warehouse.replace_rows("item_matches", [(client, day)], rows)

    def rows(self) -> list[dict[str, Any]]:
        """What is in raw.item_readings."""
        return self.warehouse.query("select * from raw.item_readings order by content_hash")
