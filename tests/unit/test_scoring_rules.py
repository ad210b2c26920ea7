"""The rules of scoring and the file that says others. Not here: what the rules make of an item (tests/contract)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.scoring_rules import KEY, ScoringRules, read_scoring_rules


def test_without_a_file_the_defaults_hold() -> None:
    assert read_scoring_rules(None) == (ScoringRules(), ())


def test_what_the_file_says_holds_and_the_rest_stays_as_it_was() -> None:
    rules, problems = read_scoring_rules(
        b"event_weights: {partnership: 9.5}\nbonuses: {events: {regulatory: 4}, deal: 0}\nlevels: {low: {score: 0.4}}\n"
    )
    assert problems == ()
    assert (rules.event_weights["partnership"], rules.event_weights["regulatory"]) == (9.5, 7.0)
    assert (rules.bonuses.events, rules.bonuses.deal) == (ScoringRules().bonuses.events | {"regulatory": 4.0}, 0.0)
    assert (rules.levels.low.score, rules.levels.low.signals) == (0.4, 3)


@pytest.mark.parametrize(
    ("said", "line", "message"),
    [
        ("\nhighest: 40", 2, "The key `highest` is not known."),
        ("highest_score: '40'", 1, '`highest_score` must be a number; found the text "40". The default holds.'),
        ("highest_score: -1", 1, "`highest_score` must be 0 or more; found the number -1. The default holds."),
        ("recency:\n  older: 2", 2, "`recency.older` must be 1 at most; found the number 2. The default holds."),
        ("levels: {high: {signals: 0}}", 1, "`levels.high.signals` must be 1 or more; found the number 0."),
        ("levels: {high: {signals: 1.5}}", 1, "`levels.high.signals` must be a whole number"),
        ("bonuses: 3", 1, "`bonuses` must be a block of `key: value` lines; found the number 3."),
        ("strengths: {core_phrases: huge}", 1, "`strengths.core_phrases` must be one of 'strong', 'medium'"),
        ("modes: {odd: 1}", 1, "`modes.odd` must be one of 'strict', 'balanced' or 'broad'"),
        ("pure_player_scope: 3", 1, "`pure_player_scope` must be text; found the number 3."),
        (
            "recency: {steps: [{up_to_days: 3, factor: 1}, {up_to_days: 1, factor: 1}]}",
            1,
            "The steps must be in the order of their ages, each age once.",
        ),
    ],
)
def test_a_value_that_cannot_count_is_told_with_its_line_and_the_default_holds(
    said: str, line: int, message: str
) -> None:
    rules, (problem,) = read_scoring_rules(said.encode())
    assert rules == ScoringRules()
    assert (problem.severity, problem.where) == ("error", f"{KEY}:{line}")
    assert problem.message.startswith(message)
    assert problem.remedy


def test_every_problem_is_told_and_the_good_values_beside_them_hold() -> None:
    rules, problems = read_scoring_rules(b"highest_score: x\nbonuses: {deal: -1, regulated_technology: 3}\nodd: 1")
    assert [problem.where for problem in problems] == [f"{KEY}:{line}" for line in (1, 2, 3)]
    assert rules.bonuses.regulated_technology == 3.0
    assert rules.bonuses.deal == 1.5


def test_a_file_that_is_no_mapping_stops_everything() -> None:
    with pytest.raises(ConfigError, match="The file holds a list"):
        read_scoring_rules(b"- 1")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner)))
def test_no_value_anywhere_breaks_the_reading(value: object) -> None:
    import json

    for key in ("event_weights", "levels", "recency", "penalties", "highest_score", "modes"):
        said = json.dumps({key: {"steps": value, "ages": value, "other": value, "high": value}, "limit": value})
        try:
            rules, _problems = read_scoring_rules(said.encode())
        except ConfigError:
            continue
        assert rules.event_weights["other"] >= 0
