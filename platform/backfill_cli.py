"""`vigie backfill`: partitions again, or for the first time, in the fewest runs.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong, 2 wrong usage). Not here: what a selection
means (domain.asked_partitions), how it becomes runs (domain.backfills), the graph's side of it (backfilling). Imports
of the heavy parts are inside the command.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terminal import errors_in_words, out

if TYPE_CHECKING:
    from backfilling import Backfill
    from domain.backfills import Batch

_ASK_FROM = 1000  # partitions
_SHOWN = 10  # runs of a plan


def backfill(
    what: Annotated[str, typer.Argument(help="An asset or a stage (job).", metavar="ASSET|STAGE")],
    clients: Annotated[str | None, typer.Option(help="Names with commas between them, or all.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="The first day, 2026-11-01.", metavar="DAY")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day.", metavar="DAY")] = None,
    days: Annotated[str | None, typer.Option(help="Single days, with commas between them.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="A file of partition keys, one a line, instead of clients and days.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Of these, only those that failed last.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Of these, only those never materialized.")] = False,
    at_most: Annotated[
        int, typer.Option(min=1, help="Partitions in one run: others have their turn between.")
    ] = 10_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, ask for nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the runs to their ends.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help=f"Do not ask before more than {_ASK_FROM:,} partitions.")] = False,
) -> None:
    """Do partitions again, in the fewest runs.

    Any selection of clients and days, scattered ones too. The daemon executes the runs: vigie dev, or on a fleet
    vigie fleet daemon.
    """
    from backfilling import Backfill, Question

    with errors_in_words():
        if keys and (clients, first, last, days) != (None, None, None, None):
            raise typer.BadParameter("comes alone: a file says clients and days already.", param_hint="--keys")
        lines = _lines(keys) if keys else None
        question = Question(what, clients, first, last, days, lines, failed=failed, missing=missing)
        with Backfill.opened(question) as asked:
            batches = asked.batches(at_most)
            _say(asked, batches)
            if dry_run or not batches:
                return
            if not asked.daemon_lives():
                out.print(
                    "no daemon has been seen for 90 seconds: the runs wait in the queue for one. "
                    f"Start it: {asked.daemon_command}"
                )
                if wait:
                    out.print("nothing was asked for: there is nobody to wait for")
                    raise typer.Exit(1)
            if len(asked.keys) > _ASK_FROM and not yes:
                typer.confirm(f"Ask for {len(asked.keys):,} partitions?", abort=True)
            for run_id in asked.launch(batches):
                out.print(f"asked for run {run_id}")
            if wait:
                raise typer.Exit(_follow(asked))
            out.print(f"follow them in the UI by their tag, {asked.tag}")


def _say(asked: "Backfill", batches: "list[Batch]") -> None:
    runs = f"{len(batches):,} run{'' if len(batches) == 1 else 's'}"
    seconds = asked.seconds(batches)
    told = f", some {seconds:,.0f} seconds" if seconds is not None else ""
    out.print(f"{asked.name}: {len(asked.keys):,} of {asked.grid.size:,} partitions in {runs}{told if batches else ''}")
    if asked.under_way:
        out.print(f"left out: {len(asked.under_way):,} that a run works on or is asked for already")
    for number, batch in enumerate(batches[:_SHOWN], 1):
        where = f"{batch.span.first} to {batch.span.last}" if batch.span else f"scattered, {batch.keys[0]} and others"
        out.print(f"  run {number}: {len(batch.keys):,} partitions, {where}")
    if len(batches) > _SHOWN:
        out.print(f"  and {len(batches) - _SHOWN:,} more runs")
    for remark in asked.remarks():
        out.print(remark)


def _follow(asked: "Backfill") -> int:
    """Prints what changes until the runs are over; 0 where every partition materialized."""
    said = ""
    for progress in asked.progress():
        line = f"{progress.done:,} of {progress.total:,} done; runs: {progress.runs}"
        if line != said:
            out.print(line)
            said = line
    left = asked.left()
    for key in left[:_SHOWN]:
        out.print(f"not done: {key}")
    if left:
        more = f", {len(left) - _SHOWN:,} of them not shown" if len(left) > _SHOWN else ""
        out.print(f"{len(left):,} not done{more}; again: vigie backfill {asked.name} --failed")
    return 1 if left else 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--keys") from None
