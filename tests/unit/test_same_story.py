"""Stories that tell the same thing: which are joined, which are not, and who speaks for the others."""

from dataclasses import replace

import pytest

from domain.same_story import Likeness, told_once
from tests.unit.selection_parts import MONDAY, SUNDAY, because, ids, policy_of, reasons, selection, story


class TestDuplicates:
    def test_near_copies_of_several_days_are_told_once_by_the_highest_score(self) -> None:
        chosen = selection(policy_of(), story("b", duplicate_group="g"), story("c", duplicate_group="g", score=11.0))
        assert ids(chosen) == {"press_sector": ["c"]}
        assert reasons(chosen) == {"b": "same_story"}

    def test_a_critical_story_speaks_before_one_with_a_higher_score_where_that_is_preferred(self) -> None:
        stories = (story("x", critical=True, duplicate_group="g"), story("y", score=30.0, duplicate_group="g"))
        assert ids(selection(policy_of(), *stories)) == {"press_sector": ["x"]}
        indifferent = {"deduplication": {"prefer_critical_events": False}}
        assert ids(selection(policy_of(newsletter_selection=indifferent), *stories)) == {"press_sector": ["y"]}

    def test_without_preferring_scores_the_first_told_speaks(self) -> None:
        stories = (
            story("x", duplicate_group="g", published_at=MONDAY),
            story("y", duplicate_group="g", score=30.0, published_at=SUNDAY),
        )
        block = {"deduplication": {"prefer_higher_score": False}}
        assert ids(selection(policy_of(newsletter_selection=block), *stories)) == {"press_sector": ["x"]}

    def test_one_event_of_one_company_with_almost_one_title_is_told_once(self) -> None:
        first = story("x", title="Orvane files its monthly depot with the FDA", companies=("Orvane",), score=12.0)
        second = story("y", title="Orvane files monthly depot with FDA", companies=("Orvane", "Teld"))
        chosen = selection(policy_of(), first, second)
        assert ids(chosen) == {"press_sector": ["x"]}
        assert because(chosen, "y").endswith("alike, as “Orvane files its monthly depot with the FDA”")

    @pytest.mark.parametrize(
        "changes",
        [
            {"companies": ("Teld",)},
            {"event_type": "regulatory"},
            {"title": "Orvane publishes its interim report for January-June 2026"},
            {"title": "Orvane hires a new head of its depot plant"},
        ],
        ids=["another company", "another event", "another period", "another title"],
    )
    def test_what_differs_in_company_event_period_or_title_is_told_twice(self, changes: dict[str, object]) -> None:
        title = "Orvane publishes its interim report for January-September 2026"
        first = story("x", title=title, companies=("Orvane",))
        assert reasons(selection(policy_of(), first, replace(first, item_id="y", **changes))) == {}  # type: ignore[arg-type]

    def test_companies_do_not_matter_where_the_file_says_so(self) -> None:
        block = {"deduplication": {"company_based_dedup": False}}
        first = story("x", title="A depot is approved in Europe", companies=("Orvane",))
        second = replace(first, item_id="y", companies=("Teld",))
        assert reasons(selection(policy_of(newsletter_selection=block), first, second)) == {"y": "same_story"}

    def test_without_a_company_one_shared_molecule_is_enough_and_without_any_name_only_the_same_words(self) -> None:
        named = story("x", title="A depot is approved in Europe", molecules=("risperidone",))
        assert reasons(selection(policy_of(), named, replace(named, item_id="y"))) == {"y": "same_story"}
        bare = story("x", title="Download attachment")
        assert reasons(selection(policy_of(), bare, replace(bare, item_id="y"))) == {}

    @pytest.mark.parametrize("block", [{"enabled": False}, {"similarity_threshold": 1.0}])
    def test_likeness_can_be_switched_off_or_made_strict(self, block: dict[str, object]) -> None:
        first = story("x", title="Orvane files its monthly depot with the FDA", companies=("Orvane",))
        second = replace(first, item_id="y", title="Orvane files monthly depot with FDA")
        assert reasons(selection(policy_of(newsletter_selection={"deduplication": block}), first, second)) == {}

    def test_a_client_that_watches_nothing_keeps_titles_that_look_alike(self) -> None:
        first = story("x", title="A depot is approved in Europe today")
        assert reasons(selection(policy_of(watched=False), first, replace(first, item_id="y"))) == {}

    def test_likeness_is_not_handed_on(self) -> None:
        words = ["one two three four", "two three four five", "three four five six"]
        chain = [story(str(n), title=title, companies=("Orvane",)) for n, title in enumerate(words)]
        kept, others = told_once(chain, Likeness(0.75))
        assert [one.item_id for one in kept] == ["0", "2"]
        assert others["1"][0].item_id == "0"

    def test_accents_and_case_make_no_other_title(self) -> None:
        titles = {"x": "Étude de dépôt", "y": "ETUDE DE DEPOT", "nameless": "", "again": ""}
        stories = [story(name, title=title, companies=("Orvane",)) for name, title in titles.items()]
        kept, _others = told_once(stories, Likeness(1.0))
        assert [one.item_id for one in kept] == ["x", "nameless", "again"]
