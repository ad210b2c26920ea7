"""The configuration of scoring as rows: what a client's file means, and what it says in vain.

Not here: the rules' file (test_scoring_rules), what the rows make of an item (tests/contract/test_scoring_models.py).
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.clients import ClientConfig, read_client
from domain.event_types import EventType, EventTypes
from domain.scopes import Scopes, read_scopes
from domain.scoring import FIGURES, Scoring, configuration, figures
from domain.scoring_rules import ScoringRules, read_scoring_rules
from resources.warehouse_tables import CLIENT_TABLES, TABLES, WHOLE_TABLES

EVENTS = EventTypes((EventType("other"), EventType("partnership", "Deals", "", (("title", "licence"),))))
SCOPES = read_scopes(
    {
        "canonical/scopes/company_scopes.yaml": b"firms: [Orvane, Orvane Labs]\npure: [Orvane]",
        "canonical/scopes/technology_scopes.yaml": (
            b"methods: {core_phrases: [slow depot], own_list: [gel], negative_terms: [tablet]}\nplain: [crystal]"
        ),
        "canonical/scopes/trademark_scopes.yaml": b"brands: ['Depo|vant ']",
        "canonical/scopes/exclusion_scopes.yaml": (
            b"hr_content: [hiring]\nanti_lai_routes: [pill]\nevent_generic: [milestone]"
        ),
    }
)
DOMAIN = {"id": "depots", "company_scope": "firms", "technology_scope": "methods"}


def config(name: str = "acme", **said: Any) -> ClientConfig:
    file = {"client_profile": {"active": True}, "source_config": {"sources_extra_enabled": ["wire"]}, **said}
    return read_client(f"clients/{name}.yaml", yaml.safe_dump(file).encode())


def scoring(*configs: ClientConfig, scopes: Scopes = SCOPES, rules: ScoringRules | None = None) -> Scoring:
    return configuration(configs, scopes, EVENTS, rules or ScoringRules())


def parts(made: Scoring) -> set[tuple[str, str, int, str, str]]:
    rows = made.client_tables["client_scopes"]
    return {(row["domain_id"], row["part"], row["strength"], row["scope"], row["list"]) for row in rows}


def said_of(**said: Any) -> list[str]:
    return [problem.message for problem in scoring(config(**said)).problems]


def test_the_rows_fit_the_raw_tables_and_name_no_other() -> None:
    made = scoring(config(watch_domains=[DOMAIN]), config("beta"))
    assert set(made.tables) == WHOLE_TABLES - {"accounts", "account_versions", "account_jobs"}
    assert set(made.client_tables) == CLIENT_TABLES
    for name, rows in (made.tables | made.client_tables).items():
        assert rows, name
        assert all(list(row) == TABLES[name].names for row in rows), name
    assert {row["client_id"] for row in made.client_tables["client_scoring"]} == {"acme", "beta"}


def test_every_list_of_a_domain_plays_the_part_that_its_strength_says() -> None:
    bonuses = {"pure_player_companies": {"scope": "pure", "bonus": 5.0}}
    made = parts(scoring(config(watch_domains=[DOMAIN], scoring_config={"client_specific_bonuses": bonuses})))
    assert made == {
        ("depots", "signal", 2, "firms", ""),
        ("depots", "signal", 1, "pure", ""),
        ("depots", "signal", 1, "methods", "core_phrases"),
        ("depots", "signal", 2, "methods", "own_list"),
        ("depots", "signal", 4, "methods", "negative_terms"),
        ("", "pure_player", 0, "pure", ""),
        ("", "exclusion", 0, "hr_content", ""),
        ("", "against", 0, "anti_lai_routes", ""),
    }
    plain = parts(scoring(config(watch_domains=[{"id": "crystals", "technology_scope": "plain"}])))
    assert ("crystals", "signal", 1, "plain", "") in plain


def test_a_disabled_domain_does_not_count_and_a_client_without_domains_watches_everything() -> None:
    off = {"id": "off", "technology_scope": "plain", "enabled": False}
    made = scoring(config(watch_domains=[DOMAIN, off]))
    assert {row["domain_id"] for row in made.client_tables["client_domains"]} == {"depots"}
    assert not any(row[3] == "plain" for row in parts(made))
    everything = {row[3:] for row in parts(scoring(config())) if row[1] == "watched"}
    assert ("plain", "") in everything
    assert ("methods", "negative_terms") not in everything
    assert "Every watch domain is disabled: no item is relevant." in said_of(watch_domains=[off])


def test_thresholds_overrides_and_priorities_reach_the_rows() -> None:
    made = scoring(
        config(
            watch_domains=[{**DOMAIN, "priority": "low"}, {"id": "first", "type": "legal", "priority": "high"}],
            matching_config={
                "min_domain_score": 0.2,
                "domain_type_thresholds": {"technology": 0.3},
                "domain_type_overrides": {"technology": {"min_technology_signals": 2, "require_entity_signals": True}},
                "min_confidence_level": "medium",
                "default_matching_mode": "strict",
                "enable_fallback_mode": True,
                "fallback_min_score": 0.15,
                "fallback_company_scopes": ["firms"],
                "trademark_privileges": {"enabled": True, "auto_match_threshold": 0.8},
            },
        )
    )
    rows = {row["domain_id"]: row for row in made.client_tables["client_domains"]}
    assert (rows["first"]["place"], rows["depots"]["place"]) == (1, 2)
    assert (rows["first"]["min_score"], rows["depots"]["min_score"]) == (0.2, 0.3)
    assert (rows["depots"]["min_technologies"], rows["depots"]["entity_required"]) == (2, True)
    (client,) = made.client_tables["client_scoring"]
    assert (client["mode_factor"], client["worst_level"], client["fallback_from"]) == (0.75, 2, 0.15)
    assert client["trademark_from"] == 0.8
    assert ("", "fallback", 0, "firms", "") in parts(made)
    assert made.problems == ()


def test_a_weight_of_the_client_replaces_that_of_the_rules() -> None:
    weights = {"event_type_weight_overrides": {"partnership": 11.5}}
    critical = {"critical_event_types": ["partnership"]}
    made = scoring(config(scoring_config=weights, newsletter_selection=critical))
    rows = {row["event_type"]: row for row in made.client_tables["client_events"]}
    assert (rows["partnership"]["weight"], rows["partnership"]["weight_by"]) == (11.5, "client")
    assert (rows["other"]["weight"], rows["other"]["weight_by"]) == (2.0, "rules")
    assert (rows["partnership"]["critical"], rows["other"]["critical"]) == (True, False)


def test_a_bonus_without_points_is_that_of_the_rules_and_without_a_scope_none() -> None:
    bonuses = {"trademark_mentions": {"scope": "brands"}, "key_molecules": {"bonus": 2.0}}
    made = scoring(config(scoring_config={"client_specific_bonuses": bonuses}))
    (client,) = made.client_tables["client_scoring"]
    assert (client["trademark_bonus"], client["molecule_bonus"], client["pure_player_bonus"]) == (4.0, 0.0, 0.0)
    (problem,) = made.problems
    assert problem.where == "clients/acme.yaml"
    assert problem.message == "client_specific_bonuses.key_molecules names no scope: no item gets it."


@pytest.mark.parametrize(
    ("said", "remark"),
    [
        ({"watch_domains": [{**DOMAIN, "company_scope": "firm"}]}, "watch_domains.depots.company_scope: there is no"),
        ({"watch_domains": [{**DOMAIN, "matching_profile": "broad"}]}, "watch_domains.depots.matching_profile has no"),
        ({"watch_domains": [{**DOMAIN, "priority": "urgent"}]}, 'watch_domains.depots.priority "urgent" is unknown'),
        ({"watch_domains": [DOMAIN, DOMAIN]}, 'Two watch domains have the id "depots".'),
        ({"matching_config": {"default_matching_mode": "loose"}}, '"loose" is unknown: read as balanced.'),
        ({"matching_config": {"min_confidence_level": "some"}}, '"some" is unknown: read as low.'),
        ({"matching_config": {"enable_diagnostic_mode": True}}, "enable_diagnostic_mode has no effect."),
        ({"matching_config": {"store_rejection_reasons": True}}, "store_rejection_reasons has no effect."),
        ({"matching_config": {"trademark_privileges": {"boost_factor": 2.5}}}, "boost_factor has no effect."),
        (
            {"matching_config": {"trademark_privileges": {"enabled": True, "auto_match_threshold": "x"}}},
            'auto_match_threshold must be a number; found the text "x"',
        ),
        ({"matching_config": {"domain_type_thresholds": {"odd": 0.1}}}, 'no enabled domain has the type "odd"'),
        (
            {"watch_domains": [DOMAIN], "matching_config": {"domain_type_overrides": {"technology": {"min": 2}}}},
            "domain_type_overrides.technology.min has no effect.",
        ),
        (
            {
                "watch_domains": [DOMAIN],
                "matching_config": {"domain_type_overrides": {"technology": {"min_technology_signals": -1}}},
            },
            "min_technology_signals must be a whole number; found the number -1",
        ),
        ({"scoring_config": {"event_type_weight_overrides": {"partnerships": 2.0}}}, 'no event type "partnerships"'),
    ],
)
def test_what_a_file_says_in_vain_is_told(said: dict[str, Any], remark: str) -> None:
    assert any(remark in message for message in said_of(**said)), said_of(**said)


def test_a_scope_named_in_vain_twice_is_told_once() -> None:
    bonuses = {"pure_player_companies": {"scope": "nobody", "bonus": 5.0}}
    found = said_of(watch_domains=[DOMAIN], scoring_config={"client_specific_bonuses": bonuses})
    assert found == ['client_specific_bonuses.pure_player_companies.scope: there is no scope "nobody": read as empty.']


def test_terms_are_shown_without_the_sign_that_joins_them_and_nested_ones_are_told() -> None:
    made = scoring()
    shown = {row["term"] for row in made.tables["terms"] if row["category"] == "trademark"}
    assert shown == {"Depo/vant"}
    assert made.tables["nested_terms"] == [{"category": "company", "inner_key": "orvane", "outer_key": "orvane labs"}]
    assert {term.key for term in made.terms} >= {"licence", "orvane labs"}


def test_ages_have_a_row_for_each_day_up_to_the_oldest_and_one_for_the_unknown() -> None:
    rows = {row["age"]: (row["factor"], row["penalty"]) for row in scoring().tables["scoring_ages"]}
    assert (min(rows), max(rows), len(rows)) == (-1, 181, 183)
    assert (rows[-1], rows[0], rows[2], rows[61], rows[91], rows[181]) == (
        *((0.7, 0.0), (1.0, 0.0), (0.98, 0.0), (0.75, 0.5)),
        *((0.65, 1.0), (0.5, 2.0)),
    )


def test_rules_of_the_file_reach_the_rows_and_names_that_nobody_knows_are_told() -> None:
    rules, problems = read_scoring_rules(
        b"highest_score: 20\nevent_weights: {partnership: 3, nothing: 1}\npenalties: {spared_scopes: [hr_content]}"
    )
    assert problems == ()
    made = scoring(config(), rules=rules)
    (row,) = made.tables["scoring_figures"]
    assert (row["highest_score"], tuple(row)) == (20.0, FIGURES)
    assert ("", "exclusion", 0, "hr_content", "") not in parts(made)
    assert [problem.message for problem in made.problems] == ['`event_weights` names "nothing", which is unknown.']


def test_every_figure_is_one_number() -> None:
    assert figures(ScoringRules())["bonuses_technologies_3"] == 2.0
    assert all(isinstance(value, float) for value in figures(ScoringRules()).values())


def test_the_real_client_is_told_what_has_no_effect(real_data: Path) -> None:
    folder = real_data / "config"
    scopes = read_scopes(
        {
            f"canonical/scopes/{path.name}": path.read_bytes()
            for path in (folder / "canonical" / "scopes").glob("*.yaml")
        }
    )
    body = (folder / "clients" / "lai_weekly_prod.yaml").read_bytes()
    made = configuration([read_client("clients/lai_weekly_prod.yaml", body)], scopes, EVENTS, ScoringRules())
    found = [problem.message for problem in made.problems]
    for key in ("boost_factor", "ingestion_priority", "matching_priority"):
        assert f"matching_config.trademark_privileges.{key} has no effect." in found
    assert "matching_config.enable_diagnostic_mode has no effect." in found
    assert not any("there is no scope" in message for message in found)
