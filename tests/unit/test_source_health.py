"""When a source that fails is asked again, and what is remembered of it. Not asking, not keeping."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.source_health import LONGEST_WAIT, PATIENCE, FetchState, WaitingError, next_try

AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
URL = "https://a.example/feed"
HOUR = timedelta(hours=1)


def failing(times: int, every: timedelta = timedelta(days=1)) -> FetchState:
    state = FetchState(URL)
    for number in range(times):
        state = state.failed(AT + number * every, "the source answered 503.")
    return state


@pytest.mark.parametrize(("failures", "hours"), [(3, 3), (4, 6), (5, 12), (6, 20), (7, 20), (5_000, 20)])
def test_a_source_is_slowed_down_from_its_third_failure_on(failures: int, hours: int) -> None:
    assert next_try(failures, AT) == AT + hours * HOUR


@pytest.mark.parametrize("failures", range(1, PATIENCE))
def test_the_first_failures_cost_no_waiting(failures: int) -> None:
    assert next_try(failures, AT) is None


def test_the_patience_that_a_source_asks_for_is_kept_from_its_first_failure_on() -> None:
    assert next_try(1, AT, retry_after=600.0) == AT + timedelta(minutes=10)
    assert next_try(3, AT, retry_after=600.0) == AT + 3 * HOUR
    assert next_try(3, AT, retry_after=5 * 3600.0) == AT + 5 * HOUR


@given(failures=st.integers(1, 10**6), patience=st.none() | st.floats(0, 10**12))
def test_no_source_is_forgotten_for_a_day(failures: int, patience: float | None) -> None:
    again = next_try(failures, AT, patience)
    assert again is None or AT < again <= AT + LONGEST_WAIT < AT + timedelta(days=1)


def test_a_source_that_fails_every_day_is_tried_every_day() -> None:
    for times in range(1, 12):
        assert failing(times).waiting(AT + timedelta(days=times)) is None


def test_a_waiting_source_says_since_when_how_often_and_when_again() -> None:
    state = failing(4, every=HOUR)
    waiting = state.waiting(AT + 4 * HOUR)
    assert isinstance(waiting, WaitingError)
    said = str(waiting)
    assert said.startswith(f"{URL}: not asked: it failed 4 times in a row since 2026-11-21 05:00 UTC")
    assert "answered 503" in said
    assert "tried again from 2026-11-21 14:00 UTC" in said
    assert "force_refresh" in said
    assert state.waiting(AT + 9 * HOUR) is None


def test_a_good_answer_ends_the_streak() -> None:
    state = replace(failing(5), etag='"one"').succeeded()
    assert state == FetchState(URL, etag='"one"')
    assert state.failed(AT, "gone.").failures == 1


def test_a_failure_leaves_what_the_last_good_answer_said() -> None:
    good = FetchState(URL, etag='"one"', day=date(2026, 11, 20), digest="d", fresh_until=AT)
    failed = good.failed(AT, "gone.")
    assert (failed.etag, failed.day, failed.digest) == ('"one"', date(2026, 11, 20), "d")


def test_a_kept_body_is_fresh_until_its_time_is_over() -> None:
    state = FetchState(URL, day=AT.date(), fresh_until=AT)
    assert state.is_fresh(AT - timedelta(seconds=1))
    assert not state.is_fresh(AT)
    assert not replace(state, day=None).is_fresh(AT - timedelta(seconds=1))
    assert not FetchState(URL).is_fresh(AT)


@pytest.mark.parametrize(
    "state",
    [
        FetchState(URL),
        failing(4),
        FetchState(URL, f"{URL}?x", "text/xml", '"é"', "yesterday", AT.date(), "d", fresh_until=AT),
    ],
)
def test_a_state_comes_back_from_its_record(state: FetchState) -> None:
    assert FetchState.from_record(state.record()) == state


@pytest.mark.parametrize(
    "change",
    [
        {"url": None},
        {"etag": 7},
        {"failures": "3"},
        {"not_before": "soon"},
        {"not_before": "2026-11-21T05:00:00"},
        {"day": "yesterday"},
    ],
)
def test_a_damaged_record_is_no_state(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        FetchState.from_record(FetchState(URL).record() | change)
