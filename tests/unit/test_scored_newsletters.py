"""A newsletter by scores: what its page, Markdown and JSON tell besides; and what the older one did wrong."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from domain.newsletters import compose, manifest, render_html, render_markdown, to_json
from domain.selection_policy import Policy
from domain.stories import Newsletter, Section, Story
from tests.unit.newsletter_parts import HOSTILE, MONDAY, Page, letter, rendered, story


class TestScores:
    """What the page of a client that watches domains tells besides."""

    PLAIN = Policy(sections=(Section("s", "All", 9, event_types=("*",)),), watched=True, tldr=True)

    def scored(self, *stories: Story, policy: Policy = PLAIN, language: str = "en") -> Newsletter:
        return compose("acme", "Acme Weekly", language, MONDAY, stories, policy)

    def facts(self, item_id: str = "a", **changes: object) -> Story:
        known: dict[str, object] = {
            "score": 13.8,
            "event_type": "clinical_update",
            "domains": ("depots",),
            "companies": ("Orvane", "Teld"),
            "molecules": ("risperidone",),
            "trademarks": ("Oncedo",),
        }
        return story(item_id, **known | changes)

    @pytest.mark.parametrize("language", ["en", "fr"])
    def test_score_event_and_key_players_are_told_in_the_client_s_language(self, language: str) -> None:
        newsletter = self.scored(self.facts(), language=language)
        told = {"en": ("score 13.8", "clinical update", "0 to 50"), "fr": ("note 13,8", "essai clinique", "0 à 50")}
        for text in (Page(render_html(newsletter)).text, render_markdown(newsletter)):
            assert all(words in text for words in told[language])
            assert "Orvane, Teld, Oncedo, risperidone" in text

    def test_a_critical_event_is_marked(self) -> None:
        newsletter = self.scored(self.facts("a", critical=True), self.facts("b", title="Another plant opens"))
        marks = [attributes.get("data-mark") for tag, attributes in Page(render_html(newsletter)).tags if tag == "h3"]
        assert sorted(filter(None, marks)) == ["Critical event"]
        assert render_markdown(newsletter).count("**Critical event**") == 1

    def test_the_highest_scores_are_listed_by_their_own_titles_and_lead_to_their_stories(self) -> None:
        stories = [self.facts(str(n), score=10.0 + n, companies=(f"C{n}",)) for n in range(5)]
        newsletter = self.scored(*stories)
        page = Page(render_html(newsletter))
        places = {str(attributes.get("id")) for _tag, attributes in page.tags}
        assert [one.item_id for one in newsletter.top] == ["4", "3", "2"]
        assert {str(link)[1:] for link in page.links() if str(link).startswith("#story-")} < places
        assert "1. Title 4 (14.0)" in render_markdown(newsletter)

    def test_a_few_stories_need_no_list_of_the_highest(self) -> None:
        stories = [self.facts(str(n), companies=(f"C{n}",)) for n in range(3)]
        assert self.scored(*stories).top == ()
        more = [*stories, self.facts("3")]
        assert self.scored(*more, policy=replace(self.PLAIN, tldr=False)).top == ()

    def test_a_story_says_for_how_many_others_it_speaks(self) -> None:
        newsletter = self.scored(self.facts(duplicate_group="a"), self.facts("b", duplicate_group="a", score=1.0))
        assert "tells 1 similar story too" in Page(render_html(newsletter)).text
        assert "tells 1 similar story too" in render_markdown(newsletter)

    def test_a_summary_by_a_model_says_so(self) -> None:
        assert "summary by a model" in render_html(self.scored(self.facts(summary_path="model")))

    def test_the_figures_asked_for_end_the_page(self) -> None:
        policy = replace(self.PLAIN, shows=frozenset({"metrics", "source", "domain"}))
        newsletter = self.scored(self.facts(), self.facts("b", domains=()), policy=policy)
        for text in (Page(render_html(newsletter)).text, render_markdown(newsletter)):
            assert "2 stories read, 1 on topic, 1 without repeats, 1 in this issue." in text
            assert "By source: Depot Dispatch 1." in text
            assert "By domain: depots 1." in text
        assert "on topic" not in render_html(self.scored(self.facts()))

    @pytest.mark.parametrize("text", HOSTILE)
    def test_names_from_the_web_stay_text(self, text: str) -> None:
        plain, hostile = self.scored(self.facts()), self.scored(self.facts(companies=(text,)))
        assert [tag for tag, _ in Page(render_html(hostile)).tags] == [tag for tag, _ in Page(render_html(plain)).tags]
        tags = [Page(rendered(render_markdown(one))).tags for one in (plain, hostile)]
        assert tags[0] == tags[1]

    def test_the_json_has_v2_s_names_for_the_selection_and_its_entities(self) -> None:
        policy = replace(self.PLAIN, max_items_total=1)
        stories = (self.facts(critical=True), self.facts("b", title="Another plant opens"), self.facts("c", domains=()))
        written = json.loads(json.dumps(to_json(self.scored(*stories, policy=policy))))
        assert written["selection_metadata"] == {
            "total_items_processed": 3,
            "items_after_matching_filter": 2,
            "items_after_deduplication": 2,
            "items_selected": 1,
            "trimming_applied": True,
            "critical_events_preserved": 1,
            "matching_efficiency": 0.667,
            "section_fill_rates": {"s": 0.11},
            "selection_policy_version": "1",
        }
        assert written["bedrock_calls"] == {"tldr": 0, "introduction": 0}
        item = written["sections"][0]["items"][0]
        assert item["entities"]["companies"] == ["Orvane", "Teld"]
        assert item["key_players"] == ["Orvane", "Teld", "Oncedo", "risperidone"]


class TestRows:
    def test_a_row_of_the_mart_becomes_a_story(self) -> None:
        row = {field: getattr(story(), field) for field in Story.__slots__}
        row |= {
            "score": Decimal("13.8"),
            "companies": "Orvane|Teld",
            "molecules": "",
            "domains": None,
            "critical": None,
        }
        row |= {"technologies": "", "trademarks": ""}
        told = Story.of_row(row)
        assert (told.score, told.companies, told.molecules, told.domains) == (13.8, ("Orvane", "Teld"), (), ())
        assert told.critical is False
        assert Story.of_row({**row, "published_at": None, "score": None}).told_on == date(2026, 11, 18)


class TestReplacedDefects:
    """What the older newsletter did wrong, each test named for its own."""

    def test_d28_a_week_whose_days_are_missing_is_composed_with_and_without_an_instant(self) -> None:
        """The module did not import; without a target date it used a name before its value; a missing day raised."""
        newsletter = letter(story(day=MONDAY), story("b", day=MONDAY + timedelta(6)))
        assert newsletter.total == 2
        assert to_json(newsletter)["generated_at"] is None
        assert to_json(newsletter, datetime(2026, 11, 23, tzinfo=UTC))["generated_at"] == "2026-11-23T00:00:00+00:00"
        assert to_json(letter())["metrics"]["total_items"] == 0

    def test_d31_an_empty_issue_is_empty_and_says_nothing_canned(self) -> None:
        """It was a "success" with canned English text, a heading about another client's field, and no length."""
        empty = letter(language="fr")
        assert manifest(empty, {}, datetime(2026, 11, 23, tzinfo=UTC))["status"] == "empty"
        assert to_json(empty)["sections"] == []
        assert to_json(empty)["period"] == {"from": "2026-11-16", "to": "2026-11-22"}
        assert "# Acme Weekly" in render_markdown(empty)
        assert "Rien de nouveau cette semaine." in render_markdown(empty)
        assert "LAI" not in render_html(empty)

    def test_d31_key_players_are_in_a_fixed_order(self) -> None:
        """They came out of a set, so their order changed from run to run."""
        told = story(companies=("B", "A"), trademarks=("T", "A"), molecules=("m",))
        assert told.key_players == ("B", "A", "T", "m")

    def test_d33_every_instant_carries_its_zone(self) -> None:
        """Local time had been written with a Z."""
        made = datetime(2026, 11, 23, 7, tzinfo=timezone(timedelta(hours=1)))
        for instant in (to_json(letter(), made)["generated_at"], manifest(letter(), {}, made)["generation_date"]):
            assert datetime.fromisoformat(instant).utcoffset() == timedelta(hours=1)
