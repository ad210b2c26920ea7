"""SQL: what a name with a quote does to a statement, in the warehouse and the accounts' database.

What dbt writes: tests/contract/test_dbt_names.py.
"""

from datetime import date
from pathlib import Path

import pytest

from domain.accounts import Demand, DemandError, DesiredState
from domain.errors import PermanentError
from resources.database import AccountsDatabase
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.warehouse import Cell, batch_table, items_table
from settings import PROJECT_ROOT
from tests.contract.test_dbt_project import item

DAY = date(2026, 11, 16)
QUOTES = [
    *("a' or '1'='1", "a'; drop table raw.items; --", "a''b", 'a"b', "a`b", "a\\' or 1=1 --", "a/*slice*/b", "a--b"),
    *("{{ 7 * 7 }}", "{% set x = 1 %}", "{{ env_var('PATH') }}", "$1 ? :name @name %s {0}", "a\x00b", "a;b\nc"),
]


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    warehouse = DuckdbWarehouse(tmp_path / "w.duckdb", wait_seconds=5)
    warehouse.prepare()
    return warehouse


def test_a_quote_in_a_name_or_a_text_is_data_to_the_warehouse(warehouse: DuckdbWarehouse) -> None:
    for _again in range(2):  # the same cells once more: each replaces itself and nothing else
        rows = items_table([(text, DAY, [item("one", title=text)]) for text in QUOTES])
        warehouse.replace_cells([Cell(text, DAY) for text in QUOTES], rows, "load")
    for text in QUOTES:
        found = warehouse.query("select title from raw.items where client_id = @client", {"client": text})
        assert found == [{"title": text}]
    (count,) = warehouse.query("select count(*) as n from raw.items")
    assert count["n"] == len(QUOTES)
    warehouse.request_build("b", [(text, DAY) for text in QUOTES])
    (asked,) = warehouse.query("select count(*) as n from raw.build_cells")
    assert asked["n"] == len(QUOTES)


@pytest.mark.parametrize(
    "batch", [*(text for text in QUOTES if text != "a--b"), "", "a b", "x" * 129], ids=lambda text: ascii(text)[:30]
)
def test_a_batch_is_a_plain_word(batch: str) -> None:
    with pytest.raises(PermanentError, match="cannot name a batch"):
        batch_table(batch, [])


def test_a_demand_is_data_to_the_database(url: str) -> None:
    database = AccountsDatabase(url)
    database.upgrade(PROJECT_ROOT / "migrations")
    database.register("alpha", "001", DesiredState("1.0.0", 3), "ops")
    for text in [text for text in QUOTES if "\x00" not in text]:
        with pytest.raises(DemandError, match="not present in database"):
            database.request(Demand([text], "ann", "CHG-1", subnet_count=4))
        database.request(Demand(["alpha"], text, text, execution_mode="plan_only", subnet_count=3))
    assert [row.name for row in database.accounts()] == ["alpha"]
    assert {row.reason for row in database.versions("alpha")} <= {*QUOTES, "registered", "registration", ""}
    database.close()
