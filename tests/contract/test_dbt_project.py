"""The dbt project, run by dbt itself on a real DuckDB file.

Here: cells replaced whole, what a failure leaves, what the tests catch, duplicates. Not here: raw loads, scores
(test_scoring_models), BigQuery (test_parity).
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from domain.items import Item, content_hash
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.warehouse import Cell, items_table
from tests.contract.dbt_runner import Dbt

MONDAY, TUESDAY = date(2025, 3, 3), date(2025, 3, 4)
LONG = "a text long enough to be recognised without its title " * 3
MODELS = {"stg_items", "int_items_ranked", "int_items_printed", "newsletter_items", "client_daily_activity"}
# test_scoring_models, test_marts, test_account_models and test_source_health are about those
SCORING_MODELS = {"int_item_scores", "scored_items", "score_contributions", "item_entities"}
MARTS = {"score_distribution", "entity_coverage", "client_freshness"}
WHOLE_MODELS = {"dim_accounts", "account_compliance", "source_health"}


@pytest.fixture
def warehouse(dbt: Dbt) -> DuckdbWarehouse:
    warehouse = DuckdbWarehouse(dbt.path, wait_seconds=5)
    warehouse.prepare()
    return warehouse


def item(
    name: str,
    *,
    source: str = "lemonde",
    content: str | None = None,
    title: str | None = None,
    published: date | None = None,
    date_source: str = "unknown",
) -> Item:
    text = f"{LONG} {name}" if content is None else content
    return Item(
        item_id=f"{source}_{name}",
        source_key=source,
        source_type="rss",
        title=f"Title {name}" if title is None else title,
        content=text,
        url=f"https://{source}.example/{name}",
        guid="",
        published_at=published,
        date_source=date_source,
        first_seen=MONDAY,
        ingested_at=datetime(2025, 3, 3, 6, 30, tzinfo=UTC),
        language="fr",
        content_hash=content_hash(text),
        author="",
        tags=(),
        word_count=len(text.split()),
    )


def load(warehouse: DuckdbWarehouse, cells: dict[tuple[str, date], list[Item]]) -> None:
    """Load the cells and ask the next build for exactly them."""
    rows = items_table((client, day, items) for (client, day), items in cells.items())
    warehouse.replace_cells([Cell(client, day) for client, day in cells], rows, "load")
    warehouse.request_build("batch", cells)


def printed(warehouse: DuckdbWarehouse) -> dict[tuple[str, date], list[str]]:
    found: dict[tuple[str, date], list[str]] = {}
    for row in warehouse.query("select client_id, day, item_id from newsletter_items order by item_id"):
        found.setdefault((row["client_id"], row["day"]), []).append(row["item_id"])
    return found


def change(warehouse: DuckdbWarehouse, sql: str) -> None:
    with duckdb.connect(warehouse.path) as connection:
        connection.execute(sql)


def test_a_build_replaces_exactly_the_cells_it_was_asked_for(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    load(
        warehouse,
        {
            ("acme", MONDAY): [item("a"), item("b"), item("c")],
            ("acme", TUESDAY): [item("d"), item("e")],
            ("other", MONDAY): [item("a")],
        },
    )
    assert set(dbt.build().values()) == {"success", "pass"}
    # The other client's raw rows change too, but nobody asks for that cell: it stays as it was built.
    load(warehouse, {("other", MONDAY): [item("x"), item("y")]})
    load(warehouse, {("acme", MONDAY): [item("b")], ("acme", TUESDAY): []})
    for _ in range(2):
        assert set(dbt.build().values()) == {"success", "pass"}
        assert printed(warehouse) == {("acme", MONDAY): ["lemonde_b"], ("other", MONDAY): ["lemonde_a"]}
        activity = warehouse.query(
            "select client_id, day, items, words from client_daily_activity order by client_id, day"
        )
        assert [(row["client_id"], row["day"], row["items"]) for row in activity] == [
            ("acme", MONDAY, 1),
            ("acme", TUESDAY, 0),
            ("other", MONDAY, 1),
        ]


def test_without_a_batch_every_loaded_cell_is_built(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): [item("a")]})
    load(warehouse, {("other", TUESDAY): [item("b")]})
    dbt.build("--exclude", "resource_type:test")
    assert printed(warehouse) == {("other", TUESDAY): ["lemonde_b"]}
    for words in ((), ("--full-refresh",)):
        assert set(dbt.build(*words, batch=False).values()) == {"success", "pass"}
        assert printed(warehouse) == {("acme", MONDAY): ["lemonde_a"], ("other", TUESDAY): ["lemonde_b"]}
    assert dbt.build("--full-refresh")["int_items_ranked"] == "error"
    assert len(printed(warehouse)) == 2


def test_a_failing_insert_leaves_the_cells_as_they_were(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): [item("a"), item("b")]})
    dbt.build()
    change(warehouse, "alter table vigie.int_items_ranked alter column text_key set not null")
    load(warehouse, {("acme", MONDAY): [item("c")]})
    change(warehouse, "update raw.items set content_hash = null")
    outcome = dbt.build()
    assert outcome["int_items_ranked"] == "error"
    assert outcome["newsletter_items"] == "skipped"
    ranked = warehouse.query("select item_id from int_items_ranked order by item_id")
    assert [row["item_id"] for row in ranked] == ["lemonde_a", "lemonde_b"]
    assert printed(warehouse) == {("acme", MONDAY): ["lemonde_a", "lemonde_b"]}


def test_a_bad_row_fails_the_test_that_is_about_it(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): [item("a"), item("a"), item("b", date_source="guess")]})
    failed = {name for name, status in dbt.build().items() if status == "fail"}
    assert "stg_items_once_per_cell" in failed
    assert any(name.startswith("accepted_values_stg_items_date_source") for name in failed)
    assert not any(name.startswith("not_null") for name in failed)
    # A batch answers for its own cells only.
    load(warehouse, {("acme", TUESDAY): [item("c")]})
    assert set(dbt.build().values()) == {"success", "pass"}


def test_a_lost_activity_row_fails_the_sums(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): [item("a")], ("acme", TUESDAY): []})
    dbt.build()
    change(warehouse, f"delete from vigie.client_daily_activity where day = '{TUESDAY}'")
    done: Any = dbt.invoke("test", "--select", "activity_adds_up")
    assert [str(result.status) for result in done.result.results] == ["fail"]


def test_a_new_column_is_added_and_a_retyped_one_asks_for_a_full_refresh(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): [item("a")]})
    dbt.build("--exclude", "resource_type:test")
    change(warehouse, "alter table vigie.int_items_printed drop column word_count")
    assert dbt.build("--select", "int_items_printed")["int_items_printed"] == "success"
    assert warehouse.query("select word_count > 0 as counted from int_items_printed") == [{"counted": True}]
    change(warehouse, "alter table vigie.int_items_printed alter column word_count type varchar")
    done: Any = dbt.invoke("run", "--select", "int_items_printed")
    (result,) = done.result.results
    assert "word_count" in result.message
    assert "--full-refresh" in result.message
    refreshed = dbt.build("--full-refresh", "--select", "int_items_printed", batch=False)
    assert set(refreshed.values()) == {"success", "pass"}


def test_one_text_is_printed_once_and_short_texts_count_with_their_title(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    items = [
        item("late", source="figaro", content=LONG, published=TUESDAY, date_source="structured"),
        item("early", source="lemonde", content=LONG, published=MONDAY, date_source="structured"),
        item("undated", source="aaa", content=LONG),
        item("again", source="lemonde", content=LONG, published=TUESDAY, date_source="structured"),
        item("one", source="forum", content="Comments", title="One thing"),
        item("two", source="forum", content="Comments", title="Another thing"),
        item("copy", source="mirror", content="Comments", title="One thing"),
        item("mute1", source="forum", content="", title=""),
        item("mute2", source="forum", content="", title=""),
    ]
    load(warehouse, {("acme", MONDAY): items, ("other", MONDAY): [items[0]]})
    assert set(dbt.build().values()) == {"success", "pass"}
    assert printed(warehouse) == {
        ("acme", MONDAY): ["forum_mute1", "forum_mute2", "forum_one", "forum_two", "lemonde_early"],
        ("other", MONDAY): ["figaro_late"],
    }
    rows = warehouse.query("select item_id, also_in_sources from newsletter_items where client_id = 'acme'")
    also = {row["item_id"]: row["also_in_sources"] for row in rows}
    assert (also["lemonde_early"], also["forum_one"], also["forum_two"]) == (2, 1, 0)
    (activity,) = warehouse.query("select * from client_daily_activity where client_id = 'acme'")
    assert (activity["items"], activity["duplicates"], activity["sources"]) == (9, 4, 5)
    assert (activity["undated_items"], activity["first_published"], activity["last_published"]) == (
        6,
        MONDAY,
        TUESDAY,
    )


def test_a_summary_ends_between_two_words(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    exact = ("x" * 99 + " ") * 4
    texts = {"short": "Brève.", "cut": "mot " * 200, "exact": exact + "tail " * 10, "solid": "y" * 900}
    load(warehouse, {("acme", MONDAY): [item(name, content=text) for name, text in texts.items()]})
    dbt.build("--exclude", "resource_type:test")
    rows = warehouse.query("select item_id, summary from newsletter_items")
    summaries = {row["item_id"].removeprefix("lemonde_"): row["summary"] for row in rows}
    assert summaries["short"] == "Brève."
    assert summaries["cut"] == ("mot " * 100).strip() + "…"
    assert summaries["exact"] == exact.strip() + "…"
    assert len(summaries["solid"]) == 402


def test_every_model_and_column_is_described(parsed: Dbt) -> None:
    models = {n.name: n for n in parsed.manifest.nodes.values() if n.resource_type == "model"}
    assert set(models) == MODELS | SCORING_MODELS | MARTS | WHOLE_MODELS
    for model in models.values():
        assert model.description, model.name
        assert all(column.description for column in model.columns.values()), model.name


def test_described_columns_are_the_columns_built(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): [item("a")]})
    dbt.build("--exclude", "resource_type:test")
    for node in dbt.manifest.nodes.values():
        if node.name in MODELS:
            (row,) = warehouse.query(f"select * from {node.name}")
            assert list(row) == list(node.columns), node.name


def test_a_large_build_goes_by_slices_of_clients_and_makes_the_same_rows(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    days = [MONDAY + timedelta(days=n) for n in range(4)]
    cells = {(client, day): [item(f"{day.day}{n}") for n in range(3)] for client in ("acme", "other") for day in days}
    load(warehouse, {**cells, ("idle", days[-1] + timedelta(days=3)): []})
    tables = ("int_items_ranked", "int_items_printed", "client_daily_activity")
    built = []
    for at_once, sliced in ((150_000, False), (1, True)):
        options = f"{{batch_id: batch, items_at_once: {at_once}}}"
        for kind in ("made", "replaced"):
            done: Any = dbt.invoke("run", "--select", "stg_items", *tables, "--vars", options, batch=False)
            assert done.success, done.exception
            built.append([warehouse.query(f"select * from {table} order by all") for table in tables])
            if kind == "made":
                (made,) = (dbt.folder / "target" / "run").rglob("int_items_ranked.sql")
                assert ("client_id between 'acme' and 'acme'" in made.read_text(encoding="utf-8")) is sliced
        change(warehouse, "".join(f"drop table vigie.{table};" for table in tables))
    assert all(rows == built[0] for rows in built)
    assert [len(rows) for rows in built[0]] == [24, 24, 9]
