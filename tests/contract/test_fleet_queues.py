"""The broker's queues of a fleet at a real PostgreSQL: any number of workers may be the first, and a broker may be
away."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, job, op, reconstructable
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.test_utils import create_run_for_test
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from fleet import FleetRunLauncher
from local.instance import STORAGE_VARIABLE, instance_environment, prepare
from settings import PROJECT_ROOT, load_settings

WORKERS = 5
FIRST = """
import sys
from dagster import DagsterInstance
from fleet import worker_app
with DagsterInstance.get() as instance:
    print("ready", flush=True)
    sys.stdin.readline()
    worker_app(instance)
"""


@pytest.mark.e2e  # five processes at once
def test_workers_that_start_at_once_on_a_fresh_server_make_its_queues_together(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = create_engine(postgres, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("create database queues"))
    url = postgres.replace("/postgres?", "/queues?")
    monkeypatch.setenv(STORAGE_VARIABLE, url)
    settings = load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(tmp_path), "VIGIE_INSTANCE": "fleet"})
    with DagsterInstance.from_config(str(prepare(settings))):  # makes the tables of Dagster itself
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", FIRST],
                cwd=PROJECT_ROOT / "platform",
                env=instance_environment(settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(WORKERS)
        ]
        for worker in workers:
            assert worker.stdout
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("\n")
            worker.stdin.flush()
        said = [worker.communicate(timeout=60)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * WORKERS, said
    with create_engine(url, poolclass=NullPool).connect() as connection:
        assert connection.scalars(text("select name from kombu_queue")).all() == ["dagster"]


@op
def nothing() -> None:
    """Is never begun: nobody hears of it."""


@job
def small() -> None:
    nothing()


@contextmanager
def fleet(server: str, folder: Path, broker: str | None = None) -> Iterator[DagsterInstance]:
    """An instance of a fleet at the server, with a broker of its own where one is named."""
    home = folder / "home"
    home.mkdir()
    document = yaml.safe_load((PROJECT_ROOT / "deploy" / "dagster-fleet.yaml").read_bytes())
    document["storage"]["postgres"]["postgres_url"] = server
    if broker:
        document["run_launcher"]["config"]["broker"] = broker
        del document["run_launcher"]["config"]["config_source"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(document))
    with DagsterInstance.from_config(str(home)) as instance:
        yield instance


def launch(instance: DagsterInstance) -> None:
    origin = reconstructable(small).get_python_origin()
    run = create_run_for_test(instance, "small", job_code_origin=origin)
    launcher = instance.run_launcher
    assert isinstance(launcher, FleetRunLauncher)
    launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))


@pytest.mark.parametrize("broker", ["pyamqp://guest@127.0.0.1:9//", "sqla+postgresql+psycopg2://a@127.0.0.1:9/none"])
def test_a_run_that_no_broker_takes_goes_back_into_the_queue(postgres: str, tmp_path: Path, broker: str) -> None:
    with fleet(postgres, tmp_path, broker) as instance, pytest.raises(DagsterUserCodeUnreachableError, match="broker"):
        launch(instance)


@pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning")  # of Kombu's own tables
def test_a_broker_that_is_gone_after_the_first_run_gives_the_next_one_back(postgres: str, tmp_path: Path) -> None:
    server = create_engine(postgres, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("create database broker"))
    with fleet(postgres, tmp_path, f"sqla+{postgres.replace('/postgres?', '/broker?')}") as instance:
        launch(instance)
        with server.connect() as connection:
            connection.execute(text("drop database broker with (force)"))
        with pytest.raises(DagsterUserCodeUnreachableError, match="broker"):
            launch(instance)
