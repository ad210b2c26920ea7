"""The warehouse's promises, on a real DuckDB file; BigQuery's part as far as it goes without BigQuery.

Here: cells replaced whole, locks, reads, the statements in BigQuery's own grammar. Not here: dbt's models.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from domain.errors import MissingError, PermanentError, RefusedError, TransientError
from domain.items import Item
from resources.bigquery_warehouse import BigqueryWarehouse, add_columns_statement, create_statement, transaction
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.warehouse import (
    Cell,
    Warehouse,
    items_table,
    replace_statements,
    request_statements,
    rows_statements,
    whole_statements,
)
from resources.warehouse_tables import TABLES

MONDAY, TUESDAY = date(2025, 3, 3), date(2025, 3, 4)


def item(name: str, *, tags: tuple[str, ...] = ()) -> Item:
    return Item(
        item_id=f"lemonde_{name}",
        source_key="lemonde",
        source_type="rss",
        title=f"Title {name}",
        content="Some text",
        url=f"https://lemonde.example/{name}",
        guid=name,
        published_at=None,
        date_source="unknown",
        first_seen=MONDAY,
        ingested_at=datetime(2025, 3, 3, 6, 30, tzinfo=UTC),
        language="fr",
        content_hash=f"sha256:{name}",
        author="",
        tags=tags,
        word_count=2,
    )


def load(warehouse: Warehouse, cells: dict[tuple[str, date], str], load_id: str = "load") -> None:
    """Load cells; each letter of a value is an item."""
    rows = items_table((client, day, [item(name) for name in names]) for (client, day), names in cells.items())
    warehouse.replace_cells([Cell(client, day) for client, day in cells], rows, load_id)


def held(warehouse: Warehouse) -> dict[tuple[str, date], str]:
    rows = warehouse.query("select client_id, day, guid from raw.items order by guid")
    found: dict[tuple[str, date], str] = {}
    for row in rows:
        key = (row["client_id"], row["day"])
        found[key] = found.get(key, "") + row["guid"]
    return found


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    warehouse = DuckdbWarehouse(tmp_path / "deep" / "w.duckdb", wait_seconds=0.3)
    warehouse.prepare()
    return warehouse


def test_preparing_twice_keeps_what_is_there(warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): "ab"})
    warehouse.prepare()
    assert held(warehouse) == {("acme", MONDAY): "ab"}


def test_a_shrunk_cell_keeps_no_stale_row_and_its_neighbours_are_untouched(warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): "abc", ("acme", TUESDAY): "d", ("other", MONDAY): "ab"})
    load(warehouse, {("acme", MONDAY): "b"})
    assert held(warehouse) == {("acme", MONDAY): "b", ("acme", TUESDAY): "d", ("other", MONDAY): "ab"}


def test_an_emptied_cell_has_no_items_and_is_still_known(warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): "abc", ("other", MONDAY): "a"})
    warehouse.replace_cells([Cell("acme", MONDAY, "degraded", sources_failed=2)], items_table([]), "second")
    assert held(warehouse) == {("other", MONDAY): "a"}
    found = warehouse.query(
        "select outcome, items, sources_failed, load_id from raw.cells where client_id = @client and day = @day",
        {"client": "acme", "day": MONDAY},
    )
    assert found == [{"outcome": "degraded", "items": 0, "sources_failed": 2, "load_id": "second"}]


def test_the_same_load_twice_is_one_load(warehouse: DuckdbWarehouse) -> None:
    for _ in range(2):
        load(warehouse, {("acme", MONDAY): "abc", ("acme", TUESDAY): ""})
    assert held(warehouse) == {("acme", MONDAY): "abc"}
    cells = warehouse.query("select day, items from raw.cells order by day")
    assert cells == [{"day": MONDAY, "items": 3}, {"day": TUESDAY, "items": 0}]


def matches(*found: tuple[str, date, str]) -> pa.Table:
    """Rows of raw.item_matches: (client, day, term)."""
    clients, days, terms = zip(*found, strict=True) if found else ((), (), ())
    many = len(found)
    columns: dict[str, Sequence[object]] = {"client_id": clients, "day": days, "item_id": ["i"] * many}
    columns |= {"field": ["title"] * many, "term_key": terms, "start_at": [0] * many, "end_at": [4] * many}
    return pa.table(columns, schema=TABLES["item_matches"])


def matched(warehouse: Warehouse) -> set[tuple[str, date, str]]:
    rows = warehouse.table("select client_id, day, term_key from raw.item_matches").to_pylist()
    return {(row["client_id"], row["day"], row["term_key"]) for row in rows}


def test_rows_beside_the_items_are_replaced_by_the_same_cells(warehouse: DuckdbWarehouse) -> None:
    acme, other = ("acme", MONDAY), ("other", MONDAY)
    warehouse.replace_rows("item_matches", [acme, other], matches((*acme, "a"), (*acme, "b"), (*other, "c")))
    warehouse.replace_rows("item_matches", [acme], matches((*acme, "b")))
    assert matched(warehouse) == {(*acme, "b"), (*other, "c")}
    warehouse.replace_rows("item_matches", [acme], matches())
    warehouse.replace_rows("item_matches", [], matches())
    assert matched(warehouse) == {(*other, "c")}
    with pytest.raises(PermanentError, match=r"item_matches acme\|2025-03-04: 1 cells have rows"):
        warehouse.replace_rows("item_matches", [acme], matches(("acme", TUESDAY, "a")))
    with pytest.raises(PermanentError, match="not replaced by cells"):
        warehouse.replace_rows("items", [acme], matches())
    assert matched(warehouse) == {(*other, "c")}


def test_a_growing_table_keeps_what_it_has(warehouse: DuckdbWarehouse) -> None:
    text = dict.fromkeys(("content_hash", "prompt", "model", "summary", "event_type", "entities"), "x")
    row = {**text, "input_tokens": 1, "output_tokens": 1, "read_at": datetime(2025, 3, 3, tzinfo=UTC)}
    warehouse.add_rows("item_readings", [row])
    warehouse.add_rows("item_readings", [{**row, "content_hash": "y"}])
    warehouse.add_rows("item_readings", [])
    assert [r["content_hash"] for r in warehouse.query("select * from raw.item_readings order by 1")] == ["x", "y"]
    with pytest.raises(PermanentError, match="other columns"):
        warehouse.add_rows("item_readings", [text])
    with pytest.raises(PermanentError, match="not added"):
        warehouse.add_rows("cells", [row])


def test_a_warehouse_of_an_earlier_release_gets_the_columns_that_came_since(warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): "a"})
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("alter table raw.items drop column duplicate_group")
    warehouse.prepare()
    load(warehouse, {("acme", TUESDAY): "b"})
    rows = warehouse.query("select guid, duplicate_group from raw.items order by guid")
    assert rows == [{"guid": "a", "duplicate_group": None}, {"guid": "b", "duplicate_group": ""}]


def test_no_cells_is_no_work(warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): "a"})
    warehouse.replace_cells([], items_table([]), "nothing")
    assert held(warehouse) == {("acme", MONDAY): "a"}


def test_a_row_of_a_cell_that_is_not_named_is_refused_before_anything_is_written(
    warehouse: DuckdbWarehouse,
) -> None:
    rows = items_table([("acme", MONDAY, [item("a")]), ("stray", MONDAY, [item("a")])])
    with pytest.raises(PermanentError, match="stray"):
        warehouse.replace_cells([Cell("acme", MONDAY)], rows, "load")
    assert held(warehouse) == {}


def test_a_value_of_the_wrong_type_rolls_the_whole_load_back(warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): "abc"})
    rows = items_table([("acme", MONDAY, [item("z")])])
    words = rows.schema.get_field_index("word_count")
    wrong = rows.set_column(words, "word_count", pa.array(["many"]))
    with pytest.raises(RefusedError, match="many"):
        warehouse.replace_cells([Cell("acme", MONDAY)], wrong, "load")
    assert held(warehouse) == {("acme", MONDAY): "abc"}


def test_an_unknown_outcome_fails_last_and_still_rolls_the_items_back(warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): "abc"})
    with pytest.raises(RefusedError, match="CHECK constraint"):
        warehouse.replace_cells([Cell("acme", MONDAY, "fine")], items_table([]), "load")  # type: ignore[arg-type]
    assert held(warehouse) == {("acme", MONDAY): "abc"}


def test_an_item_comes_back_as_it_went_in(warehouse: DuckdbWarehouse) -> None:
    given = item("a", tags=("été", 'a "quoted" one'))
    warehouse.replace_cells([Cell("acme", MONDAY)], items_table([("acme", MONDAY, [given])]), "load")
    (row,) = warehouse.query("select * from raw.items")
    assert row["ingested_at"] == given.ingested_at
    assert row["ingested_at"].tzinfo is not None
    assert row["published_at"] is None
    assert row["tags"] == '["été","a \\"quoted\\" one"]'
    assert {name: row[name] for name in ("item_id", "title", "first_seen", "word_count")} == {
        "item_id": given.item_id,
        "title": given.title,
        "first_seen": given.first_seen,
        "word_count": given.word_count,
    }


def test_a_batch_asked_again_is_replaced_and_old_batches_go(warehouse: DuckdbWarehouse) -> None:
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("insert into raw.build_cells values ('old', 'acme', '2025-01-01', now() - interval 8 day)")
    warehouse.request_build("one", [("acme", MONDAY), ("acme", TUESDAY)])
    warehouse.request_build("two", [("acme", MONDAY), ("acme", MONDAY)])
    warehouse.request_build("one", [("other", MONDAY)])
    rows = warehouse.query("select batch_id, client_id, day from raw.build_cells")
    assert Counter((row["batch_id"], row["client_id"], row["day"]) for row in rows) == {
        ("one", "other", MONDAY): 1,
        ("two", "acme", MONDAY): 1,
    }


def test_a_batch_id_that_is_not_a_plain_word_is_refused(warehouse: DuckdbWarehouse) -> None:
    with pytest.raises(PermanentError, match="cannot name a batch"):
        warehouse.request_build("x' or '1'='1", [])


HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_file_held_by_another_process_is_a_transient_error_that_names_it(warehouse: DuckdbWarehouse) -> None:
    command = [sys.executable, "-c", HOLD, str(warehouse.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TransientError, match=rf"PID {holder.pid}\)") as writing:
            load(warehouse, {("acme", MONDAY): "a"})
        with pytest.raises(TransientError, match="one writer"):
            held(warehouse)
        holder.stdin.close()
    assert writing.value.where == str(warehouse.path)
    load(warehouse, {("acme", MONDAY): "a"})


def test_a_writer_waits_until_the_other_process_lets_go(warehouse: DuckdbWarehouse) -> None:
    warehouse.wait_seconds = 20
    hold = HOLD.replace("sys.stdin.read()", "import time; time.sleep(0.5)")
    command = [sys.executable, "-c", hold, str(warehouse.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        load(warehouse, {("acme", MONDAY): "a"})
    assert held(warehouse) == {("acme", MONDAY): "a"}


def test_a_reader_waits_for_a_writer_of_the_same_process_too(warehouse: DuckdbWarehouse) -> None:
    with duckdb.connect(warehouse.path), pytest.raises(TransientError, match="another connection"):
        held(warehouse)


def test_a_reader_cannot_write_and_learns_what_is_missing(warehouse: DuckdbWarehouse, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="read-only"):
        warehouse.query("delete from raw.items")
    with pytest.raises(MissingError, match="dbt build"):
        warehouse.query("select * from newsletter_items")
    with pytest.raises(MissingError, match="no such DuckDB file"):
        DuckdbWarehouse(tmp_path / "none.duckdb").query("select 1")


def test_the_at_sign_of_a_text_is_no_parameter(warehouse: DuckdbWarehouse) -> None:
    assert warehouse.query("select @who as who, 'a@b.example' as mail", {"who": "me"}) == [
        {"who": "me", "mail": "a@b.example"}
    ]


def test_a_bigquery_warehouse_needs_no_credentials_to_exist() -> None:
    assert BigqueryWarehouse("project", location="EU").models_dataset == "vigie"


@pytest.mark.filterwarnings("ignore:sqlglotrs is deprecated:DeprecationWarning")
def test_every_statement_parses_as_bigquery() -> None:
    import sqlglot  # here, where its import may warn

    loaded = [Cell("acme", MONDAY), Cell("acme", TUESDAY)]
    script = [
        *replace_statements(loaded, cells_from="`p.raw.c`", items_from="`p.raw.i`"),
        *request_statements("batch-1", cells_from="`p.raw.b`"),
        *whole_statements({"accounts": "`p.raw.a`", "account_jobs": None}),
        *rows_statements("item_matches", {MONDAY}, cells_from="`p.raw.c`", source="`p.raw.m`"),
        add_columns_statement("items", [TABLES["items"].field("duplicate_group")]),
        *(create_statement(name, fields) for name, fields in TABLES.items()),
    ]
    parsed = [sqlglot.parse_one(statement, dialect="bigquery").key for statement in script]
    cells, batch, whole = ["delete", "delete", "insert", "insert"], ["delete", "insert"], ["delete", "insert", "delete"]
    rows, columns = ["delete", "insert"], ["alter"]
    assert parsed == [*cells, *batch, *whole, *rows, *columns, *["create"] * len(TABLES)]


def test_a_load_is_one_bigquery_transaction() -> None:
    statements = replace_statements([Cell("acme", MONDAY)], cells_from="c", items_from=None)
    lines = transaction(statements).splitlines()
    assert (lines[0], lines[-1]) == ("begin transaction;", "commit transaction;")
    assert sum(line.startswith("insert") for line in lines) == 1
