"""The selection of a week: what enters an issue by a client's file, in which section, and why the others do not."""

import random
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clients import read_client
from domain.same_story import Likeness
from domain.selection_policy import Policy, read_policy
from domain.stories import CHOSEN, LEFT_OUT_REASONS, Section
from tests.unit.selection_parts import (
    DEALS,
    MONDAY,
    OTHERS,
    REGULATORY,
    SUBJECTS,
    SUNDAY,
    VERBS,
    because,
    ids,
    layout,
    policy_of,
    reasons,
    selection,
    story,
)


class TestMatching:
    def test_a_story_without_a_watched_domain_is_out(self) -> None:
        chosen = selection(policy_of(), story("in"), story("out", domains=()))
        assert ids(chosen) == {"press_sector": ["in"]}
        assert reasons(chosen) == {"out": "no_domain"}

    def test_a_client_that_watches_nothing_gets_every_story_the_newest_first(self) -> None:
        stories = [story(str(n), domains=(), score=float(n), published_at=MONDAY - timedelta(n)) for n in range(3)]
        chosen = selection(policy_of(watched=False), *stories)
        assert ids(chosen) == {"press_sector": ["0", "1", "2"]}

    def test_a_domain_that_is_not_enabled_is_not_watched(self) -> None:
        policy = policy_of(watch_domains=[{"id": "depots", "enabled": False}])
        assert ids(selection(policy, story("a", domains=()))) == {"press_sector": ["a"]}

    def test_a_score_under_the_threshold_is_out_in_figures_and_one_on_it_is_in(self) -> None:
        policy = policy_of(newsletter_selection={"min_score_threshold": 12})
        chosen = selection(policy, story("on", score=12.0), story("under", score=3.2))
        assert ids(chosen) == {"press_sector": ["on"]}
        assert because(chosen, "under") == "score 3.2 is under 12"

    def test_a_day_that_was_built_before_there_were_scores_says_so(self) -> None:
        assert reasons(selection(policy_of(), story("a", score=None))) == {"a": "not_scored"}
        assert ids(selection(policy_of(watched=False), story("a", score=None))) == {"press_sector": ["a"]}


class TestSections:
    def test_specialized_sections_choose_by_priority_then_the_rest_goes_by_score(self) -> None:
        policy = policy_of(newsletter_layout=layout(OTHERS, DEALS, REGULATORY))
        chosen = selection(
            policy,
            story("r1", event_type="regulatory", score=9.0),
            story("r2", event_type="regulatory", score=20.0),
            story("r3", event_type="regulatory", score=15.0),
            story("p1", event_type="partnership", published_at=MONDAY),
            story("m1", event_type="corporate_move", published_at=SUNDAY, score=1.0),
            story("o1", score=2.0),
        )
        assert ids(chosen) == {"reg": ["r2", "r3"], "deals": ["m1", "p1"], "others": ["r1", "o1"]}

    def test_what_no_section_has_room_for_says_which_were_full(self) -> None:
        policy = policy_of(newsletter_layout=layout({**REGULATORY, "max_items": 1}, {**OTHERS, "max_items": 0}))
        chosen = selection(policy, story("a", event_type="regulatory", score=11.0), story("b", event_type="regulatory"))
        assert because(chosen, "b") == 'no room in "Regulatory" (1) and "Others" (0)'

    def test_an_event_that_no_section_takes_is_out_by_name(self) -> None:
        chosen = selection(policy_of(newsletter_layout=layout(REGULATORY)), story("a", event_type="partnership"))
        assert ids(chosen) == {}
        assert because(chosen, "a") == "no section takes an event of type partnership"

    def test_a_section_of_a_domain_takes_stories_of_that_domain_only(self) -> None:
        policy = policy_of(
            watch_domains=[{"id": "depots"}, {"id": "rules"}],
            newsletter_layout=layout({"id": "r", "source_domains": ["rules"]}, {"id": "d"}, strategy="default"),
        )
        chosen = selection(policy, story("a"), story("b", domains=("depots", "rules")))
        assert ids(chosen) == {"r": ["b"], "d": ["a"]}

    def test_the_default_strategy_takes_sections_in_their_order_whatever_they_take(self) -> None:
        first = {"id": "top", "max_items": 1}
        chosen = selection(
            policy_of(newsletter_layout=layout(first, REGULATORY | {"priority": 999}, strategy="")),
            story("a", event_type="regulatory", score=11.0),
            story("b", event_type="regulatory"),
        )
        assert ids(chosen) == {"top": ["a"], "reg": ["b"]}

    def test_d29_sections_without_priority_spread_stories_by_their_type(self) -> None:
        """All six had landed in "Regulatory Updates", the first section, whatever their type."""
        sections = [
            {"id": "everything", "filter_event_types": ["*"]},
            {"id": "regulatory_updates", "filter_event_types": ["regulatory"]},
            {"id": "partnerships_deals", "filter_event_types": ["partnership", "corporate_move"]},
            {"id": "clinical_updates", "filter_event_types": ["clinical_update"]},
        ]
        kinds = ("regulatory", "partnership", "corporate_move", "clinical_update", "financial_results", "other")
        chosen = selection(
            policy_of(newsletter_layout=layout(*sections)), *(story(kind, event_type=kind) for kind in kinds)
        )
        assert {part: sorted(held) for part, held in ids(chosen).items()} == {
            "regulatory_updates": ["regulatory"],
            "partnerships_deals": ["corporate_move", "partnership"],
            "clinical_updates": ["clinical_update"],
            "everything": ["financial_results", "other"],
        }


class TestTrimming:
    @pytest.mark.parametrize(
        ("most", "critical", "regular"), [(10, 15, 8), (10, 10, 3), (20, 3, 30), (1, 2, 2), (0, 1, 1)]
    )
    def test_d30_an_issue_never_holds_more_than_its_limit_and_critical_events_go_first(
        self, most: int, critical: int, regular: int
    ) -> None:
        """A negative slice had kept the regulars too: 18 of 10 allowed."""
        policy = Policy(most, (Section("s", "S", 99, event_types=("*",)),), watched=True)
        chosen = selection(
            policy,
            *(story(f"c{n}", critical=True, score=float(n)) for n in range(critical)),
            *(story(f"r{n}", score=40.0) for n in range(regular)),
        )
        kept = [one for part in chosen.sections for one in part.stories]
        assert len(kept) == min(most, critical + regular)
        assert sum(one.critical for one in kept) == min(most, critical)
        assert chosen.figures.critical == min(most, critical)

    def test_each_section_keeps_its_first_stories_before_any_gets_more(self) -> None:
        sections = (Section("reg", "R", 9, event_types=("regulatory",)), Section("o", "O", 9, event_types=("*",)))
        stories = [story(f"o{n}", score=30.0 + n) for n in range(6)]
        stories += [story(f"r{n}", event_type="regulatory", score=1.0 + n) for n in range(4)]
        policy = Policy(5, sections, watched=True, min_items_per_section=2)
        assert Counter(one[0] for held in ids(selection(policy, *stories)).values() for one in held) == {"o": 3, "r": 2}
        without = replace(policy, min_items_per_section=0)
        assert list(ids(selection(without, *stories))) == ["o"]

    def test_no_section_holds_more_than_its_share_unless_it_is_alone_or_critical(self) -> None:
        sections = (Section("reg", "R", 9, event_types=("regulatory",)), Section("o", "O", 9, event_types=("*",)))
        policy = Policy(5, sections, watched=True, dominance=0.6)
        others = [story(f"o{n}", score=30.0 + n) for n in range(6)]
        chosen = selection(policy, *others, story("r1", event_type="regulatory", score=1.0))
        assert {part: sorted(held) for part, held in ids(chosen).items()} == {"reg": ["r1"], "o": ["o3", "o4", "o5"]}
        assert because(chosen, "o0") == '"O" holds 3 of 5 already: no section holds more than 60%'
        assert len(ids(selection(policy, *others))["o"]) == 5
        urgent = [replace(one, critical=True) for one in others]
        assert len(ids(selection(policy, *urgent, story("r1", event_type="regulatory")))["o"]) == 5

    def test_a_preference_for_the_recent_counts_where_scores_are_almost_equal(self) -> None:
        old, new = story("old", score=10.4, published_at=MONDAY), story("new", score=10.1, published_at=SUNDAY)
        policy = Policy(1, watched=True)
        assert ids(selection(policy, old, new)) == {"press_sector": ["old"]}
        assert ids(selection(replace(policy, prefer_recent=True), old, new)) == {"press_sector": ["new"]}
        better = replace(old, score=12.0)
        assert ids(selection(replace(policy, prefer_recent=True), better, new)) == {"press_sector": ["old"]}

    def test_critical_events_are_as_others_where_they_are_not_preserved(self) -> None:
        policy = Policy(1, watched=True, preserve_critical=False)
        chosen = selection(policy, story("a", critical=True), story("b", score=20.0))
        assert ids(chosen) == {"press_sector": ["b"]}


class TestWhole:
    def test_the_figures_tell_each_step(self) -> None:
        policy = replace(policy_of(newsletter_layout=layout(REGULATORY, OTHERS)), max_items_total=2, min_score=5.0)
        chosen = selection(
            policy,
            story("none", domains=()),
            story("low", score=1.0),
            story("a", event_type="regulatory", critical=True),
            story("twin", event_type="regulatory", duplicate_group="a", score=6.0),
            story("b"),
            story("c"),
            story("early", day=MONDAY - timedelta(1)),
        )
        figures = chosen.figures
        assert (figures.processed, figures.matched, figures.distinct) == (6, 4, 3)
        assert (figures.trimmed, figures.critical) == (1, 1)
        assert figures.fill_rates == {"reg": 0.5, "others": 0.33}

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 12),
                st.sampled_from([None, 0.0, 3.0, 12.0, 40.0]),
                st.sampled_from(["regulatory", "partnership", "other"]),
                st.sampled_from([(), ("depots",)]),
                st.booleans(),
                st.integers(-1, 7),
            ),
            max_size=40,
        ),
        st.integers(0, 6),
        st.sampled_from([0.3, 1.0]),
        st.randoms(use_true_random=False),
    )
    def test_every_story_has_one_verdict_the_limit_holds_and_the_order_of_the_input_changes_nothing(
        self,
        drawn: list[tuple[int, float | None, str, tuple[str, ...], bool, int]],
        most: int,
        dominance: float,
        chance: random.Random,
    ) -> None:
        policy = replace(
            policy_of(newsletter_layout=layout(REGULATORY, DEALS, OTHERS)), max_items_total=most, dominance=dominance
        )
        stories = [
            story(str(n), score=score, event_type=kind, domains=domains, critical=critical, day=MONDAY + timedelta(day))
            for n, score, kind, domains, critical, day in drawn
        ]
        chosen = selection(policy, *stories)
        kept = [one for part in chosen.sections for one in part.stories]
        assert len(chosen.verdicts) == len(stories)
        assert {one.code for one in chosen.verdicts} <= {CHOSEN, *LEFT_OUT_REASONS}
        assert sorted(one.item_id for one in kept) == sorted(
            one.story.item_id for one in chosen.verdicts if one.code == CHOSEN
        )
        assert len(kept) <= most
        assert len({one.item_id for one in kept}) == len(kept)
        assert all(len(part.stories) <= (part.max_items or 0) for part in chosen.sections)
        chance.shuffle(stories)
        assert ids(selection(policy, *stories)) == ids(chosen)


def test_of_two_rows_of_one_item_and_day_the_same_speaks_whatever_their_order() -> None:
    policy = policy_of(newsletter_layout=layout(REGULATORY, DEALS, OTHERS))
    one, other = (story("0", event_type=kind, domains=("depots",)) for kind in ("regulatory", "partnership"))
    assert ids(selection(policy, one, other)) == ids(selection(policy, other, one))


def test_a_big_week_is_chosen_in_a_moment() -> None:
    """A thousand stories of one company: compared by event and name, not each with each of the rest of the fleet."""
    titles = [f"{s} {v} {t} {w}" for s, v, t, w in product(SUBJECTS, VERBS, SUBJECTS[:5], VERBS[:2])]
    stories = [story(str(n), title=title, companies=(f"C{n % 50}",)) for n, title in enumerate(titles)]
    started = time.process_time()
    assert len(selection(replace(policy_of(), max_items_total=999), *stories).verdicts) == 1000
    assert time.process_time() - started < 2


def test_the_real_file_lets_in_what_a_person_would_pick(real_data: Path) -> None:
    body = (real_data / "config" / "clients" / "lai_weekly_prod.yaml").read_bytes()
    policy = read_policy(read_client("clients/lai_weekly.yaml", body))
    assert (policy.min_score, policy.max_items_total, policy.dominance) == (0.0, 20, 0.6)
    assert policy.likeness == Likeness(0.75, same_company=True)
    said = "\n".join(policy.remarks)
    assert "min_score says 12" in said
    assert "no item can have regulatory_approval, nda_submission, pivotal_trial_result" in said
    watched = ("tech_lai_ecosystem",)
    picked = [
        story("deal", title="Licence and option agreement", event_type="partnership", score=14.9, domains=watched),
        story("filing", title="New drug application filed", event_type="regulatory", score=13.8, domains=watched),
        story("grant", title="New grant to fight malaria", event_type="other", score=7.4, domains=watched),
    ]
    left = [story("download", title="Download attachment", score=0.0, domains=())]
    chosen = selection(policy, *picked, *left)
    assert ids(chosen) == {"regulatory_updates": ["filing"], "partnerships_deals": ["deal"], "others": ["grant"]}
    assert reasons(chosen) == {"download": "no_domain"}
