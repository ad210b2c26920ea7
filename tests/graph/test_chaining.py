"""Each stage asks for exactly what the one before really did. The sensors and the schedule are looked at.

Hardly a run runs: cells and models materialize by events on runs of their jobs, as Dagster records them.
"""

import shutil
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
import time_machine
from dagster import (
    AssetKey,
    DagsterRunStatus,
    RunRequest,
    build_schedule_context,
)

from assets.names import BATCH_TAG, CLIENT_ITEMS
from local.instance import pools
from partitions import client_day, monday, today
from tests.graph.conftest import HEALTHY, PATHS, Platform
from tests.graph.recorded import (
    DAYS,
    Recorded,
    a_run,
    archive_sources,
    asks,
    batches,
    build_cells,
    build_models,
    cells_of,
    configure,
    keys_of,
    materialize,
    spans_of,
)

AHEAD = "999999999"  # of every event: the events are of an older backup than the cursor


class TestWarehouseDue(Recorded):
    """dbt, for what materialized."""

    def test_it_asks_once_for_exactly_the_cells_that_materialized(self, platform: Platform) -> None:
        cells = [("acme", DAYS[1]), ("acme", DAYS[0]), ("beta", DAYS[0])]
        build_cells(platform, *cells)
        requests = asks(platform, "warehouse_due")
        assert spans_of(requests) == [(DAYS[1], DAYS[0])]
        assert batches(platform, requests) == [cells]
        assert asks(platform, "warehouse_due") == []

    def test_the_cells_are_counted_before_anybody_opens_their_page(self, platform: Platform) -> None:
        build_cells(platform, ("acme", DAYS[1]), ("acme", DAYS[0]))
        assert asks(platform, "warehouse_due")
        (asset,) = platform.instance.get_asset_records([AssetKey(CLIENT_ITEMS)])
        counted = asset.asset_entry.cached_status
        assert counted
        assert counted.latest_storage_id == asset.asset_entry.last_materialization_storage_id

    def test_days_that_do_not_touch_are_runs_of_their_own(self, platform: Platform) -> None:
        near, far = [("acme", DAYS[1]), ("acme", DAYS[0]), ("beta", DAYS[1])], [("acme", DAYS[9])]
        build_cells(platform, *near, *far)
        requests = asks(platform, "warehouse_due")
        assert spans_of(requests) == [(DAYS[9], DAYS[9]), (DAYS[1], DAYS[0])]
        assert batches(platform, requests) == [far, sorted(near)]
        assert len({request.run_key for request in requests}) == 2

    @pytest.mark.parametrize("lost", [None, "", AHEAD])
    def test_a_lost_cursor_asks_for_nothing_again(self, platform: Platform, lost: str | None) -> None:
        build_cells(platform, ("acme", DAYS[0]), ("acme", DAYS[9]))
        assert len(asks(platform, "warehouse_due")) == 2
        platform.cursors["warehouse_due"] = lost
        assert asks(platform, "warehouse_due") == []
        build_cells(platform, ("beta", DAYS[0]))
        platform.cursors["warehouse_due"] = lost
        assert batches(platform, asks(platform, "warehouse_due")) == [[("beta", DAYS[0])]]

    def test_a_first_look_that_was_cut_short_is_repeated(self, platform: Platform) -> None:
        build_cells(platform, ("acme", DAYS[0]))
        cut_short = platform.evaluate("warehouse_due").run_requests or []  # the daemon dies before it stores anything
        repeated = asks(platform, "warehouse_due")
        assert [request.run_key for request in repeated] == [request.run_key for request in cut_short] != []

    def test_a_later_look_that_was_cut_short_is_repeated(self, platform: Platform) -> None:
        build_cells(platform, ("acme", DAYS[1]))
        asks(platform, "warehouse_due")
        build_cells(platform, ("acme", DAYS[0]))
        cut_short = platform.evaluate("warehouse_due").run_requests or []
        repeated = asks(platform, "warehouse_due")
        assert [request.run_key for request in repeated] == [request.run_key for request in cut_short] != []
        assert batches(platform, repeated) == [[("acme", DAYS[0])]]

    def test_a_cell_that_is_redone_is_a_batch_of_its_own(self, platform: Platform) -> None:
        build_cells(platform, *[(f"client{number}", DAYS[0]) for number in range(5)])
        (first,) = asks(platform, "warehouse_due")
        build_cells(platform, ("client3", DAYS[0]))
        (second,) = asks(platform, "warehouse_due")
        assert batches(platform, [second]) == [[("client3", DAYS[0])]]
        assert first.run_key != second.run_key
        assert len(platform.archive.batch(first.tags[BATCH_TAG])) == 5  # a batch never changes

    @pytest.mark.parametrize(
        "status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    )
    def test_it_waits_for_cells_under_way(self, platform: Platform, status: DagsterRunStatus) -> None:
        build_cells(platform, ("acme", DAYS[0]))
        running = a_run(platform, "build_client_items", status)
        waiting = platform.evaluate("warehouse_due")
        assert not waiting.run_requests
        assert "waiting for client_items" in str(waiting.skip_message)
        platform.instance.delete_run(running.run_id)
        assert len(asks(platform, "warehouse_due")) == 1

    def test_runs_that_follow_each_other_without_a_pause_hold_up_nobody_for_ever(self, platform: Platform) -> None:
        build_cells(platform, ("acme", DAYS[0]))
        a_run(platform, "build_client_items", DagsterRunStatus.STARTED)
        assert asks(platform, "warehouse_due") == []
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=21)):
            assert batches(platform, asks(platform, "warehouse_due")) == [[("acme", DAYS[0])]]

    def test_the_cells_of_a_long_run_wait_for_its_end(self, platform: Platform) -> None:
        cells = [client_day("acme", day) for day in DAYS[:2]]
        materialize(platform, CLIENT_ITEMS, cells, "build_client_items", status=DagsterRunStatus.STARTED)
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=21)):
            assert asks(platform, "warehouse_due") == []

    def test_it_does_not_wait_for_another_stage(self, platform: Platform) -> None:
        build_cells(platform, ("acme", DAYS[0]))
        a_run(platform, "fetch_sources", DagsterRunStatus.STARTED)
        a_run(platform, "build_client_items", DagsterRunStatus.FAILURE)
        assert len(asks(platform, "warehouse_due")) == 1


class TestClientItemsDue(Recorded):
    """Cells, on a platform that has five days of snapshots."""

    @pytest.fixture(autouse=True)
    def archived(self, platform: Platform) -> None:
        archive_sources(platform, *DAYS[:5])

    def test_clients_with_different_histories_are_one_run(self, platform: Platform) -> None:
        # the window has thirty days; the twenty-five that have no snapshot are not asked for
        configure(platform, "acme", "beta", "gamma", "delta")
        build_cells(platform, *[(client, day) for client in ("gamma", "delta") for day in DAYS[3:5]])
        whole = [f"{client}|{day}" for client in ("acme", "beta") for day in DAYS[:5]]
        rest = [f"{client}|{day}" for client in ("gamma", "delta") for day in DAYS[:3]]
        assert keys_of(platform, asks(platform, "client_items_due")) == sorted(whole + rest)
        assert asks(platform, "client_items_due") == []

    def test_a_history_with_a_hole_is_one_run_without_it(self, platform: Platform) -> None:
        configure(platform, "acme")
        build_cells(platform, ("acme", DAYS[2]))
        wanted = sorted(f"acme|{DAYS[n]}" for n in (4, 3, 1, 0))
        assert keys_of(platform, asks(platform, "client_items_due")) == wanted

    def test_a_day_without_a_snapshot_between_others_is_not_asked_for(self, platform: Platform) -> None:
        shutil.rmtree(Path(platform.archive.uri, "snapshots", str(DAYS[2])))
        configure(platform, "acme")
        wanted = sorted(f"acme|{DAYS[n]}" for n in (4, 3, 1, 0))
        assert keys_of(platform, asks(platform, "client_items_due")) == wanted

    def test_todays_cell_waits_for_todays_snapshot(self, platform: Platform) -> None:
        shutil.rmtree(Path(platform.archive.uri, "snapshots", str(DAYS[0])))
        configure(platform, "acme")
        assert cells_of(asks(platform, "client_items_due")) == [(f"acme|{DAYS[4]}", f"acme|{DAYS[1]}")]
        build_cells(platform, *[("acme", day) for day in DAYS[1:5]])
        archive_sources(platform, DAYS[0])
        assert cells_of(asks(platform, "client_items_due")) == [(f"acme|{DAYS[0]}",) * 2]

    def test_a_client_without_a_configuration_waits_for_it(self, platform: Platform) -> None:
        configure(platform, "acme")
        platform.instance.add_dynamic_partitions("clients", ["beta"])
        assert cells_of(asks(platform, "client_items_due")) == [(f"acme|{DAYS[4]}", f"acme|{DAYS[0]}")]
        build_cells(platform, *[("acme", day) for day in DAYS[:5]])
        configure(platform, "beta")
        assert cells_of(asks(platform, "client_items_due")) == [(f"beta|{DAYS[4]}", f"beta|{DAYS[0]}")]

    @pytest.mark.parametrize("job", ["read_client_configs", "fetch_sources"])
    def test_it_waits_for_what_cells_are_made_of(self, platform: Platform, job: str) -> None:
        configure(platform, "acme")
        running = a_run(platform, job, DagsterRunStatus.STARTED)
        assert asks(platform, "client_items_due") == []
        platform.instance.delete_run(running.run_id)
        assert len(asks(platform, "client_items_due")) == 1

    @pytest.mark.parametrize("status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED])
    def test_cells_under_way_are_not_asked_for_a_second_time(
        self, platform: Platform, status: DagsterRunStatus
    ) -> None:
        configure(platform, "acme")
        (request,) = platform.evaluate("client_items_due").run_requests or ()
        running = a_run(platform, "build_client_items", status, dict(request.tags))
        configure(platform, "beta")
        assert asks(platform, "client_items_due") == []  # what they are built from may have changed since
        platform.instance.report_run_failed(running)
        assert cells_of(asks(platform, "client_items_due")) == [(f"beta|{DAYS[4]}", f"beta|{DAYS[0]}")]


class TestAFailedCell:
    """What failed is for people to ask for again, unless its cause went away by itself."""

    @pytest.fixture
    def failed(self, platform: Platform) -> Platform:
        platform.site.down.add(PATHS[HEALTHY[0]])
        platform.put_client("solo", HEALTHY[:1])
        platform.settle()
        assert platform.failed(CLIENT_ITEMS) == {f"solo|{DAYS[0]}"}
        return platform

    def test_it_is_not_asked_for_again(self, failed: Platform) -> None:
        failed.put_client("other")
        failed.tick("client_activation")  # somebody else's configuration and snapshots are new
        assert cells_of(asks(failed, "client_items_due")) == [(f"other|{DAYS[0]}",) * 2]
        failed.cursors["client_items_due"] = None
        assert f"solo|{DAYS[0]}" not in {first for first, _last in cells_of(asks(failed, "client_items_due"))}

    def test_it_is_asked_for_once_more_when_its_source_came_back(self, failed: Platform) -> None:
        failed.site.down.clear()
        assert failed.run_job("fetch_sources", partition=str(DAYS[0])).is_success
        assert cells_of(asks(failed, "client_items_due")) == [(f"solo|{DAYS[0]}",) * 2]
        assert asks(failed, "client_items_due") == []


class TestNewslettersDue(Recorded):
    """Pages, for what dbt built."""

    @pytest.fixture(autouse=True)
    def clients(self, platform: Platform) -> None:
        platform.instance.add_dynamic_partitions("clients", ["acme", "beta", "gamma"])

    def test_it_asks_for_exactly_the_client_weeks_of_the_batch(self, platform: Platform) -> None:
        build_models(platform, [DAYS[7], DAYS[0]], ("acme", DAYS[7]), ("acme", DAYS[0]), ("gamma", DAYS[0]))
        last, this = monday(DAYS[7]), monday(DAYS[0])
        wanted = [f"acme|{last}", f"acme|{this}", f"gamma|{this}"]
        assert keys_of(platform, asks(platform, "newsletters_due")) == wanted
        assert asks(platform, "newsletters_due") == []

    def test_the_days_of_one_week_are_one_page(self, platform: Platform) -> None:
        week = [monday(DAYS[7]) + timedelta(days=n) for n in range(7)]
        build_models(platform, week, *[("beta", day) for day in week])
        assert cells_of(asks(platform, "newsletters_due")) == [(f"beta|{week[0]}",) * 2]

    def test_batches_built_since_the_last_look_are_one_request(self, platform: Platform) -> None:
        build_models(platform, [DAYS[0]], ("acme", DAYS[0]))
        build_models(platform, [DAYS[0]], ("beta", DAYS[0]))
        assert cells_of(asks(platform, "newsletters_due")) == [
            (f"acme|{monday(DAYS[0])}", f"beta|{monday(DAYS[0])}"),
        ]

    def test_weeks_that_do_not_touch_are_one_run_without_those_in_between(self, platform: Platform) -> None:
        build_models(platform, [DAYS[14], DAYS[0]], ("acme", DAYS[14]), ("acme", DAYS[0]))
        wanted = [f"acme|{monday(DAYS[14])}", f"acme|{monday(DAYS[0])}"]
        assert keys_of(platform, asks(platform, "newsletters_due")) == wanted

    def test_a_cursor_ahead_of_every_event_begins_anew(self, platform: Platform) -> None:
        platform.cursors["newsletters_due"] = AHEAD
        build_models(platform, [DAYS[0]], ("beta", DAYS[0]))
        assert cells_of(asks(platform, "newsletters_due")) == [(f"beta|{monday(DAYS[0])}",) * 2]

    def test_days_that_a_person_built_are_the_week_of_every_client(self, platform: Platform) -> None:
        build_models(platform, [DAYS[0]])
        assert cells_of(asks(platform, "newsletters_due")) == [
            (f"acme|{monday(DAYS[0])}", f"gamma|{monday(DAYS[0])}"),
        ]

    def test_a_client_that_left_meanwhile_gets_no_page(self, platform: Platform) -> None:
        build_models(platform, [DAYS[0]], ("acme", DAYS[0]), ("beta", DAYS[0]))
        platform.instance.delete_dynamic_partition("clients", "acme")
        assert cells_of(asks(platform, "newsletters_due")) == [(f"beta|{monday(DAYS[0])}",) * 2]

    def test_it_waits_for_models_under_way(self, platform: Platform) -> None:
        build_models(platform, [DAYS[0]], ("acme", DAYS[0]))
        running = a_run(platform, "build_warehouse", DagsterRunStatus.STARTED)
        assert asks(platform, "newsletters_due") == []
        platform.instance.delete_run(running.run_id)
        assert len(asks(platform, "newsletters_due")) == 1


class TestDailySources(Recorded):
    """The schedule: the UTC day, whatever the hour."""

    def request(self, platform: Platform) -> RunRequest:
        schedule = platform.defs.get_repository_def().get_schedule_def("daily_sources")
        with build_schedule_context(
            instance=platform.instance,
            repository_def=platform.defs.get_repository_def(),
            scheduled_execution_time=datetime.now(UTC),
        ) as context:
            (request,) = schedule.evaluate_tick(context).run_requests or ()
        return request

    def test_it_asks_for_todays_partition_under_a_stable_run_key(self, platform: Platform) -> None:
        request, again = self.request(platform), self.request(platform)
        assert request.partition_key == str(today())
        assert request.run_key == again.run_key == f"daily-{today()}"

    @pytest.mark.parametrize(("clock", "days"), [(time(23, 59), 0), (time(0, 1), 1)])
    def test_around_midnight_it_is_the_day_that_utc_has(self, platform: Platform, clock: time, days: int) -> None:
        day = DAYS[0] + timedelta(days=days)
        with time_machine.travel(datetime.combine(day, clock, UTC), tick=False):
            request = self.request(platform)
        assert (request.partition_key, request.run_key) == (str(day), f"daily-{day}")


def test_the_pools_of_the_target_are_set_on_the_instance_and_are_all_that_steps_ask_for(platform: Platform) -> None:
    wanted = pools(platform.settings)
    assert wanted == {"configs": 1, "sources": 1, "warehouse": 1, "schematics": 2}
    storage = platform.instance.event_log_storage
    assert {limit.name: limit.limit for limit in storage.get_pool_limits()} == wanted
    for pool, slots in wanted.items():
        assert storage.get_concurrency_info(pool).slot_count == slots
    graph = platform.defs.get_repository_def().asset_graph
    asked = {pool for key in graph.materializable_asset_keys for pool in graph.get(key).pools or ()}
    assert {"configs", "sources", "warehouse"} <= asked <= wanted.keys()
