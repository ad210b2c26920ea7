"""From a client file to its cells: what the activation sensor asks for, and how often it looks."""

import json
from datetime import timedelta

import pytest

from domain.errors import VigieError
from partitions import today
from resources.config_bucket import CATALOG_KEY
from tests.graph.conftest import HEALTHY, PATHS, Platform

TODAY = str(today())


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
    assert json.loads(platform.cursors["client_activation"] or "")["clients/acme.yaml"]


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
