"""How the command line prints: two streams, tables, errors in words.

Here: what every command shares; nothing that is printed steers the terminal. Not here: arguments, and what is printed
(cli, accounts_cli, account_views).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment
from rich.table import Table

from domain.asked_partitions import AskedError
from domain.errors import VigieError
from domain.legible import legible, without_colours


class _Legible(RenderHook):
    """A name, a reason, a log may hold what a terminal obeys: rich itself lets escapes through, in tables too."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """See RenderHook."""
        return [_Shown(one) for one in renderables]


class _Shown:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._inner, options):
            # What carries a control code was made by rich, not by data.
            text = segment.text if segment.control else legible(without_colours(segment.text))
            yield Segment(text, segment.style, segment.control)


# What is printed is data: names and errors may hold what rich would read as markup or as an emoji.
out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
for _console in (out, err):
    _console.push_render_hook(_Legible())


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
        raise typer.Exit(2 if isinstance(error, AskedError) else 1) from None
