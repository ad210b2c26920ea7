"""A bad day for ingestion: a share of all calls to sources and to S3 fails, is slow or is cut off in the middle. What
comes of it is what a good day gives. Real HTTP, a real S3 server, dice with a seed."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from domain.catalog import Catalog, read_catalog
from domain.clients import read_client
from domain.errors import VigieError
from local import demo_content
from local.demo_content import demo_catalog
from resources.archive import Archive
from resources.cells import Cells
from resources.fetcher import Fetcher
from resources.object_store import open_store
from resources.source_days import fetch_day
from settings import Fetch, S3Location

TODAY = date(2026, 11, 21)
pytestmark = pytest.mark.crash
SHARE = 0.10
BUCKET = "data"
POLICY = Fetch(host_interval=0, per_host=4, timeout=5, attempts=3, allow_private_addresses=True, robots="ignore")
CLIENTS = [f"client{number}" for number in range(4)]
KINDS = ("fails", "slow", "cut")


@dataclass
class Dice:
    """Decides which calls go wrong, and how; the same seed decides the same."""

    share: float = 0.0
    seed: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def set(self, share: float, seed: int) -> None:
        self.share, self.seed = share, seed
        self._random = random.Random(seed)

    def throw(self) -> str:
        """The fault of this call; empty where it goes well."""
        with self._lock:
            if self._random.random() >= self.share:
                return ""
            kind = self._random.choice(KINDS)
            self.struck[kind] += 1
            return kind


class Sources:
    """The demo site's answers from a server that fails by the dice; what the site itself has down stays down."""

    def __init__(self, dice: Dice) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805 (self is the site's)
                fault = dice.throw()
                if fault == "slow":
                    time.sleep(0.2)
                answer = demo_content.answer(urlsplit(handler.path).path, TODAY, TODAY, self.url)
                handler.send_response(503 if fault == "fails" else answer.status)
                handler.send_header("Content-Type", answer.content_type)
                handler.send_header("Content-Length", str(len(answer.body)))
                handler.end_headers()
                handler.wfile.write(answer.body[: len(answer.body) // 2] if fault == "cut" else answer.body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing: that an answer is cut off is meant."""


class Bucket:
    """An S3 server whose calls fail by the dice."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._app: Callable[..., Iterable[bytes]] = create_backend_app("s3")
        self.server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        self.backend.create_bucket(BUCKET, "us-east-1")

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        fault = self._dice.throw()
        if fault == "fails":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        if fault == "slow":
            time.sleep(0.2)
        body = self._app(environ, start_response)
        return self._cut(body) if fault == "cut" and environ["REQUEST_METHOD"] == "GET" else body

    def _cut(self, body: Iterable[bytes]) -> Iterator[bytes]:
        whole = b"".join(body)
        yield whole[: len(whole) // 2]
        raise ConnectionResetError("cut off")


@dataclass
class World:
    """Sources and an S3 server, each with its dice."""

    catalog: Catalog
    sources: Dice
    bucket: Dice
    address: str

    def target(self, name: str) -> "Target":
        """A part of the bucket of its own, with every client's configuration in it."""
        location = S3Location(kind="s3", bucket=BUCKET, prefix=name, region="us-east-1", endpoint_url=self.address)
        archive = Archive(open_store(location))
        bouquets = ", ".join(self.catalog.bouquets)
        text = f"client_profile: {{active: true}}\nsource_config: {{source_bouquets_enabled: [{bouquets}]}}\n"
        for client in CLIENTS:
            archive.keep_config(read_client(f"clients/{client}.yaml", text.encode()), "etag")
        return Target(self.catalog, archive)

    def storm(self, seed: int, share: float = SHARE) -> None:
        self.sources.set(share, seed)
        self.bucket.set(share, seed)

    def calm(self) -> None:
        self.storm(0, 0.0)


@dataclass
class Target:
    """What one target works with."""

    catalog: Catalog
    archive: Archive

    def day(self, refresh: bool = False) -> dict[str, str]:
        """Fetches the day and builds every client's cell: client -> how it ended."""
        needed = {key: source for key, source in self.catalog.sources.items() if source.is_fetched}
        fetch_day(self.archive, Fetcher(POLICY), needed, TODAY, refresh=refresh)
        built = Cells(self.archive, self.catalog, CLIENTS, TODAY).build_day(TODAY, CLIENTS)
        return {client: str(cell) if isinstance(cell, VigieError) else cell.outcome for client, cell in built.items()}

    def items(self) -> dict[str, set[str]]:
        """client -> the ids in its items.json."""
        return {client: {item.item_id for item in self.archive.items(client, TODAY)} for client in CLIENTS}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    sources, s3 = Dice(), Dice()
    site, bucket = Sources(sources), Bucket(s3)
    threads = [threading.Thread(target=one.serve_forever, daemon=True) for one in (site.server, bucket.server)]
    for thread in threads:
        thread.start()
    catalog = read_catalog("catalog.yaml", demo_catalog(site.url).encode())
    yield World(catalog, sources, s3, bucket.address)
    for server in (site.server, bucket.server):
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()
    bucket.backend.reset()


@pytest.mark.parametrize("seed", range(2))
def test_a_tenth_of_all_calls_failing_costs_a_retry_and_no_item(world: World, seed: int) -> None:
    good, bad = world.target("good"), world.target("bad")
    good.day()
    world.storm(seed)
    with suppress(VigieError):
        bad.day()
    outcomes = bad.day()
    world.calm()
    assert set(outcomes.values()) == {"degraded"}  # two of the site's sources are broken on good days too
    assert {"fails", "cut"} <= set(world.sources.struck) | set(world.bucket.struck)
    assert bad.items() == good.items()


def test_a_refresh_on_a_bad_day_takes_back_nothing(world: World) -> None:
    target = world.target("one")
    target.day()
    before = target.items()
    assert all(before.values())
    world.storm(7, share=0.3)
    for _try in range(2):
        with suppress(VigieError):
            target.day(refresh=True)
    world.calm()
    assert target.items() == before
