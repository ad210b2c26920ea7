"""`vigie backfill` as a person types it: a scattered selection through the queue and Dagster's own daemon, one run."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from dagster import AssetKey, DagsterInstance

from assets.names import BACKFILL_TAG, CLIENT_CONFIG, CLIENT_ITEMS
from local.demo_content import SOURCES, demo_catalog
from local.instance import prepare, start, stop
from partitions import today
from resources.config_bucket import CATALOG_KEY
from resources.object_store import open_store
from settings import TARGETS, Settings, load_settings, own_targets

pytestmark = pytest.mark.e2e
BIN = Path(sys.executable).parent
PATIENCE = 240.0  # seconds
CLIENTS = ["ada", "bob", "eve"]
DAYS = [str(today() - timedelta(days=n)) for n in reversed(range(4))]
KEYS = [f"ada|{DAYS[0]}", f"eve|{DAYS[1]}", f"bob|{DAYS[2]}", f"ghost|{DAYS[2]}"]  # days of which nothing is archived
SOURCE = SOURCES[0].key
CLIENT = {"client_profile": {"name": "A client", "active": True}, "source_config": {"sources_extra_enabled": [SOURCE]}}


@dataclass
class Target:
    """A target with clients, its instance's folder, and the command line on it."""

    settings: Settings
    instance: Path
    home: Path

    def vigie(self, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return subprocess.run(
            [BIN / "vigie", *words],
            env={**kept, "VIGIE_TARGET": self.settings.target, "VIGIE_HOME": str(self.home)},
            input=answer,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    home = tmp_path_factory.mktemp("vigie")
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text()) | {"first_day": today() - timedelta(days=3)}
    document["schedule"]["sensor_seconds"] = 2
    document["fetch"] |= {"attempts": 1}
    own_targets(home).mkdir()
    (own_targets(home) / "back.yaml").write_text(yaml.safe_dump(document))
    settings = load_settings({"VIGIE_TARGET": "back", "VIGIE_HOME": str(home)})
    folder = prepare(settings)
    store = open_store(settings.stores.config)
    for client in CLIENTS:
        store.put(f"clients/{client}.yaml", yaml.safe_dump(CLIENT).encode())
    store.put("clients/ghost.yaml", b"client_profile: [")  # a client that was known, and whose file became unreadable
    store.put(CATALOG_KEY, demo_catalog("http://127.0.0.1:9").encode())  # where nobody answers
    with DagsterInstance.from_config(str(folder)) as instance:
        instance.add_dynamic_partitions("clients", [*CLIENTS, "ghost"])
    return Target(settings, folder, home)


@pytest.fixture(scope="module")
def daemon(target: Target) -> Iterator[None]:
    """Dagster's daemon, once it has read the clients by itself."""
    process = start(target.settings, "dagster-daemon", "run", log=target.home / "daemon.log")
    try:
        with DagsterInstance.from_config(str(target.instance)) as instance:
            until = time.monotonic() + PATIENCE
            while len(instance.get_materialized_partitions(AssetKey(CLIENT_CONFIG))) < len(CLIENTS):
                assert time.monotonic() < until, (target.home / "daemon.log").read_text()[-3000:]
                time.sleep(1)
        yield
    finally:
        stop(process)


def test_a_plan_is_printed_and_nothing_is_asked_for(target: Target) -> None:
    said = target.vigie("backfill", "client_items", "--clients", "ada,eve", "--from", DAYS[1], "--dry-run")
    assert said.returncode == 0, said.stderr
    assert "client_items: 6 of 16 partitions in 1 run" in said.stdout
    with DagsterInstance.from_config(str(target.instance)) as instance:
        assert instance.get_runs_count() == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["client_itms"], "Did you mean client_items"),
        (["client_items", "--clients", "adda"], "unknown clients: adda. Did you mean ada?"),
        (["client_items", "--from", "2020-01-01"], "is before the first partition"),
        (["client_items", "--to", "2999-01-01"], "has not begun"),
    ],
)
def test_what_does_not_exist_is_wrong_usage(target: Target, words: list[str], said: str) -> None:
    done = target.vigie("backfill", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_nobody_waits_where_there_is_no_daemon(target: Target) -> None:
    done = target.vigie("backfill", "client_items", "--wait", "--yes")
    assert done.returncode == 1
    assert "vigie dev" in done.stdout
    with DagsterInstance.from_config(str(target.instance)) as instance:
        assert instance.get_runs_count() == 0


@pytest.mark.usefixtures("daemon")
def test_scattered_cells_are_one_run_of_the_daemon_and_the_failed_one_is_named(target: Target) -> None:
    keys = target.home / "keys.txt"
    keys.write_text("\n".join(KEYS))
    with DagsterInstance.from_config(str(target.instance)) as instance:
        done = target.vigie("backfill", "client_items", "--keys", str(keys), "--wait")
        assert done.returncode == 1, done.stdout + done.stderr
        assert f"not done: {KEYS[-1]}" in done.stdout
        assert "3 of 4 done; runs: 1 failure" in done.stdout
        assert set(KEYS) & instance.get_materialized_partitions(AssetKey(CLIENT_ITEMS)) == set(KEYS[:-1])
        (run,) = [run for run in instance.get_runs() if BACKFILL_TAG in run.tags]
        assert run.job_name == "build_client_items"
        again = target.vigie("backfill", "client_items", "--failed", "--to", DAYS[2], "--dry-run")
        assert "client_items: 1 of 16 partitions in 1 run" in again.stdout
