"""The defects of V2's way to work, each by its mark (d1, d2, ...): everything again for each client, in turn.

Here: what is asked of sources and stores, counted by those who are asked. Not here: parsing, selection, ingest events.
"""

import threading
from contextlib import ExitStack
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from domain.catalog import read_catalog
from domain.clients import read_client
from domain.documents import read_mapping
from domain.items import ParsedItem, identity
from domain.snapshots import FirstSeen, identified
from local.demo_content import demo_catalog
from local.demo_site import DemoSite
from resources.archive import Archive
from resources.cells import Cells
from resources.config_bucket import ConfigBucket
from resources.fetcher import Fetcher
from resources.object_store import DirectoryStore, StoredObject, open_store
from resources.source_days import fetch_day
from settings import Fetch, S3Location
from tests.contract.web_site import opened

TODAY = date(2026, 11, 21)
CLIENTS = [f"client{number}" for number in range(30)]
PATIENCE = 30.0  # seconds that somebody waits for the others before the test fails
OPEN = Fetch(timeout=PATIENCE, attempts=1, allow_private_addresses=True, robots="ignore")


def test_d1_a_source_is_fetched_once_for_all_its_clients(tmp_path: Path) -> None:
    archive = Archive(DirectoryStore(tmp_path))
    with DemoSite(TODAY) as site:
        catalog = read_catalog("catalog.yaml", demo_catalog(site.base_url).encode())
        needed = {key: source for key, source in catalog.sources.items() if source.is_fetched}
        bouquets = ", ".join(catalog.bouquets)
        text = f"client_profile: {{active: true}}\nsource_config: {{source_bouquets_enabled: [{bouquets}]}}\n"
        for client in CLIENTS:
            archive.keep_config(read_client(f"clients/{client}.yaml", text.encode()), "etag")
        fetch_day(archive, Fetcher(OPEN.model_copy(update={"host_interval": 0})), needed, TODAY)
        Cells(archive, catalog, CLIENTS, TODAY).build_day(TODAY, CLIENTS)
        assert set(site.requests.values()) == {1}
        assert site.requests.total() == len(needed)
    assert all(archive.items(client, TODAY) for client in CLIENTS)


def test_d2_hosts_do_not_wait_for_each_other_though_each_is_asked_politely() -> None:
    hosts = [f"127.0.0.{number}" for number in range(2, 8)]
    together = threading.Barrier(len(hosts))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        together.wait(PATIENCE)  # nobody is answered before everybody has been asked
        handler.send_response(200)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"ok")

    with ExitStack() as stack:
        sites = [stack.enter_context(opened(host)) for host in hosts]
        for site in sites:
            site.answers["/feed"] = answer
        urls = {site.url: f"{site.url}/feed" for site in sites}
        outcomes = Fetcher(OPEN.model_copy(update={"host_interval": 1.0})).fetch_all(urls)
    assert {getattr(outcome, "status", outcome) for outcome in outcomes.values()} == {200}


def test_d5_documents_are_read_by_the_loader_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_arguments: object) -> None:
        raise AssertionError("the loader in Python")

    for part in ("yaml.reader.Reader", "yaml.scanner.Scanner", "yaml.parser.Parser"):
        monkeypatch.setattr(f"{part}.__init__", slow)
    with pytest.raises(AssertionError, match="in Python"):
        yaml.safe_load("a: 1")
    assert read_mapping(b"a: {b: [1, 2]}\n", "clients/acme.yaml").value == {"a": {"b": [1, 2]}}


class KeepsOpen(BaseHTTPRequestHandler):
    """Answers a read of any object, and keeps the connection open as S3 does; knows who connected."""

    protocol_version = "HTTP/1.1"
    connections: ClassVar[set[object]] = set()

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"x")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_d6_many_reads_from_s3_share_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with ThreadingHTTPServer(("127.0.0.1", 0), KeepsOpen) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        store = open_store(S3Location(kind="s3", bucket="many", region="us-east-1", endpoint_url=address))
        assert {store.get(f"many/{number}").body for number in range(40)} == {b"x"}
        server.shutdown()
    assert len(KeepsOpen.connections) == 1


class Together(DirectoryStore):
    """Answers a read only once that many reads are under way."""

    def __init__(self, folder: Path, parties: int) -> None:
        super().__init__(folder)
        self._together = threading.Barrier(parties)

    def get(self, key: str) -> StoredObject:
        self._together.wait(PATIENCE)
        return super().get(key)


def test_d7_client_files_are_read_side_by_side(tmp_path: Path) -> None:
    store = Together(tmp_path, parties=8)
    for number in range(16):
        store.put(f"clients/client{number}.yaml", b"client_profile: {active: true}\n")
    clients, invalid = ConfigBucket(store).active_clients()
    assert (len(clients), invalid) == (16, {})


def test_d15_two_texts_under_one_title_on_one_day_are_two_items() -> None:
    text = "sources: [{source_key: press__a, enabled: true, ingestion_mode: rss, rss_url: 'https://a.example/feed'}]"
    source = read_catalog("catalog.yaml", text.encode()).sources["press__a"]
    entries = [
        ParsedItem("Download attachment", f"text {number}", f"https://a.example/{number}", published_at=TODAY)
        for number in range(2)
    ]
    items = identified(source, TODAY, datetime(2026, 11, 21, tzinfo=UTC), entries, FirstSeen())
    assert len({item.item_id for item in items}) == 2


def test_d15_no_two_of_many_addresses_share_an_identity() -> None:
    ids = {identity("press__a", f"https://a.example/{number}", "") for number in range(50_000)}
    assert len(ids) == 50_000
    assert {len(one.removeprefix("press__a_")) for one in ids} == {16}  # hexadecimal digits: 64 bits
