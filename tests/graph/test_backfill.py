"""Backfills of any selection: a scattered one is one run, and each of its partitions has its own outcome."""

import os
from datetime import date, timedelta

import pytest
from dagster import DagsterRun, DagsterRunStatus

from archiving import Archiving
from assets.batched import batch_of, batch_tags
from assets.partition_counts import partitions_few_enough
from backfilling import Backfill, Question
from domain.asked_partitions import AskedError
from domain.backfills import Batch, cell_batches
from domain.errors import RefusedError
from partitions import Partitions, today
from resources.object_store import ObjectStore, open_store
from settings import choice, target_file
from tests.graph.conftest import Platform
from tests.graph.test_outcomes import re_execute

DAYS = [str(today() - timedelta(days=n)) for n in reversed(range(4))]
CLIENTS = [f"client{n}" for n in range(4)]
WANTED = {"client0": DAYS[:1], "client1": DAYS[2:], "broken": DAYS[1:3], "client3": DAYS[1:2]}
BROKEN = {f"broken|{DAYS[1]}", f"broken|{DAYS[2]}"}


@pytest.fixture
def history_days() -> int:
    return 3


@pytest.fixture
def known(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Four clients whose files were read, and one whose file never was."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for client in CLIENTS:
        platform.put_client(client)
    platform.tick("client_activation")
    platform.instance.add_dynamic_partitions("clients", ["broken"])
    return platform


def data_of(platform: Platform) -> ObjectStore:
    return open_store(platform.settings.stores.data)


def scattered() -> Batch:
    (batch,) = cell_batches(WANTED, [*CLIENTS, "broken"], DAYS)
    assert batch.span is None
    return batch


def build(platform: Platform, batch: Batch) -> DagsterRun:
    return platform.run_job("build_client_items", tags=batch_tags(data_of(platform), batch))


def test_scattered_cells_are_one_run_each_with_its_own_outcome_and_the_failed_are_done_again_alone(
    known: Platform,
) -> None:
    batch = scattered()
    run = build(known, batch)
    assert run.status == DagsterRunStatus.FAILURE
    assert known.failed("client_items") == BROKEN
    assert known.materialized("client_items") == set(batch.keys) - BROKEN
    assert batch_of(data_of(known), run.tags) == list(batch.keys)

    with Backfill.opened(Question("client_items", failed=True)) as asked:
        assert set(asked.keys) == BROKEN
        (again,) = asked.batches(10_000)
        assert again.span  # neighbours: a range that the UI shows as one
    with Backfill.opened(Question("build_client_items", missing=True)) as asked:
        assert len(asked.keys) == 5 * 4 - len(batch.keys)
        assert len(asked.batches(10_000)) == 1

    known.put_client("broken")
    known.run_job("read_client_configs", partition="broken")
    retry = re_execute(known, run.run_id)
    done = known.instance.get_run_by_id(retry)
    assert done
    assert done.is_success
    assert known.failed("client_items") == set()
    assert known.materialized("client_items") == set(batch.keys)


@pytest.mark.e2e  # a story of its own length
def test_pages_of_scattered_weeks_follow_as_one_run(known: Platform) -> None:
    build(known, scattered())
    runs = known.settle("warehouse_due", "newsletters_due")
    assert [run.job_name for run in runs if run.job_name != "write_dashboard"].count("write_newsletters") == 1
    cells = known.materialized("client_items")
    weeks = {f"{key.partition('|')[0]}|{_monday(key.partition('|')[2])}" for key in cells}
    assert known.materialized("newsletter") == weeks


def _monday(day: str) -> date:
    found = date.fromisoformat(day)
    return found - timedelta(days=found.weekday())


def test_a_question_names_assets_and_stages_that_there_are(known: Platform) -> None:
    for name, kind in (
        ("client_config", "client"),
        ("source_snapshots", "day"),
        ("build_warehouse", "day"),
        ("scored_items", "day"),
        ("newsletter", "client x week"),
    ):
        with Backfill.opened(Question(name)) as asked:
            assert asked.grid.kind == kind
    with Backfill.opened(Question("scored_items", days=f"{DAYS[0]},{DAYS[2]}")) as asked:
        assert [batch.span is not None for batch in asked.batches(10_000)] == [True, True]  # dbt takes ranges only
    for name in ("client_itms", "plan", "newsletter_delivery"):
        with pytest.raises(AskedError, match="there is no asset or stage to backfill"), Backfill.opened(Question(name)):
            pass


def test_archiving_counts_what_leaves_moves_the_first_day_and_touches_no_data(known: Platform) -> None:
    build(known, scattered())
    objects = {info.key: info.etag for info in data_of(known).list("")}
    with Archiving.opened(DAYS[2]) as asked:
        counts = {one.asset: one for one in asked.leaving()}
        of_items = counts["client_items"]
        assert (of_items.partitions, of_items.stay, of_items.failed, of_items.missing) == (10, 10, 1, 7)
        asked.write()
    with Backfill.opened(Question("client_items", failed=True)) as after:
        assert list(after.grid.columns) == DAYS[2:]
        assert after.keys == [f"broken|{DAYS[2]}"]
    assert {info.key: info.etag for info in data_of(known).list("")} == objects


def test_the_first_day_of_many_machines_is_moved_by_hand_on_all_of_them(known: Platform) -> None:
    file, fleet = target_file(choice()), known.settings.model_copy(update={"instance": "fleet"})
    before = file.read_bytes()
    with pytest.raises(RefusedError, match=f"every machine, or build the image with it: first_day: {DAYS[2]}"):
        Archiving(fleet, known.instance, file, date.fromisoformat(DAYS[2])).write()
    assert file.read_bytes() == before


def test_a_targets_file_that_cannot_be_written_stays_as_it_is(known: Platform) -> None:
    file = target_file(choice())
    before = file.read_bytes()
    (file.parent / f".{file.name}.{os.getpid()}").mkdir()  # where the new file would be written
    with (
        Archiving.opened(DAYS[2]) as asked,
        pytest.raises(RefusedError, match=f"cannot be written .*first_day: {DAYS[2]}"),
    ):
        asked.write()
    assert file.read_bytes() == before


def test_a_thousand_clients_are_warned_of_before_they_are_too_many(known: Platform) -> None:
    partitions = Partitions.since(today() - timedelta(days=30))
    assert partitions_few_enough(known.instance, partitions).passed
    known.instance.add_dynamic_partitions("clients", [f"more{n}" for n in range(1000)])
    result = partitions_few_enough(known.instance, partitions)
    assert not result.passed
    assert "vigie archive" in (result.description or "")
    assert partitions_few_enough(known.instance, partitions, keep_days=30).passed
