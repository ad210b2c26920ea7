"""Every model on BigQuery: compiled offline for prod, read by two grammars, run on the same rows with equal results.

Here: the raw rows through both targets' SQL, model by model. Not here: what the rows mean (each model's own suite), nor
the statements that write tables (BigQuery's scripts run nowhere but there).
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.contract import test_account_models as accounts
from tests.contract import test_scoring_models as scoring
from tests.contract import test_source_health as sources
from tests.contract.dbt_runner import PROJECT, Dbt
from tests.contract.scored import World, item

# A token that is never used: compiling for BigQuery without introspection reaches nothing. The project has the name
# under which DuckDB knows the file.
PROFILE = (
    "vigie: {target: prod, outputs: {prod: {type: bigquery, method: oauth-secrets, token: unused,"
    " project: w, dataset: vigie, location: EU, threads: 1}}}"
)
DAY, BEFORE = scoring.DAY, scoring.DAY - timedelta(days=1)
LONG = "a text long enough to be recognised without its title " * 10


def world() -> World:
    """Cells of every client of the scoring suite, with items that are told twice, read by a model, or long."""
    scopes, events = scoring.files()
    items = scoring.random_items(80)
    clients = {name: scoring.client(said) for name, said in scoring.CLIENTS.items()}
    copies = [item(f"long{n}", f"Depovant {n}", LONG + "é’…", DAY - timedelta(days=n)) for n in range(3)]
    cells = {(name, day): items for name in clients for day in (DAY, BEFORE)}
    cells |= {("usual", DAY): [*items, *scoring.TOLD.values(), *copies], ("broad", BEFORE): []}
    return World(clients, scopes, events, cells=cells, readings=[scoring.READ])


@pytest.fixture(scope="module")
def built(parsed: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with all raw tables filled and every model built by dbt from them."""
    folder = tmp_path_factory.mktemp("parity")
    warehouse, dbt = world().load(folder / "w.duckdb"), Dbt(folder)
    warehouse.replace_tables(
        {"accounts": accounts.ACCOUNTS, "account_versions": accounts.VERSIONS, "account_jobs": accounts.JOBS}
    )
    days = [DAY - timedelta(days=n) for n in range(9)]
    rows = [sources.row("wire", day, items=n + 1, new=n, undated=n // 2) for n, day in enumerate(days)]
    rows += [sources.row("mute", day, items=0, error="404" if day == DAY else "") for day in days]
    warehouse.replace_days("source_days", days, rows)
    dbt.manifest = parsed.manifest
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIGIE_DUCKDB_PATH", str(warehouse.path))
        done: Any = dbt.invoke("run")
    assert done.success, done.exception
    return Path(warehouse.path)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The SQL of every model for BigQuery, by name; no credentials, no network."""
    folder = tmp_path_factory.mktemp("prod")
    (folder / "profiles.yml").write_text(PROFILE)
    done: Any = Dbt(folder).invoke(
        *("compile", "--no-introspect", "--no-populate-cache", "--target", "prod", "--exclude", "resource_type:test"),
        profiles=folder,
    )
    assert done.success, done.exception
    made = [result.node for result in done.result.results]
    return {node.name: node.compiled_code for node in made if node.resource_type == "model"}


def models() -> list[str]:
    return sorted(path.stem for path in (PROJECT / "models").rglob("*.sql"))


def test_prod_compiles_every_model_of_the_project(compiled: dict[str, str]) -> None:
    assert sorted(compiled) == models()


@pytest.mark.filterwarnings("ignore:sqlglotrs is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", models())
def test_bigquery_makes_the_rows_that_duckdb_makes(name: str, built: Path, compiled: dict[str, str]) -> None:
    import sqlglot  # here, where its import may warn

    (sql,) = sqlglot.transpile(compiled[name], read="bigquery", write="duckdb")
    with duckdb.connect(built, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create temp macro farm_fingerprint(text) as hash(text)")  # BigQuery's own: any will do
        table = f"w.vigie.{name}"
        columns = [row[0] for row in connection.execute(f"describe {table}").fetchall()]
        assert [row[0] for row in connection.execute(f"describe {sql}").fetchall()] == columns
        (rows,) = connection.execute(f"select count(*) from {table}").fetchall()[0]
        assert rows > 0, "a model without rows proves nothing"
        for left, right in ((sql, f"select * from {table}"), (f"select * from {table}", sql)):
            differing = connection.execute(f"({left}) except all ({right})").fetchall()
            assert differing == [], f"{len(differing)} of {rows}"


def test_sqlfluff_reads_every_model_as_bigquery(compiled: dict[str, str]) -> None:
    from sqlfluff.core import FluffConfig, Linter

    linter = Linter(config=FluffConfig(overrides={"dialect": "bigquery", "rules": "RF01,AM01,AL04"}))
    found = {}
    for name, sql in compiled.items():
        linted = linter.lint_string(sql + "\n")
        if linted.violations:
            found[name] = [str(violation) for violation in linted.violations]
    assert found == {}
