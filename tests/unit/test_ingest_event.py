"""What an ingest event may say, what it means, and what an answer says: no store, no source."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.ingest_event import EventError, IngestEvent, Window, read_event, read_event_text
from domain.ingest_result import ClientOutcome, Figures, SourceOutcome, multi, overall, single

TODAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 6, tzinfo=UTC)
WEEK = Window(7, date(2026, 11, 14), None)
GOOD = SourceOutcome("press__one", "ok", True, items=9, new_items=2)
DOWN = SourceOutcome("press__two", "failed", True, error="the source answered 503.")
STALE = SourceOutcome("press__three", "stale", True, items=4, error="no answer.")

FINE = ClientOutcome("acme", "ok", (GOOD,), Figures(8, 3, 1, 4), WEEK, "balanced", "s3://data/acme")
HALF = ClientOutcome("beta", "degraded", (GOOD, DOWN), Figures(5, 0, 0, 5), WEEK, "balanced", "s3://data/beta")
LOST = ClientOutcome("gamma", "failed", (DOWN,), window=WEEK, ingestion_mode="strict", error="every source failed")
SKIPPED = ClientOutcome("delta", "skipped", window=WEEK, ingestion_mode="balanced", error="follows none of them")
UNREAD = ClientOutcome("omega", "failed", error="clients/omega.yaml:3: wrong.")


def refused(asked: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(EventError) as error:
        read_event(asked)
    assert error.value.status_code == 400
    return error.value.problems


class TestReading:
    @pytest.mark.parametrize("asked", [{}, {"client_id": ""}, {"client_id": None, "sources": [], "period_days": None}])
    def test_what_is_empty_asks_for_the_cell_of_every_active_client(self, asked: dict[str, Any]) -> None:
        event = read_event(asked)
        assert event == IngestEvent()
        assert not event.selects

    def test_every_parameter_of_v2_is_read(self) -> None:
        asked = {
            "client_id": "acme",
            "sources": ["press__one", "press__two", "press__one"],
            "from_date": "2026-11-01",
            "to_date": "2026-11-10",
            "force_refresh": True,
            "dry_run": True,
            "temporal_mode": "strict",
            "ingestion_mode": "broad",
        }
        assert read_event(asked) == IngestEvent(
            "acme",
            ("press__one", "press__two"),
            from_date=date(2026, 11, 1),
            to_date=date(2026, 11, 10),
            ingestion_mode="broad",
            temporal_mode="strict",
            force_refresh=True,
            dry_run=True,
        )

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"client_id": 7}, "`client_id` must be the name of a client; found the number 7."),
            ({"client_id": "../acme"}, "a letter or digit first; found the text"),
            ({"sources": "press__one"}, "`sources` must be a list of source keys; found the text"),
            ({"sources": ["press__one", 3]}, "`sources` must hold source keys; found the number 3 in it."),
            ({"period_days": -1}, "`period_days` must be a whole number from 0 to 3650; found the number -1."),
            ({"period_days": True}, "found true."),
            ({"period_days": 7.0}, "found the number 7.0."),
            ({"period_days": "7"}, 'found the text "7".'),
            ({"from_date": "2026-02-30"}, "`from_date` must be a day written YYYY-MM-DD"),
            ({"to_date": "20261101"}, "`to_date` must be a day written YYYY-MM-DD"),
            ({"dry_run": "true"}, '`dry_run` must be true or false; found the text "true".'),
            ({"force_refresh": 1}, "`force_refresh` must be true or false; found the number 1."),
            (
                {"ingestion_mode": "balancd"},
                'must be one of strict, balanced, broad; found the text "balancd". Did you',
            ),
            ({"temporal_mode": ["strict"]}, "must be one of strict, flexible; found a list."),
            ({"perid_days": 7}, '`perid_days` is not a parameter of an event. Did you mean "period_days"?'),
        ],
    )
    def test_a_wrong_parameter_is_refused_with_the_reason(self, asked: dict[str, Any], said: str) -> None:
        (problem,) = refused(asked)
        assert said in problem

    def test_all_reasons_are_said_at_once(self) -> None:
        problems = refused({"period_days": -1, "dry_run": "no", "colour": "red", "from_date": "x"})
        assert [problem.split("`")[1] for problem in problems] == ["period_days", "dry_run", "colour", "from_date"]

    def test_a_window_that_ends_before_it_starts_is_refused(self) -> None:
        (problem,) = refused({"from_date": "2026-11-10", "to_date": "2026-11-01"})
        assert "is after `to_date`" in problem

    @pytest.mark.parametrize("end", ["from_date", "to_date"])
    def test_a_period_beside_a_date_is_refused(self, end: str) -> None:
        (problem,) = refused({"period_days": 0, end: "2026-11-10"})
        assert f"contradicts `{end}`" in problem

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{", "is not JSON"),
            ("[]", "must be a JSON object"),
            ("null", "found nothing"),
            ('{"dry_run": true, "dry_run": false}', "`dry_run` stands twice"),
            ("[" * 100_000, "is not JSON"),
        ],
    )
    def test_a_text_that_is_no_event_is_refused(self, text: str, said: str) -> None:
        with pytest.raises(EventError, match=said):
            read_event_text(text)


class TestWindow:
    @pytest.mark.parametrize(
        ("asked", "window"),
        [
            ({}, Window(30, date(2026, 10, 22), None)),
            ({"period_days": 0}, Window(0, TODAY, None)),
            ({"period_days": 3}, Window(3, date(2026, 11, 18), None)),
            ({"from_date": "2026-11-01"}, Window(None, date(2026, 11, 1), None)),
            ({"to_date": "2026-11-01"}, Window(None, None, date(2026, 11, 1))),
        ],
    )
    def test_the_event_comes_before_the_clients_file_and_each_date_may_stand_alone(
        self, asked: dict[str, Any], window: Window
    ) -> None:
        assert read_event(asked).window(30, TODAY) == window

    @pytest.mark.parametrize(
        "asked",
        [{"sources": ["a"]}, {"period_days": 0}, {"to_date": "2026-11-01"}, {"temporal_mode": "flexible"}],
    )
    def test_sources_a_window_or_a_mode_make_a_selection(self, asked: dict[str, Any]) -> None:
        assert read_event(asked).selects

    @pytest.mark.parametrize("asked", [{"client_id": "acme"}, {"force_refresh": True}, {"dry_run": True}])
    def test_who_and_how_do_not(self, asked: dict[str, Any]) -> None:
        assert not read_event(asked).selects

    def test_events_that_select_the_same_share_a_name(self) -> None:
        names = [
            event.selection_name(event.window(7, TODAY))
            for event in (
                read_event({"sources": ["a", "b"], "period_days": 7}),
                read_event({"sources": ["b", "a"]}),
                read_event({"sources": ["b", "a"], "from_date": "2026-11-14"}),
                read_event({"sources": ["a"]}),
                read_event({"sources": ["a", "b"], "period_days": 8}),
            )
        ]
        assert names[0] == names[1] == names[2]
        assert len(set(names[2:])) == 3


class TestAnswers:
    def test_a_single_result_has_every_field_of_v2(self) -> None:
        answer = single(IngestEvent("acme"), FINE, AT, 1.234)
        v2 = {
            "client_id": "acme",
            "execution_date": "2026-11-21T06:00:00+00:00",
            "sources_processed": 1,
            "sources_failed": 0,
            "items_ingested": 8,
            "items_filtered_out": 3,
            "items_deduplicated": 1,
            "items_final": 4,
            "period_days_used": 7,
            "s3_output_path": "s3://data/acme",
            "execution_time_seconds": 1.23,
            "dry_run": False,
            "ingestion_mode": "balanced",
            "temporal_mode": "flexible",
            "status": "success",
        }
        assert {name: answer.body[name] for name in v2} == v2
        assert "error" not in answer.body
        assert (answer.status_code, answer.exit_code) == (200, 0)

    def test_a_failed_single_result_has_them_too_and_its_error(self) -> None:
        answer = single(IngestEvent("gamma"), LOST, AT, 0.0)
        assert (answer.status_code, answer.exit_code, answer.body["status"]) == (502, 1, "failed")
        assert answer.body["error"] == "every source failed"
        assert (answer.body["items_final"], answer.body["s3_output_path"]) == (0, "")

    def test_a_stale_source_counts_as_failed(self) -> None:
        client = ClientOutcome("acme", "degraded", (GOOD, STALE))
        body = single(IngestEvent("acme"), client, AT, 0.0).body
        assert (body["sources_processed"], body["sources_failed"], body["status"]) == (1, 1, "partial_success")

    def test_a_multi_result_has_every_field_of_v2_and_its_figures_add_up(self) -> None:
        clients = [FINE, HALF, LOST, SKIPPED]
        answer = multi(IngestEvent(), clients, {"clients/omega.yaml": UNREAD}, 7, AT, 2.0)
        v2 = {
            "execution_date": "2026-11-21T06:00:00+00:00",
            "clients_discovered": 7,
            "clients_active": 4,
            "clients_processed": 3,
            "clients_succeeded": 2,
            "clients_failed": 2,
            "total_items_ingested": 9,
            "execution_time_seconds": 2.0,
            "dry_run": False,
            "ingestion_mode": None,
            "status": "partial_success",
        }
        body = answer.body
        assert {name: body[name] for name in v2} == v2
        assert body["clients_succeeded"] + body["clients_failed"] == body["clients_processed"] + body["clients_invalid"]
        assert (answer.status_code, answer.exit_code) == (200, 3)
        lines = {line["client_id"]: line for line in body["client_results"]}
        assert {name: line["status"] for name, line in lines.items()} == {
            "acme": "success",
            "beta": "partial_success",
            "gamma": "failed",
            "delta": "skipped",
            "omega": "failed",
        }
        assert lines["omega"]["error"] == "clients/omega.yaml:3: wrong."
        assert lines["beta"]["failed_sources"] == ["press__two"]
        assert [(s["source_key"], s["status"]) for s in body["sources_detail"]] == [
            ("press__one", "ok"),
            ("press__two", "failed"),
        ]

    @pytest.mark.parametrize(
        ("clients", "status"),
        [
            ([FINE, FINE], "success"),
            ([FINE, SKIPPED], "success"),
            ([FINE, HALF], "partial_success"),
            ([FINE, LOST], "partial_success"),
            ([HALF], "partial_success"),
            ([LOST, LOST], "failed"),
            ([LOST, UNREAD, SKIPPED], "failed"),
        ],
    )
    def test_the_status_says_how_it_went_over_all(self, clients: list[ClientOutcome], status: str) -> None:
        assert overall(clients) == status

    def test_when_all_fail_the_code_says_whose_fault_it_is(self) -> None:
        theirs = multi(IngestEvent(), [LOST, LOST], {}, 2, AT, 0.0)
        ours = multi(IngestEvent(), [LOST], {"clients/omega.yaml": UNREAD}, 2, AT, 0.0)
        assert (theirs.status_code, ours.status_code) == (502, 500)
        assert "every source failed" in theirs.body["error"]
