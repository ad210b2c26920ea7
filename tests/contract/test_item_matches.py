"""Items to matches, on a real DuckDB file: each text once, rows for every cell that holds it.

Not here: how a term is found (tests/unit/test_matching.py), what a match is worth (test_scoring_models.py).
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from domain.items import Item
from domain.matching import Matcher
from domain.terms import Term, term_key
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.item_matches import match_cells
from resources.warehouse import Cell, items_table

MONDAY, TUESDAY = date(2025, 3, 3), date(2025, 3, 4)
TERMS = [
    Term("company", "firms", "", written, term_key(written)) for written in ("Orvane", "Lentavia", "Nordhavn Pharma")
]
ITEM = Item(
    item_id="wire_1",
    source_key="wire",
    source_type="press_sector",
    title="Orvane signs",
    content="A deal of Orvane with Nordhavn Pharma.",
    url="https://wire.example/1",
    guid="",
    published_at=None,
    date_source="unknown",
    first_seen=MONDAY,
    ingested_at=datetime(2025, 3, 3, 6, tzinfo=UTC),
    language="en",
    content_hash="sha256:1",
    author="",
    tags=(),
    word_count=7,
)
EDITED = replace(ITEM, title="Lentavia signs", content_hash="sha256:2", content="Without the other.")
SILENT = replace(ITEM, item_id="wire_2", title="Nobody", content="Nothing", content_hash="sha256:3")


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    warehouse = DuckdbWarehouse(tmp_path / "w.duckdb", wait_seconds=1)
    warehouse.prepare()
    cells = [
        ("acme", MONDAY, [ITEM, SILENT]),
        ("beta", MONDAY, [ITEM]),
        ("acme", TUESDAY, [EDITED]),
        ("late", TUESDAY, [ITEM]),
    ]
    warehouse.replace_cells([Cell(client, day) for client, day, _ in cells], items_table(cells), "load")
    return warehouse


def named(warehouse: DuckdbWarehouse) -> set[tuple[str, date, str, str, int, int]]:
    rows = warehouse.query("select * from raw.item_matches")
    keys = ("client_id", "day", "field", "term_key", "start_at", "end_at")
    found = [tuple(row[key] for key in keys) for row in rows]
    assert len(found) == len(set(found))
    return set(found)


IN_ITEM = {("title", "orvane", 0, 6), ("content", "orvane", 10, 16), ("content", "nordhavn pharma", 22, 37)}


def test_each_text_is_read_once_and_counts_for_every_cell_that_holds_it(warehouse: DuckdbWarehouse) -> None:
    cells = [("acme", MONDAY), ("beta", MONDAY), ("acme", TUESDAY)]
    warehouse.request_build("batch", cells)
    monday, tuesday = match_cells(warehouse, Matcher(TERMS), "batch", cells)
    assert (monday.texts, monday.matched, monday.rows) == (2, 1, 6)
    assert monday.terms == {"orvane": 2, "nordhavn pharma": 1}
    assert (tuesday.texts, tuesday.matched, tuesday.rows) == (1, 1, 1)
    of_monday = {(client, MONDAY, *find) for client in ("acme", "beta") for find in IN_ITEM}
    assert named(warehouse) == of_monday | {("acme", TUESDAY, "title", "lentavia", 0, 8)}


def test_cells_that_are_not_asked_for_keep_what_they_have(warehouse: DuckdbWarehouse) -> None:
    cells = [("acme", MONDAY), ("beta", MONDAY)]
    warehouse.request_build("first", cells)
    list(match_cells(warehouse, Matcher(TERMS), "first", cells))
    warehouse.request_build("second", cells[:1])
    list(match_cells(warehouse, Matcher(TERMS[1:2]), "second", cells[:1]))  # a scope that has shrunk
    assert named(warehouse) == {("beta", MONDAY, *find) for find in IN_ITEM}


def test_no_term_and_no_item_find_nothing(warehouse: DuckdbWarehouse) -> None:
    cells = [("acme", MONDAY), ("nobody", MONDAY)]
    warehouse.request_build("batch", cells)
    (monday,) = match_cells(warehouse, Matcher([]), "batch", cells)
    assert (monday.texts, monday.rows, named(warehouse)) == (2, 0, set())
    warehouse.request_build("empty", [("nobody", TUESDAY)])
    (tuesday,) = match_cells(warehouse, Matcher(TERMS), "empty", [("nobody", TUESDAY)])
    assert (tuesday.texts, tuesday.rows) == (0, 0)
