"""One job per stage, so that runs have a name people know and a stage under way can be recognised.

Here: stage -> job, and whether a stage is running. Not here: when a stage is due (sensors, schedules).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunsFilter,
    define_asset_job,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import PARTITION_NAME_TAG

_UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Stage:
    """A job, and the assets that it materializes."""

    job: UnresolvedAssetJobDefinition
    assets: frozenset[AssetKey]

    @classmethod
    def of(
        cls,
        name: str,
        description: str,
        assets: Sequence[AssetsDefinition],
        *,
        checks: bool = False,
        tags: Mapping[str, str] | None = None,
    ) -> "Stage":
        """The stage that materializes these assets."""
        # Checks on what people configure are reported by the assets and sensors themselves; dbt's tests belong to dbt.
        selection: AssetSelection = AssetSelection.assets(*assets)
        selection = selection if checks else selection.without_checks()
        job = define_asset_job(name, selection=selection, description=description, tags=tags)
        return cls(job, frozenset(key for asset in assets for key in asset.keys))

    def under_way(self, instance: DagsterInstance) -> bool:
        """Whether a run that is not over materializes any of the assets: of this job, or asked for in the UI."""
        return bool(self._runs(instance))

    def partitions_under_way(self, instance: DagsterInstance) -> set[str]:
        """The partitions that such runs work on, where they are runs of one partition each."""
        return {run.tags[PARTITION_NAME_TAG] for run in self._runs(instance) if PARTITION_NAME_TAG in run.tags}

    def _runs(self, instance: DagsterInstance) -> list[DagsterRun]:
        runs = instance.get_runs(RunsFilter(statuses=_UNDER_WAY))
        return [run for run in runs if run.job_name == self.job.name or self.assets & (run.asset_selection or set())]


@dataclass(frozen=True)
class Stages:
    """The graph's stages: the client half in order, then the accounts."""

    configs: Stage
    sources: Stage
    items: Stage
    warehouse: Stage
    newsletters: Stage
    dashboard: Stage
    accounts: Stage
    drift: Stage
    account_export: Stage

    def all(self) -> list[UnresolvedAssetJobDefinition]:
        """Their jobs."""
        clients = (self.configs, self.sources, self.items, self.warehouse, self.newsletters, self.dashboard)
        return [stage.job for stage in (*clients, self.accounts, self.drift, self.account_export)]
