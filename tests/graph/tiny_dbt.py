"""A dbt project of a few models that fail for real: until an attempt of a number, or always.

Here: the project's files, its assets, one step of them on a DuckDB file of the test. Not here: what a test asserts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from dagster import (
    AssetCheckEvaluation,
    AssetExecutionContext,
    AssetsDefinition,
    AssetSelection,
    DagsterInstance,
    ExecuteInProcessResult,
    materialize,
)
from dagster_dbt import DbtProject, dbt_assets

from assets.dbt_runs import build
from assets.warehouse import ModelTranslator
from resources.dbt import DbtResource
from settings import Dbt

SECRET = "hunter2-of-the-warehouse"
# `tries` has a row for each attempt that has begun: the project's own hook writes it.
_UNTIL = "select case when (select count(*) from main.tries) < {n} then error('{why}') else 1 end as id"
MODELS = {
    "steady": "select 1 as id union all select 2",
    "second_time": _UNTIL.format(n=2, why="not yet"),
    "below_second_time": "select * from {{ ref('second_time') }}",
    "third_time": _UNTIL.format(n=3, why="not yet"),
    "never": _UNTIL.format(n=99, why="the well is dry"),
    "below_never": "select * from {{ ref('never') }}",
    "settling": "select 1 as id",
    "below_settling": "select * from {{ ref('settling') }}",
    "sour": "select 1 as id",
    "below_sour": "select * from {{ ref('sour') }}",
    "garbled": "{% if execute %}{{ exceptions.raise_compiler_error('who wrote this') }}{% endif %} select 1 as id",
    "telling": f"select error('cannot log in with {SECRET}') as id",
}
_TEST = """
{{{{ config(meta={{'dagster': {{'ref': {{'name': '{model}'}}}}}}) }}}}
select 1 as id from {{{{ ref('{model}') }}}}{where}
"""
TESTS = {
    "settles": _TEST.format(model="settling", where=" where (select count(*) from main.tries) < 2"),
    "stays_sour": _TEST.format(model="sour", where=""),
}
_PROJECT = """
name: tiny
version: "1.0"
config-version: 2
profile: tiny
flags: {send_anonymous_usage_stats: false}
on-run-start: "insert into main.tries values (1)"
models: {tiny: {+materialized: table, +post-hook: "{{ tell_rows() }}"}}
"""
_PROFILE = """
tiny: {target: dev, outputs: {dev: {type: duckdb, path: "{{ env_var('TINY_PATH', 'tiny.duckdb') }}", keep_open: false}}}
"""
_ROWS = """
{% macro tell_rows() %}{% if execute %}
{% do log(tojson({'vigie_rows': run_query('select count(*) from ' ~ this).rows[0][0] | int})) %}
{% endif %}{% endmacro %}
"""
_STEADY = """
models:
  - name: steady
    columns: [{name: id, data_tests: [not_null]}]
"""


def write_project(folder: Path) -> DbtProject:
    """The project, not parsed yet."""
    for name, text in {"dbt_project.yml": _PROJECT, "profiles.yml": _PROFILE, "models/steady.yml": _STEADY}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for kind, files in {"models": MODELS, "tests": TESTS, "macros": {"tell_rows": _ROWS}}.items():
        (folder / kind).mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / kind / f"{name}.sql").write_text(text)
    return DbtProject(project_dir=folder, profiles_dir=folder, target="dev", target_path=Path("target", "dev"))


@dataclass
class Tiny:
    """The project's assets on one DuckDB file, and what their last step told."""

    project: DbtProject
    path: Path
    retry_seconds: float = 0.0
    secrets: tuple[str, ...] = ()
    keep_runs: int = 20

    def __post_init__(self) -> None:
        with duckdb.connect(self.path) as connection:
            connection.execute("create table main.tries (n integer)")

    @property
    def attempts(self) -> int:
        """How often dbt was started."""
        with duckdb.connect(self.path) as connection:
            (found,) = connection.execute("select count(*) from main.tries").fetchall()
        return int(found[0])

    @property
    def runs(self) -> Path:
        return self.project.manifest_path.parent / "runs"

    def assets(self) -> AssetsDefinition:
        @dbt_assets(manifest=self.project.manifest_path, project=self.project, dagster_dbt_translator=ModelTranslator())
        def tiny_models(context: AssetExecutionContext, dbt: DbtResource) -> Iterator[Any]:
            yield from build(context, dbt)

        return tiny_models

    def build(self, *models: str, instance: DagsterInstance | None = None) -> "Told":
        answers = Dbt(target="dev", retry_seconds=self.retry_seconds, keep_runs=self.keep_runs)
        resource = DbtResource.of(self.project, {"TINY_PATH": str(self.path)}, answers, self.secrets)
        return Told(
            materialize(
                [self.assets()],
                selection=AssetSelection.assets(*models),
                resources={"dbt": resource},
                instance=instance,
                raise_on_error=False,
            )
        )


@dataclass
class Told:
    """What Dagster heard of a step."""

    result: ExecuteInProcessResult

    @property
    def built(self) -> list[str]:
        """The models in the order of their materializations."""
        events = self.result.get_asset_materialization_events()
        return [event.asset_key.to_user_string() for event in events if event.asset_key]

    def metadata(self, model: str) -> dict[str, Any]:
        (event,) = [
            event.materialization
            for event in self.result.get_asset_materialization_events()
            if event.asset_key and event.asset_key.to_user_string() == model
        ]
        return {name: value.value for name, value in event.metadata.items()}

    @property
    def checks(self) -> dict[str, AssetCheckEvaluation]:
        evaluations = self.result.get_asset_check_evaluations()
        assert len({one.check_name for one in evaluations}) == len(evaluations), "a check is told once"
        return {one.check_name: one for one in evaluations}

    @property
    def failure(self) -> str:
        """Why the step failed, "" where it did not."""
        for event in self.result.all_events:
            if event.is_step_failure:
                data = event.step_failure_data.user_failure_data
                return str(data.description if data else event.step_failure_data.error)
        return ""

    @property
    def failure_metadata(self) -> dict[str, Any]:
        (event,) = [event for event in self.result.all_events if event.is_step_failure]
        data = event.step_failure_data.user_failure_data
        return {name: value.value for name, value in data.metadata.items()} if data else {}
