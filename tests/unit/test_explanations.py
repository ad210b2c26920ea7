"""The page of reasons: every story of the week with why it is in or out, and what its score is made of."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest

from domain.explanations import REASONS, Contribution, Contributions, explain, render_explanation
from domain.newsletters import compose
from domain.selection_policy import Policy
from domain.stories import CHOSEN, LEFT_OUT_REASONS, Newsletter, Section, Story

MONDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 18)
POLICY = Policy(
    sections=(Section("all", "All", 2, "score_desc", event_types=("*",)),),
    watched=True,
    min_score=5.0,
    remarks=("a remark",),
)
STEPS: Contributions = {
    ("deal", WEDNESDAY): [
        Contribution(2, "bonus", "pure_player", 5.0, "Orvane"),
        Contribution(1, "base", "partnership", 8.0, "an event of type partnership"),
    ]
}


def story(item_id: str, **changes: object) -> Story:
    plain = Story(
        item_id=item_id,
        source_key="press_sector__depot_dispatch",
        source_type="press_sector",
        title=f"Title {item_id}",
        summary="",
        url=f"https://depot.example/{item_id}",
        day=WEDNESDAY,
        published_at=None,
        date_source="unknown",
        language="en",
        score=13.0,
        event_type="partnership",
        event_path="rules",
        domains=("depots",),
        companies=(f"Company {item_id}",),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


STORIES = (
    story("deal", critical=True),
    story("echo", duplicate_group="deal", score=6.0),
    story("low", score=3.2),
    story("lower", score=0.5),
    story("off", domains=()),
)


def issue(*stories: Story) -> Newsletter:
    return compose("acme", "Acme Weekly", "en", MONDAY, stories, POLICY)


def page_of(steps: Contributions, *stories: Story) -> str:
    return render_explanation(issue(*stories), explain(issue(*stories), POLICY, steps))


def explained(*stories: Story, steps: Contributions = STEPS) -> dict[str, Mapping[str, Any]]:
    """The records of the JSON by item, in their order."""
    written = json.loads(json.dumps(explain(issue(*stories), POLICY, steps)))
    return {record["item_id"]: record for record in written["stories"]}


class Page(HTMLParser):
    """The tags of a page, the links in it, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_story_is_there_with_its_reason_the_chosen_first_then_by_score() -> None:
    found = explained(*STORIES)
    assert {item_id: (one["reason"], one["because"]) for item_id, one in found.items()} == {
        "deal": ("chosen", 'number 1 of "All"'),
        "off": ("no_domain", "no watched domain matches"),
        "low": ("low_score", "score 3.2 is under 5"),
        "lower": ("low_score", "score 0.5 is under 5"),
        "echo": ("same_story", "a near copy of “Title deal”"),
    }
    assert list(found) == ["deal", "off", "low", "lower", "echo"]


def test_a_score_is_told_by_its_steps_in_their_order() -> None:
    found = explained(*STORIES)
    assert [(one["name"], one["value"], one["because"]) for one in found["deal"]["contributions"]] == [
        ("partnership", 8.0, "an event of type partnership"),
        ("pure_player", 5.0, "Orvane"),
    ]
    assert found["low"]["contributions"] == []
    assert (found["deal"]["event_type"], found["deal"]["event_path"], found["deal"]["critical"]) == (
        "partnership",
        "rules",
        True,
    )


def test_a_story_names_those_it_speaks_for_and_they_name_it() -> None:
    found = explained(*STORIES)
    assert found["deal"]["speaks_for"] == [{"item_id": "echo", "title": "Title echo"}]
    assert found["echo"]["told_by"] == "deal"


def test_the_rules_and_remarks_are_told_with_figures() -> None:
    written = explain(issue(*STORIES), POLICY, STEPS, datetime(2026, 11, 23, tzinfo=UTC))
    assert "A story needs a score of 5." in written["rules"]
    assert '"All" takes 2: every event type.' in written["rules"]
    assert written["remarks"] == ["a remark"]
    assert written["counts"] == {"chosen": 1, "no_domain": 1, "low_score": 2, "same_story": 1}
    assert written["generated_at"] == "2026-11-23T00:00:00+00:00"


def test_the_page_tells_the_same() -> None:
    text = " ".join(Page(page_of(STEPS, *STORIES)).text.split())
    for said in ("1 of 5 stories", "score 3.2 is under 5", "pure_player", "Speaks for", "a remark", "Told by another"):
        assert said in text


def test_a_row_of_the_mart_becomes_a_contribution() -> None:
    row = {"step": 3, "kind": "penalty", "name": "age", "value": Decimal("-0.5"), "because": None}
    told = Contribution.of_row(row)
    assert (told.value, told.because) == (-0.5, "")
    assert json.dumps(explain(issue(story("deal")), POLICY, {("deal", WEDNESDAY): [told]}))


def test_an_empty_week_has_a_page_too() -> None:
    assert "no story to choose from" in page_of({})


def test_every_reason_has_its_heading() -> None:
    assert set(REASONS) == {CHOSEN, *LEFT_OUT_REASONS}


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=//evil.example>', "{{ 7 * 7 }}", "&lt;b&gt;", "a\ud800b\x00"]
)
def test_nothing_from_the_web_gets_out_of_its_place_and_nothing_is_loaded(text: str) -> None:
    hostile = story("deal", title=text, companies=(text,), url=f"javascript:{text}")
    steps = {("deal", WEDNESDAY): [Contribution(1, "base", text, 1.0, text)]}
    plain = story("deal", url="javascript:x")
    plain_steps = {("deal", WEDNESDAY): [Contribution(1, "base", "x", 1.0, "x")]}
    page = Page(page_of(steps, hostile))
    assert page.tags == Page(page_of(plain_steps, plain)).tags
    assert page.links == []
    assert page_of(steps, hostile).encode()
    assert json.dumps(explain(issue(hostile), POLICY, steps)).encode()
