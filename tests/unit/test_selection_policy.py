"""What a client's file says about its newsletter: which of two figures counts, and what has no effect."""

from tests.unit.selection_parts import DEALS, OTHERS, REGULATORY, ids, layout, policy_of, selection, story


class TestThreshold:
    def test_the_selection_s_threshold_counts_before_the_scoring_s_and_a_remark_says_so(self) -> None:
        policy = policy_of(
            newsletter_selection={"min_score_threshold": 0, "max_items_total": 20},
            scoring_config={"selection_overrides": {"min_score": 12, "max_items_total": 15}},
        )
        assert (policy.min_score, policy.max_items_total) == (0.0, 20)
        said = [
            "scoring_config.selection_overrides.min_score says 12, newsletter_selection.min_score_threshold says 0.0: "
            "the latter counts.",
            "scoring_config.selection_overrides.max_items_total says 15, newsletter_selection.max_items_total says 20: "
            "the latter counts.",
        ]
        assert sorted(policy.remarks) == sorted(said)

    def test_an_override_counts_where_nothing_else_is_said(self) -> None:
        overrides = {"min_score": 12, "max_items_total": 4, "min_items_per_section": 2}
        policy = policy_of(scoring_config={"selection_overrides": overrides})
        assert (policy.min_score, policy.max_items_total, policy.min_items_per_section) == (12.0, 4, 2)
        assert policy.remarks == ()

    def test_without_any_threshold_every_score_enters(self) -> None:
        assert ids(selection(policy_of(), story("a", score=0.0))) == {"press_sector": ["a"]}


class TestRemarks:
    def test_words_without_effect_are_told(self) -> None:
        policy = policy_of(
            pipeline={"newsletter_mode": "latest_run_only"},
            newsletter_selection={
                "critical_event_types": ["nda_submission", "regulatory"],
                "trimming_policy": {"max_section_dominance": "most", "keep": 1, "min_items_per_section": -1},
                "deduplication": {"similarity_threshold": 75},
            },
            newsletter_layout=layout(
                {"id": "x", "filter_event_types": ["approvals"], "source_domains": ["elsewhere"], "sort_by": "luck"},
                strategy="by_mood",
            ),
            newsletter_delivery={"include_intro": True, "metrics_config": {"include_trend_analysis": True}},
        )
        said = "\n".join(policy.remarks)
        for words in (
            "'latest_run_only' is read as period_based",
            "no item can have nda_submission.",
            "trimming_policy.max_section_dominance must be a number, 0 or more; 'most' has no effect",
            "trimming_policy.keep is not known",
            "trimming_policy.min_items_per_section must be a number, 0 or more; -1 has no effect",
            "similarity_threshold 75 is no share of 1: 0.75 is used",
            "there is no event type approvals",
            "elsewhere is no enabled domain",
            "sort_by 'luck' is not known",
            "distribution_strategy 'by_mood' is not known",
            "include_intro: nobody writes an introduction",
            "include_trend_analysis: there is no trend",
        ):
            assert words in said
        assert len(policy.remarks) == 12

    def test_a_share_of_nothing_is_no_share(self) -> None:
        policy = policy_of(newsletter_selection={"trimming_policy": {"max_section_dominance": 0}})
        assert policy.dominance == 1.0
        assert "max_section_dominance 0 is no share" in policy.remarks[0]

    def test_a_file_that_says_nothing_odd_has_no_remark(self) -> None:
        assert policy_of(newsletter_layout=layout(REGULATORY, DEALS, OTHERS)).remarks == ()
