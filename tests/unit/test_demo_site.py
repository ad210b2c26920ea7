"""The demo site: asked over real HTTP, read with the real parsers."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta
from email.message import Message
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from domain.apis import parse_api
from domain.catalog import Catalog, Source, read_catalog
from domain.clients import read_client
from domain.errors import ConfigError, ParseError
from domain.feeds import parse_feed
from domain.items import ParsedItem, canonical_url, content_hash
from domain.pages import parse_page
from local import demo_content
from local.demo_content import SOURCES, DemoSource, demo_canonical, demo_catalog, demo_clients
from local.demo_site import DemoSite

TODAY = date(2026, 11, 21)
BROKEN = {"press_corporate__solvane", "press_sector__pharma_pulse"}
HEALTHY = [source for source in SOURCES if source.key not in BROKEN]


@pytest.fixture(scope="module")
def site() -> Iterator[DemoSite]:
    with DemoSite(TODAY) as opened:
        yield opened


@pytest.fixture(scope="module")
def catalog(site: DemoSite) -> Catalog:
    return read_catalog("canonical/sources/source_catalog.yaml", demo_catalog(site.base_url).encode())


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, bytes, Message]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=named, method=method), timeout=5) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def items(source: Source, body: bytes) -> list[ParsedItem]:
    if source.ingestion_mode == "rss":
        return parse_feed(body, source.url, patterns=source.date_extraction_patterns)
    if source.ingestion_mode == "html":
        return parse_page(body, source.url, patterns=source.date_extraction_patterns)
    return parse_api(body, source.url)


@pytest.mark.parametrize("source", HEALTHY, ids=lambda source: source.key)
def test_every_healthy_source_gives_all_its_stories_to_the_parsers(
    site: DemoSite, catalog: Catalog, source: DemoSource
) -> None:
    known = catalog.sources[source.key]
    status, body, _ = get(known.url)
    found = items(known, body)
    assert status == 200
    assert len(found) == len(demo_content.entries(source.name)) >= 12
    dated = [item.published_at for item in found if item.published_at]
    assert max(dated) <= TODAY
    assert min(dated) >= TODAY - timedelta(days=21)
    assert 0 < len(found) - len(dated) <= 3 or source.name == "monthera"


def test_one_source_is_down_and_one_serves_a_page_as_its_feed(site: DemoSite, catalog: Catalog) -> None:
    assert get(catalog.sources["press_corporate__solvane"].url)[0] == 503
    status, body, headers = get(catalog.sources["press_sector__pharma_pulse"].url)
    assert (status, headers["Content-Type"]) == (200, "application/rss+xml")
    with pytest.raises(ParseError, match="not a feed"):
        parse_feed(body, "")
    with pytest.raises(ElementTree.ParseError):
        ElementTree.fromstring(body)


def test_the_french_feed_is_latin_1_and_keeps_its_accents(site: DemoSite, catalog: Catalog) -> None:
    source = catalog.sources["press_sector__la_formule"]
    _, body, headers = get(source.url)
    assert headers["Content-Type"] == "text/xml"
    assert "libération".encode("latin-1") in body
    assert "Microsphères : l'Europe précise ses attentes sur la libération in vitro" in {
        item.title for item in items(source, body)
    }


def test_special_characters_and_trackers_are_as_on_the_real_web(site: DemoSite, catalog: Catalog) -> None:
    titles = {item.title for item in items_of(site, catalog, "press_sector__injectables_today")}
    assert "<1 mL & <30 s: why [self-injection] pens keep missing their targets | Analysis" in titles
    links = {item.url for item in items_of(site, catalog, "press_sector__depot_dispatch")}
    assert all("utm_source" in link and "utm_source" not in canonical_url(link) for link in links)


def test_some_stories_are_carried_by_two_sources_with_the_same_content(site: DemoSite, catalog: Catalog) -> None:
    carried: dict[str, set[str]] = {}
    for source in HEALTHY:
        for item in items_of(site, catalog, source.key):
            carried.setdefault(content_hash(item.content), set()).add(source.key)
    assert sum(len(keys) > 1 for keys in carried.values()) >= 3


def items_of(site: DemoSite, catalog: Catalog, key: str) -> list[ParsedItem]:
    source = catalog.sources[key]
    return items(source, site.body(source.url.removeprefix(site.base_url)))


@pytest.mark.parametrize("source", HEALTHY, ids=lambda source: source.key)
def test_an_earlier_day_shows_what_was_there_then_and_nothing_later(
    site: DemoSite, catalog: Catalog, source: DemoSource
) -> None:
    known = catalog.sources[source.key]
    a_week_ago = TODAY - timedelta(days=7)
    now = {item.url for item in items(known, site.body(source.path))}
    then = items(known, site.body(source.path, a_week_ago))
    assert {item.url for item in then} < now
    assert all(item.published_at <= a_week_ago for item in then if item.published_at)
    assert site.body(source.path, a_week_ago) == site.body(source.path, a_week_ago)


def test_a_day_that_passes_adds_stories_and_keeps_the_addresses_of_the_others() -> None:
    with DemoSite(TODAY) as site:
        before = site.body("/lentavia/news.atom", TODAY - timedelta(days=1))
        assert get(f"{site.base_url}/lentavia/news.atom")[1] != before
        assert b"steadfast-first-patient" not in before
        assert b"third-quarter-report" in before


def test_every_link_of_every_source_leads_to_an_article(site: DemoSite, catalog: Catalog) -> None:
    for source in HEALTHY:
        for item in items_of(site, catalog, source.key):
            status, body, _ = get(item.url)
            assert status == 200
            assert b"<h1>" in body
    assert get(f"{site.base_url}/articles/lentavia/no-such-story")[0] == 404
    assert get(f"{site.base_url}/no-such-source")[0] == 404
    assert get(site.base_url + "/")[0] == 200


def test_a_reader_that_has_the_current_copy_is_told_so(site: DemoSite) -> None:
    url = f"{site.base_url}/orvane/news/"
    _, body, headers = get(url)
    assert get(url, If_None_Match=headers["ETag"])[:2] == (304, b"")
    assert get(url, If_Modified_Since=headers["Last-Modified"])[:2] == (304, b"")
    assert get(url, If_None_Match='"other"', If_Modified_Since=headers["Last-Modified"])[:2] == (200, body)
    assert get(url, If_Modified_Since="not a date")[0] == 200
    assert get(url, method="HEAD")[:2] == (200, b"")


def test_requests_are_counted_by_path_and_a_source_can_be_taken_down() -> None:
    with DemoSite(TODAY) as site:
        url = f"{site.base_url}/orvane/news/"
        get(url + "?page=1")
        site.down.add("/orvane/news/")
        assert get(url)[0] == 503
        site.down.clear()
        assert get(url)[0] == 200
        assert site.requests == {"/orvane/news/": 3}


def test_a_closed_site_frees_its_port() -> None:
    with DemoSite(TODAY) as site:
        port = int(site.base_url.rpartition(":")[2])
    with DemoSite(TODAY, port) as again:
        assert again.base_url.endswith(f":{port}")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    with pytest.raises(RuntimeError, match="not open"):
        _ = site.base_url


def test_it_runs_as_a_process_of_its_own_until_it_is_terminated() -> None:
    platform = Path(demo_content.__file__).parents[1]
    command = [sys.executable, "-m", "local.demo_site", "--port", "0", "--today", TODAY.isoformat()]
    with subprocess.Popen(command, cwd=platform, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        base_url = process.stdout.readline().strip()
        assert get(f"{base_url}/lentavia/news.atom")[0] == 200
        process.terminate()
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


def test_the_catalog_is_read_with_its_known_quirk_only(catalog: Catalog) -> None:
    assert [problem.message for problem in catalog.problems] == [
        '2 date patterns of "press_corporate__monthera" are written r"..." as in Python; read without it.'
    ]
    assert set(catalog.bouquets) == {"depot_corporate", "depot_press", "depot_science"}
    assert {key for key, source in catalog.sources.items() if source.is_fetched} == {one.key for one in SOURCES}


def test_two_clients_are_active_and_share_sources_one_waits_and_two_are_refused(catalog: Catalog) -> None:
    read, refused = {}, {}
    for name, text in demo_clients().items():
        try:
            config = read_client(f"clients/{name}", text.encode())
            read[config.client_id] = config
        except ConfigError as error:
            refused[name] = str(error)
    assert {name: config.active for name, config in read.items()} == {
        "depot_watch_weekly": True,
        "trial_lookout": False,
        "veille_galenique": True,
    }
    assert all(not config.warnings for config in read.values())
    assert 'found the text "true"' in refused["nordic_depot_brief.yaml"]
    assert "tab" in refused["injectables_digest.yaml"]
    wide, french = (
        {source.source_key for source in catalog.resolve(config.bouquets, config.extra_sources).sources}
        for config in (read["depot_watch_weekly"], read["veille_galenique"])
    )
    assert wide >= BROKEN
    assert not BROKEN & french
    assert len(wide & french) == 7


def test_the_scopes_that_clients_name_exist() -> None:
    scopes = {
        name for place, text in demo_canonical().items() if place.startswith("scopes/") for name in yaml.safe_load(text)
    }
    for name in ("depot_watch_weekly.yaml", "veille_galenique.yaml"):
        for domain in yaml.safe_load(demo_clients()[name])["watch_domains"]:
            assert {domain["technology_scope"], domain["company_scope"]} <= scopes
