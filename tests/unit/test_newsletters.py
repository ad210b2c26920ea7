"""A newsletter: what enters it, in which order, and that nothing from the web can get out of its place."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from domain.newsletters import compose, manifest, render_html, render_markdown, to_json
from domain.selection_policy import Policy
from domain.stories import Newsletter, Section
from tests.unit.newsletter_parts import HOSTILE, MONDAY, Page, letter, rendered, story


def ids(newsletter: Newsletter) -> dict[str, list[str]]:
    return {part.id: [one.item_id for one in part.stories] for part in newsletter.sections}


class TestComposition:
    def test_stories_are_grouped_by_source_type_companies_first_then_press_then_others(self) -> None:
        newsletter = letter(
            story("t", source_type="api_clinicaltrials"),
            story("f", source_type="api_fda_labels"),
            story("p"),
            story("c", source_type="press_corporate"),
        )
        assert [part.title for part in newsletter.sections] == [
            "Companies",
            "Press",
            "Clinical trials",
            "Fda labels",
        ]

    def test_the_newest_comes_first_and_an_undated_story_counts_by_the_day_it_was_seen(self) -> None:
        newsletter = letter(
            story("old", published_at=date(2026, 11, 16)),
            story("undated", published_at=None, day=date(2026, 11, 17)),
            story("new", published_at=date(2026, 11, 18)),
        )
        assert ids(newsletter) == {"press_sector": ["new", "undated", "old"]}

    def test_equal_days_are_ordered_by_title(self) -> None:
        newsletter = letter(story("1", title="beta"), story("2", title="Alpha"), story("3", title="gamma"))
        assert ids(newsletter) == {"press_sector": ["2", "1", "3"]}

    def test_the_order_of_the_input_changes_nothing(self) -> None:
        stories = [story(str(n), published_at=date(2026, 11, 16 + n % 5), title="Same") for n in range(30)]
        stories += [replace(one, title="Another telling") for one in stories[:10]]
        expected = render_html(letter(*stories, most=12))
        for seed in range(5):
            random.Random(seed).shuffle(stories)
            assert render_html(letter(*stories, most=12)) == expected

    def test_a_story_appears_once_as_it_was_first_seen(self) -> None:
        newsletter = letter(story(title="Edited", day=date(2026, 11, 19)), story(title="First", day=date(2026, 11, 17)))
        assert [one.title for one in newsletter.stories] == ["First"]
        assert newsletter.left_out == {"repeated": 1}

    def test_only_the_stories_first_seen_in_the_week_enter(self) -> None:
        days = [date(2026, 11, 15), date(2026, 11, 16), date(2026, 11, 22), date(2026, 11, 23)]
        newsletter = letter(*(story(str(day.day), day=day) for day in days))
        assert sorted(one.item_id for one in newsletter.stories) == ["16", "22"]
        assert newsletter.left_out == {"outside_period": 2}

    def test_a_section_takes_its_source_type_up_to_its_limit_and_the_rest_is_counted(self) -> None:
        sections = [Section("press_sector", "In the press", max_items=1)]
        newsletter = letter(story("a"), story("b"), story("c", source_type="press_corporate"), sections=sections)
        assert ids(newsletter) == {"press_sector": ["a"], "press_corporate": ["c"]}
        assert newsletter.sections[0].title == "In the press"
        assert newsletter.left_out == {"section_full": 1}

    def test_what_one_section_has_no_room_for_goes_to_the_next_that_takes_it(self) -> None:
        sections = [Section("press_sector", "Press", 1), Section("others", "Others", 1, source_types=("*",))]
        newsletter = letter(story("a"), story("b"), story("c"), sections=sections)
        assert ids(newsletter) == {"press_sector": ["a"], "others": ["b"]}
        assert newsletter.left_out == {"section_full": 1}

    def test_a_section_that_asks_for_what_no_story_has_stays_out_and_mislabels_nothing(self) -> None:
        newsletter = letter(story("a"), sections=[Section("regulatory_updates", "Regulatory Updates", 6)])
        assert ids(newsletter) == {"press_sector": ["a"]}

    def test_score_order_puts_unscored_stories_last(self) -> None:
        sections = [Section("press_sector", "Press", 9, sort_by="score_desc")]
        newsletter = letter(story("none"), story("low", score=1.0), story("high", score=9.5), sections=sections)
        assert ids(newsletter) == {"press_sector": ["high", "low", "none"]}

    def test_the_total_limit_leaves_each_section_its_first_story_then_keeps_the_newest(self) -> None:
        newsletter = letter(
            story("p1", published_at=date(2026, 11, 20)),
            story("p2", published_at=date(2026, 11, 19)),
            story("p3", published_at=date(2026, 11, 18)),
            story("c1", source_type="press_corporate", published_at=date(2026, 11, 1)),
            most=3,
        )
        assert ids(newsletter) == {"press_corporate": ["c1"], "press_sector": ["p1", "p2"]}
        assert newsletter.left_out == {"newsletter_full": 1}

    def test_every_story_given_is_either_in_the_newsletter_or_counted_as_left_out(self) -> None:
        stories = [story(str(n % 23), day=date(2026, 11, 14 + n % 10), source_type=f"type_{n % 3}") for n in range(60)]
        newsletter = letter(*stories, sections=[Section("type_1", "One", 2)], most=7)
        assert newsletter.total == 7
        assert newsletter.total + sum(newsletter.left_out.values()) == len(stories)

    @pytest.mark.parametrize(("start", "most"), [(date(2026, 11, 17), 5), (MONDAY, -1)])
    def test_a_week_that_starts_on_another_day_or_a_negative_limit_is_refused(self, start: date, most: int) -> None:
        with pytest.raises(ValueError, match=r"Monday|0 or more"):
            compose("acme", "Acme", "en", start, [], Policy(most))


class TestHostileText:
    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize("place", ["title", "summary", "source_key"])
    def test_html_from_the_web_stays_text(self, text: str, place: str) -> None:
        plain = Page(render_html(letter(story())))
        page = Page(render_html(letter(story(**{place: text}))))
        assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
        assert page.links() == plain.links()

    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize("place", ["title", "summary"])
    def test_markdown_from_the_web_opens_no_link_tag_list_or_heading(self, text: str, place: str) -> None:
        plain = Page(rendered(render_markdown(letter(story()))))
        page = Page(rendered(render_markdown(letter(story(**{place: text})))))
        assert page.tags == plain.tags
        shown = " ".join(text.replace("\x00", "").replace("\x07", "").split())
        assert not shown.isprintable() or shown in page.text

    def test_the_title_is_still_the_same_text(self) -> None:
        text = "<1 mL & [30 s] `fast` | R&D_2"
        assert text in Page(render_html(letter(story(title=text)))).text
        assert text in Page(rendered(render_markdown(letter(story(title=text))))).text

    def test_the_client_s_name_and_section_titles_are_escaped_too(self) -> None:
        sections = [Section("press_sector", "<b>Press</b>", 5)]
        newsletter = compose("acme", "<i>Acme</i>", "en", MONDAY, [story()], Policy(5, tuple(sections)))
        assert not {"b", "i"} & {tag for tag, _ in Page(render_html(newsletter)).tags}
        assert not {"b", "i"} & {tag for tag, _ in Page(rendered(render_markdown(newsletter))).tags}

    def test_a_bare_address_in_a_title_is_not_left_for_a_reader_that_links_them(self) -> None:
        markdown = render_markdown(letter(story(title="https://evil.example HTTP://x WWW.evil.example")))
        assert not re.search(r"(?i)(?<!depot)(?:https?://evil|http://x|www\.)", markdown)

    @pytest.mark.parametrize(
        "url",
        [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,<b>",
            "//evil.example/x",
            "https://",
            "ftp://x/y",
            "",
            "http://[broken",
            "https://a b/c",
            "java\nscript:alert(1)",
        ],
    )
    def test_an_address_that_is_not_http_is_shown_as_text(self, url: str) -> None:
        newsletter = letter(story(url=url))
        assert Page(render_html(newsletter)).links() == []
        assert "](" not in render_markdown(newsletter)
        assert "Title a" in Page(render_html(newsletter)).text

    def test_an_address_cannot_end_early(self) -> None:
        newsletter = letter(story(url='https://x.example/a)b"c<d>`e|f?g=1&copy;=2'))
        assert "](https://x.example/a%29b%22c%3Cd%3E%60e%7Cf?g=1&copy%3B=2)\n" in render_markdown(newsletter)
        assert Page(render_html(newsletter)).links() == ['https://x.example/a)b"c<d>`e|f?g=1&copy;=2']

    @pytest.mark.parametrize("render", [render_html, render_markdown, lambda one: json.dumps(to_json(one))])
    def test_what_cannot_be_written_as_utf8_is_left_out(self, render: Callable[[Newsletter], str]) -> None:
        newsletter = letter(story(title="a\ud800b\x00c", summary="\udfff", url="https://x.example/\ud800"))
        assert render(newsletter).encode()
        assert newsletter.stories[0].title == "abc"


class TestPage:
    def test_nothing_is_loaded_from_elsewhere_and_links_leave_no_trace(self) -> None:
        page = Page(render_html(letter(story("a"), story("b", source_type="press_corporate"))))
        assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
        assert not re.search(r"url\(|@import", render_html(letter(story())))
        outside = [attributes for tag, attributes in page.tags if tag == "a" and "://" in str(attributes["href"])]
        assert len(outside) == 2
        assert {attributes["rel"] for attributes in outside} == {"noopener noreferrer"}

    def test_a_date_is_what_the_source_said_or_says_that_it_is_unknown(self) -> None:
        html = Page(render_html(letter(story("a"), story("b", published_at=None, day=date(2026, 11, 21))))).text
        assert "18 Nov" in html
        assert "date unknown, first seen 21 Nov" in html

    def test_a_date_of_another_year_tells_its_year(self) -> None:
        assert "30 Dec 2025" in render_html(letter(story(published_at=date(2025, 12, 30))))

    def test_the_page_counts_stories_and_sources_and_what_was_left_out(self) -> None:
        newsletter = letter(story("a"), story("b", source_key="press_sector__la_formule"), story("c"), most=2)
        for text in (Page(render_html(newsletter)).text, render_markdown(newsletter)):
            assert "2 stories from" in text
            assert "Left out of this issue: 1 over the limit of the newsletter." in text

    def test_a_story_of_several_sources_says_so(self) -> None:
        html = render_html(letter(story("a", also_in_sources=1), story("b", also_in_sources=3)))
        assert "also in 1 other source<" in html
        assert "also in 3 other sources<" in html

    @pytest.mark.parametrize("render", [render_html, render_markdown])
    def test_an_empty_week_says_that_nothing_is_new(self, render: Callable[[Newsletter], str]) -> None:
        assert "Nothing new this week." in render(letter())

    def test_a_long_summary_is_cut_between_words(self) -> None:
        html = render_html(letter(story(summary="Sentences " * 200)))
        assert re.search(r"Sentences…</p>", html)
        assert html.count("Sentences") < 40

    def test_the_page_speaks_the_client_s_language_and_marks_stories_of_another_one(self) -> None:
        html = render_html(letter(story("a"), story("b", language="fr"), language="fr"))
        assert '<html lang="fr">' in html
        assert "16 au 22 novembre 2026" in html
        assert re.findall(r'<article[^>]*(lang="\w+")', html) == ['lang="en"']

    def test_a_language_without_words_gets_an_english_page_that_says_so(self) -> None:
        assert '<html lang="en">' in render_html(letter(story(), language="sv"))

    @pytest.mark.parametrize(
        ("start", "english", "french"),
        [
            (date(2026, 11, 16), "16–22 November 2026", "16 au 22 novembre 2026"),
            (date(2026, 6, 1), "1–7 June 2026", "1er au 7 juin 2026"),
            (date(2026, 9, 28), "28 September – 4 October 2026", "28 septembre au 4 octobre 2026"),
            (date(2026, 12, 28), "28 December 2026 – 3 January 2027", "28 décembre 2026 au 3 janvier 2027"),
        ],
    )
    def test_the_week_reads_naturally(self, start: date, english: str, french: str) -> None:
        for language, expected in (("en", english), ("fr", french)):
            assert f"**{expected}**" in render_markdown(compose("a", "A", language, start, [], Policy()))


class TestFiles:
    def test_the_json_has_the_fields_its_readers_know(self) -> None:
        newsletter = letter(story("a"), story("b", published_at=None, date_source="unknown"), story("b"))
        written = json.loads(json.dumps(to_json(newsletter)))
        assert written["newsletter_id"] == "acme_2026-11-16"
        assert written["client_id"] == "acme"
        assert written["period"] == {"from": "2026-11-16", "to": "2026-11-22"}
        assert written["metrics"]["total_items"] == 2
        assert written["metrics"]["left_out"] == {"repeated": 1}
        first = written["sections"][0]["items"][0]
        assert {key: first[key] for key in ("item_id", "title", "score", "published_at", "source_url")} == {
            "item_id": "a",
            "title": "Title a",
            "score": None,
            "published_at": "2026-11-18",
            "source_url": "https://depot.example/a",
        }

    def test_the_manifest_names_the_files_and_tells_an_empty_week_from_a_full_one(self) -> None:
        made = datetime(2026, 11, 23, 6, tzinfo=UTC)
        full = manifest(letter(story()), {"html": "acme/2026/11/16/newsletter.html"}, made)
        assert full["status"] == "success"
        assert full["generation_date"] == "2026-11-23T06:00:00+00:00"
        assert full["target_date"] == "2026-11-16"
        assert full["total_items"] == 1
        assert full["files"] == {"html": "acme/2026/11/16/newsletter.html"}
        assert manifest(letter(), {}, made)["status"] == "empty"
