"""A backfill against the graph and the instance: question -> the partitions meant -> runs in the queue -> outcomes.

Here: which definitions a name means, which of its partitions are asked for, launching, following. Not here: what is
printed (backfill_cli), reading words (domain.asked_partitions), cutting into runs (domain.backfills).
"""

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from dagster import AssetKey, DagsterInstance, MultiPartitionsDefinition, PartitionsDefinition
from dagster import TimeWindowPartitionsDefinition as Windows
from dagster._core.definitions.repository_definition import RepositoryDefinition

from assets.batched import batch_of, batch_tags
from assets.names import BACKFILL_TAG, CLIENT_CONFIG, CLIENT_ITEMS, LAST_MODEL, NEWSLETTER, SOURCE_SNAPSHOTS
from definitions import build_definitions
from domain.asked_partitions import Grid, asked_clients, asked_days, asked_keys, asked_name
from domain.backfills import Batch
from domain.errors import SettingsError
from domain.partition_counts import count_of, remark_on
from local.instance import code_place, daemon_command, dagster_home, workspace
from partitions import CLIENTS, today
from resources.object_store import ObjectStore, open_store
from resources.partition_states import PartitionStates
from resources.run_queue import UNDER_WAY, RunQueue, runs_tagged, runs_under_way
from settings import Settings, exported, load_settings

STAGES = ("read_client_configs", "fetch_sources", "build_client_items", "build_warehouse", "write_newsletters")
ANY_SET = {CLIENT_CONFIG, SOURCE_SNAPSHOTS, CLIENT_ITEMS, NEWSLETTER}  # the others' runs are ranges: dbt's, mostly
_LATER = "-1"  # the day's own runs go first
_RUN_SECONDS = 7.0  # of a run, whatever is in it
_EVENT_SECONDS = 0.015  # of a partition's two events
_POLL = 2.0  # seconds


@dataclass(frozen=True)
class Question:
    """What a person asks for, as typed; see `vigie backfill --help`. `keys` are the lines of a file."""

    what: str
    clients: str | None = None
    first: str | None = None
    last: str | None = None
    days: str | None = None
    keys: Sequence[str] | None = None
    failed: bool = False
    missing: bool = False


@dataclass(frozen=True)
class Progress:
    """Partitions done of all, and how many runs are in which state, in words."""

    done: int
    total: int
    runs: str


@dataclass(frozen=True)
class Aim:
    """What a name means: a job, its assets that are partitioned alike, whether that is a part of the job's."""

    job: str
    assets: tuple[AssetKey, ...]
    definition: PartitionsDefinition
    is_part: bool

    @property
    def counted(self) -> AssetKey:
        """The asset whose partitions say how far it is: the last that the job makes."""
        return AssetKey(LAST_MODEL) if AssetKey(LAST_MODEL) in self.assets else self.assets[-1]


class Backfill:
    """One question on one instance."""

    def __init__(
        self, settings: Settings, instance: DagsterInstance, repository: RepositoryDefinition, asked: Question
    ):
        self._settings, self._instance, self._states = settings, instance, PartitionStates(instance)
        self.name = asked.what
        self._aim = aim(repository, asked.what)
        self.grid = grid_of(self._aim.definition, instance)
        self._id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
        self._since = 0
        chosen = self._chosen(asked)
        self.under_way = self._under_way(chosen)
        self.keys = [key for key in chosen if key not in self.under_way]

    @classmethod
    @contextmanager
    def opened(cls, asked: Question) -> Iterator["Backfill"]:
        """The question on the target's instance. Raises AskedError where it names what does not exist."""
        settings = load_settings()
        with instance_of(settings) as instance:
            yield cls(settings, instance, build_definitions(settings).get_repository_def(), asked)

    @property
    def tag(self) -> str:
        """The tag of its runs, as the UI's search takes it."""
        return f"{BACKFILL_TAG}={self._id}"

    def batches(self, at_most: int) -> list[Batch]:
        """Its runs: the fewest of `at_most` partitions."""
        any_set = {key.to_user_string() for key in self._aim.assets} <= ANY_SET
        return self.grid.batches(self.keys, at_most, any_set=any_set)

    def seconds(self, batches: Sequence[Batch]) -> float | None:
        """How long the runs take one after the other, by what partitions took lately; None where that is unknown."""
        each = self._states.seconds_each(self._aim.counted)
        if each is None or not batches:
            return None
        return _RUN_SECONDS * len(batches) + (each + _EVENT_SECONDS) * len(self.keys)

    def remarks(self) -> list[str]:
        """What the asset's number of partitions asks for."""
        remark = remark_on(count_of(self.name, self.grid, self._settings.keep_days))
        return [remark] if remark else []

    def daemon_lives(self) -> bool:
        """Whether somebody takes runs from the queue."""
        return self._states.daemon_lives()

    @property
    def daemon_command(self) -> str:
        """What starts the daemon that takes the runs."""
        return daemon_command(self._settings)

    def launch(self, batches: Sequence[Batch]) -> Iterator[str]:
        """Puts the runs into the queue; each run's id as soon as it is there."""
        self._since = self._states.last_event(self._aim.counted)
        assets = self._aim.assets if self._aim.is_part else ()
        place, file = exported(code_place(self._settings)), workspace(self._settings)
        with place, RunQueue.opened(self._instance, file) as queue:
            for batch in batches:
                tags = {**batch_tags(self._store(), batch), BACKFILL_TAG: self._id, "dagster/priority": _LATER}
                yield queue.launch(self._aim.job, tags, assets)

    def progress(self) -> Iterator[Progress]:
        """How far it is, every two seconds, until its runs are over."""
        while True:
            statuses = Counter(run.status for run in runs_tagged(self._instance, BACKFILL_TAG, self._id))
            words = ", ".join(f"{count} {status.value.lower()}" for status, count in statuses.items())
            yield Progress(len(self.keys) - len(self.left()), len(self.keys), words)
            if not any(status in UNDER_WAY for status in statuses):
                return
            time.sleep(_POLL)

    def left(self) -> list[str]:
        """The partitions that have not materialized since the launch."""
        done = self._states.materialized_after(self._aim.counted, self._since, self.keys)
        return [key for key in self.keys if key not in done]

    def _chosen(self, asked: Question) -> list[str]:
        if asked.keys is not None:
            keys = asked_keys(asked.keys, self.grid, "--keys")
        else:
            rows = set(asked_clients(asked.clients, self.grid))
            columns = set(asked_days(asked.first, asked.last, asked.days, self.grid, today()))
            keys = self.grid.keys(rows, columns)
        if not (asked.failed or asked.missing):
            return keys
        found = [self._states.states(asset, keys, self._aim.definition) for asset in self._aim.assets]
        failed = {key for states in found for key, state in states.items() if state == "failed"}
        missing = {key for key in keys if any(key not in states for states in found)}
        wanted = (failed if asked.failed else set()) | (missing if asked.missing else set())
        return [key for key in keys if key in wanted]

    def _under_way(self, keys: Sequence[str]) -> set[str]:
        """The partitions that a run works on, or that a waiting run's batch holds."""
        states = self._states.states(self._aim.counted, keys, self._aim.definition)
        found = {key for key, state in states.items() if state == "in_progress"}
        for run in runs_under_way(self._instance):
            if run.job_name == self._aim.job:
                found.update(batch_of(self._store(), run.tags))
        return found.intersection(keys)

    def _store(self) -> ObjectStore:
        return open_store(self._settings.stores.data)


@contextmanager
def instance_of(settings: Settings) -> Iterator[DagsterInstance]:
    """The target's Dagster instance. Raises SettingsError where nobody has made it yet."""
    home = dagster_home(settings)
    if not (home / "dagster.yaml").is_file():
        raise SettingsError("there is no Dagster instance.", where=str(home), remedy="Run: vigie prepare")
    with DagsterInstance.from_config(str(home)) as instance:
        yield instance


def aim(repository: RepositoryDefinition, name: str) -> Aim:
    """What an asset's or a stage's name means. Raises AskedError with the nearest names."""
    graph = repository.asset_graph
    jobs = {job: repository.get_job(job).asset_layer.selected_asset_keys for job in STAGES}
    of_asset = {
        key.to_user_string(): job for job, keys in jobs.items() for key in keys if graph.get(key).partitions_def
    }
    known: Mapping[str, object] = {**of_asset, **jobs}
    asked_name(name, known, "asset or stage to backfill")
    keys = jobs[name] if name in jobs else {AssetKey(name)}
    definitions = {key: found for key in sorted(keys) if (found := graph.get(key).partitions_def)}
    job = name if name in jobs else of_asset[name]
    return Aim(job, tuple(definitions), next(iter(definitions.values())), is_part=set(keys) != set(jobs[job]))


def grid_of(definition: PartitionsDefinition, instance: DagsterInstance) -> Grid:
    """The partitions that there are now."""
    clients = instance.get_dynamic_partitions(CLIENTS)
    if isinstance(definition, MultiPartitionsDefinition):
        windows = next(one for one in definition.partitions_defs if one.name != "client")
        columns = windows.partitions_def.get_partition_keys()
        return Grid("client x week" if windows.name == "week" else "client x day", clients, columns)
    if isinstance(definition, Windows):
        return Grid("day", columns=definition.get_partition_keys())
    return Grid("client", clients)
