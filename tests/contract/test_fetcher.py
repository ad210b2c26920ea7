"""The fetcher against real HTTP servers: isolation, politeness, retries, bounds."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from domain.errors import PermanentError, RefusedError, TransientError, VigieError
from resources.fetcher import Fetched, Fetcher
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
