"""dbt as the platform runs it: one project, the target's profile output, the manifest built when it is stale.

Here: the project, its manifest, the resource that runs dbt with the target's answers. Not here: models (dbt_project/),
what one invocation is (dbt_invocation), which nodes run (assets.warehouse) and how often (assets.dbt_runs).
"""

import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from dagster import ConfigurableResource
from dagster_dbt import DbtProject
from pydantic import BaseModel

from domain.dbt_attempts import NodeResult
from domain.errors import PermanentError
from domain.masking import masked
from options import SecretRef
from resources.dbt_artifacts import held, own_folder, tidy
from resources.dbt_invocation import Invocation, Line
from settings import Dbt, DuckDBWarehouse, Settings, environment_value, exported

_WATCHED = ("*.sql", "*.yml", "*.csv")
_PARSED = ("partial_parse.msgpack", "manifest.json")  # in this order: whoever sees the second has the first


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
    """The project for this target. What is parsed names the target's tables: artifacts are apart from another's."""
    warehouse = settings.warehouse
    database = warehouse.path.stem if isinstance(warehouse, DuckDBWarehouse) else warehouse.project
    name = re.sub(r"[^A-Za-z0-9_-]", "-", f"{settings.dbt.target}-{database}-{warehouse.dataset}")
    return DbtProject(
        project_dir=settings.dbt_project,
        target_path=Path("target", name),
        target=settings.dbt.target,
        profiles_dir=settings.dbt_project,
    )


def prepare_manifest(project: DbtProject, environment: Mapping[str, str]) -> None:
    """Parses the project where the manifest is missing or older than a file of the project. Needs no credentials.

    Several processes may ask at once: one parses, the others wait for it. PermanentError with dbt's words where the
    project cannot be parsed.
    """
    if not stale(project):
        return
    folder = project.manifest_path.parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".parsing").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if stale(project):
            _parse(project, environment, own_folder(folder / "runs", "parse"))


def stale(project: DbtProject) -> bool:
    """Whether the manifest is missing, or older than a file of the project."""
    folder, manifest = Path(project.project_dir), project.manifest_path
    if not manifest.is_file():
        return True
    built = manifest.stat().st_mtime
    # What dbt writes is not looked into: folders of other invocations come and go there.
    rooms = [room for room in folder.iterdir() if room.is_dir() and room.name not in ("target", "logs")]
    files = (path for pattern in _WATCHED for place in (folder, *rooms) for path in _files(place, pattern, folder))
    return any(path.stat().st_mtime > built for path in files)


def _files(place: Path, pattern: str, top: Path) -> Iterator[Path]:
    return place.glob(pattern) if place == top else place.rglob(pattern)


def _parse(project: DbtProject, environment: Mapping[str, str], folder: Path) -> None:
    """In a process of its own: what loads the definitions may live for days, and needs none of dbt's state."""
    dbt = Path(sys.executable).parent / "dbt"  # this environment's, whatever PATH says
    with held(folder), exported(environment):
        done = subprocess.run(  # noqa: S603 (our own interpreter's dbt, our own arguments)
            [str(dbt), "--no-use-colors", "parse", *_places(project, folder)],
            cwd=project.project_dir,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PermanentError(
                f"dbt cannot parse the project:\n{done.stdout.strip()}\n{done.stderr.strip()}".rstrip(),
                where=str(project.project_dir),
                remedy="Mend the file that dbt names.",
            )
        for name in _PARSED:
            (folder / name).replace(project.manifest_path.parent / name)
    shutil.rmtree(folder)


def _places(project: DbtProject, artifacts: Path) -> list[str]:
    places = {
        "--project-dir": project.project_dir,
        "--profiles-dir": project.profiles_dir or project.project_dir,
        "--target-path": artifacts,
        "--log-path": artifacts,
    }
    named = ["--target", project.target] if project.target else []
    return [*named, *(str(part) for pair in places.items() for part in pair)]


@lru_cache(maxsize=2)
def _parsed(path: Path, _modified: float) -> bytes:
    return path.read_bytes()


class DbtResource(ConfigurableResource[None]):
    """Which project and profile output dbt runs with, and how its failures are met; `running` opens nothing by itself.

    `secrets` are names of environment variables whose values are taken out of dbt's words.
    """

    project_dir: str
    profiles_dir: str
    artifacts: str
    target: str | None
    environment: dict[str, str]
    secrets: list[str]
    retry_seconds: float
    keep_runs: int
    keep_days: float

    @classmethod
    def of(
        cls, project: DbtProject, environment: Mapping[str, str], answers: Dbt, secrets: Sequence[str] = ()
    ) -> "DbtResource":
        """The resource for a project whose manifest is prepared."""
        return cls(
            project_dir=str(project.project_dir),
            profiles_dir=str(project.profiles_dir or project.project_dir),
            artifacts=str(project.manifest_path.parent),
            target=project.target,
            environment=dict(environment),
            secrets=list(secrets),
            retry_seconds=answers.retry_seconds,
            keep_runs=answers.keep_runs,
            keep_days=answers.keep_days,
        )

    @classmethod
    def at(cls, settings: Settings) -> "DbtResource":
        """The resource of a target."""
        return cls.of(
            dbt_project(settings),
            dbt_environment(settings),
            settings.dbt,
            sorted({reference.env for reference in _references(settings) if reference.env}),
        )

    @contextmanager
    def running(self, words: Sequence[str], name: str) -> Iterator[tuple[Invocation, Iterator[Line | NodeResult]]]:
        """One invocation, and what it says as it runs; its artifacts are its own until they are old.

        `name` begins their folder's. Folders of earlier invocations that are due to go, go first.
        """
        runs = Path(self.artifacts, "runs")
        tidy(runs, keep=self.keep_runs, days=self.keep_days)
        with held(own_folder(runs, name)) as folder:
            project = DbtProject(project_dir=self.project_dir, profiles_dir=self.profiles_dir, target=self.target)
            # Its words go through `stream`, not to this process's output or to a file of dbt's own.
            options = ["--log-level", "none", "--log-level-file", "none", *_places(project, folder)]
            invocation = Invocation([*words, *options], folder)
            yield invocation, invocation.stream(self._manifest(), self.environment, self._hidden)

    @property
    def manifest_path(self) -> Path:
        """The manifest that the definitions were loaded from."""
        return Path(self.artifacts, _PARSED[1])

    def _manifest(self) -> Any:
        """The project as it was parsed when the definitions were loaded: dbt would parse it again, for its variables
        are others."""
        from dbt.contracts.graph.manifest import Manifest

        path = Path(self.artifacts, _PARSED[0])
        manifest: Any = Manifest.from_msgpack(_parsed(path, path.stat().st_mtime))
        manifest.build_flat_graph()
        manifest.build_group_map()
        return manifest

    def _hidden(self, text: str) -> str:
        return masked(text, [value for name in self.secrets if (value := environment_value(name))])


def _references(node: Any) -> Iterator[SecretRef]:
    if isinstance(node, SecretRef):
        yield node
    elif isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _references(getattr(node, name))
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _references(value)
