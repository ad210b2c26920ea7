"""A target of its own for a fleet's benchmark: a site, archived days, the daemon, and what came of the files put in.

Here: from an empty folder to counted partitions and pages. Not here: which fleets are measured (activation), how the
baseline asks for its runs (one_run_each).
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from assets.names import CLIENT_CONFIG, CLIENT_ITEMS, NEWSLETTER
from local.demo_content import demo_clients
from local.demo_site import DemoSite
from local.examples import archive_earlier_days, write_examples
from local.instance import dagster_home, prepare, stop
from partitions import client_day, client_week, monday, today
from resources.archive import Archive
from resources.object_store import ObjectStore, open_store
from resources.warehouse_resource import WarehouseResource
from settings import TARGETS, Settings, child_environment, load_settings, own_targets

TARGET = "bench"
LOOK_EVERY = 0.5  # seconds
TOLD_EVERY = 15.0
PATIENCE = 3600.0  # a busy machine is no failure
QUIET_LOOKS = 2  # of every sensor, after the end of the last run
_MODEL = "depot_watch_weekly"  # the demo's client that all those of a benchmark resemble


@dataclass
class Fleet:
    """A target whose graph is at rest, with its daemon; the clients put in so far."""

    settings: Settings
    instance: DagsterInstance
    process: "subprocess.Popen[bytes]"
    log: Path
    days: list[date]  # of the beginning: it may be past midnight in the end
    clients: list[str] = field(default_factory=list)

    @property
    def config(self) -> ObjectStore:
        return open_store(self.settings.stores.config)

    @property
    def pages(self) -> ObjectStore:
        return open_store(self.settings.stores.newsletters)

    def put(self, count: int) -> float:
        """Puts the files of so many new clients, one after the other as people do; the time at which it began."""
        began, text = time.time(), client_file()
        first = len(self.clients)
        for client in client_names(first, count):
            self.config.put(f"clients/{client}.yaml", text.replace("@CLIENT@", client).encode(), "application/yaml")
            self.clients.append(client)
        return began

    def expected(self) -> dict[str, set[str]]:
        """Asset -> the partitions that there shall be."""
        weeks = {monday(day) for day in self.days}
        return {
            CLIENT_CONFIG: set(self.clients),
            CLIENT_ITEMS: {str(client_day(client, day)) for client in self.clients for day in self.days},
            NEWSLETTER: {str(client_week(client, week)) for client in self.clients for week in weeks},
        }

    def runs(self, since: float) -> list[RunRecord]:
        """The runs created since, oldest first."""
        created = datetime.fromtimestamp(since, UTC)
        found = self.instance.get_run_records(ascending=True)
        return [record for record in found if record.create_timestamp.replace(tzinfo=UTC) >= created]

    def until_pages(self, since: float) -> float:
        """Waits for the last expected page; the seconds from `since` until it was written."""
        wanted = {page_key(partition) for partition in self.expected()[NEWSLETTER]}
        told = 0.0
        root = Path(self.pages.uri)
        while True:
            there = {key: when for key in wanted if (when := _written(root / key))}
            if told <= time.time() - since:
                told = time.time() - since + TOLD_EVERY
                jobs = Counter((r.dagster_run.job_name, r.dagster_run.status.value) for r in self.runs(since))
                tell(f"{time.time() - since:6.0f} s  {len(there)} of {len(wanted)} pages  {dict(jobs)}")
            if len(there) == len(wanted):
                return max(there.values()) - since
            self.must_go_on(since)
            time.sleep(LOOK_EVERY)

    def until_quiet(self, since: float) -> list[RunRecord]:
        """Waits until no run is queued or under way and every sensor has found nothing to do; the runs since then."""
        while True:
            runs = self.runs(since)
            if all(record.dagster_run.status in FINISHED_STATUSES for record in runs) and self._found_nothing(since):
                return runs
            self.must_go_on(since)
            time.sleep(LOOK_EVERY)

    def must_go_on(self, since: float) -> None:
        """Raises RuntimeError where nothing more is to be waited for."""
        if self.process.poll() is not None:
            raise RuntimeError(f"Dagster's daemon ended:\n{self.said()}")
        if time.time() - since > PATIENCE:
            raise RuntimeError(f"no rest within {PATIENCE:g} s:\n{self.said()}")

    def said(self) -> str:
        """The last words of the daemon."""
        return self.log.read_text(errors="replace")[-3000:]

    def _found_nothing(self, since: float) -> bool:
        last = max([since, *(record.end_time or 0.0 for record in self.instance.get_run_records(limit=20))])
        sensors = self.instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        running = [state for state in sensors if state.is_running]
        for state in running:
            ticks = self.instance.get_ticks(
                state.instigator_origin_id, state.selector_id, after=last, limit=QUIET_LOOKS
            )
            if len(ticks) < QUIET_LOOKS or any(tick.status != TickStatus.SKIPPED for tick in ticks):
                return False
        return bool(running)

    def truth(self, runs: Sequence[RunRecord]) -> dict[str, bool]:
        """Whether what Dagster says, what the warehouse holds and what lies in the stores is what there shall be."""
        expected = self.expected()
        cells = WarehouseResource.of(self.settings.warehouse).warehouse().query("select count(*) as n from raw.cells")
        keys = {info.key for info in self.pages.list("")}
        archive = Archive(open_store(self.settings.stores.data))
        last = self.clients[-1]
        return {
            "every run succeeded": all(r.dagster_run.status == DagsterRunStatus.SUCCESS for r in runs),
            "every partition is materialized, and no other": all(
                set(self.instance.get_materialized_partitions(AssetKey(asset))) == wanted
                for asset, wanted in expected.items()
            ),
            "the warehouse has every cell": cells[0]["n"] == len(expected[CLIENT_ITEMS]),
            "every page lies in the store": {page_key(one) for one in expected[NEWSLETTER]} <= keys,
            "the last client has items": any(archive.items(last, day) for day in self.days),
        }


@contextmanager
def fleet(history_days: int, workspace: str = "") -> Iterator[Fleet]:
    """A fresh target that has run for so many days without a client, until the end of the block.

    `workspace` is the text of a workspace file that takes the place of the project's own.
    """
    days = [today() - timedelta(days=n) for n in range(history_days)]
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, DemoSite(days[0]) as site:
        settings = _target(Path(folder), days[-1], history_days)
        prepare(settings)
        config, archive = open_store(settings.stores.config), Archive(open_store(settings.stores.data))
        write_examples(config, site.base_url, "examples")
        archive_earlier_days(site, config, archive, days[-1], days[0])
        file = Path(folder, "workspace.yaml")
        file.write_text(workspace or _project_workspace(settings))
        with _daemon(settings, file) as (process, log), _instance(settings) as instance:
            found = Fleet(settings, instance, process, log, days)
            tell(f"a target with {history_days} days, waiting for its daemon")
            found.until_quiet(time.time() - 1.0)
            yield found


def _target(home: Path, first: date, history_days: int) -> Settings:
    """As `dev` is, sensors' pace included; nothing of it starts by the clock while it is measured."""
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text())
    document |= {"first_day": first, "history_days": history_days}
    later = f"{(datetime.now(UTC).hour + 12) % 24:02}:30"
    document["schedule"] |= {"daily_at": later, "nightly_at": later}
    document["schematics"]["drift_at"] = later
    document["fetch"] |= {"host_interval": 0.0, "per_host": 8, "attempts": 1}
    own_targets(home).mkdir()
    (own_targets(home) / f"{TARGET}.yaml").write_text(yaml.safe_dump(document))
    return load_settings({"VIGIE_TARGET": TARGET, "VIGIE_HOME": str(home)})


def _project_workspace(settings: Settings) -> str:
    """The project's own, by whole paths."""
    return workspace_of(settings.project_root / "platform" / "definitions.py", settings.project_root / "platform")


def workspace_of(python_file: Path, working_directory: Path) -> str:
    """The text of a workspace with that file as its one code location."""
    place = {"relative_path": str(python_file), "working_directory": str(working_directory), "location_name": "vigie"}
    return yaml.safe_dump({"load_from": [{"python_file": place}]})


@contextmanager
def _daemon(settings: Settings, workspace: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    log = settings.home / "daemon.log"
    command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w", str(workspace)]
    environment = child_environment(settings, DAGSTER_HOME=str(dagster_home(settings)))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=settings.project_root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process, log
    finally:
        stop(process)


@contextmanager
def _instance(settings: Settings) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        yield instance


def client_names(first: int, count: int) -> list[str]:
    """client_00000, client_00001, ..."""
    return [f"client_{number:05}" for number in range(first, first + count)]


def client_file() -> str:
    """The demo's client, under the name @CLIENT@."""
    return demo_clients()[f"{_MODEL}.yaml"].replace(_MODEL, "@CLIENT@")


def page_key(partition: str) -> str:
    """Where the manifest of a `client|week` lies: it is written last."""
    client, _bar, week = partition.partition("|")
    return f"{client}/{week.replace('-', '/')}/manifest.json"


def by_job(runs: Sequence[RunRecord]) -> dict[str, dict[str, float]]:
    """Job -> how many runs of it there were, and the seconds from the first one's creation to the last one's end."""
    found: dict[str, dict[str, float]] = {}
    for job in dict.fromkeys(_of(record).job_name for record in runs):
        own = [record for record in runs if _of(record).job_name == job]
        created = min(record.create_timestamp.replace(tzinfo=UTC).timestamp() for record in own)
        ended = max(record.end_time or 0.0 for record in own)
        busy = sum((record.end_time or 0.0) - (record.start_time or 0.0) for record in own)
        found[job] = {"runs": len(own), "seconds": round(ended - created, 1), "in_steps": round(busy, 1)}
    return found


def _of(record: RunRecord) -> DagsterRun:
    return record.dagster_run


def _written(path: Path) -> float:
    """When the file was written, 0 where it is not there."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def tell(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)
