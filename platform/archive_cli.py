"""`vigie archive`: old days leave the graph, their data stays.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong, 2 wrong usage). Not here: what leaves
(archiving), how many partitions are too many (domain.partition_counts). Imports of the heavy parts are inside the
command.
"""

from typing import Annotated

import typer

from terminal import errors_in_words, out, table


def archive(
    before: Annotated[str, typer.Option("--before", help="The first day to keep, 2026-11-01.", metavar="DAY")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would leave, change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take old days out of the graph; data stays.

    Their partitions leave the UI, sensors and backfills. Items, pages and rows stay where they are.
    """
    from archiving import Archiving

    with errors_in_words(), Archiving.opened(before) as asked:
        leaving = [one for one in asked.leaving() if one.partitions]
        if not leaving:
            out.print(f"nothing leaves: the first day is {asked.first_day}")
            return
        shown = table(f"before {before}", "asset", "leave", "stay", "leave failed", "leave never done")
        for one in leaving:
            shown.add_row(one.asset, *(f"{n:,}" for n in (one.partitions, one.stay, one.failed, one.missing)))
        out.print(shown)
        if any(one.failed for one in leaving):
            out.print(
                f"failed ones are out of reach once they left. First: vigie backfill ASSET --failed --to {asked.last}"
            )
        out.print("what was made stays in the store and the warehouse")
        if dry_run:
            out.print(f"nothing is changed; archived is what {asked.file} says: first_day: {before}")
            return
        asked.check_ours()
        if not yes:
            typer.confirm(f"Write first_day: {before} to {asked.file}?", abort=True)
        asked.write()
        out.print(f"{asked.file}: first_day: {before}. Start the daemon and the UI again.")
