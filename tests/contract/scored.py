"""Items scored as in production, for the suites about scores: real configuration, matcher and dbt on one DuckDB file.

Here: one load, one dbt run. Not here: what a suite asserts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.clients import read_client
from domain.event_types import read_event_types
from domain.items import Item, content_hash, word_count
from domain.matching import Matcher
from domain.scopes import read_scopes
from domain.scoring import Scoring, configuration
from domain.scoring_rules import read_scoring_rules
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.item_matches import match_cells
from resources.warehouse import Cell, items_table
from tests.contract.dbt_runner import Dbt

Row = dict[str, Any]
Key = tuple[str, date]


def item(name: str, title: str, content: str = "", published: date | None = None, group: str = "") -> Item:
    return Item(
        item_id=f"wire_{name}",
        source_key="wire",
        source_type="press_sector",
        title=title,
        content=content,
        url=f"https://wire.example/{name}",
        guid="",
        published_at=published,
        date_source="structured" if published else "unknown",
        first_seen=date(2026, 11, 1),
        ingested_at=datetime(2026, 11, 1, 6, tzinfo=UTC),
        language="en",
        content_hash=content_hash(content),
        author="",
        tags=(),
        word_count=word_count(content),
        duplicate_group=group,
    )


@dataclass
class World:
    """What people configured, and the items of each (client, day) cell; `readings` are rows of raw.item_readings."""

    clients: Mapping[str, Row]
    scopes: Mapping[str, bytes]
    events: Mapping[str, bytes]
    rules: bytes | None = None
    cells: Mapping[Key, Sequence[Item]] = field(default_factory=dict)
    readings: Sequence[Row] = ()

    def configured(self) -> Scoring:
        files = {f"clients/{name}.yaml": yaml.safe_dump(said).encode() for name, said in self.clients.items()}
        return configuration(
            [read_client(key, body) for key, body in files.items()],
            read_scopes(self.scopes),
            read_event_types(self.events),
            read_scoring_rules(self.rules)[0],
        )

    def load(self, path: Path) -> DuckdbWarehouse:
        """A warehouse with the raw rows of all of it, and the batch "batch" of its cells."""
        warehouse = DuckdbWarehouse(path, wait_seconds=5)
        warehouse.prepare()
        rows = items_table((client, day, items) for (client, day), items in self.cells.items())
        warehouse.replace_cells([Cell(client, day) for client, day in self.cells], rows, "load")
        warehouse.request_build("batch", self.cells)
        scoring = self.configured()
        warehouse.replace_tables(scoring.tables)
        warehouse.replace_clients(self.clients, scoring.client_tables)
        if self.readings:
            warehouse.add_rows("item_readings", self.readings)
        for _day in match_cells(warehouse, Matcher(scoring.terms), "batch", self.cells):
            pass
        return warehouse

    def build(self, parsed: Dbt, folder: Path) -> DuckdbWarehouse:
        """The same with the models built, and the test of the sums passed."""
        warehouse, dbt = self.load(folder / "w.duckdb"), Dbt(folder)
        dbt.manifest = parsed.manifest
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VIGIE_DUCKDB_PATH", str(warehouse.path))
            models = ("+newsletter_items", "scored_items", "score_contributions", "item_entities")
            done: Any = dbt.invoke("build", "--select", *models, "--exclude", "test_type:generic")
        assert done.success, done.exception
        assert "scores_add_up" in {result.node.name for result in done.result.results}
        return warehouse
