"""The marts that people ask, and the page made of them: real configuration, matcher and dbt on one DuckDB file.

Here: raw rows -> score_distribution, entity_coverage, client_freshness -> dashboard. Not here: what a score is
(test_scoring_models), BigQuery's grammar (test_parity), how the page is made (tests/unit/test_dashboard.py).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest
from dagster import DagsterInstance, materialize

from assets.dashboard import KEY, dashboard_assets, read_figures
from domain.clients import read_client
from domain.event_types import PATTERNS_KEY, read_event_types
from domain.items import Item, content_hash
from domain.matching import Matcher
from domain.scopes import read_scopes
from domain.scoring import configuration
from domain.scoring_rules import ScoringRules
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.item_matches import match_cells
from resources.object_store import ObjectStoreResource
from resources.warehouse import Cell, items_table
from resources.warehouse_resource import WarehouseResource
from settings import DirectoryLocation
from tests.contract.dbt_runner import Dbt

NEWEST = date(2026, 11, 20)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCOPES = {
    "canonical/scopes/company_scopes.yaml": b"firms: [Orvane, Lentavia, Depolis, Nordhavn]\nothers: [Unwatched Corp]",
    "canonical/scopes/molecule_scopes.yaml": b"substances: [lentavirine, corvidone]",
    "canonical/scopes/technology_scopes.yaml": (
        b"methods:\n  core_phrases: [depot injection]\n  negative_terms: [sunscreen]"
    ),
    "canonical/scopes/exclusion_scopes.yaml": b"noise: [webcast]",
}
EVENTS = {PATTERNS_KEY: b"event_types:\n  partnership: {label: Deals, title_keywords: [signs, licence]}\n"}
CLIENT = b"""
client_profile: {name: A client, active: true}
watch_domains:
  - {id: depots, company_scope: firms, molecule_scope: substances, technology_scope: methods}
scoring_config:
  client_specific_bonuses: {pure_player_companies: {scope: firms, bonus: 5.0}}
"""
FULL = "Orvane signs Lentavia for a depot injection of lentavirine"
ONE_FIRM = "Nordhavn opens an office"
TOPIC = "A depot injection is explained"
NOTHING = "The weather of the week"
OFF_TOPIC = "A webcast about sunscreen by Unwatched Corp"
Row = dict[str, Any]


@dataclass(frozen=True)
class Got:
    """What a client got: the title of an item, the age in days of its cell, its source, when it was published."""

    title: str
    age: int
    source: str = "wire"
    published_before: int | None = None  # days before the cell's day; negative is announced


GOT = {
    "busy": [
        *(Got(FULL, age, source) for age in (0, 2, 29, 30, 39) for source in ("wire", "press")),
        *(Got(ONE_FIRM, age) for age in (1, 6, 7)),
        *(Got(TOPIC, age, published_before=400) for age in (3, 8)),
        *(Got(NOTHING, age) for age in (4, 9, 31)),
        Got(OFF_TOPIC, 5),
    ],
    "hushed": [Got(TOPIC, 6, published_before=1), Got(FULL, 12, published_before=-20)],
    "quiet": [Got(TOPIC, 7)],
    "late": [Got(NOTHING, 2)],
    "stale": [Got(FULL, 3, published_before=2)],
    "never": [],
}
BUILT = {
    "busy": (*range(10), 29, 30, 31, 39),
    "hushed": (*range(8), 12),
    "quiet": range(9),
    "late": (2, 3),
    "stale": range(3, 9),
    "never": (0,),
}
DEGRADED = {("busy", 0), ("busy", 6), ("busy", 7), ("stale", 3)}


def day(age: int) -> date:
    return NEWEST - timedelta(days=age)


def item(client: str, number: int, got: Got) -> Item:
    text = f"{got.title}. Told at some length, and by nobody else in these words: {client} {number}."
    before = got.published_before
    return Item(
        item_id=f"{got.source}_{client}_{number}",
        source_key=got.source,
        source_type="press_sector",
        title=got.title,
        content=text,
        url=f"https://{got.source}.example/{client}/{number}",
        guid="",
        published_at=None if before is None else day(got.age) - timedelta(days=before),
        date_source="unknown" if before is None else "structured",
        first_seen=day(got.age),
        ingested_at=NOON,
        language="en",
        content_hash=content_hash(text),
        author="",
        tags=(),
        word_count=len(text.split()),
    )


def load(warehouse: DuckdbWarehouse) -> None:
    """Everything as the graph would: cells, configuration, matches."""
    cells = [
        Cell(client, day(age), "degraded" if (client, age) in DEGRADED else "ok", int((client, age) in DEGRADED))
        for client, ages in BUILT.items()
        for age in ages
    ]
    held: defaultdict[tuple[str, date], list[Item]] = defaultdict(list)
    for client, all_got in GOT.items():
        for number, got in enumerate(all_got):
            held[client, day(got.age)].append(item(client, number, got))
    warehouse.replace_cells(cells, items_table((*cell, items) for cell, items in held.items()), "load")
    warehouse.request_build("batch", [(cell.client_id, cell.day) for cell in cells])
    scoring = configuration(
        [read_client(f"clients/{client}.yaml", CLIENT) for client in GOT],
        read_scopes(SCOPES),
        read_event_types(EVENTS),
        ScoringRules(),
    )
    warehouse.replace_tables(scoring.tables)
    warehouse.replace_clients(GOT, scoring.client_tables)
    list(match_cells(warehouse, Matcher(scoring.terms), "batch", [(cell.client_id, cell.day) for cell in cells]))


@pytest.fixture(scope="module")
def built(parsed: Dbt) -> Iterator[tuple[DuckdbWarehouse, dict[str, str]]]:
    """The warehouse of one build, and the status of every model and test in it."""
    parsed.path.unlink(missing_ok=True)
    warehouse = DuckdbWarehouse(parsed.path, wait_seconds=5)
    warehouse.prepare()
    load(warehouse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIGIE_DUCKDB_PATH", str(parsed.path))
        statuses = parsed.build("--select", "+score_distribution", "+entity_coverage", "+client_freshness", batch=False)
    yield warehouse, statuses
    parsed.path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def warehouse(built: tuple[DuckdbWarehouse, dict[str, str]]) -> DuckdbWarehouse:
    return built[0]


def test_the_marts_build_and_their_columns_are_the_described_ones(
    built: tuple[DuckdbWarehouse, dict[str, str]], parsed: Dbt
) -> None:
    warehouse, statuses = built
    assert set(statuses.values()) == {"success", "pass"}
    for name in ("score_distribution", "entity_coverage", "client_freshness"):
        (node,) = (node for node in parsed.manifest.nodes.values() if node.name == name)
        first, *_others = warehouse.query(f"select * from {name}")
        assert list(first) == list(node.columns)
        assert any(test.startswith(("unique", name)) and name in test for test in statuses)


def test_each_client_is_told_as_fresh_as_it_is(warehouse: DuckdbWarehouse) -> None:
    rows = {row.pop("client_id"): row for row in warehouse.query("select * from client_freshness")}
    assert {client: row["status"] for client, row in rows.items()} == {
        "busy": "ok",
        "hushed": "ok",  # an item on the seventh day
        "late": "ok",  # two days behind
        "never": "never",
        "quiet": "quiet",
        "stale": "stale",
    }
    for client, row in rows.items():
        ages = [got.age for got in GOT[client]]
        assert row["newest_cell"] == day(min(BUILT[client]))
        assert row["days_since_cell"] == min(BUILT[client])
        assert row["newest_item"] == (day(min(ages)) if ages else None)
        assert row["days_since_item"] == (min(ages) if ages else None)
        assert (row["items_7"], row["items_30"]) == (sum(age < 7 for age in ages), sum(age < 30 for age in ages))
    assert {client: row["degraded_7"] for client, row in rows.items() if row["degraded_7"]} == {"busy": 2, "stale": 1}


def test_a_day_of_publication_that_is_announced_is_not_fresh(warehouse: DuckdbWarehouse) -> None:
    rows = warehouse.query("select client_id, newest_published, days_since_published from client_freshness")
    told = {row["client_id"]: (row["newest_published"], row["days_since_published"]) for row in rows}
    assert told["hushed"] == (day(7), 7)  # the other one is published in twenty days
    assert told["busy"] == (day(403), 403)
    assert told["stale"] == (day(5), 5)
    assert told["late"] == told["never"] == (None, None)


def test_scores_are_counted_by_band_client_and_type_of_event(warehouse: DuckdbWarehouse) -> None:
    groups: defaultdict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for row in warehouse.query("select * from scored_items"):
        for days in (7, 30):
            if (NEWEST - row["day"]).days < days:
                groups[row["client_id"], row["event_type"], days].append(row)
                groups[row["client_id"], "*", days].append(row)
    found = warehouse.query("select * from score_distribution")
    assert {(row["client_id"], row["event_type"], row["days"]) for row in found} == set(groups)
    for row in found:
        scored = groups[row["client_id"], row["event_type"], row["days"]]
        scores = [float(one["score"]) for one in scored]
        above = [score for score in scores if score > 0]
        assert row["items"] == len(scores)
        assert row["high"] == sum(score >= 10 for score in scores)
        assert row["medium"] == sum(5 <= score < 10 for score in scores)
        assert row["low"] == sum(0 < score < 5 for score in scores)
        assert row["zero"] == sum(score == 0 for score in scores)
        for name, function in (("min", min), ("average", mean), ("median", median), ("max", max)):
            assert row[f"{name}_score"] == (pytest.approx(function(above)) if above else None), name
        assert row["without_domain_share"] == pytest.approx(mean(not one["domains"] for one in scored))
    # ... of rows that have something to tell apart
    busy = next(row for row in found if (row["client_id"], row["event_type"], row["days"]) == ("busy", "*", 30))
    assert min(busy["high"], busy["low"] + busy["medium"], busy["zero"]) > 0
    assert {row["event_type"] for row in found} == {"*", "partnership", "other"}


def test_each_name_is_counted_with_its_days_sources_and_scores(warehouse: DuckdbWarehouse) -> None:
    scores = {row["item_id"]: float(row["score"]) for row in warehouse.query("select item_id, score from scored_items")}
    rows = {row["entity"]: row for row in warehouse.query("select * from entity_coverage where client_id = 'busy'")}
    for entity in ("Orvane", "lentavirine", "depot injection", "Nordhavn"):
        naming = [(number, got) for number, got in enumerate(GOT["busy"]) if entity in got.title]
        recent = [(number, got) for number, got in naming if got.age < 30]
        row = rows[entity]
        assert row["items_7"] == sum(got.age < 7 for _, got in naming)
        assert row["items_30"] == len(recent)
        assert row["sources_30"] == len({got.source for _, got in recent})
        assert row["average_score"] == pytest.approx(mean(scores[f"{got.source}_busy_{n}"] for n, got in recent))
        assert (row["first_day"], row["last_day"]) == (
            day(max(got.age for _, got in naming)),
            day(min(got.age for _, got in naming)),
        )


def test_what_is_watched_and_never_named_is_a_row_with_zeros(warehouse: DuckdbWarehouse) -> None:
    rows = warehouse.query("select * from entity_coverage")
    watched = {
        ("company", "Depolis"),
        ("company", "Lentavia"),
        ("company", "Nordhavn"),
        ("company", "Orvane"),
        ("molecule", "corvidone"),
        ("molecule", "lentavirine"),
        ("technology", "depot injection"),
    }
    for client in GOT:  # nobody watches what speaks against, what is excluded, or a scope that no domain names
        assert {(row["category"], row["entity"]) for row in rows if row["client_id"] == client} == watched
    busy = {row["entity"]: row for row in rows if row["client_id"] == "busy"}
    assert sorted(entity for entity, row in busy.items() if row["last_day"] is None) == ["Depolis", "corvidone"]
    assert {row["items_7"] + row["items_30"] + row["sources_30"] for row in rows if row["last_day"] is None} == {0}
    assert {row["average_score"] for row in rows if row["items_30"] == 0} == {None}


def test_the_dashboard_is_one_page_of_these_figures(warehouse: DuckdbWarehouse, parsed: Dbt, tmp_path: Path) -> None:
    pages = ObjectStoreResource.at(DirectoryLocation(kind="directory", path=tmp_path))
    resources = {
        "newsletter_store": pages,
        "warehouse": WarehouseResource(kind="duckdb", dataset="vigie", path=str(warehouse.path)),
    }
    with DagsterInstance.ephemeral() as instance:
        done = materialize(dashboard_assets(), resources=resources, instance=instance)
    (event,) = done.asset_materializations_for_node("dashboard")
    metadata = {name: value.value for name, value in event.metadata.items()}
    assert metadata["page"] == f"{pages.store().uri}/{KEY}"
    assert (metadata["newest_day"], metadata["clients"], metadata["entities"]) == ("2026-11-20", 6, 7)
    html = (tmp_path / KEY).read_text(encoding="utf-8")
    for said in ("The watch up to 20 November 2026", "Depolis", "corvidone", "hushed", 'class="status stale"'):
        assert said in html


def test_figures_over_all_clients_count_an_item_for_each_client(warehouse: DuckdbWarehouse) -> None:
    figures = read_figures(warehouse, NOON)
    by_name = {row.entity: row for row in figures.entities}
    everything = [got for all_got in GOT.values() for got in all_got if got.age < 30]
    assert by_name["lentavirine"].items_30 == sum("lentavirine" in got.title for got in everything)
    assert by_name["lentavirine"].clients == 3
    assert by_name["Depolis"] == type(by_name["Depolis"])("company", "Depolis", 0, 0, 0, None, None)
    assert sum(row.items for row in figures.score_counts) == len(everything) == sum(r.items for r in figures.activity)
    assert figures.newest_day == NEWEST


def test_a_warehouse_without_models_gives_a_page_that_says_so(tmp_path: Path) -> None:
    empty = DuckdbWarehouse(tmp_path / "w.duckdb", wait_seconds=1)
    empty.prepare()
    figures = read_figures(empty, NOON)
    assert figures == type(figures)(NOON, (), (), [], [], [], [], [])
