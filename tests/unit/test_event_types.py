"""Event types: two files of people, one vocabulary. Not here: which event an item is (tests/contract)."""

from pathlib import Path

import pytest

from domain.errors import ConfigError
from domain.event_types import DEFINITIONS_KEY, OTHER, PATTERNS_KEY, read_event_types

PATTERNS = b"""
event_types:
  partnership:
    label: "Deals"
    title_keywords: [licence, "co-development"]
    body_keywords: [royalties]
    negative_keywords: [merger]
  scientific_paper:
    title_keywords: [journal]
"""
DEFINITIONS = b"""
partnership: {description: "Who works
  with whom."}
scientific_publication: {description: "What was published."}
other: {description: "The rest."}
"""


def test_keywords_are_terms_whose_scope_is_the_type_and_whose_list_is_their_place() -> None:
    events = read_event_types({PATTERNS_KEY: PATTERNS})
    found = {(term.category, term.scope, term.list, term.key) for term in events.terms}
    assert found == {
        ("event", "partnership", "title", "licence"),
        ("event", "partnership", "title", "co development"),
        ("event", "partnership", "body", "royalties"),
        ("event", "partnership", "negative", "merger"),
        ("event", "scientific_publication", "title", "journal"),
    }


def test_the_two_files_speak_of_one_publication() -> None:
    events = read_event_types({PATTERNS_KEY: PATTERNS, DEFINITIONS_KEY: DEFINITIONS})
    assert events.names == (OTHER, "partnership", "scientific_publication")
    by_name = {one.name: one for one in events.types}
    assert by_name["scientific_publication"].description == "What was published."
    assert by_name["scientific_publication"].keywords == (("title", "journal"),)
    assert (by_name["partnership"].label, by_name["partnership"].description) == ("Deals", "Who works with whom.")
    assert not events.problems


def test_without_files_every_story_is_other() -> None:
    assert read_event_types({}).names == (OTHER,)
    assert read_event_types({}).terms == ()


def test_a_wrong_value_is_told_with_its_line_and_left_out() -> None:
    events = read_event_types(
        {
            PATTERNS_KEY: (
                b"event_types:\n  recall:\n    title_keyword: [x]\n    body_keywords: [3, '!', good]\n  odd: 4\n"
            )
        }
    )
    assert [str(problem) for problem in events.problems] == [
        f'warning: {PATTERNS_KEY}:3: The key `title_keyword` has no effect. Did you mean "title_keywords"?',
        f"warning: {PATTERNS_KEY}:4: A keyword must be text with a word in it; found the number 3. Left out."
        " Put it between quotes, or remove it.",
        f'warning: {PATTERNS_KEY}:4: A keyword must be text with a word in it; found the text "!". Left out.'
        " Put it between quotes, or remove it.",
        f'warning: {PATTERNS_KEY}:5: The event type "odd" must be a block; found the number 4.'
        " Write its keywords below it.",
    ]
    assert [term.key for term in events.terms] == ["good"]


def test_a_file_of_no_event_types_is_told() -> None:
    (problem,) = read_event_types({PATTERNS_KEY: b"types: {}"}).problems
    assert "Every story is `other`" in problem.message
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_event_types({PATTERNS_KEY: b"event_types: ["})


def test_the_real_files_give_their_types_without_a_remark(real_data: Path) -> None:
    folder = real_data / "config" / "canonical" / "events"
    events = read_event_types({f"canonical/events/{path.name}": path.read_bytes() for path in folder.glob("*.yaml")})
    assert events.problems == ()
    assert set(events.names) == {
        *("clinical_update", "corporate_move", "financial_results", "manufacturing_supply", "other"),
        *("partnership", "regulatory", "safety_signal", "scientific_publication"),
    }
