"""`vigie backup`, `vigie restore`, `vigie rebuild`: what to do before and after something is lost.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong, 2 wrong usage). Not here: any logic. Imports
of the heavy parts are inside the commands.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from terminal import errors_in_words, out, table

if TYPE_CHECKING:
    from pathlib import Path

    from settings import Settings

rebuild = typer.Typer(help="Make anew what was lost, from what is kept: fetches nothing.", no_args_is_help=True)


def backup(
    to: Annotated[
        str | None,
        typer.Option(help="A path or s3://BUCKET/KEY.zip; else a new name of our own.", metavar="FILE"),
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Dagster's own files too: runs, events, cursors.")] = False,
) -> None:
    """Back up the accounts' database and the warehouse.

    One file, read back after it is written. BigQuery keeps its own past, and buckets their versions: neither is in it.
    """
    from resources.backups import back_up, default_name
    from settings import load_settings

    with errors_in_words():
        settings = load_settings()
        place = to or default_name(settings, datetime.now(UTC))
        manifest = back_up(settings, place, _home(settings) if history else None)
    shown = table(f"{place}", "part", "tables", "rows")
    for kind in manifest.kinds():
        rows = manifest.rows(kind)
        shown.add_row(kind, str(len(rows) or len(manifest.of(kind))), str(sum(rows.values())) if rows else "")
    out.print(shown)


def restore(
    file: Annotated[str, typer.Argument(help="A backup: a path, or s3://BUCKET/KEY.zip.", metavar="FILE")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it, and say what would be replaced.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replace what is there; it is kept aside.")] = False,
    from_target: Annotated[str | None, typer.Option(help="The backup is of this other target.")] = None,
    trust_workspaces: Annotated[
        bool,
        typer.Option(
            "--trust-workspaces",
            help="No account was changed since the backup: pause only those in the middle of a change.",
        ),
    ] = False,
) -> None:
    """Put a backup back, whole; what was there is kept.

    Stop the daemon first. Accounts with a workspace are paused until somebody has looked at what was applied since.
    """
    from local.instance import dagster_home
    from resources.backups import backup_at, look
    from resources.backups import restore as put_back
    from settings import load_settings

    with errors_in_words():
        settings = load_settings()
        home = dagster_home(settings)
        with backup_at(settings, file) as archive:
            places = look(settings, archive, home, from_target)
            shown = table(f"{file}, of {archive.manifest.made_at:%Y-%m-%d %H:%M} UTC", "what", "where", "now", "then")
            for place in places:
                now, then = sum(place.there.values()), sum(place.in_backup.values())
                shown.add_row(place.kind, place.where, str(now), str(then) if place.in_backup else "")
            out.print(shown)
            if dry_run:
                out.print("the backup is whole; nothing was changed")
                return
            _nobody_works(settings)
            taken = ", ".join(place.where for place in places if not place.is_empty)
            if taken and not yes:
                out.print(f"there is something already: {taken}. To replace it, add --yes; it is kept aside.")
                raise typer.Exit(1)
            done = put_back(settings, archive, home, trust_workspaces=trust_workspaces)
    for kind, aside in done.aside.items():
        out.print(f"{kind}: restored" + (f"; what was there is kept: {aside}" if aside else ""))
    if done.paused:
        out.print(f"paused, for the backup does not know what was applied since: {', '.join(done.paused)}")
        out.print("look for their drift (job look_for_drift), then: vigie accounts resume NAME --by YOU")
    out.print("next: vigie prepare, start Dagster, and see docs/recover.md for what the backup does not hold")


def _home(settings: "Settings") -> "Path":
    from local.instance import dagster_home

    return dagster_home(settings)


def _nobody_works(settings: "Settings") -> None:
    from domain.errors import TransientError
    from local.instance import dagster_home
    from resources.daemon_signs import HEARTBEAT, signs_at

    home = dagster_home(settings)
    signs = signs_at(home)
    if signs and (signs.alive or signs.runs_at_work):
        busy = f"{signs.runs_at_work} runs are at work" if signs.runs_at_work else "a daemon is alive"
        raise TransientError(
            f"{busy} on this instance; nothing was changed.",
            where=str(home),
            remedy=f"Stop Dagster, wait {HEARTBEAT:.0f} seconds, then run this again.",
        )


@rebuild.command("history")
def rebuild_history() -> None:
    """Tell a new Dagster instance what is stored already.

    Partitions and materializations, from the stores, the warehouse and the database. Repeatable.
    """
    from dagster import DagsterInstance

    from definitions import build_definitions
    from history import graph_of, stores_of
    from history import rebuild as tell_again
    from local.instance import prepare
    from partitions import Partitions, today
    from settings import load_settings

    with errors_in_words():
        settings = load_settings()
        _nobody_works(settings)
        partitions = Partitions.since(settings.first_day)
        graph = graph_of(build_definitions(settings), partitions.days)
        with DagsterInstance.from_config(str(prepare(settings))) as instance:
            done = tell_again(instance, stores_of(settings), partitions, graph, today(), lambda line: out.print(line))
    out.print(f"partitions added: {sum(done.partitions.values())}, materializations: {sum(done.events.values())}")
    for count, what in (
        (done.cells_to_build, "cells are not in the warehouse: client_items_due asks for them"),
        (done.cells_for_models, "cells wait for their models: warehouse_due asks for them"),
        (done.pages_missing, "pages are missing: newsletters_due asks for them"),
    ):
        if count:
            out.print(f"{count} {what}")
    if not done.today_fetched:
        out.print("today's sources are not fetched yet; if their hour is past, launch fetch_sources: docs/recover.md")


@rebuild.command("warehouse")
def rebuild_warehouse() -> None:
    """Load the stored items into the warehouse; run dbt.

    For a warehouse that is lost or empty. The runs are in this process and in Dagster's history.
    """
    from dagster import DagsterInstance

    from definitions import build_definitions
    from local.instance import prepare
    from partitions import Partitions, today
    from reloading import reload
    from resources.object_store import open_store
    from resources.warehouse_resource import WarehouseResource
    from settings import load_settings

    with errors_in_words():
        settings = load_settings()
        with DagsterInstance.from_config(str(prepare(settings))) as instance:
            done = reload(
                instance,
                build_definitions(settings),
                open_store(settings.stores.config),
                open_store(settings.stores.data),
                WarehouseResource.of(settings.warehouse).warehouse(),
                Partitions.since(settings.first_day),
                today(),
                lambda line: out.print(line),
            )
    out.print(f"{done.cells} cells with {done.items} items are loaded, and built in {done.runs} runs")
