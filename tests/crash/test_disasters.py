"""What machines do on their worst day: a full disk, a store that takes nothing, a clock set back, two daemons.

Nothing is lost, nothing is there twice, and the error says where and what to do.
"""

import random
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import time_machine
import yaml
from dagster import DagsterRunStatus

from domain.accounts import Demand, DesiredState
from domain.errors import RefusedError, TransientError
from domain.items import Item
from local.instance import start, stop
from partitions import today
from resources.backups import back_up
from resources.daemon_signs import signs_of
from resources.database import open_database
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.object_store import DirectoryStore
from resources.s3_store import S3Store
from resources.warehouse import Cell, items_table
from settings import TARGETS, Settings, load_settings, own_targets
from tests.graph.conftest import HEALTHY, Platform
from tests.graph.conftest import database_url as database_url
from tests.graph.conftest import empty_instance as empty_instance
from tests.graph.conftest import platform as platform

pytestmark = pytest.mark.crash
DAY = timedelta(days=1)
STATE = DesiredState("1.0.0", 3)
ACCOUNTS = ("one", "two")
PATIENCE = 600.0  # seconds that two daemons have for a small fleet


@pytest.fixture
def history_days() -> int:
    return 2


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A disk of its own; skipped where this process may not mount one."""
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=False)
    if done.returncode:
        pytest.skip("this process may not mount a disk")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def item(number: int, size: int) -> Item:
    text = random.Random(number).randbytes(size // 2).hex()  # no page packs it much smaller
    return Item.from_record(
        {
            "item_id": f"i{number}",
            "source_key": "press__one",
            "source_type": "press",
            "title": f"Item {number}",
            "content": text,
            "url": f"https://example.invalid/{number}",
            "published_at": None,
            "ingested_at": "2026-11-20T05:00:00+00:00",
            "metadata": {},
        },
        date(2026, 11, 20),
    )


class TestAFullDisk:
    """ENOSPC, from a real file system."""

    def test_an_object_is_written_whole_or_not_at_all(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", "256k") as disk:
            store = DirectoryStore(disk)
            store.put("a/kept.json", b"old" * 1000)
            with pytest.raises(TransientError, match=r"a/kept\.json: the disk is full .* Free space there"):
                store.put("a/kept.json", b"n" * 400_000)
            with pytest.raises(TransientError, match="disk is full"):
                store.put_if_absent("a/new.json", b"n" * 400_000)
            assert store.get("a/kept.json").body == b"old" * 1000
            assert [path.name for path in disk.rglob("*") if path.is_file()] == ["kept.json"]
            store.put("a/small.json", b"there is room for this")

    def test_a_load_of_the_warehouse_is_taken_back_whole(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", "24m") as disk:
            warehouse = DuckdbWarehouse(disk / "warehouse.duckdb")
            warehouse.prepare()
            day = date(2026, 11, 20)
            warehouse.replace_cells([Cell("acme", day)], items_table([("acme", day, [item(1, 50)])]), "first")
            many = [item(number, 16_000) for number in range(4_000)]
            with pytest.raises(TransientError, match=r"warehouse\.duckdb: .*Free space there"):
                warehouse.replace_cells([Cell("acme", day)], items_table([("acme", day, many)]), "second")
            rows = warehouse.query("select item_id, load_id from raw.items")
            assert rows == [{"item_id": "i1", "load_id": "first"}]
            warehouse.replace_cells([Cell("acme", day)], items_table([("acme", day, many[:3])]), "third")
            assert len(warehouse.query("select * from raw.items")) == 3

    def test_a_demand_is_written_whole_or_not_at_all(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", "512k") as disk:
            settings = target(tmp_path / "home", database={"url": f"sqlite:///{disk}/vigie.db"})
            with closing(open_database(settings)) as database:
                database.upgrade(settings.migrations)
                database.register("alpha", "1", STATE, "ops")
                left = shutil.disk_usage(disk).free
                (disk / "filler").write_bytes(b"x" * (left - left % 4096))
                with pytest.raises(TransientError, match="disk"):  # there is no room for SQLite's journal
                    database.register("beta", "2", STATE, "ops")
                assert [account.name for account in database.accounts()] == ["alpha"]
                (disk / "filler").unlink()
                database.register("beta", "2", STATE, "ops")

    def test_a_backup_leaves_nothing_behind(self, tmp_path: Path) -> None:
        settings = target(tmp_path / "home")
        with closing(open_database(settings)) as database:
            database.upgrade(settings.migrations)
            for number in range(200):
                database.register(f"a{number}", str(number), STATE, "ops")
        with small_disk(tmp_path / "disk", "8k") as disk:
            with pytest.raises(TransientError, match=r"b\.zip: the disk is full"):
                back_up(settings, str(disk / "b.zip"))
            assert list(disk.iterdir()) == []


def target(home: Path, **more: object) -> Settings:
    own_targets(home).mkdir(parents=True)
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text()) | more
    (own_targets(home) / "disaster.yaml").write_text(yaml.safe_dump(document))
    return load_settings({"VIGIE_TARGET": "disaster", "VIGIE_HOME": str(home)})


class TestAReadOnlyStore:
    """The store can be read, and takes nothing."""

    def test_a_read_only_disk_is_said_to_be_one(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", "256k") as disk:
            store = DirectoryStore(disk)
            store.put("a.json", b"old")
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            with pytest.raises(RefusedError, match=r"a\.json: is on a read-only file system.*Mount it for writing"):
                store.put("a.json", b"new")
            assert store.get("a.json").body == b"old"

    def test_a_bucket_that_denies_writing_is_said_to_and_asked_once(self) -> None:
        with denying_s3() as (url, asked):
            keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
            client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
            with pytest.raises(RefusedError, match=r"s3://data/a\.json: S3 answered 403 AccessDenied.*policy"):
                S3Store(client, "data").put("a.json", b"new")
            assert asked == ["PUT"]

    def test_a_day_on_a_read_only_disk_fails_in_words_and_loses_nothing(
        self, platform: Platform, tmp_path: Path
    ) -> None:
        platform.put_client("acme", HEALTHY[:2])
        platform.settle("client_activation", "client_items_due")
        data = Path(platform.archive.uri)
        before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
        done = subprocess.run(["mount", "--bind", "-o", "ro", str(data), str(data)], check=False)
        if done.returncode:
            pytest.skip("this process may not mount a disk")
        subprocess.run(["mount", "-o", "remount,bind,ro", str(data)], check=True)
        try:
            run = platform.run_job(
                "build_client_items",
                {
                    "dagster/asset_partition_range_start": f"acme|{today()}",
                    "dagster/asset_partition_range_end": f"acme|{today()}",
                },
            )
            assert run.status == DagsterRunStatus.FAILURE
            assert "read-only file system" in failure_of(platform, run.run_id)
            assert platform.failed("client_items") == {f"acme|{today()}"}
        finally:
            subprocess.run(["umount", "-l", str(data)], check=True)
        assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def failure_of(platform: Platform, run_id: str) -> str:
    logs = platform.instance.all_logs(run_id)
    events = [entry.dagster_event for entry in logs if entry.dagster_event]
    data = [event.step_failure_data for event in events if event.is_step_failure]
    return " ".join(str(one.user_failure_data.description) for one in data if one.user_failure_data)


@contextmanager
def denying_s3() -> Iterator[tuple[str, list[str]]]:
    """An S3 that answers every request with 403 AccessDenied, and what it was asked."""
    asked: list[str] = []

    class Denying(BaseHTTPRequestHandler):
        def _deny(self) -> None:
            asked.append(self.command)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = _deny  # noqa: N815 (the names that http.server looks for)

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Denying)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class TestAClockSetBack:
    """The machine believes that it is another day."""

    def kept(self, platform: Platform) -> dict[str, bytes]:
        data = Path(platform.archive.uri)
        folders = ("ingested", "snapshots", "first_seen")
        return {str(p): p.read_bytes() for name in folders for p in (data / name).rglob("*") if p.is_file()}

    def test_an_earlier_day_is_not_fetched_again_and_not_written_over(self, platform: Platform) -> None:
        platform.put_client("acme", HEALTHY[:2])
        platform.settle("client_activation", "client_items_due")
        platform.run_job("fetch_sources", partition=str(today() - DAY))  # yesterday's, from the bodies kept then
        platform.settle("client_activation", "client_items_due")
        before, requests, runs = self.kept(platform), platform.source_requests(), platform.runs()
        with time_machine.travel(datetime.now(UTC) - DAY, tick=True):
            run = platform.run_job("fetch_sources", partition=str(today()))
            assert run.status == DagsterRunStatus.SUCCESS
            asked = platform.settle("client_activation", "client_items_due")
        assert [run.job_name for run in asked] == []
        assert platform.runs() == runs + 1
        assert platform.source_requests() == requests
        assert self.kept(platform) == before
        assert platform.settle("client_activation", "client_items_due") == [], "and when it is set right again"

    def test_items_that_came_while_it_was_wrong_are_there_once(self, platform: Platform) -> None:
        platform.put_client("acme", HEALTHY[:2])
        with time_machine.travel(datetime.now(UTC) - DAY, tick=True):
            platform.settle("client_activation", "client_items_due")
        platform.run_job("fetch_sources", partition=str(today()))
        platform.settle("client_activation", "client_items_due")
        days = [today() - DAY * n for n in range(3)]
        ids = Counter(one.item_id for day in days for one in platform.archive.items("acme", day))
        assert ids
        assert set(ids.values()) == {1}

    def test_the_instance_tells_that_its_newest_sign_of_life_is_in_the_future(self, platform: Platform) -> None:
        platform.put_client("acme", HEALTHY[:1])
        platform.settle("client_activation")
        assert signs_of(platform.instance).ahead < 60
        assert signs_of(platform.instance, time.time() - 86_400).ahead == pytest.approx(86_400, abs=60)


class TestTwoDaemons:
    """Two `dagster-daemon run` on one instance: wasteful, and harmless."""

    def test_nothing_is_there_twice(self, platform: Platform, tmp_path: Path) -> None:
        clients, emulator = [f"client{number}" for number in range(3)], platform.schematics
        assert emulator
        with closing(open_database(platform.settings)) as database:
            for name, workspace in emulator.create_workspaces(ACCOUNTS).items():
                database.register(name, name, STATE, "ops", workspace=workspace, mode="auto")
            database.request(
                Demand(list(ACCOUNTS), "ann", "CHG-1", iam_version="1.1.0", execution_mode="plan_and_apply")
            )
        for client in clients:
            platform.put_client(client, HEALTHY[:2])
        with ExitStack() as running:
            daemons = []
            for number in (1, 2):
                log = tmp_path / f"daemon{number}.log"
                daemons.append(start(platform.settings, "dagster-daemon", "run", log=log))
                running.callback(stop, daemons[-1])
            every = {f"{client}|{today() - DAY * n}" for client in clients for n in range(3)}
            deadline = time.monotonic() + PATIENCE
            while platform.materialized("client_items") != every or not (
                platform.materialized("newsletter") and platform.materialized("apply") == set(ACCOUNTS)
            ):
                assert all(daemon.poll() is None for daemon in daemons)
                assert time.monotonic() < deadline, "\n".join(p.read_text()[-2000:] for p in tmp_path.glob("*.log"))
                time.sleep(2)
        assert platform.failed("client_items") == set()
        rows = platform.warehouse.query("select client_id, item_id, count(*) as n from raw.items group by 1, 2")
        assert rows
        assert {row["n"] for row in rows} == {1}
        assert set(platform.source_requests().values()) == {1}, "each source was asked once"
        launches = Counter((one["workspace_name"], one["kind"]) for one in emulator.report()["launches"])
        assert launches == {(name, kind): 1 for name in ACCOUNTS for kind in ("PLAN", "APPLY")}
        for client in clients:
            ids = Counter(i.item_id for n in range(3) for i in platform.archive.items(client, today() - DAY * n))
            assert set(ids.values()) == {1}
