"""Scores, built by dbt on a real DuckDB file from what people configure and what the matcher finds.

Here: what an item is worth, to the decimal, against a plain account of the formula (scoring_oracle), and what V2 got
wrong. Not here: reading the configuration (tests/unit/test_scoring.py), BigQuery (test_parity), real items.
"""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from domain.event_types import PATTERNS_KEY
from domain.items import Item
from resources.duckdb_warehouse import DuckdbWarehouse
from tests.contract.dbt_runner import Dbt
from tests.contract.scored import Row, World, item
from tests.contract.scoring_oracle import Oracle, Story

DAY = date(2026, 11, 20)
SCOPES: dict[str, Any] = {
    "company": {
        "firms": ["Orvane", "Lentavia", "Depolis", "Depolis Labs", "Nordhavn"],
        "pure": ["Orvane", "Lentavia", "Apart"],
        "large": ["Nordhavn"],
        "elsewhere": ["Farland"],
    },
    "molecule": {"substances": ["lentavirine", "corvidone", "corvidone acetate"]},
    "technology": {
        "methods": {
            "core_phrases": ["long-acting injectable", "slow depot", "Depovant"],
            "technology_use": ["injectable", "microsphere", "depot"],
            "interval_patterns": ["once-monthly"],
            "route_admin_terms": ["subcutaneous", "intramuscular"],
            "generic_terms": ["emulsion", "hydrogel"],
            "negative_terms": ["oral tablet"],
        },
        "plain": ["nanocrystal"],
    },
    "trademark": {"brands": ["Depovant", "Lentigo"]},
    "exclusion": {"hr_content": ["join our team"], "anti_lai_routes": ["pill factory"], "event_generic": ["milestone"]},
}
EVENTS: dict[str, Any] = {
    "partnership": {
        "title_keywords": ["licence", "alliance"],
        "body_keywords": ["royalties"],
        "negative_keywords": ["merger"],
    },
    "regulatory": {"title_keywords": ["approval", "filing"], "body_keywords": ["label"]},
    "clinical_update": {"title_keywords": ["phase 3", "trial"], "body_keywords": ["placebo", "dosing"]},
    "corporate_move": {"title_keywords": ["appoints"], "body_keywords": ["board"]},
    "financial_results": {"title_keywords": ["earnings"], "body_keywords": ["cash"]},
    "scientific_paper": {"title_keywords": ["journal"], "body_keywords": ["authors"]},
    "safety_signal": {"title_keywords": ["recall"]},
}
BONUSES = {
    "pure_player_companies": {"scope": "pure", "bonus": 5.0},
    "trademark_mentions": {"scope": "brands", "bonus": 4.0},
    "key_molecules": {"scope": "substances", "bonus": 2.5},
    "hybrid_companies": {"scope": "large", "bonus": 1.5},
}
WHOLE = {
    "company_scope": "firms",
    "technology_scope": "methods",
    "molecule_scope": "substances",
    "trademark_scope": "brands",
}
CLIENTS: dict[str, Row] = {
    "usual": {
        "watch_domains": [{"id": "depots", **WHOLE}],
        "scoring_config": {"client_specific_bonuses": BONUSES, "event_type_weight_overrides": {"regulatory": 9}},
    },
    "careful": {
        "watch_domains": [{"id": "depots", **WHOLE}, {"id": "off", "enabled": False, "company_scope": "elsewhere"}],
        "scoring_config": {"client_specific_bonuses": BONUSES},
        "matching_config": {
            "default_matching_mode": "strict",
            "domain_type_overrides": {"technology": {"require_entity_signals": True, "min_technology_signals": 2}},
            "min_confidence_level": "low",
            "enable_fallback_mode": True,
            "fallback_min_score": 0.15,
            "fallback_company_scopes": ["firms"],
        },
    },
    "privileged": {
        "watch_domains": [{"id": "depots", **WHOLE}],
        "scoring_config": {"client_specific_bonuses": BONUSES},
        "matching_config": {
            "min_domain_score": 0.95,
            "trademark_privileges": {"enabled": True, "auto_match_threshold": 0.8},
        },
    },
    "broad": {
        "watch_domains": [
            {"id": "crystals", "technology_scope": "plain", "type": "material", "priority": "low"},
            {"id": "depots", **WHOLE, "priority": "high"},
            {"id": "firms", "company_scope": "firms", "type": "corporate", "priority": "medium"},
        ],
        "scoring_config": {"client_specific_bonuses": BONUSES},
        "matching_config": {
            "default_matching_mode": "broad",
            "domain_type_thresholds": {"corporate": 0.5},
            "max_domains_per_item": 2,
            "require_high_confidence_for_multiple": True,
        },
    },
}
PHRASES = [
    *(term for scope in ("firms", "elsewhere", "pure") for term in SCOPES["company"][scope]),
    *SCOPES["molecule"]["substances"],
    *(term for terms in SCOPES["technology"]["methods"].values() for term in terms),
    *SCOPES["technology"]["plain"],
    *SCOPES["trademark"]["brands"],
    *(term for terms in SCOPES["exclusion"].values() for term in terms),
    *(word for lists in EVENTS.values() for words in lists.values() for word in words),
]


def files() -> tuple[dict[str, bytes], dict[str, bytes]]:
    scopes = {f"canonical/scopes/{kind}_scopes.yaml": yaml.safe_dump(said).encode() for kind, said in SCOPES.items()}
    return scopes, {PATTERNS_KEY: yaml.safe_dump({"event_types": EVENTS}).encode()}


def client(said: Row, **more: Any) -> Row:
    return {"client_profile": {"active": True}, "source_config": {"sources_extra_enabled": ["wire"]}, **said, **more}


def random_items(count: int) -> list[Item]:
    dice = random.Random(20261120)
    made = []
    for number in range(count):
        title = ". ".join(dice.sample(PHRASES, dice.choice((0, 1, 1, 2, 3))))
        content = " with words around it. ".join(dice.choices(PHRASES, k=dice.choice((0, 1, 2, 4, 7))))
        ages = (None, -2, 0, 1, 2, 3, 7, 8, 14, 30, 31, 60, 61, 90, 91, 180, 181, 900)
        age = dice.choice(ages)
        made.append(item(f"{number:04}", title, content, None if age is None else DAY - timedelta(days=age)))
    return made


TOLD = {
    "deal": item("deal", "Orvane and Lentavia sign a licence for lentavirine", "A slow depot. Royalties follow.", DAY),
    "small": item("small", "Depolis Labs speaks", "", DAY),
    "brand": item("brand", "Approval for Depovant", "Once-monthly.", DAY - timedelta(days=5)),
    "nothing": item("nothing", "Rain again", "", None),
    "against": item("against", "An oral tablet of microsphere and depot", "", DAY),
    "first": item("first", "Two of a kind, told by Orvane", "The same story, told at length.", DAY, "wire_first"),
    "second": item("second", "Two of a kind, as Orvane told", "The same story told at length", DAY, "wire_first"),
    "weak": item("weak", "A subcutaneous emulsion", "Or a hydrogel.", DAY),
    "read": item("read", "Lentavia speaks", "A text that a model has read.", DAY),
}
READ = {
    "content_hash": TOLD["read"].content_hash,
    "prompt": "p",
    "model": "m",
    "summary": "A recall, in short.",
    "event_type": "safety_signal",
    "entities": "{}",
    "input_tokens": 1,
    "output_tokens": 1,
    "read_at": datetime(2026, 11, 20, tzinfo=UTC),
}


@pytest.fixture(scope="module")
def scored(parsed: Dbt, tmp_path_factory: pytest.TempPathFactory) -> DuckdbWarehouse:
    """Every client with the same random items, and one more with the told ones; one dbt run for all."""
    scopes, events = files()
    items = random_items(300)
    world = World(
        {name: client(said) for name, said in {**CLIENTS, "told": CLIENTS["usual"]}.items()},
        scopes,
        events,
        cells={(name, DAY): items for name in CLIENTS} | {("told", DAY): list(TOLD.values())},
        readings=[READ, READ | {"event_type": "no_such_type", "read_at": datetime(2026, 11, 21, tzinfo=UTC)}],
    )
    return world.build(parsed, tmp_path_factory.mktemp("scored"))


def told(scored: DuckdbWarehouse, name: str) -> Row:
    (row,) = scored.query(
        "select * from scored_items where client_id = 'told' and item_id = @item", {"item": f"wire_{name}"}
    )
    return row


def contributions(scored: DuckdbWarehouse, name: str) -> dict[str, tuple[float, str]]:
    rows = scored.query(
        "select name, value, because from score_contributions where client_id = 'told' and item_id = @item",
        {"item": f"wire_{name}"},
    )
    return {row["name"]: (row["value"], row["because"]) for row in rows}


@pytest.mark.parametrize("name", CLIENTS)
def test_every_score_is_what_the_formula_makes_of_the_item(scored: DuckdbWarehouse, name: str) -> None:
    rows = scored.query("select * from scored_items where client_id = @client", {"client": name})
    by_id, oracle = {row["item_id"]: row for row in rows}, Oracle(SCOPES, EVENTS)
    assert len(by_id) == 300
    for one in random_items(300):
        expected = oracle.tell(CLIENTS[name], Story(one.title, one.content, one.published_at, DAY))
        found = by_id[one.item_id]
        shown = (found["event_type"], found["domains"], found["confidence"], found["relevance"], found["score"])
        assert shown == (
            expected.event_type,
            expected.domains,
            expected.confidence,
            pytest.approx(expected.relevance),
            pytest.approx(expected.score),
        ), (name, one.title, one.content, one.published_at)


def test_the_random_items_leave_nothing_of_the_formula_out(scored: DuckdbWarehouse) -> None:
    names = scored.query("select distinct kind || ' ' || name as what from score_contributions")
    assert {row["what"] for row in names} >= {
        *("base event_type", "relevance domains", "recency age", "limit lowest", "mode mode"),
        *(f"bonus {n}" for n in ("pure_player", "trademark", "key_molecule", "hybrid_company", "technology", "event")),
        *("bonus deal", "bonus regulated_technology", "bonus pure_player_context"),
        *(f"penalty {n}" for n in ("against", "exclusion", "no_entity", "age", "low_event")),
    }
    levels = scored.query("select distinct client_id, confidence from scored_items")
    assert {row["confidence"] for row in levels} == {"high", "medium", "low", "fallback", ""}


def test_each_score_is_exactly_what_its_contributions_make(scored: DuckdbWarehouse) -> None:
    rows = scored.query(
        "select scored.score, round(sum(parts.value), 4) as total from scored_items as scored"
        " inner join score_contributions as parts using (client_id, day, item_id)"
        " group by scored.client_id, scored.day, scored.item_id, scored.score"
    )
    assert len(rows) == 300 * len(CLIENTS) + len(TOLD)
    assert all(abs(row["score"] - row["total"]) <= 0.05 + 1e-9 for row in rows)


def test_a_deal_of_pure_players_is_explained_with_their_names(scored: DuckdbWarehouse) -> None:
    row = told(scored, "deal")
    assert (row["event_type"], row["companies"], row["molecules"]) == ("partnership", "Lentavia|Orvane", "lentavirine")
    assert (row["technologies"], row["domains"], row["confidence"]) == ("slow depot", "depots", "high")
    # 8 * (.6 * .9 + .3 * .9) + 5 * 1.2 + 2.5 + 1 + 3 + 1.5
    assert row["score"] == pytest.approx(20.5)
    parts = contributions(scored, "deal")
    assert parts["pure_player"] == (6.0, "pure player: Lentavia, Orvane")
    assert parts["deal"] == (1.5, "a partnership of Lentavia, Orvane about lentavirine")
    assert parts["event_type"] == (8.0, "partnership weighs 8; points by its keywords: 4")
    assert parts["domains"][0] == pytest.approx(-1.52)


def test_a_name_within_a_longer_name_is_not_named(scored: DuckdbWarehouse) -> None:
    assert told(scored, "small")["companies"] == "Depolis Labs"


def test_an_item_that_names_nothing_watched_has_a_reason_for_each_point_off(scored: DuckdbWarehouse) -> None:
    parts = contributions(scored, "nothing")
    assert parts["no_entity"] == (-2.0, "names nothing that the client watches")
    assert parts["domains"][1] == "times 0.05: no watched domain matches"
    assert parts["age"][1] == "times 0.7: the date is unknown"
    assert parts["lowest"][0] > 0
    assert told(scored, "nothing")["score"] == 0


def test_three_weak_signals_make_a_match_of_low_confidence(scored: DuckdbWarehouse) -> None:
    row = told(scored, "weak")
    assert (row["confidence"], row["relevance"]) == ("low", pytest.approx(0.27))  # .6 * .3 + .3 * .3
    assert (
        contributions(scored, "weak")["domains"][1] == "times 0.27: depots: low by 0 strong, 0 medium, 3 weak signals"
    )


def test_what_speaks_against_a_domain_rejects_it_where_no_signal_is_strong(scored: DuckdbWarehouse) -> None:
    row = told(scored, "against")
    assert (row["domains"], row["relevance"]) == ("", 0.05)
    assert contributions(scored, "against")["against"] == (-5.0, "speaks against it: oral tablet")


def test_what_a_model_read_wins_over_the_keywords_where_it_names_a_known_type(scored: DuckdbWarehouse) -> None:
    row = told(scored, "read")
    assert (row["event_type"], row["event_path"]) == ("safety_signal", "model")
    (printed,) = scored.query("select summary, summary_path from newsletter_items where item_id = 'wire_read'")
    assert printed == {"summary": "A recall, in short.", "summary_path": "model"}


def test_the_representative_of_near_duplicates_is_printed_for_the_others(scored: DuckdbWarehouse) -> None:
    rows = scored.query("select item_id, duplicate_group, score from newsletter_items where client_id = 'told'")
    printed = {row["item_id"]: row for row in rows}
    assert "wire_second" not in printed
    assert printed["wire_first"]["duplicate_group"] == "wire_first"
    assert printed["wire_first"]["score"] == told(scored, "first")["score"]


def test_entities_are_told_with_their_place(scored: DuckdbWarehouse) -> None:
    rows = scored.query(
        "select category, entity, in_title, mentions, first_at from item_entities"
        " where client_id = 'told' and item_id = 'wire_deal' order by entity"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("company", "Lentavia", True, 1, 11),
        ("company", "Orvane", True, 1, 0),
        ("technology", "depot", False, 1, 7),
        ("molecule", "lentavirine", True, 1, 39),
        ("technology", "slow depot", False, 1, 2),
    ]


def test_a_trademark_is_not_counted_as_a_technology_too(scored: DuckdbWarehouse) -> None:
    row = told(scored, "brand")
    assert (row["trademarks"], row["technologies"]) == ("Depovant", "once-monthly")


def test_a_score_that_its_contributions_do_not_make_is_found(parsed: Dbt, tmp_path: Path) -> None:
    scopes, events = files()
    cells = {("usual", DAY): [TOLD["deal"]]}
    warehouse = World({"usual": client(CLIENTS["usual"])}, scopes, events, cells=cells).build(parsed, tmp_path)
    with duckdb.connect(warehouse.path) as connection:
        connection.execute("update vigie.int_item_scores set score = score + 0.1")
    dbt = Dbt(tmp_path)
    dbt.manifest = parsed.manifest
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIGIE_DUCKDB_PATH", str(warehouse.path))
        done: Any = dbt.invoke("test", "--select", "scores_add_up")
    assert [str(result.status) for result in done.result.results] == ["fail"]


def test_d22_the_bonuses_of_a_client_reach_the_score(scored: DuckdbWarehouse) -> None:
    """V2 merged all scopes flat and looked for them by category: no bonus of a client could fire."""
    rows = scored.query("select distinct name from score_contributions where kind = 'bonus'")
    assert {row["name"] for row in rows} >= {"pure_player", "trademark", "key_molecule", "hybrid_company", "technology"}
    parts = contributions(scored, "brand")
    assert parts["trademark"] == (4.0, "trademark: Depovant")
    assert parts["technology"] == (1.0, "technology: once-monthly")


def test_d23_items_match_the_domains_of_their_client(scored: DuckdbWarehouse) -> None:
    """V2 looked for a prompt that it never loaded: no item ever matched, and the newsletter was empty."""
    (row,) = scored.query("select count(*) as n from scored_items where client_id = 'usual' and domains = 'depots'")
    assert row["n"] > 100
    assert told(scored, "brand")["relevance"] == pytest.approx(1.0)  # .6 * .9 + .3 * .9 + .2 for a brand in the title


def test_d24_companies_and_technologies_are_kept(scored: DuckdbWarehouse) -> None:
    """V2's check of what a model said emptied both lists of every item."""
    (row,) = scored.query("select companies, technologies from newsletter_items where item_id = 'wire_deal'")
    assert row == {"companies": "Lentavia|Orvane", "technologies": "slow depot"}


def test_a_client_without_a_configuration_is_printed_without_scores(parsed: Dbt, tmp_path: Path) -> None:
    scopes, events = files()
    world = World({}, scopes, events, cells={("acme", DAY): [TOLD["deal"]]})
    warehouse = world.build(parsed, tmp_path)
    assert warehouse.query("select item_id, score, domains from newsletter_items") == [
        {"item_id": "wire_deal", "score": None, "domains": None}
    ]
