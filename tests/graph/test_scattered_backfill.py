"""Three hundred scattered cells, built for real: in how many runs, what became of each, and of the failed ones again.

Here: counts and outcomes at that size. Not here: how a selection becomes runs (tests/unit/test_backfill_plan), the
small stories of a backfill (test_backfill).
"""

import random
from datetime import timedelta

import pytest

from assets.batched import batch_tags
from backfilling import Backfill, Question
from domain.backfills import cell_batches
from partitions import today
from resources.object_store import open_store
from tests.graph.conftest import Platform

pytestmark = pytest.mark.e2e  # a story of its own length

DAYS = [str(today() - timedelta(days=n)) for n in reversed(range(30))]
CLIENTS = [*(f"client{n:02}" for n in range(19)), "broken"]
CELLS = sorted(random.Random(7).sample([(client, day) for client in CLIENTS for day in DAYS], 300))
KEYS = {f"{client}|{day}" for client, day in CELLS}
BROKEN = {key for key in KEYS if key.startswith("broken|")}


@pytest.fixture
def history_days() -> int:
    return 29


def test_they_are_one_run_and_those_that_failed_are_one_more(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for client in CLIENTS[:-1]:
        platform.put_client(client)
    for _look in range(2):  # of a crowd the first waits for more
        platform.tick("client_activation")
    platform.instance.add_dynamic_partitions("clients", ["broken"])  # its file was never read
    data = open_store(platform.settings.stores.data)
    wanted = {client: [day for one, day in CELLS if one == client] for client in CLIENTS}
    (batch,) = cell_batches(wanted, CLIENTS, DAYS)
    assert set(batch.keys) == KEYS

    platform.run_job("build_client_items", tags=batch_tags(data, batch))
    assert len(BROKEN) > 5
    assert platform.materialized("client_items") == KEYS - BROKEN
    assert platform.failed("client_items") == BROKEN

    platform.put_client("broken")
    platform.run_job("read_client_configs", partition="broken")
    with Backfill.opened(Question("client_items", failed=True)) as asked:
        assert set(asked.keys) == BROKEN
        (again,) = asked.batches(10_000)
    assert platform.run_job("build_client_items", tags=batch_tags(data, again)).is_success
    assert (platform.materialized("client_items"), platform.failed("client_items")) == (KEYS, set())

    assert len(platform.evaluate("warehouse_due").run_requests or ()) == 1  # one run of dbt for all of them
