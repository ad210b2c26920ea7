"""`vigie newsletter`: an issue by mail, from the command line.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong, 2 wrong usage). Not here: any logic. Imports
of the heavy parts are inside the commands.
"""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from terminal import errors_in_words, out

if TYPE_CHECKING:
    from domain.clients import ClientConfig
    from settings import Settings

newsletter = typer.Typer(help="Preview and send newsletters by mail.", no_args_is_help=True)

Client = Annotated[str, typer.Argument(help="The client's id.", metavar="CLIENT")]
Week = Annotated[str, typer.Argument(help="A day of the week, as 2026-11-16.", metavar="WEEK")]


@newsletter.command()
def preview(client: Client, week: Week) -> None:
    """Print an issue as it would be mailed.

    Where the target names `delivery.preview_to`, it is also sent there, marked as a preview.
    """
    from domain.deliveries import address_of
    from resources.delivery import DeliveryDesk
    from settings import load_settings

    start, now = _monday(week), datetime.now(UTC)
    with errors_in_words():
        settings = load_settings()
        config, desk = _config(settings, client), DeliveryDesk(settings)
        issue = desk.issue(client, start)
        asked = address_of(client, config.file.newsletter_delivery)
        mail = desk.mail(issue, asked or "nobody@localhost.localdomain", now)
        out.print(f"From: {mail['From']}")
        out.print(f"To: {asked or 'nobody: the client does not ask for mail'}")
        out.print(f"Subject: {mail['Subject']}")
        out.print(f"Stories: {issue.stories}")
        out.print()
        out.print(issue.text)
        sent_to = desk.preview(issue, now)
        if sent_to:
            out.print(f"sent to {sent_to} as a preview")


@newsletter.command()
def send(
    client: Client,
    week: Week,
    to: Annotated[str | None, typer.Option(help="Another address than the client's.", metavar="ADDRESS")] = None,
    again: Annotated[bool, typer.Option("--again", help="Even if it was sent, or may have been.")] = False,
) -> None:
    """Mail an issue of a week that is over, once.

    What was sent is not sent again, whatever became of its page. Where a crash leaves in doubt whether it went out, a
    person decides by --again.
    """
    from resources.delivery import DeliveryDesk
    from settings import load_settings

    start = _monday(week)
    with errors_in_words():
        settings = load_settings()
        desk = DeliveryDesk(settings)
        receipt = desk.send(_config(settings, client), start, datetime.now(UTC), to=to, again=again)
        if receipt:
            out.print(f"sent to {receipt.recipient} (attempt {receipt.attempt})")
            return
        done = max(desk.receipts(client, start, to), key=lambda one: one.attempt)
        out.print(
            f"nothing sent: attempt {done.attempt} to {done.recipient}, begun at {done.begun_at}, is {done.state}"
        )


def _monday(text: str) -> date:
    from partitions import monday

    try:
        return monday(date.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day such as 2026-11-16.", param_hint="WEEK") from None


def _config(settings: "Settings", client: str) -> "ClientConfig":
    from domain.errors import MissingError
    from resources.archive import Archive
    from resources.object_store import checked_key, open_store

    config = Archive(open_store(settings.stores.data)).configs([checked_key(client)]).get(client)
    if config is None:
        raise MissingError(
            "there is no valid configuration of this client.",
            where=client,
            remedy="Check its file: vigie clients list",
        )
    return config
