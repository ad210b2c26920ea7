"""How the command line prints: two streams, tables, errors in words.

Here: what every command shares. Not here: arguments, and what is printed (cli, accounts_cli, account_views).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.table import Table

from domain.errors import VigieError

# What is printed is data: names and errors may hold what rich would read as markup or as an emoji.
out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)


def table(title: str, *columns: str) -> Table:
    """A table that breaks long words rather than cutting them: a remedy is of no use in part."""
    made = Table(title=title)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


@contextmanager
def errors_in_words() -> Iterator[None]:
    """An error raised on purpose is printed, not thrown at people."""
    try:
        yield
    except VigieError as error:
        err.print(str(error), style="red")
        raise typer.Exit(1) from None
