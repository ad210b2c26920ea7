"""dbt itself on a DuckDB file of the test, for every suite about models. Not here: rows, what a suite asserts."""

from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner, dbtRunnerResult

PROJECT = Path(__file__).parents[2] / "dbt_project"


class Dbt:
    """dbt on one warehouse file; the project is parsed once and every build is of the batch "batch".

    Unless a build says otherwise, it is of the models by cells.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "w.duckdb"
        self.folder = folder
        self.manifest: Any = None

    def invoke(self, *words: str, profiles: Path = PROJECT, batch: bool = True) -> dbtRunnerResult:
        places = {
            "--project-dir": PROJECT,
            "--profiles-dir": profiles,
            "--target-path": self.folder / "target",
            "--log-path": self.folder / "logs",
        }
        options = [str(part) for pair in places.items() for part in pair]
        variables = ["--vars", '{"batch_id": "batch"}'] if batch else []
        quiet = ["--quiet", "--log-level-file", "none"]
        return dbtRunner(manifest=self.manifest).invoke([*words, *options, *variables, *quiet])

    def build(self, *words: str, batch: bool = True) -> dict[str, str]:
        """Build, and the status of every model and test by name."""
        selected = words if "--select" in words else (*words, "--exclude", "tag:accounts", "config.materialized:table")
        done: Any = self.invoke("build", *selected, batch=batch)
        assert done.exception is None
        return {result.node.name: str(result.status) for result in done.result.results}
