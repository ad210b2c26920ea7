"""The fetcher against real HTTP servers: isolation, politeness, retries, bounds."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from domain.errors import PermanentError, RefusedError, TransientError, VigieError
from resources.fetcher import Fetched, Fetcher
from resources.robots import LONGEST_DELAY, read_rules
from settings import Fetch
from tests.contract.web_site import Site, opened

FAST = Fetch(host_interval=0, timeout=2, attempts=2, max_bytes=10_000, allow_private_addresses=True, robots="ignore")


@pytest.fixture
def site() -> Iterator[Site]:
    with opened() as site:
        yield site


def fetch_one(url: str, policy: Fetch = FAST) -> Fetched | VigieError:
    return Fetcher(policy).fetch_all({"it": url})["it"]


def test_a_body_comes_as_bytes_with_what_the_server_said(site: Site) -> None:
    fetched = fetch_one(site.says("/feed", "é".encode("latin-1"), Content_Type="text/xml; charset=latin-1"))
    assert isinstance(fetched, Fetched)
    assert (fetched.body, fetched.content_type) == (b"\xe9", "text/xml; charset=latin-1")
    assert (fetched.status, fetched.requests) == (200, 1)
    assert fetched.fetched_at.utcoffset() is not None


def test_one_source_down_does_not_touch_the_others(site: Site) -> None:
    urls = {"good": site.says("/good"), "gone": site.says("/gone", status=404), "dead": "http://127.0.0.1:9/"}
    outcomes = Fetcher(FAST).fetch_all(urls)
    assert isinstance(outcomes["good"], Fetched)
    assert isinstance(outcomes["gone"], RefusedError)
    assert isinstance(outcomes["dead"], TransientError)


def test_an_answer_that_may_change_is_asked_again_and_a_refusal_is_not(site: Site) -> None:
    outcomes = Fetcher(FAST).fetch_all({"busy": site.says("/busy", status=503), "no": site.says("/no", status=403)})
    assert isinstance(outcomes["busy"], TransientError)
    assert sorted(site.asked) == ["/busy", "/busy", "/no"]
    assert "answered 403" in str(outcomes["no"])


def test_a_source_that_recovers_is_fetched_by_the_retry(site: Site) -> None:
    site.says("/flaky", b"well")
    good = site.answers["/flaky"]
    site.says("/flaky", status=500)
    bad = site.answers["/flaky"]
    site.answers["/flaky"] = lambda handler: (bad if len(site.asked) == 1 else good)(handler)
    fetched = fetch_one(site.url + "/flaky")
    assert isinstance(fetched, Fetched)
    assert (fetched.body, fetched.requests) == (b"well", 2)


def test_retry_after_is_honoured_and_an_hour_is_left_for_the_next_run(site: Site) -> None:
    started = time.monotonic()
    fetch_one(site.says("/soon", status=429, Retry_After="1"))
    assert time.monotonic() - started >= 1.0
    fetch_one(site.says("/late", status=429, Retry_After="3600"))
    assert site.asked.count("/late") == 1


def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    error = fetch_one(site.says("/huge", b"x" * 20_000))
    assert isinstance(error, RefusedError)
    assert "10,000 bytes" in str(error)


def test_a_source_that_drips_is_cut_at_the_deadline(site: Site) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(30):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    site.answers["/drip"] = drip
    error = fetch_one(site.url + "/drip", FAST.model_copy(update={"timeout": 0.5, "attempts": 1}))
    assert isinstance(error, TransientError)
    assert "within 0.5 s" in str(error)


def test_a_redirect_is_followed_and_a_loop_is_not(site: Site) -> None:
    end = site.says("/end", b"here")
    fetched = fetch_one(site.says("/old", status=301, Location=end))
    assert isinstance(fetched, Fetched)
    assert fetched.url == end
    error = fetch_one(site.says("/loop", status=302, Location=site.url + "/loop"))
    assert isinstance(error, RefusedError)
    assert "redirects" in str(error)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x", "not a url", ""])
def test_only_http_is_an_address_to_fetch(url: str) -> None:
    assert isinstance(fetch_one(url), PermanentError)


def test_a_redirect_to_a_local_file_is_refused(site: Site) -> None:
    assert isinstance(fetch_one(site.says("/evil", status=302, Location="file:///etc/passwd")), PermanentError)


def test_one_host_is_never_asked_more_at_once_than_the_policy_says(site: Site) -> None:
    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.05)
        handler.send_response(200)
        handler.end_headers()

    urls = {}
    for number in range(8):
        site.answers[f"/{number}"] = slowly
        urls[str(number)] = f"{site.url}/{number}"
    Fetcher(FAST.model_copy(update={"per_host": 2})).fetch_all(urls)
    assert len(site.asked) == 8
    assert site.most_busy == 2


def test_every_source_is_reported_as_it_ends(site: Site) -> None:
    heard: list[str] = []
    Fetcher(FAST).fetch_all({"a": site.says("/a"), "b": site.says("/b")}, lambda name, _outcome: heard.append(name))
    assert sorted(heard) == ["a", "b"]


class TestCrawlDelay:
    """The pace that a host asks for in its robots.txt."""

    POLITE = FAST.model_copy(update={"robots": "honour"})

    def seconds(self, site: Site, robots: bytes, policy: Fetch) -> float:
        """How long three requests to the site take."""
        site.says("/robots.txt", robots)
        started = time.monotonic()
        outcomes = Fetcher(policy).fetch_all({name: site.says(f"/{name}") for name in "abc"})
        assert all(isinstance(outcome, Fetched) for outcome in outcomes.values())
        return time.monotonic() - started

    def test_it_is_the_hosts_interval_where_it_is_longer_than_ours(self, site: Site) -> None:
        assert self.seconds(site, b"User-agent: *\nCrawl-delay: 0.3\n", self.POLITE) >= 0.6

    def test_ours_stays_where_it_is_longer(self, site: Site) -> None:
        slower = self.POLITE.model_copy(update={"host_interval": 0.3})
        assert self.seconds(site, b"User-agent: *\nCrawl-delay: 0.01\n", slower) >= 0.6

    def test_it_is_nothing_to_us_where_it_is_said_to_others_or_where_the_target_ignores_robots(
        self, site: Site
    ) -> None:
        assert self.seconds(site, b"User-agent: other\nCrawl-delay: 30\n", self.POLITE) < 2
        assert self.seconds(site, b"User-agent: *\nCrawl-delay: 30\n", FAST) < 2

    @pytest.mark.parametrize(
        ("text", "delay"),
        [
            ("User-agent: *\nCrawl-delay: 5", 5.0),
            ("User-agent: *\nCRAWL-DELAY : 1.5 # seconds", 1.5),
            ("User-agent: *\nCrawl-delay: 86400", LONGEST_DELAY),
            ("User-agent: *\nCrawl-delay: 2\nUser-agent: vigie\nDisallow: /x", 0.0),
            ("User-agent: *\nCrawl-delay: 2\nUser-agent: vigie\nCrawl-delay: 3\nCrawl-delay: 1", 3.0),
            ("User-agent: vigie\nUser-agent: other\nCrawl-delay: 4", 4.0),
            ("Crawl-delay: 4", 0.0),
            *((f"User-agent: *\nCrawl-delay: {value}", 0.0) for value in ("", "-1", "nan", "inf", "1e9", "soon", "²")),
        ],
    )
    def test_only_a_number_of_seconds_counts_and_only_up_to_a_bound(self, text: str, delay: float) -> None:
        assert read_rules(text, "Vigie/0.1").delay == delay
