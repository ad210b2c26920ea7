"""The dbt project, run by dbt itself on a real DuckDB file, and read in BigQuery's grammar for prod.

Here: cells replaced whole, what a failure leaves, what the tests catch, duplicates. Not here: raw loads.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from domain.items import Item, content_hash
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.warehouse import Cell, items_table
from tests.contract.dbt_runner import Dbt

MONDAY, TUESDAY = date(2025, 3, 3), date(2025, 3, 4)
LONG = "a text long enough to be recognised without its title " * 3
MODELS = {"stg_items", "int_items_ranked", "newsletter_items", "client_daily_activity"}
# test_account_models and test_source_health build those
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
    assert dbt.build("--full-refresh")["stg_items"] == "error"
    assert len(printed(warehouse)) == 2


def test_a_failing_insert_leaves_the_cells_as_they_were(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    load(warehouse, {("acme", MONDAY): [item("a"), item("b")]})
    dbt.build()
    change(warehouse, "alter table vigie.stg_items alter column url set not null")
    load(warehouse, {("acme", MONDAY): [item("c")]})
    change(warehouse, "update raw.items set url = null")
    outcome = dbt.build()
    assert outcome["stg_items"] == "error"
    assert outcome["newsletter_items"] == "skipped"
    staged = warehouse.query("select item_id from stg_items order by item_id")
    assert [row["item_id"] for row in staged] == ["lemonde_a", "lemonde_b"]


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
    dbt.build("--select", "stg_items")
    change(warehouse, "alter table vigie.stg_items drop column word_count")
    assert dbt.build("--select", "stg_items")["stg_items"] == "success"
    assert warehouse.query("select word_count > 0 as counted from stg_items") == [{"counted": True}]
    change(warehouse, "alter table vigie.stg_items alter column word_count type varchar")
    done: Any = dbt.invoke("run", "--select", "stg_items")
    (result,) = done.result.results
    assert "word_count" in result.message
    assert "--full-refresh" in result.message
    refreshed = dbt.build("--full-refresh", "--select", "stg_items", batch=False)
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
    assert set(models) == MODELS | WHOLE_MODELS
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


@pytest.mark.filterwarnings("ignore:sqlglotrs is deprecated:DeprecationWarning")
def test_prod_lists_its_models_and_speaks_bigquery_without_credentials(dbt: Dbt, tmp_path: Path) -> None:
    import sqlglot  # here, where its import may warn

    prod = Dbt(tmp_path)
    listed: Any = prod.invoke("ls", "--target", "prod", "--resource-type", "model")
    assert listed.success, listed.exception
    assert {name.split(".")[-1] for name in listed.result} == MODELS | WHOLE_MODELS
    # A token that is never used: compiling for BigQuery without introspection reaches nothing.
    (tmp_path / "profiles.yml").write_text(
        "vigie: {target: prod, outputs: {prod: {type: bigquery, method: oauth-secrets, token: unused,"
        " project: p, dataset: vigie, location: EU, threads: 1}}}"
    )
    compiled: Any = prod.invoke(
        "compile", "--no-introspect", "--no-populate-cache", "--target", "prod", profiles=tmp_path
    )
    assert compiled.success, compiled.exception
    for result in compiled.result.results:
        sqlglot.parse_one(result.node.compiled_code, dialect="bigquery")
    assert {result.node.name for result in compiled.result.results} >= MODELS | WHOLE_MODELS
