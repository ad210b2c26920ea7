"""What looking at the client files costs where they are in S3: requests counted by the server that answers them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest
import yaml
from dagster import AddDynamicPartitionsRequest, DagsterInstance, RunRequest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from definitions import build_definitions
from domain.errors import RefusedError
from domain.selection_rules import KEY as PROFILES_KEY
from local.demo_content import demo_catalog
from local.demo_site import DemoSite
from local.instance import prepare
from partitions import today
from resources.config_bucket import CATALOG_KEY
from settings import TARGETS, load_settings, own_targets
from tests.graph.conftest import HEALTHY, Platform, client_yaml

pytestmark = pytest.mark.e2e  # a story of its own length

BUCKET = "example-config"
PREFIX = "below/here/"
SENSOR = "client_activation"


class _Handler(WSGIRequestHandler):
    """Keeps connections open, as S3 does, and writes no log."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the server counts instead."""


class S3Server:
    """An S3 server on this machine that counts what it is asked: LIST, and each object by its key."""

    def __init__(self) -> None:
        self._app: Callable[..., Iterable[bytes]] = create_backend_app("s3")
        self._lock = Lock()
        self.lists = 0
        self.gets: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self.backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

    def __enter__(self) -> "S3Server":
        self._thread.start()
        self.backend.create_bucket(BUCKET, "us-east-1")
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.backend.reset()

    def put(self, key: str, body: bytes) -> None:
        """An object that is there without a request."""
        self.backend.put_object(BUCKET, PREFIX + key, body)

    def put_client(self, client: str, active: bool) -> None:
        self.put(f"clients/{client}.yaml", client_yaml(HEALTHY[:2], active))

    def forget(self) -> None:
        """Counts anew."""
        self.lists = 0
        self.gets.clear()
        self.others.clear()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        verb, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        with self._lock:
            if verb == "GET" and "list-type=2" in query:
                self.lists += 1
            elif verb == "GET" and path.startswith(f"/{BUCKET}/{PREFIX}"):
                self.gets[path.removeprefix(f"/{BUCKET}/{PREFIX}")] += 1
            else:
                self.others[f"{verb} {path}"] += 1
        return self._app(environ, start_response)


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def platform(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A target whose config bucket is in S3 and whose archive is a folder; a catalog, no client yet."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text())
    document |= {"first_day": today(), "history_days": 1}
    document["fetch"] |= {"host_interval": 0, "per_host": 8, "attempts": 1}
    document["stores"]["config"] = {
        "kind": "s3",
        "bucket": BUCKET,
        "prefix": PREFIX,
        "region": "us-east-1",
        "endpoint_url": s3.address,
    }
    own_targets(tmp_path).mkdir()
    (own_targets(tmp_path) / "graph.yaml").write_text(yaml.safe_dump(document))
    settings = load_settings({"VIGIE_TARGET": "graph", "VIGIE_HOME": str(tmp_path)})
    with DemoSite(today()) as site, DagsterInstance.from_config(str(prepare(settings))) as instance:
        s3.put(CATALOG_KEY, demo_catalog(site.base_url).encode())
        yield Platform(settings, build_definitions(settings), instance, site)


def look(platform: Platform, s3: S3Server) -> list[RunRequest]:
    """One tick of the sensor, requests counted from zero: its partitions are added, its runs are not run."""
    s3.forget()
    data: SensorExecutionData = platform.evaluate(SENSOR)
    for request in data.dynamic_partitions_requests or ():
        assert isinstance(request, AddDynamicPartitionsRequest)
        platform.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    platform.cursors[SENSOR] = data.cursor
    assert s3.others == {}, "the sensor only lists and reads"
    return list(data.run_requests or ())


def read_configurations(platform: Platform, asked: list[RunRequest]) -> None:
    """The configurations that a look asked for are read, as the daemon would see to at once."""
    for request in asked:
        if request.job_name == "read_client_configs":
            assert platform.launch(request).is_success


def test_with_1100_files_a_tick_lists_them_in_2_requests_and_reads_only_what_changed(
    platform: Platform, s3: S3Server
) -> None:
    active = ["client0000", "client0600", "client1099"]
    clients = [f"client{number:04}" for number in range(1100)]
    for client in clients:
        s3.put_client(client, client in active)

    # a crowd may not be whole yet: the first look reads none of it
    assert look(platform, s3) == []
    assert (s3.lists, s3.gets) == (2, {})

    # the next one reads each file once, and catalog and rules once because somebody is new
    asked = look(platform, s3)
    assert s3.lists == 2
    assert s3.gets == Counter([CATALOG_KEY, PROFILES_KEY, *(f"clients/{client}.yaml" for client in clients)])
    assert sorted(str(request.job_name) for request in asked) == ["fetch_sources", "read_client_configs"]
    assert platform.instance.get_dynamic_partitions("clients") == active
    read_configurations(platform, asked)

    # nothing has changed: nothing is read
    assert look(platform, s3) == []
    assert (s3.lists, s3.gets) == (2, {})

    # one file has changed, of a client that sleeps or of one that is active: it alone is read
    for client, is_active in (("client1000", False), ("client0600", True)):
        s3.put(f"clients/{client}.yaml", client_yaml(HEALTHY[:3], is_active))
        asked = look(platform, s3)
        assert (s3.lists, s3.gets) == (2, {f"clients/{client}.yaml": 1})
        assert [request.job_name for request in asked] == ["read_client_configs"] * is_active
        read_configurations(platform, asked)

    # somebody wakes up: that file, the catalog and the rules
    s3.put_client("client1000", active=True)
    asked = look(platform, s3)
    assert (s3.lists, s3.gets) == (2, {"clients/client1000.yaml": 1, CATALOG_KEY: 1, PROFILES_KEY: 1})
    assert platform.instance.get_dynamic_partitions("clients") == [*active, "client1000"]
    read_configurations(platform, asked)

    # a broken file is read once, not at each look
    s3.put("clients/client0001.yaml", b"client_profile: [\n")
    look(platform, s3)
    assert (s3.lists, s3.gets) == (2, {"clients/client0001.yaml": 1})
    assert look(platform, s3) == []
    assert (s3.lists, s3.gets) == (2, {})


def test_a_client_file_in_s3_becomes_items(platform: Platform, s3: S3Server) -> None:
    s3.put_client("acme", active=True)
    runs = platform.settle()
    assert [run.job_name for run in runs] == ["fetch_sources", "read_client_configs", "build_client_items"]
    assert platform.archive.items("acme", today())
    assert s3.others == {}, "what people configure is never written to"


def test_a_bucket_that_is_gone_fails_the_tick_and_switches_nobody_off(platform: Platform, s3: S3Server) -> None:
    s3.put_client("acme", active=True)
    look(platform, s3)
    s3.backend.reset()
    with pytest.raises(RefusedError, match="there is no such bucket"):
        platform.evaluate(SENSOR)
    assert platform.instance.get_dynamic_partitions("clients") == ["acme"]
