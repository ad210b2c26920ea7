"""The whole graph in one process, on a target of its own: a small stand-in for the daemon, nothing else is replaced.

Here: a target in a temporary folder, an instance, ticks of the real sensors, runs of the real jobs.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from dagster import (
    AddDynamicPartitionsRequest,
    AssetCheckEvaluation,
    AssetKey,
    DagsterInstance,
    DagsterRun,
    Definitions,
    RunRequest,
    RunsFilter,
    build_sensor_context,
)
from dagster._core.definitions.sensor_definition import SensorExecutionData

from definitions import build_definitions
from local.demo_content import SOURCES, demo_catalog
from local.demo_site import DemoSite
from local.examples import archive_earlier_days
from local.instance import dagster_home, prepare
from local.schematics_server import SchematicsEmulator
from partitions import today
from resources.alert_desk import AlertDesk
from resources.archive import Archive
from resources.config_bucket import CATALOG_KEY
from resources.database import open_database
from resources.object_store import ObjectStore, open_store
from resources.warehouse import Warehouse
from resources.warehouse_resource import WarehouseResource
from settings import PROJECT_ROOT, TARGETS, Settings, load_settings, own_targets
from tests.contract.hook_server import HookServer, hook_server
from tests.graph.alerting import desk_of

PATHS = {source.key: source.path for source in SOURCES}
HEALTHY = [source.key for source in SOURCES if source.write is not None]

API_KEY = "graph-api-key-of-no-account"
IMPATIENT = {  # seconds
    "requests_per_minute": 100_000,
    "poll_seconds": 0.02,
    "lock_patience": 0.5,
    "lost_reply_seconds": 1.0,
    "lease_seconds": 11.0,
    "request_timeout": 10.0,
}


def client_yaml(sources: Sequence[str], active: bool = True, **more: object) -> bytes:
    """A client file that asks for those sources one by one."""
    document = {
        "client_profile": {"name": "A client", "active": active},
        "pipeline": {"default_period_days": 30},
        "source_config": {"sources_extra_enabled": list(sources)},
        **more,
    }
    return yaml.safe_dump(document).encode()


@dataclass
class Platform:
    """One target with its instance and its site; `tick` and `settle` do what the daemon would."""

    settings: Settings
    defs: Definitions
    instance: DagsterInstance
    site: DemoSite
    schematics: SchematicsEmulator | None = None  # where a test works on accounts
    cursors: dict[str, str | None] = field(default_factory=dict)
    run_keys: set[str] = field(default_factory=set)
    events: list[AssetCheckEvaluation] = field(default_factory=list)

    @property
    def config(self) -> ObjectStore:
        return open_store(self.settings.stores.config)

    @property
    def archive(self) -> Archive:
        return Archive(open_store(self.settings.stores.data))

    @property
    def warehouse(self) -> Warehouse:
        return WarehouseResource.of(self.settings.warehouse).warehouse()

    def put_client(self, client: str, sources: Sequence[str] = tuple(HEALTHY[:2]), active: bool = True) -> None:
        self.config.put(f"clients/{client}.yaml", client_yaml(sources, active))

    def remove_client(self, client: str) -> None:
        Path(self.config.uri, "clients", f"{client}.yaml").unlink()

    def evaluate(self, sensor: str) -> SensorExecutionData:
        """What one tick of the sensor says; nothing is done about it, the cursor stays."""
        repository = self.defs.get_repository_def()
        definition = repository.get_sensor_def(sensor)
        with build_sensor_context(
            instance=self.instance,
            instance_ref=self.instance.get_ref() if self.instance.is_persistent else None,
            cursor=self.cursors.get(sensor),
            sensor_name=sensor,
            repository_name=repository.name,
            repository_def=repository,
            resources={key: (self.defs.resources or {})[key] for key in definition.required_resource_keys},
        ) as context:
            return definition.evaluate_tick(context)

    def tick(self, sensor: str) -> list[DagsterRun]:
        """One tick: partitions added and removed, runs run to their end, in the order asked for. The new runs."""
        data = self.evaluate(sensor)
        for request in data.dynamic_partitions_requests or ():
            if isinstance(request, AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition(request.partitions_def_name, key)
        self.events += [event for event in data.asset_events if isinstance(event, AssetCheckEvaluation)]
        self.cursors[sensor] = data.cursor
        only_job = self.defs.get_repository_def().get_sensor_def(sensor).targets[0].job_name
        new = [request for request in data.run_requests or () if self._is_new(sensor, request)]
        return [self.launch(request, only_job) for request in new]

    def _is_new(self, sensor: str, request: RunRequest) -> bool:
        """As the daemon: a run key is run once."""
        if request.run_key is None:
            return True
        known = f"{sensor}:{request.run_key}" in self.run_keys
        self.run_keys.add(f"{sensor}:{request.run_key}")
        return not known

    def launch(self, request: RunRequest, job: str = "") -> DagsterRun:
        """Runs what a request asks for, in this process; a failed run is a run too."""
        name = request.job_name or job
        result = self.defs.resolve_job_def(name).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            tags=dict(request.tags),
            asset_selection=request.asset_selection,
            run_config=request.run_config,
            raise_on_error=False,
        )
        run = self.instance.get_run_by_id(result.run_id)
        assert run
        return run

    def settle(self, *sensors: str) -> list[DagsterRun]:
        """Ticks until a whole round asks for nothing; every run that came of it."""
        names = sensors or ("client_activation", "client_items_due")
        runs: list[DagsterRun] = []
        for _round in range(10):
            new = [run for name in names for run in self.tick(name)]
            if not new:
                return runs
            runs += new
        raise AssertionError("the graph does not come to rest")

    def run_job(
        self,
        job: str,
        tags: Mapping[str, str] | None = None,
        partition: str | None = None,
        config: Mapping[str, object] | None = None,
        assets: Sequence[str] | None = None,
    ) -> DagsterRun:
        selection = [AssetKey(asset) for asset in assets] if assets else None
        return self.launch(
            RunRequest(
                job_name=job,
                tags=dict(tags or {}),
                partition_key=partition,
                run_config=config,
                asset_selection=selection,
            )
        )

    def materialized(self, asset: str) -> set[str]:
        return set(self.instance.get_materialized_partitions(AssetKey(asset)))

    def failed(self, asset: str) -> set[str]:
        """The partitions that the UI shows as failed."""
        graph = self.defs.get_repository_def().asset_graph
        definition = graph.get(AssetKey(asset)).partitions_def
        assert definition
        keys = definition.get_partition_keys(dynamic_partitions_store=self.instance)
        statuses = self.instance.get_status_by_partition(AssetKey(asset), keys, definition) or {}
        return {key for key, status in statuses.items() if status and status.value == "FAILED"}

    def runs(self) -> int:
        return self.instance.get_runs_count(RunsFilter())

    def source_requests(self) -> dict[str, int]:
        """Source -> requests that its address has seen."""
        return {key: self.site.requests[path] for key, path in PATHS.items() if self.site.requests[path]}


@pytest.fixture
def history_days() -> int:
    """How many days before today the site's archive holds; a test module may say another."""
    return 0


@pytest.fixture
def database_url() -> str | None:
    """The accounts' database, where a test module wants another than the target's own SQLite."""
    return None


@pytest.fixture(scope="session")
def empty_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance with its tables and nothing in them: made once, for they take a second."""
    folder = tmp_path_factory.mktemp("instance")
    (folder / "dagster.yaml").write_text((PROJECT_ROOT / "dagster.yaml").read_text())
    with DagsterInstance.from_config(str(folder)) as instance:
        assert instance.get_runs_count() == 0
    return folder


@pytest.fixture
def platform(
    tmp_path: Path,
    empty_instance: Path,
    history_days: int,
    database_url: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Platform]:
    """A dev target in a folder of its own, its catalog the demo site's, no client yet."""
    first = today() - timedelta(days=history_days)
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text())
    document |= {"first_day": first, "history_days": history_days + 1}
    document["fetch"] |= {"host_interval": 0, "per_host": 8, "attempts": 1}
    schematics = SchematicsEmulator()
    environment = {"VIGIE_TARGET": "graph", "VIGIE_HOME": str(tmp_path), "VIGIE_IBM_API_KEY": API_KEY}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with (
        schematics,
        DemoSite(today()) as site,
    ):
        document["schematics"] |= {"url": schematics.url, "iam_url": schematics.iam_url, **IMPATIENT}
        if database_url:
            document["database"] = {"url": database_url}
        own_targets(tmp_path).mkdir()
        (own_targets(tmp_path) / "graph.yaml").write_text(yaml.safe_dump(document))
        settings = load_settings(environment)
        shutil.copytree(empty_instance, dagster_home(settings))
        with closing(open_database(settings)) as database:
            database.upgrade(settings.migrations)
        with DagsterInstance.from_config(str(prepare(settings))) as instance:
            platform = Platform(settings, build_definitions(settings), instance, site, schematics)
            platform.config.put(CATALOG_KEY, demo_catalog(site.base_url).encode())
            if history_days:
                archive_earlier_days(site, platform.config, platform.archive, first, today())
                site.requests.clear()
            yield platform


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[HookServer]:
    """Where alerts are told."""
    with hook_server() as server:
        monkeypatch.setenv("VIGIE_HOOK", server.secret)
        yield server


@pytest.fixture
def desk(platform: Platform, hook: HookServer) -> AlertDesk:
    """The platform's alerts, told to the hook."""
    return desk_of(platform)
