"""`vigie doctor`, `vigie prune`, `vigie metrics`: for whoever operates the platform.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong). Not here: what is looked at
(resources.health), when a figure is bad (domain.findings), what goes (resources.pruning), what is exported
(resources.metrics).
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import VigieError
from terminal import errors_in_words, out, table

if TYPE_CHECKING:
    from domain.findings import Finding

_STYLES = {"ok": "green", "warning": "yellow", "error": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds after which a check counts as hanging.", min=1)] = 20.0,
) -> None:
    """Check target, stores, database, warehouse, secrets, daemon.

    Each line is ok, a warning or an error, with what to do. Secrets are read and never shown. Only probe objects are
    written, below doctor/ of the stores that Vigie writes, and taken away again.
    """
    from domain.findings import healthy

    found: list[Finding] = []
    for finding in _findings(timeout):
        found.append(finding)
        if not as_json:
            out.print(f"{finding.level:<8} {finding.check}: {finding.said}", style=_STYLES[finding.level])
            if finding.remedy:
                out.print(f"{'':<8} {finding.remedy}")
    good = healthy(found)
    if as_json:
        typer.echo(json.dumps({"healthy": good, "findings": [finding.record() for finding in found]}, indent=2))
    else:
        counts = ", ".join(f"{sum(one.level == level for one in found)} {level}" for level in _STYLES)
        out.print(f"{counts}: {'nothing stands in the way' if good else 'mend the errors, then look again'}")
    if not good:
        raise typer.Exit(1)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only, take nothing away.")] = False,
    keep_days: Annotated[
        int | None, typer.Option(help="Keep the logs of so many days; else what the target says.", min=0)
    ] = None,
) -> None:
    """Take the details from the logs of old runs.

    Statuses of partitions, materializations, checks and reasons of failures stay. What sources sent goes only where
    the target's retention.source_days says so, and never within the history that a new client gets.
    """
    from dagster import DagsterInstance

    from domain.errors import MissingError
    from local.instance import dagster_home
    from resources.object_store import open_store
    from resources.pruning import prune as take_away
    from settings import load_settings

    with errors_in_words():
        settings = load_settings()
        home = dagster_home(settings)
        if not (home / "dagster.yaml").is_file():
            raise MissingError("there is no instance.", where=str(home), remedy="Run: vigie prepare")
        with DagsterInstance.from_config(str(home)) as instance:
            store = open_store(settings.stores.data)
            done = take_away(instance, store, settings, keep_days=keep_days, dry_run=dry_run)
    shown = table("what would go" if dry_run else "what went", "figure", "value")
    for name, value in done.figures().items():
        shown.add_row(name.replace("_", " "), str(value))
    out.print(shown)


def metrics(
    port: Annotated[int, typer.Option(help="The port to serve on; 0 takes a free one.")] = 9464,
    host: Annotated[str, typer.Option(help="The address to serve on.")] = "127.0.0.1",
) -> None:
    """Serve figures for Prometheus at /metrics.

    Read-only, from the instance, the database and the data store. Ctrl-C ends it.
    """
    import signal
    import threading

    from local.instance import dagster_home
    from resources.figures import parts
    from resources.metrics import serving
    from settings import load_settings

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    with errors_in_words():
        settings = load_settings()
        with serving(parts(settings, dagster_home(settings)), settings.metrics.seconds, host, port) as taken:
            out.print(f"figures of target {settings.target} are at http://{host}:{taken}/metrics (Ctrl-C ends it)")
            ended.wait()


def _findings(timeout: float) -> "Iterator[Finding]":
    """The target's finding first: where it is wrong, there is nothing else to look at."""
    from domain.findings import of_error, ok
    from settings import load_settings

    try:
        settings = load_settings()
    except VigieError as error:
        yield of_error("target", error)
        return
    yield ok("target", f"{settings.target}: every question has its answer")
    from local.instance import dagster_home, pools
    from resources.health import all_checks, examine

    for findings in examine(all_checks(settings, dagster_home(settings), pools(settings)), timeout):
        yield from findings
