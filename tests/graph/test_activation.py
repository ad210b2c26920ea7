"""From a client file to its cells: what the activation sensor asks for, and how often it looks."""

import gzip
import json
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from domain.errors import VigieError
from partitions import today
from resources.config_bucket import CATALOG_KEY
from resources.kept_cursor import KeptCursor
from resources.object_store import open_store
from tests.graph.conftest import HEALTHY, PATHS, Platform

TODAY = str(today())
SENSOR = "client_activation"


def test_a_new_client_becomes_a_partition_and_gets_its_configuration_its_sources_and_its_items(
    platform: Platform,
) -> None:
    platform.put_client("acme")
    runs = platform.settle()
    assert platform.instance.get_dynamic_partitions("clients") == ["acme"]
    assert [run.job_name for run in runs] == ["fetch_sources", "read_client_configs", "build_client_items"]
    assert platform.materialized("client_items") == {f"acme|{TODAY}"}
    assert platform.archive.items("acme", today())


def test_an_unchanged_folder_is_listed_once_and_nothing_is_read(platform: Platform) -> None:
    platform.put_client("acme")
    platform.settle()
    before = platform.runs()
    data = platform.evaluate("client_activation")
    assert not data.run_requests
    assert data.skip_message == "1 client files, 1 active; nothing to do."
    assert platform.runs() == before


def test_sources_are_requested_once_however_many_clients_share_them(platform: Platform) -> None:
    for number in range(6):
        platform.put_client(f"client{number}", HEALTHY[:4])
    platform.settle()
    assert platform.source_requests() == dict.fromkeys(HEALTHY[:4], 1)


def test_clients_added_together_share_their_runs(platform: Platform) -> None:
    for number in range(5):
        platform.put_client(f"client{number}")
    runs = platform.settle()
    assert [run.job_name for run in runs] == ["fetch_sources", "read_client_configs", "build_client_items"]
    assert len(platform.materialized("client_items")) == 5


@pytest.mark.e2e  # a story of its own length
class TestHistory:
    """A platform that has run for thirty days."""

    @pytest.fixture
    def history_days(self) -> int:
        return 29

    def test_five_new_clients_and_thirty_days_are_one_run(self, platform: Platform) -> None:
        for number in range(5):
            platform.put_client(f"client{number}", HEALTHY)
        runs = platform.settle()
        assert [run.job_name for run in runs].count("build_client_items") == 1
        assert len(platform.materialized("client_items")) == 150
        assert platform.source_requests() == dict.fromkeys(HEALTHY, 1)

    def test_a_later_client_gets_its_history_at_once_without_a_request(self, platform: Platform) -> None:
        platform.put_client("first", HEALTHY)
        platform.settle()
        platform.site.requests.clear()
        platform.put_client("second", HEALTHY[:3])
        runs = platform.settle()
        assert [run.job_name for run in runs] == ["read_client_configs", "build_client_items"]
        assert platform.source_requests() == {}
        days = [today() - timedelta(days=n) for n in range(30)]
        assert platform.materialized("client_items") >= {f"second|{day}" for day in days}
        assert len({item.item_id for day in days for item in platform.archive.items("second", day)}) == sum(
            len(platform.archive.items("second", day)) for day in days
        )


def test_a_changed_file_reads_its_configuration_again_and_nothing_else(platform: Platform) -> None:
    platform.put_client("acme", HEALTHY[:2])
    platform.settle()
    platform.put_client("acme", HEALTHY[:3])
    assert [run.job_name for run in platform.settle()] == ["read_client_configs"]


def test_content_that_comes_back_is_read_again(platform: Platform) -> None:
    for sources in (HEALTHY[:2], HEALTHY[:3], HEALTHY[:2], HEALTHY[:3]):
        platform.put_client("acme", sources)
        platform.settle()
        assert platform.archive.configs(["acme"])["acme"].extra_sources == tuple(sources)


def test_a_client_switched_off_leaves_the_graph_and_keeps_its_data(platform: Platform) -> None:
    platform.put_client("acme")
    platform.put_client("other")
    platform.settle()
    platform.put_client("acme", active=False)
    assert platform.settle() == []
    assert platform.instance.get_dynamic_partitions("clients") == ["other"]
    assert platform.archive.items("acme", today())
    platform.put_client("acme")
    runs = platform.settle()
    assert [run.job_name for run in runs] == ["read_client_configs"]  # its cell of today is there already
    assert platform.instance.get_dynamic_partitions("clients") == ["other", "acme"]


def test_a_removed_file_is_a_client_that_left(platform: Platform) -> None:
    platform.put_client("acme")
    platform.put_client("other")
    platform.settle()
    platform.remove_client("acme")
    assert platform.settle() == []
    assert platform.instance.get_dynamic_partitions("clients") == ["other"]


def test_an_invalid_file_is_seen_in_the_ui_and_stops_nobody(platform: Platform) -> None:
    platform.put_client("acme")
    platform.config.put("clients/broken.yaml", b'client_profile: {active: "false"}\n')
    platform.settle()
    assert platform.instance.get_dynamic_partitions("clients") == ["acme"]
    (check,) = platform.events
    assert not check.passed
    assert "clients/broken.yaml" in str(check.description)
    platform.config.put("clients/broken.yaml", b"client_profile: {active: false}\n")
    platform.settle()
    assert [event.passed for event in platform.events] == [False, True]


def test_an_active_client_whose_file_breaks_goes_on_with_its_last_good_configuration(platform: Platform) -> None:
    platform.put_client("acme", HEALTHY[:2])
    platform.settle()
    platform.config.put("clients/acme.yaml", b"client_profile: [\n")
    assert platform.settle() == []
    assert platform.instance.get_dynamic_partitions("clients") == ["acme"]
    assert platform.archive.configs(["acme"])["acme"].extra_sources == tuple(HEALTHY[:2])


def test_a_listing_that_fails_fails_the_tick(platform: Platform) -> None:
    platform.put_client("acme")
    platform.settle()
    clients = platform.settings.stores.config
    assert clients.kind == "directory"
    clients.path.rename(clients.path.with_name("elsewhere"))
    with pytest.raises(VigieError, match="does not exist"):
        platform.evaluate("client_activation")
    assert platform.instance.get_dynamic_partitions("clients") == ["acme"]


@pytest.mark.parametrize("lost", [None, "", "not json", "[]"])
def test_a_lost_cursor_repairs_itself_without_a_run(platform: Platform, lost: str | None) -> None:
    platform.put_client("acme")
    platform.put_client("asleep", active=False)
    platform.settle()
    platform.cursors.update(dict.fromkeys(("client_activation", "client_items_due"), lost))
    assert platform.settle() == []
    assert "clients/acme.yaml" in known(platform)


def known(platform: Platform) -> dict[str, list[str]]:
    """What the sensor's cursor names: file -> its ETag and state."""
    kept = KeptCursor(open_store(platform.settings.stores.data), SENSOR, platform.cursors[SENSOR])
    found: dict[str, list[str]] = json.loads(kept.text or "{}")
    return found


def slots(platform: Platform) -> dict[str, str]:
    return {info.key: info.etag for info in open_store(platform.settings.stores.data).list("cursors/")}


def test_the_cursor_is_short_however_many_files_there_are(platform: Platform) -> None:
    for number in range(200):
        platform.put_client(f"client{number}", active=False)
    for _look in range(3):
        platform.tick(SENSOR)
    assert len(known(platform)) == 200
    assert len(platform.cursors[SENSOR] or "") < 120


def test_a_look_at_nothing_new_writes_nothing_and_changes_keep_two_objects(platform: Platform) -> None:
    platform.put_client("acme", active=False)
    platform.tick(SENSOR)
    cursor, before = platform.cursors[SENSOR], slots(platform)
    platform.tick(SENSOR)
    assert (platform.cursors[SENSOR], slots(platform)) == (cursor, before)
    for number in range(3):
        platform.put_client(f"other{number}", active=False)
        platform.tick(SENSOR)
    assert len(slots(platform)) == 2
    assert len(known(platform)) == 4


def test_a_process_that_dies_before_its_cursor_is_kept_leaves_the_last_one_whole(platform: Platform) -> None:
    platform.put_client("acme", active=False)
    platform.tick(SENSOR)
    before = known(platform)
    for number in range(3):
        platform.put_client(f"other{number}", active=False)
        platform.evaluate(SENSOR)  # its object is written, and the tick is lost
    assert known(platform) == before
    platform.tick(SENSOR)
    assert len(known(platform)) == 4


@pytest.mark.parametrize(
    "damage",
    [b"", b"not gzip", gzip.compress(b"{}"), gzip.compress(b"{}")[:-4], None],
    ids=["empty", "no gzip", "another text", "cut off", "gone"],
)
def test_an_object_that_is_gone_or_damaged_is_a_lost_cursor_and_is_written_again(
    platform: Platform, damage: bytes | None
) -> None:
    platform.put_client("acme")
    platform.put_client("asleep", active=False)
    platform.settle()
    before, data = known(platform), open_store(platform.settings.stores.data)
    for key in slots(platform):
        data.delete(key)
        if damage is not None:
            data.put(key, damage)
    assert platform.settle() == []
    assert known(platform) == before


def test_a_cursor_that_holds_every_file_is_still_read(platform: Platform) -> None:
    platform.put_client("acme")
    platform.put_client("asleep", active=False)
    platform.settle()
    kept = known(platform)
    kept["clients/asleep.yaml"] = ["another", "i"]
    platform.cursors[SENSOR] = json.dumps(kept)
    text = KeptCursor(open_store(platform.settings.stores.data), SENSOR, platform.cursors[SENSOR]).text
    assert json.loads(text) == kept
    assert platform.settle() == []
    assert known(platform)["clients/asleep.yaml"] != kept["clients/asleep.yaml"]
    assert known(platform)["clients/acme.yaml"] == kept["clients/acme.yaml"]


def test_a_lost_cursor_while_configurations_are_being_read_asks_for_no_second_run(platform: Platform) -> None:
    platform.put_client("acme")
    first = platform.evaluate("client_activation")
    platform.instance.add_dynamic_partitions("clients", ["acme"])  # as the daemon does before the runs end
    second = platform.evaluate("client_activation")
    wanted = [request.run_key for request in first.run_requests or () if request.job_name == "read_client_configs"]
    again = [request.run_key for request in second.run_requests or () if request.job_name == "read_client_configs"]
    assert wanted == again != []


def test_a_broken_catalog_holds_activation_back_once_and_early(platform: Platform) -> None:
    good = platform.config.get(CATALOG_KEY).body
    platform.config.put(CATALOG_KEY, b"sources: [")
    platform.put_client("acme")
    assert platform.settle() == []
    assert platform.instance.get_dynamic_partitions("clients") == []
    assert [(event.check_name, event.passed) for event in platform.events][:1] == [("source_catalog_valid", False)]
    platform.config.put(CATALOG_KEY, good)
    assert len(platform.settle()) == 3
    assert platform.instance.get_dynamic_partitions("clients") == ["acme"]


def test_a_source_that_is_down_degrades_its_clients_and_stops_nobody(platform: Platform) -> None:
    platform.site.down.add(PATHS[HEALTHY[0]])
    platform.put_client("acme", HEALTHY[:2])
    runs = platform.settle()
    assert all(run.is_success for run in runs)
    assert platform.materialized("client_items") == {f"acme|{TODAY}"}
    assert {item.source_key for item in platform.archive.items("acme", today())} == {HEALTHY[1]}


def under_way(platform: Platform, job: str) -> str:
    """A run of the job that is queued, as Dagster records it; its id."""
    definition = platform.defs.resolve_job_def(job)
    run = platform.instance.create_run_for_job(definition, status=DagsterRunStatus.STARTED)
    return run.run_id


def test_nobody_leaves_the_graph_while_a_run_may_end_its_range_with_them(platform: Platform) -> None:
    for name in ("aa", "bb", "cc"):
        platform.put_client(name)
    platform.settle()
    platform.put_client("cc", active=False)
    platform.remove_client("bb")
    run_id = under_way(platform, "build_client_items")
    platform.tick("client_activation")
    assert platform.instance.get_dynamic_partitions("clients") == ["aa", "bb", "cc"]
    run = platform.instance.get_run_by_id(run_id)
    assert run
    platform.instance.report_run_failed(run)
    platform.tick("client_activation")
    assert platform.instance.get_dynamic_partitions("clients") == ["aa"]


def test_a_client_whose_configuration_run_failed_is_asked_for_again(platform: Platform) -> None:
    platform.put_client("acme")
    asked = platform.evaluate("client_activation")
    platform.instance.add_dynamic_partitions("clients", ["acme"])
    platform.cursors["client_activation"] = asked.cursor  # the daemon stored the tick, and the run was lost
    again = platform.evaluate("client_activation").run_requests or []
    assert [request.job_name for request in again if request.job_name == "read_client_configs"]
    under_way(platform, "read_client_configs")
    assert not [r for r in platform.evaluate("client_activation").run_requests or [] if r.job_name != "fetch_sources"]


def test_the_sources_of_a_client_whose_file_broke_are_fetched_all_the_same(platform: Platform) -> None:
    platform.put_client("acme", HEALTHY[:1])
    platform.put_client("other", HEALTHY[1:2])
    platform.settle()
    platform.config.put("clients/acme.yaml", b"client_profile: [\n")
    for path in Path(platform.archive.uri, "snapshots").rglob("*.gz"):
        path.unlink()  # as on the next day
    platform.site.requests.clear()
    platform.run_job("fetch_sources", partition=TODAY)
    assert platform.source_requests() == dict.fromkeys(HEALTHY[:2], 1)


def test_a_mended_typo_builds_what_it_had_failed(platform: Platform) -> None:
    platform.put_client("other", HEALTHY[:1])
    platform.settle()
    platform.put_client("acme", ["press__typo"])
    platform.settle()
    assert platform.failed("client_items") == {f"acme|{TODAY}"}
    platform.put_client("acme", HEALTHY[:1])
    platform.settle()
    assert platform.failed("client_items") == set()
    assert platform.archive.items("acme", today())


def test_one_damaged_cell_fails_alone(platform: Platform) -> None:
    platform.site.down.add(PATHS[HEALTHY[0]])
    for name in ("acme", "other"):
        platform.put_client(name, HEALTHY[:2])
    platform.config.put("clients/none.yaml", b"client_profile: {active: false}\n")
    Path(platform.archive.uri, "ingested", "acme", f"{today():%Y/%m/%d}").mkdir(parents=True)
    Path(platform.archive.uri, "ingested", "acme", f"{today():%Y/%m/%d}", "items.json").write_text('[{"item_id": "x"}]')
    platform.settle()
    assert platform.failed("client_items") == {f"acme|{TODAY}"}
    assert platform.materialized("client_items") == {f"other|{TODAY}"}
