"""A worker that dies in the middle of many cells: what it finished stays finished, its retry does the rest alone."""

import multiprocessing
import os
import signal
import time
from datetime import date, timedelta

import pytest
from dagster import DagsterInstance

from domain.items import Item
from local.instance import dagster_home
from partitions import today
from settings import PROJECT_ROOT, load_settings
from tests.graph.conftest import HEALTHY, Platform
from tests.graph.same_target import defs
from tests.graph.test_outcomes import partitions_of, re_execute

pytestmark = pytest.mark.crash
CLIENTS = [f"client{number:02}" for number in range(30)]
SOME = 10  # cells that are done when the worker dies


@pytest.fixture
def history_days() -> int:
    return 3


def work(tags: dict[str, str]) -> None:
    """The process that dies: one run over every cell."""
    with DagsterInstance.from_config(str(dagster_home(load_settings()))) as instance:
        defs().resolve_job_def("build_client_items").execute_in_process(
            instance=instance, tags=tags, raise_on_error=False
        )


def items(platform: Platform, key: str) -> list[Item]:
    """What the cell holds."""
    client, day = key.split("|")
    return platform.archive.items(client, date.fromisoformat(day))


def test_a_worker_that_is_killed_keeps_the_cells_it_finished_and_its_retry_does_the_others(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(PROJECT_ROOT)  # the worker imports this module by its name, however pytest was started
    for client in CLIENTS:
        platform.put_client(client, HEALTHY[:3])
    assert platform.tick("client_activation") == []  # a crowd: there may be more at the next look
    platform.settle("client_activation")
    (asked,) = platform.evaluate("client_items_due").run_requests or []
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(dict(asked.tags),))
    worker.start()
    assert worker.pid
    deadline = time.monotonic() + 120
    while len(platform.materialized("client_items")) < SOME:
        assert worker.is_alive(), "it ended before it could be killed"
        assert time.monotonic() < deadline
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert worker.exitcode == -signal.SIGKILL

    done = platform.materialized("client_items")
    every = {f"{client}|{today() - timedelta(days=n)}" for client in CLIENTS for n in range(4)}
    assert SOME <= len(done) < len(every)
    files = {key: items(platform, key) for key in done}
    (run,) = [run for run in platform.instance.get_runs() if run.job_name == "build_client_items"]
    # as the daemon's monitoring does with a run whose process is gone
    platform.instance.report_run_failed(run)
    platform.instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)

    again = re_execute(platform, run.run_id)
    assert set(partitions_of(platform, again, "client_items")) == every - done
    assert platform.materialized("client_items") == every
    assert {key: items(platform, key) for key in done} == files
    rows = platform.warehouse.query("select client_id, item_id, count(*) as n from raw.items group by 1, 2")
    assert {row["n"] for row in rows} == {1}
