"""What dbt writes into statements by itself: names of clients and batches, and braces in texts that stay texts."""

from datetime import date
from typing import Any

import duckdb
import pytest

from resources.duckdb_warehouse import DuckdbWarehouse
from resources.warehouse import Cell, items_table
from tests.contract.dbt_runner import Dbt
from tests.contract.test_dbt_project import item

DAY = date(2026, 11, 16)


def load(dbt: Dbt, client: str, title: str) -> DuckdbWarehouse:
    """A warehouse with one cell of the client, which the batch "batch" asks for."""
    warehouse = DuckdbWarehouse(dbt.path, wait_seconds=5)
    warehouse.prepare()
    warehouse.replace_cells([Cell(client, DAY)], items_table([(client, DAY, [item("one", title=title)])]), "load")
    warehouse.request_build("batch", [(client, DAY)])
    return warehouse


def built(dbt: Dbt, batch: str) -> Any:
    """One model by cells, built by dbt for a batch of any name."""
    return dbt.invoke("build", "--select", "int_items_ranked", "--vars", f'{{"batch_id": {batch!r}}}', batch=False)


@pytest.mark.parametrize(
    ("client", "batch"),
    [("a' or '1'='1", "batch"), ("a\\' or 1=1 --", "batch"), ("acme", "x' or 'y' <> '")],
    ids=["client", "backslash", "batch"],
)
def test_dbt_writes_no_name_into_a_statement_that_could_end_its_quotes(dbt: Dbt, client: str, batch: str) -> None:
    load(dbt, client, "{{ env_var('PATH') }}")
    done = built(dbt, batch)
    assert not done.success
    assert "is no plain word" in str([result.message for result in done.result.results])
    with duckdb.connect(str(dbt.path)) as connection:
        assert connection.execute("select count(*) from raw.items").fetchone() == (1,)


def test_dbt_copies_braces_and_quotes_of_a_text_as_they_are(dbt: Dbt) -> None:
    text = "{{ env_var('PATH') }} {% raw %} ' \" -- /*slice*/"
    warehouse = load(dbt, "acme", text)
    assert dbt.invoke("build", "--select", "stg_items").success
    assert warehouse.query("select title from stg_items") == [{"title": text}]
