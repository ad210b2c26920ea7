"""The day of an item: structured, by pattern, by address, or unknown; never today."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from domain.dates import date_of, day_in_text, day_in_url, day_of
from domain.errors import ConfigError

NOW = datetime(2026, 11, 15, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def on_the_15th_of_november() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.parametrize(
    ("field", "day"),
    [
        ("2025-12-09", "2025-12-09"),
        ("2025-12-09T10:00:00Z", "2025-12-09"),
        ("2025-12-09T23:30:00-05:00", "2025-12-10"),
        ("2025-12-09 10:00:00 CET", "2025-12-09"),
        ("Sun, 15 Nov 2026 08:00:00 GMT", "2026-11-15"),
        ("Sun, 15 Nov 2026 00:30:00 +0200", "2026-11-14"),
        ("Sun, 15 Nov 2026 00:30:00 CEST", "2026-11-14"),
        ("15 Nov 2026 23:00 EST", "2026-11-16"),
        ("December 9, 2025", "2025-12-09"),
        ("10 December, 2025", "2025-12-10"),
        ("August 15th, 2025", "2025-08-15"),
        ("1er décembre 2025", "2025-12-01"),
        ("10 février 2026", "2026-02-10"),
        ("09/12/2025", "2025-12-09"),
        ("12/25/2025", "2025-12-25"),
    ],
)
def test_a_date_field_gives_the_utc_day(field: str, day: str) -> None:
    assert str(day_of(field)) == day


@pytest.mark.parametrize(
    "field",
    [
        "",
        "not a date",
        "Monday",
        "10",
        "10 November",
        "November 2025",
        "2025",
        "08:00",
        "Sun, 31 Feb 2026 08:00:00 GMT",
        "2025-13-45",
        "9" * 5_000,
    ],
)
def test_half_a_date_or_none_is_never_completed_from_today(field: str) -> None:
    """D11: V2 dated it on the run's day."""
    assert day_of(field) is None


@pytest.mark.parametrize(
    "field", ["1970-01-01", "1989-12-31", "2099-01-01", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"]
)
def test_an_implausible_day_is_unknown(field: str) -> None:
    assert day_of(field) is None
    assert day_in_text(field) is None


def test_a_day_within_400_days_ahead_is_believed() -> None:
    assert day_of((NOW + timedelta(days=400)).date().isoformat())
    assert not day_of((NOW + timedelta(days=401)).date().isoformat())


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("PRESSRELEASES10 December, 2025Nanexa and Moderna", "2025-12-10"),
        ("Schizophrenia in AdultsDecember 9, 2025December 9, 2025", "2025-12-09"),
        ("Essi Nevo2025-08-15T11:33:54+02:00August 15th, 2025|Read More", "2025-08-15"),
        ("Paris, le 10 déc. 2025 - résultats", "2025-12-10"),
        ("Peptron | 2025.12.09 | notice", "2025-12-09"),
        ("first 6 November, 2025, then December 9, 2025", "2025-11-06"),
    ],
)
def test_a_date_glued_to_its_neighbours_is_found(text: str, day: str) -> None:
    """D13: V2 wanted a word's edge on both sides."""
    assert str(day_in_text(text)) == day


@pytest.mark.parametrize(
    "text", ["June 16-19, in Boston", "in Q4 2025", "call 09/12/2025", "dismay 5, 2025", "version 12025-12-093"]
)
def test_a_text_without_a_whole_and_certain_date_has_none(text: str) -> None:
    assert day_in_text(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "for the six months ended September 30, 2025",
        "from 1 April 2025 to 30 September 2025",
        "(April 1st, 2025 – September 30, 2025)",
        "the congress is held on 12 January 2026 in Paris",
        "will take place Monday, January 12, 2026",
        "exercice clos le 31 mars 2025",
        "au 30 septembre 2025",
        "l'assemblée se tiendra le mardi 13 janvier 2026",
        "du 12 janvier 2026 au 15 janvier 2026",
        "on 12-15 January 2026",
    ],
)
def test_the_day_of_a_period_or_of_an_event_is_not_the_texts_own(text: str) -> None:
    """D13: V2 took whatever date came first."""
    assert day_in_text(text) is None
    assert str(day_in_text(f"{text}. Paris, 9 December 2025")) == "2025-12-09"


@pytest.mark.parametrize(
    "text", ["PARIS – 10 December 2025 – The company", "communiqué du 10 décembre 2025", "published on Dec 10, 2025"]
)
def test_a_dateline_is_the_texts_own_day(text: str) -> None:
    assert str(day_in_text(text)) == "2025-12-10"


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://x.test/2025/12/10/title", "2025-12-10"),
        ("https://x.test/uploads/2025/12/MDC_HY-Results-EN_09122025-1.pdf", "2025-12-09"),
        ("https://x.test/files/results_2025-12-09.pdf", "2025-12-09"),
        ("https://x.test/files/12252025.pdf", "2025-12-25"),
        ("https://x.test/files/r%C3%A9sultats_20251209.pdf", "2025-12-09"),
        ("https://x.test/news/2025-12-10-a-title", "2025-12-10"),
        ("https://x.test/uploads/2025/12/report.pdf", "None"),
        ("https://x.test/news/10112025", "None"),  # an article's number, as often as a date
        ("https://x.test/interim-report-january-september-2025.pdf", "None"),
        ("http://[broken", "None"),
    ],
)
def test_a_whole_date_in_an_address_is_read(url: str, day: str) -> None:
    assert str(day_in_url(url)) == day


def test_a_structured_date_goes_before_everything() -> None:
    assert date_of(
        structured=["2025-12-01"],
        text="2025-11-01",
        url="https://x.test/2025/10/01/",
        patterns=[r"(\d{4}-\d{2}-\d{2})"],
    ) == (date(2025, 12, 1), "structured")


def test_a_bad_structured_date_leaves_the_place_to_the_next() -> None:
    assert date_of(structured=["soon", "2025-12-01"]) == (date(2025, 12, 1), "structured")


def test_half_year_results_are_of_the_day_in_the_name_not_of_the_period() -> None:
    """D13: V2 took the first date of the text, the end of the half-year."""
    title = "Consolidated Half-Year Financial Results (April 1st , 2025 – September 30, 2025)"
    url = "https://x.test/2025/12/MDC_HY-Results-EN_09122025-1.pdf"
    assert date_of(title=title, text=title, url=url) == (date(2025, 12, 9), "url")
    late = "A text that goes on for a while before it names a day: the half-year results of September 30, 2025"
    assert date_of(title="Results", text=late, url=url, patterns=[r"(\w+ \d{1,2}, \d{4})"])[0] == date(2025, 12, 9)


def test_the_sources_own_pattern_at_the_head_of_a_text_goes_before_the_address() -> None:
    title = "A grant (April 1, 2025)"
    assert date_of(
        title=title,
        text=f"{title}November 11, 2025",
        url="https://x.test/G_10112025.pdf",
        patterns=[r"(\w+ \d{1,2}, \d{4})"],
    ) == (date(2025, 11, 11), "pattern")


def test_a_date_in_the_title_is_the_last_resort() -> None:
    assert date_of(title="Results, September 30, 2025", text="Paris, December 9, 2025")[0] == date(2025, 12, 9)
    assert date_of(title="Results, September 30, 2025") == (date(2025, 9, 30), "pattern")


def test_a_pattern_with_two_groups_gives_its_first() -> None:
    """D14: V2 crashed on the tuple and said today."""
    pattern = r"(\d{1,2} \w+, \d{4})(\w+)"
    assert date_of(text="10 December, 2025Nanexa", patterns=[pattern]) == (date(2025, 12, 10), "pattern")


def test_a_pattern_that_never_matches_leaves_the_default_ones_in_force() -> None:
    """D12: the literal r"..." of the real catalog matched nothing and disabled the defaults."""
    assert date_of(text="10 December, 2025", patterns=['r"(nothing)"']) == (date(2025, 12, 10), "pattern")


def test_a_pattern_that_captures_no_date_is_passed_over() -> None:
    assert date_of(text="Ref: soon", patterns=[r"Ref: (\w+)", r"(x)?"]) == (None, "unknown")


def test_a_pattern_that_does_not_compile_names_itself() -> None:
    with pytest.raises(ConfigError, match="date_extraction_patterns"):
        date_of(text="x", patterns=["("])


def test_a_pattern_sees_the_first_thousand_characters() -> None:
    assert date_of(text="x" * 1_000 + "2025-12-09", patterns=[r"(\d{4}-\d{2}-\d{2})"]) == (None, "unknown")


def test_nothing_dated_is_unknown() -> None:
    """D11."""
    assert date_of(title="A title", text="A text", url="https://x.test/a") == (None, "unknown")
