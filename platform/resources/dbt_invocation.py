"""One invocation of dbt inside this process: its words and its results as they come, and how it ended.

Here: dbt in a thread of its own, the lines worth keeping, results in plain types. Not here: which nodes, how often
(assets.dbt_runs), the target's answers (dbt).

dbt is a second of imports and a second of parsing. A run of Dagster is a process that has imported most of it, and the
project was parsed when its definitions were loaded: dbt takes both as they are. ADR 25.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Literal

import orjson

from domain.dbt_attempts import NodeResult
from settings import exported

Level = Literal["info", "warning", "error"]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LEVELS: Mapping[str, Level] = {"info": "info", "warn": "warning", "error": "error"}
_TOLD = {"LogModelResult", "LogSnapshotResult", "LogSeedResult", "LogFreshnessResult", "SkippingDetails", "StatsLine"}
_TWICE = {"RunResultFailure", "RunResultErrorNoMessage", "RunResultWarning", "CheckNodeTestFailure"}  # said before
_COUNTS = {"JinjaLogInfo", "JinjaLogDebug"}
_PATIENCE = 25.0  # seconds for dbt to let go after an interrupt
ROWS = "vigie_rows"  # what macros/row_counts.sql says of a model


@dataclass(frozen=True, slots=True)
class Line:
    """One line of dbt, without colours."""

    level: Level
    text: str


@dataclass
class Invocation:
    """What is run, and afterwards how it ended: `results` of all nodes, or `error` where dbt itself gave up.

    `permanent` says whether the error is about the project's or the command's text, so that trying again is in vain.
    `outcome` is dbt's own result object.
    """

    words: Sequence[str]
    artifacts: Path
    results: list[NodeResult] = field(default_factory=list)
    error: str = ""
    permanent: bool = False
    outcome: Any = None

    @property
    def log(self) -> Path:
        """Everything that dbt said, its SQL included."""
        return self.artifacts / "dbt.log"

    def stream(
        self, manifest: Any, environment: Mapping[str, str], hide: Callable[[str], str] = str
    ) -> Iterator[Line | NodeResult]:
        """Runs dbt; every line worth keeping and every result as it comes. `hide` takes secrets out of dbt's words."""
        # dbt's import costs seconds, which a code location that runs nothing shall not pay.
        from dbt.cli.main import dbtRunner, dbtRunnerResult

        heard: SimpleQueue[Any] = SimpleQueue()

        def work() -> None:
            with exported(environment):
                heard.put(dbtRunner(manifest=manifest, callbacks=[heard.put]).invoke(list(self.words)))

        thread = Thread(target=work, name="dbt", daemon=True)
        thread.start()
        rows: dict[str, int] = {}
        lines: list[str] = []
        try:
            while not isinstance(said := heard.get(), dbtRunnerResult):
                lines.append(f"{said.info.ts.ToJsonString()} {said.info.level:5} {plain(said.info.msg)}\n")
                yield from _understood(said, rows, hide)
            thread.join()
        except BaseException:
            _cancel_queries()
            thread.join(_PATIENCE)
            raise
        finally:
            self.log.write_text(hide("".join(lines)), encoding="utf-8")
        self._close(said, rows, hide)

    def _close(self, done: Any, rows: Mapping[str, int], hide: Callable[[str], str]) -> None:
        self.outcome = done.result
        self.results = [_result(found, rows, hide) for found in getattr(done.result, "results", None) or ()]
        if done.exception is not None:
            self.error = hide(plain(str(done.exception)))
            self.permanent = _about_text(done.exception)
        elif not done.success and not self.results:
            self.error = "dbt failed and named no node; its log is " + str(self.log)


def plain(text: str) -> str:
    """The text without colour codes, trimmed."""
    return _COLOUR.sub("", text).strip()


def _understood(event: Any, rows: dict[str, int], hide: Callable[[str], str]) -> Iterator[Line | NodeResult]:
    name, level = event.info.name, event.info.level
    if name in _COUNTS:
        if ROWS in event.info.msg:
            rows[event.data.node_info.unique_id] = int(orjson.loads(event.info.msg)[ROWS])
        return
    if name == "NodeFinished":
        result, node = event.data.run_result, event.data.node_info
        yield NodeResult(
            node.unique_id,
            result.status,
            hide(plain(result.message)),
            round(result.execution_time, 3),
            rows.get(node.unique_id),
            result.num_failures if node.resource_type == "test" else None,
        )
    text = plain(event.info.msg)
    test_not_run = name == "SkippingDetails" and event.data.resource_type == "test"
    if text and (level in ("warn", "error") or name in _TOLD) and name not in _TWICE and not test_not_run:
        yield Line(_LEVELS[level], hide(text))


def _result(found: Any, rows: Mapping[str, int], hide: Callable[[str], str]) -> NodeResult:
    node = found.node
    return NodeResult(
        node.unique_id,
        str(found.status),
        hide(plain(found.message or "")),
        round(found.execution_time, 3),
        rows.get(node.unique_id),
        found.failures if node.resource_type == "test" else None,
    )


def _about_text(error: BaseException) -> bool:
    from dbt.cli.exceptions import DbtUsageException
    from dbt.exceptions import ParsingError
    from dbt_common.exceptions import CompilationError, DbtConfigError

    return isinstance(error, (CompilationError, ParsingError, DbtConfigError, DbtUsageException))


def _cancel_queries() -> None:
    """What dbt has asked of a warehouse that can be told to stop (DuckDB cannot: it rolls back with the process)."""
    from dbt.adapters.factory import FACTORY

    adapters: list[Any] = list(FACTORY.adapters.values())
    for adapter in adapters:
        if adapter.is_cancelable():
            list(adapter.cancel_open_connections() or ())
