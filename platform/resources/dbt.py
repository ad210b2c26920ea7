"""dbt as the platform runs it: one project, the target's profile output, the manifest built when it is stale.

Here: the project, its manifest, the resource that starts dbt with the target's answers. Not here: models
(dbt_project/), nor which of them run (assets.warehouse).
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliInvocation, DbtCliResource, DbtProject
from packaging.version import Version

from settings import DuckDBWarehouse, Settings, exported

_WATCHED = ("*.sql", "*.yml", "*.csv")


def dbt_environment(settings: Settings) -> dict[str, str]:
    """What `dbt_project/profiles.yml` asks of the environment, for this target."""
    warehouse = settings.warehouse
    if isinstance(warehouse, DuckDBWarehouse):
        return {"VIGIE_DUCKDB_PATH": str(warehouse.path), "VIGIE_DBT_SCHEMA": warehouse.dataset}
    return {
        "VIGIE_BIGQUERY_PROJECT": warehouse.project,
        "VIGIE_BIGQUERY_DATASET": warehouse.dataset,
        "VIGIE_BIGQUERY_LOCATION": warehouse.location,
    }


def dbt_project(settings: Settings) -> DbtProject:
    """The project for this target; its artifacts are kept apart from another target's."""
    return DbtProject(
        project_dir=settings.dbt_project,
        target_path=Path("target", settings.dbt.target),
        target=settings.dbt.target,
        profiles_dir=settings.dbt_project,
    )


def prepare_manifest(project: DbtProject, environment: Mapping[str, str]) -> None:
    """Parses the project where the manifest is missing or older than a file of the project. Needs no credentials.

    Several processes may ask at once: one parses, the others wait for it.
    """
    folder, manifest = Path(project.project_dir), project.manifest_path
    if manifest.is_file():
        built = manifest.stat().st_mtime
        files = (
            path
            for pattern in _WATCHED
            for path in folder.rglob(pattern)
            if "target" not in path.relative_to(folder).parts
        )
        if all(path.stat().st_mtime <= built for path in files):
            return
    manifest.parent.mkdir(parents=True, exist_ok=True)
    resource = DbtResource.of(project, environment)
    resource.cli(["parse", "--quiet"], target_path=Path(project.target_path)).wait()


class DbtResource(DbtCliResource):
    """dagster-dbt's resource, with the target's answers given to each dbt it starts."""

    environment: dict[str, str]

    @classmethod
    def of(cls, project: DbtProject, environment: Mapping[str, str]) -> "DbtResource":
        """The resource for a project."""
        return cls(
            project_dir=project,  # type: ignore[arg-type] # a validator of the base class takes the project
            dbt_executable=str(Path(sys.executable).parent / "dbt"),  # this environment's, whatever PATH says
            environment=dict(environment),
        )

    def cli(self, args: Sequence[str], **more: Any) -> DbtCliInvocation:
        """See DbtCliResource.cli."""
        with exported(self.environment):
            return super().cli(args, **more)

    @property
    def _cli_version(self) -> Version:
        # dbt's own --version costs a second for each invocation; the installed package knows the same.
        return Version(version("dbt-core"))
