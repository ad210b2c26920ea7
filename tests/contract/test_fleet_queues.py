"""The broker's queues of a fleet at a real PostgreSQL: any number of workers may be the first."""

import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DagsterInstance
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

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
