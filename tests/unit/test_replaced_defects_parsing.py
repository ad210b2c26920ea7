"""The defects of V2's ingestion that concern parsing, each shown by its own case and not repeated here."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import time_machine

from domain.catalog import read_catalog
from domain.dates import date_of
from domain.errors import ParseError
from domain.feeds import parse_feed
from domain.items import identity
from domain.pages import parse_page

URL = "https://site.test/news/"


def page_of(item: str) -> bytes:
    return f"<html><meta charset=utf-8><body>{item}</body></html>".encode()


def test_d11_an_item_without_a_date_has_none_on_every_day_and_one_identity() -> None:
    """V2 dated it on the day of the run, dropped the mark that said so, and built the identity on that day."""
    body = page_of('<article><a href="/a">A title</a><p>Soon: more on Monday.</p></article>')
    seen = []
    for day in (16, 17, 19, 23):
        with time_machine.travel(datetime(2025, 12, day, 8, tzinfo=UTC), tick=False):
            seen += parse_page(body, URL)
    assert {(item.published_at, item.date_source) for item in seen} == {(None, "unknown")}
    assert len({identity("s", item.url, item.guid) for item in seen}) == 1


@pytest.mark.parametrize("field", ["<pubDate>soon</pubDate>", "<pubDate>Monday</pubDate>", "<pubDate/>", ""])
def test_d11_a_feeds_bad_date_is_never_the_day_of_the_run(field: str) -> None:
    """V2 wrote the day of the run for every date it could not read."""
    feed = f"<rss version='2.0'><channel><item><title>A</title><link>/a</link>{field}</item></channel></rss>"
    (item,) = parse_feed(feed.encode(), URL)
    assert (item.published_at, item.date_source) == (None, "unknown")


def catalog_of(pattern: str) -> bytes:
    return (
        "sources:\n  - source_key: s\n    source_type: press\n    ingestion_mode: html\n    enabled: true\n"
        f"    html_url: https://site.test/news\n    date_extraction_patterns: ['{pattern}']\n"
        "bouquets: []\n"
    ).encode()


def test_d12_a_pattern_written_as_python_source_is_told_and_still_dates() -> None:
    """V2's catalog spelled r"..." in all of its 28 patterns: none matched, and being there they disabled the others."""
    catalog = read_catalog("catalog.yaml", catalog_of(r'r"(\d{1,2} \w+, \d{4})"'))
    assert any('written r"..." as in Python' in str(problem) for problem in catalog.problems)
    patterns = catalog.sources["s"].date_extraction_patterns
    (item,) = parse_page(
        page_of('<article><a href="/a">A title</a><p>10 December, 2025</p></article>'), URL, patterns=patterns
    )
    assert (item.published_at, item.date_source) == (date(2025, 12, 10), "pattern")


def test_d12_patterns_that_match_nothing_leave_the_default_ones_in_force() -> None:
    """V2 tried its own patterns only where a source had none."""
    assert date_of(text="10 December, 2025", patterns=["(nothing)"]) == (date(2025, 12, 10), "pattern")


def test_d13_half_year_results_are_of_the_day_they_appeared() -> None:
    """V2 took the first date of the text, the end of the half-year, against the one in the document's name."""
    title = "Consolidated Half-Year Financial Results (April 1st, 2025 – September 30, 2025)"
    body = page_of(f'<article><a href="/2025/12/MDC_HY-Results-EN_09122025-1.pdf">{title}</a></article>')
    (item,) = parse_page(body, URL)
    assert (item.published_at, item.date_source) == (date(2025, 12, 9), "url")


def test_d13_the_time_element_goes_before_any_date_in_the_text() -> None:
    """V2 never read <time datetime>."""
    body = page_of('<article><a href="/a">A congress, 12 January 2026</a><time datetime="2025-12-09"></time></article>')
    (item,) = parse_page(body, URL)
    assert (item.published_at, item.date_source) == (date(2025, 12, 9), "structured")


def test_d13_a_date_glued_to_the_word_before_it_is_found() -> None:
    """V2's pattern wanted a word's edge: "RELEASES10 December" held no date."""
    assert date_of(text="PRESSRELEASES10 December, 2025Nanexa and Moderna")[0] == date(2025, 12, 10)


def test_d13_the_end_of_a_period_dates_nothing() -> None:
    """V2 dated the results of a half-year on its last day."""
    assert date_of(text="Results for the half-year ended September 30, 2025") == (None, "unknown")


def test_d14_a_pattern_of_two_groups_gives_the_first_and_crashes_nothing() -> None:
    """V2 got a tuple, crashed on it, and wrote the day of the run."""
    found = date_of(text="10 December, 2025 Nanexa", patterns=[r"(\d{1,2} \w+, \d{4}) (\w+)"])
    assert found == (date(2025, 12, 10), "pattern")


@pytest.mark.parametrize("head", ["", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="ISO-8859-1"?>'])
def test_d20_a_feed_without_charset_keeps_its_accents(head: str) -> None:
    """V2 read text/xml without a charset as Latin-1: "é" became "Ã©"."""
    feed = f"{head}<rss version='2.0'><channel><item><title>Résultats</title><link>/a</link></item></channel></rss>"
    (item,) = parse_feed(feed.encode(), URL)
    assert item.title == "Résultats"


def test_d20_a_page_without_charset_keeps_its_accents() -> None:
    """V2 let the HTTP client guess."""
    (item,) = parse_page("<article><a href='/a'>Résultats</a></article>".encode(), URL, content_type="text/html")
    assert item.title == "Résultats"


def test_d21_a_body_that_names_a_file_or_an_address_is_never_opened(tmp_path: Path) -> None:
    """V2 gave feedparser a string: the file or the address that it spells was opened, and read as the feed."""
    real = tmp_path / "feed.xml"
    real.write_text("<rss version='2.0'><channel><item><title>Disk</title><link>/a</link></item></channel></rss>")
    for body in (str(real), real.as_uri(), "http://127.0.0.1:9/feed.xml"):
        with pytest.raises(ParseError, match="not a feed"):
            parse_feed(body.encode(), URL)


def test_d21_an_entity_that_names_a_file_is_never_opened(tmp_path: Path) -> None:
    """What a DTD names is no part of a feed either."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    dtd = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    feed = f"{dtd}<rss version='2.0'><channel><item><title>&x;</title><link>/a</link></item></channel></rss>"
    with pytest.raises(ParseError, match="DTD") as error:
        parse_feed(feed.encode(), URL)
    assert "secret" not in str(error.value)
