"""`vigie ingest`: one ingest event from the command line, answered as the Lambda answers it.

Here: where the event comes from, what is printed, exit codes (0 success or no active client, 1 failed or refused,
2 wrong usage, 3 partial success). Not here: any logic. Imports of the heavy parts are inside the command.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terminal import err

if TYPE_CHECKING:
    from domain.ingest_result import Answer


def ingest(
    event: Annotated[str | None, typer.Option(help="The event as JSON; {} is every active client.")] = None,
    event_file: Annotated[
        str | None, typer.Option(help="A file that holds the event; - is the standard input.", metavar="FILE")
    ] = None,
) -> None:
    """Ingest today: every active client, or as an event says.

    The answer is JSON on the standard output; progress goes to the standard error. It ends with 0 for success or no
    active client, 1 for failed or refused, 3 for partial success.
    """
    if event is not None and event_file is not None:
        raise typer.BadParameter("Give --event or --event-file, not both.", param_hint="--event-file")
    answer = _answer(_text(event_file) if event_file is not None else "{}" if event is None else event)
    typer.echo(json.dumps(answer.record(), indent=2, ensure_ascii=False))
    raise typer.Exit(answer.exit_code)


def _answer(text: str) -> "Answer":
    from domain.errors import VigieError
    from domain.ingest_event import EventError, read_event_text
    from domain.ingest_result import broken, refused
    from resources.fetcher import Fetcher
    from resources.ingest import ingest as answer_to
    from resources.object_store import open_store
    from settings import load_settings

    now = datetime.now(UTC)
    try:
        event, settings = read_event_text(text), load_settings()
        config, data = open_store(settings.stores.config), open_store(settings.stores.data)
    except EventError as error:
        return refused(error, now)
    except VigieError as error:
        return broken(error, None, now, 0.0)
    return answer_to(event, config, data, Fetcher(settings.fetch), now, err.print)


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{name}: {error.strerror}.", param_hint="--event-file") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{name}: it is not UTF-8.", param_hint="--event-file") from None
