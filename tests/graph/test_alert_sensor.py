"""The alerts sensor on the whole graph: what really fails is told, once by cause, and so is its end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
)
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo
from typer.testing import CliRunner

import cli
from assets.names import CLIENT_FRESHNESS, CLIENT_ITEMS
from domain.accounts import Demand, DesiredState
from domain.book_away import BookAway
from domain.ranges import Range, Rectangle
from local.instance import dagster_home
from partitions import client_day, rectangle_tags, today
from resources.account_tables import Account
from resources.alert_desk import AlertDesk
from resources.client_freshness import newest_days
from resources.database import open_database
from resources.object_store import open_store
from sensors.alert_signs import ALERTS, Lookout
from settings import own_targets
from tests.contract.hook_server import HookServer
from tests.graph.alerting import desk_of, tick
from tests.graph.conftest import HEALTHY, PATHS, Platform

NOW = datetime.now(UTC)
CLIENTS = ("acme", "beta", "gamma")
ALL_OF_TODAY = rectangle_tags(Rectangle(Range("acme", "gamma"), Range(str(today()), str(today()))))
ONLY = HEALTHY[-1]


@pytest.mark.e2e  # a story of its own length
def test_clients_that_fail_for_one_cause_are_one_alert_and_mending_it_is_told(
    platform: Platform, desk: AlertDesk, hook: HookServer
) -> None:
    for client in CLIENTS:
        platform.put_client(client)
    platform.tick("client_activation")
    snapshots = Path(platform.archive.uri, "snapshots", str(today()))
    aside = snapshots.rename(snapshots.with_name("aside"))
    run = platform.run_job("build_client_items", tags=ALL_OF_TODAY)
    assert platform.failed(CLIENT_ITEMS) == {f"{client}|{today()}" for client in CLIENTS}
    for _look in range(3):
        tick(platform, desk)
    assert hook.titles() == ["[graph] 3 partitions failed (client_items)"]
    head, facts, links = hook.bodies()[0]["blocks"]
    assert head["text"]["text"] == "[graph] 3 partitions failed (client_items)"
    assert "concerns: client acme, client beta, client gamma" in facts["text"]["text"]
    assert f"<http://127.0.0.1:3000/runs/{run.run_id}|run>" in links["elements"][0]["text"]
    aside.rename(snapshots)
    platform.run_job("build_client_items", tags=ALL_OF_TODAY)
    tick(platform, desk)
    assert hook.titles()[1:] == ["[graph] Over: 3 partitions failed (client_items)"]


@pytest.mark.e2e
def test_a_source_that_is_down_is_one_alert_for_all_its_clients(
    platform: Platform, desk: AlertDesk, hook: HookServer
) -> None:
    platform.site.down.add(PATHS[ONLY])
    for client in CLIENTS:
        platform.put_client(client, [ONLY])
    platform.settle("client_activation", "client_items_due")
    assert len(platform.failed(CLIENT_ITEMS)) == 3
    tick(platform, desk)
    assert hook.titles() == [f"[graph] source {ONLY} fails; 4 partitions failed (client_items, source_snapshots)"]
    platform.remove_client("gamma")
    platform.tick("client_activation")
    tick(platform, desk)
    assert hook.titles()[1:] == []


class TestTicks:
    def state(self, platform: Platform, name: str, last: datetime) -> InstigatorState:
        """As the daemon keeps it of a sensor that is on."""
        repository = platform.defs.get_repository_def()
        target = LoadableTargetOrigin(executable_path="python", python_file="platform/definitions.py")
        location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name="vigie")
        origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, repository.name), name)
        seconds = last.timestamp()
        data = SensorInstigatorData(seconds, min_interval=15, last_tick_start_timestamp=seconds)
        state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data)
        return platform.instance.add_instigator_state(state)

    def ticked(self, instance: DagsterInstance, state: InstigatorState, at: datetime, error: str = "") -> None:
        info = SerializableErrorInfo(error, [], "TransientError") if error else None
        wrapped = SerializableErrorInfo("Error occurred during the evaluation", [], "SensorExecutionError", cause=info)
        instance.create_tick(
            TickData(
                state.instigator_origin_id,
                state.instigator_name,
                InstigatorType.SENSOR,
                TickStatus.FAILURE if error else TickStatus.SKIPPED,
                at.timestamp(),
                error=wrapped if error else None,
                selector_id=state.selector_id,
            )
        )

    def test_sensors_that_fail_for_one_cause_are_one_alert_and_one_bad_tick_is_none(
        self, platform: Platform, desk: AlertDesk, hook: HookServer
    ) -> None:
        away = "domain.errors.TransientError: s3://data/{}: the store does not answer.\n"
        for name in ("warehouse_due", "client_items_due"):
            state = self.state(platform, name, NOW)
            for minutes in (3, 2, 1):
                self.ticked(platform.instance, state, NOW - timedelta(minutes=minutes), away.format(name))
        once = self.state(platform, "dashboard_due", NOW)
        self.ticked(platform.instance, once, NOW - timedelta(minutes=2))
        self.ticked(platform.instance, once, NOW - timedelta(minutes=1), "KeyError: 'x'")
        tick(platform, desk)
        assert hook.titles() == ["[graph] sensor client_items_due fails, sensor warehouse_due fails"]

    def test_a_sensor_that_hangs_while_the_others_look_is_told(
        self, platform: Platform, desk: AlertDesk, hook: HookServer
    ) -> None:
        long_ago = NOW - timedelta(hours=1)
        own, silent = self.state(platform, ALERTS, NOW), self.state(platform, "account_requests", long_ago)
        self.ticked(platform.instance, silent, long_ago)
        graph = platform.defs.get_repository_def()
        self.ticked(platform.instance, own, NOW - timedelta(minutes=1))
        assert Lookout(desk).look(platform.instance, graph, NOW).signs == []  # the daemon has only just begun
        self.ticked(platform.instance, own, NOW - timedelta(minutes=15, seconds=30))
        (found,) = Lookout(desk).look(platform.instance, graph, NOW).signs
        assert (found.what, found.about) == ("sensor account_requests is silent", "sensor account_requests")

    def test_a_clock_that_was_set_back_is_told_for_all_sensors_are_silent_then(
        self, platform: Platform, desk: AlertDesk
    ) -> None:
        for name in (ALERTS, "account_requests"):
            self.ticked(platform.instance, self.state(platform, name, NOW), NOW)
        graph, earlier = platform.defs.get_repository_def(), NOW - timedelta(hours=6)
        assert Lookout(desk).look(platform.instance, graph, NOW - timedelta(seconds=30)).signs == []
        (found,) = Lookout(desk).look(platform.instance, graph, earlier).signs
        assert (found.kind, found.what, found.cause) == ("daemon", "the clock was set back", "clock")
        assert "6 h behind" in found.why


def test_drift_and_waiting_approvals_are_told_per_account(platform: Platform, hook: HookServer) -> None:
    desk = desk_of(platform, approval_hours=0)
    database = open_database(platform.settings)
    for name in ("alpha", "beta"):
        database.register(name, f"0{name}", DesiredState("1.0.0", 3), "ops")
    database.request(Demand(["alpha"], "ann", "CHG-1", subnet_count=4))
    with database.transaction() as session:
        waiting = session.get_one(Account, "alpha")
        waiting.status, waiting.status_reason = "AWAITING_APPROVAL", "the plan destroys (+0 ~0 -1)"
        waiting.updated_at = NOW - timedelta(hours=1)
        drifted = session.get_one(Account, "beta")
        drifted.drift, drifted.drift_seen_at = "+0 ~1 -0", NOW - timedelta(hours=2)
    database.close()
    tick(platform, desk)
    assert hook.titles() == ["[graph] account beta has drifted", "[graph] a plan of account alpha waits for approval"]


def test_a_failed_check_is_told_and_only_errors_unless_warnings_are_asked_for(
    platform: Platform, desk: AlertDesk, hook: HookServer
) -> None:
    def evaluated(name: str, passed: bool, severity: AssetCheckSeverity) -> None:
        event = AssetCheckEvaluation(
            AssetKey("client_files"), name, passed, severity=severity, description="clients/x.yaml:3: wrong"
        )
        platform.instance.report_runless_asset_event(event)

    evaluated("client_files_valid", False, AssetCheckSeverity.WARN)
    tick(platform, desk)
    assert hook.titles() == []
    evaluated("client_files_valid", False, AssetCheckSeverity.ERROR)
    tick(platform, desk)
    evaluated("client_files_valid", True, AssetCheckSeverity.ERROR)
    tick(platform, desk)
    title = "check client_files_valid of client_files failed"
    assert hook.titles() == [f"[graph] {title}", f"[graph] Over: {title}"]


def without_database(platform: Platform, desk: AlertDesk) -> AlertDesk:
    elsewhere = platform.settings.database.model_copy(update={"url": "postgresql+psycopg2://nobody@127.0.0.1:1/x"})
    return AlertDesk(desk.settings.model_copy(update={"database": elsewhere}))


def test_a_book_that_is_away_is_told_once_and_so_is_its_return(platform: Platform, hook: HookServer) -> None:
    desk = desk_of(platform)
    away = without_database(platform, desk)
    _said, cursor = tick(platform, away)
    assert hook.titles() == []  # one failed look is weather
    cursor = BookAway(NOW - timedelta(minutes=3)).text()
    for _look in range(2):
        _said, cursor = tick(platform, away, cursor)
    assert "hunter2" not in (cursor or "")
    for _look in range(2):
        _said, cursor = tick(platform, desk, cursor)
    title = "the database of accounts and alerts cannot be reached"
    assert hook.titles() == [f"[graph] {title}", f"[graph] Over: {title}"]
    assert cursor == "{}"


class TestFromOutside:
    @pytest.fixture
    def target(self, platform: Platform, hook: HookServer) -> Path:
        path = own_targets(platform.settings.home.parent) / "graph.yaml"
        path.write_text(f"{path.read_text()}\nalerts: {{slack: {{env: VIGIE_HOOK}}, settle_minutes: 0}}\n")
        return path

    def look(self) -> tuple[int, str]:
        done = CliRunner().invoke(cli.app, ["alerts", "look"])
        return done.exit_code, done.output

    def test_a_look_notices_that_the_daemon_is_silent(self, platform: Platform, target: Path, hook: HookServer) -> None:
        beat = DaemonHeartbeat((NOW - timedelta(hours=1)).timestamp(), "SENSOR", "a-daemon", [])
        platform.instance.add_daemon_heartbeat(beat)
        for _look in range(2):
            code, output = self.look()
            assert code == 0, output
        assert hook.titles() == ["[graph] the SENSOR daemon is silent"]

    def test_a_look_tells_that_dagsters_storage_is_away_and_that_it_is_back(
        self, platform: Platform, target: Path, hook: HookServer
    ) -> None:
        config = dagster_home(platform.settings) / "dagster.yaml"
        here = config.read_text()
        config.write_text(f"{here}\nstorage: {{postgres: {{postgres_url: 'postgresql://nobody@127.0.0.1:1/x'}}}}\n")
        for _look in range(2):
            code, output = self.look()
            assert code == 1
            assert "Dagster's storage cannot be read" in output
        config.write_text(here)
        assert self.look()[0] == 0
        title = "Dagster's storage cannot be read"
        assert hook.titles() == [f"[graph] {title}", f"[graph] Over: {title}"]

    def test_a_look_tells_once_that_its_book_is_away_and_that_it_is_back(
        self, platform: Platform, target: Path, hook: HookServer
    ) -> None:
        here = target.read_text()
        target.write_text(f"{here}\ndatabase: {{url: 'postgresql+psycopg2://nobody@127.0.0.1:1/x'}}\n")
        assert self.look()[0] == 1
        (kept,) = platform.settings.home.glob("alerts-*.json")
        assert BookAway.of(kept.read_text())
        kept.write_text(BookAway(NOW - timedelta(minutes=3)).text())
        assert [self.look()[0] for _look in range(2)] == [1, 1]
        target.write_text(here)
        assert self.look()[0] == 0
        title = "the database of accounts and alerts cannot be reached"
        assert hook.titles() == [f"[graph] {title}", f"[graph] Over: {title}"]
        assert not kept.exists()


class TestFreshness:
    def test_an_old_day_that_is_built_again_makes_no_client_fresh(self, platform: Platform) -> None:
        store = open_store(platform.settings.stores.data)
        platform.instance.add_dynamic_partitions("clients", ["acme", "beta", "gamma"])
        for client, days in {"acme": (0,), "beta": (1, 40), "gamma": (3, 4)}.items():
            for ago in days:
                store.put(f"ingested/{client}/{today() - timedelta(days=ago):%Y/%m/%d}/items.json", b"[]")
        assert self.stale(platform) == {"gamma": f"gamma: the newest day is {today() - timedelta(days=3)}, 3 days ago"}
        store.put(f"ingested/gamma/{today() - timedelta(days=30):%Y/%m/%d}/items.json", b"[]")
        platform.instance.report_runless_asset_event(
            AssetMaterialization(CLIENT_ITEMS, partition=client_day("gamma", today()))
        )
        assert list(self.stale(platform)) == ["gamma"]

    def test_days_that_are_still_to_come_and_other_objects_are_no_days(self, platform: Platform) -> None:
        store = open_store(platform.settings.stores.data)
        for key in (f"{today() + timedelta(days=1):%Y/%m/%d}/items.json", f"{today():%Y/%m/%d}/other.json"):
            store.put(f"ingested/acme/{key}", b"[]")
        assert newest_days(store, ["acme", "nobody"], today()) == {"acme": None, "nobody": None}

    def test_a_client_without_a_day_is_named_and_the_alert_names_it(
        self, platform: Platform, desk: AlertDesk, hook: HookServer
    ) -> None:
        platform.instance.add_dynamic_partitions("clients", ["acme"])
        assert self.stale(platform) == {"acme": "acme: no day was ever built"}
        tick(platform, desk)
        assert hook.titles() == ["[graph] clients have no new day"]
        assert "client acme" in hook.bodies()[0]["blocks"][1]["text"]["text"]

    @staticmethod
    def stale(platform: Platform) -> dict[str, str]:
        """What the check's own run says."""
        run = platform.run_job("check_freshness")
        assert run.is_success
        (key,) = [
            key
            for key in platform.defs.get_repository_def().asset_graph.asset_check_keys
            if key.name == CLIENT_FRESHNESS
        ]
        record = platform.instance.get_latest_asset_check_evaluation_record(key)
        assert record
        assert record.evaluation
        found = record.evaluation.metadata["findings_by_name"].value
        assert isinstance(found, dict)
        assert record.evaluation.passed == (not found)
        return found
