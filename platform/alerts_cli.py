"""`vigie alerts`: what is wrong now, and whether people would hear of it.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong, 2 wrong usage). Not here: any logic. Imports
of the heavy parts are inside the commands.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from terminal import errors_in_words, out, table

if TYPE_CHECKING:
    from resources.alert_desk import AlertDesk

alerts = typer.Typer(help="List open alerts, test the channels, look now.", no_args_is_help=True)


@alerts.command("list")
def list_open() -> None:
    """List open alerts, and how far each channel was told."""
    from domain.alert_messages import plain
    from resources.alert_desk import AlertDesk
    from settings import load_settings

    with errors_in_words():
        desk = AlertDesk(load_settings())
        with desk.book() as book:
            found, told = book.open(), book.told()
    if not found:
        out.print("no open alert")
        return
    shown, links = table("open alerts", "since (UTC)", "what", "cause", "told", "what to do"), desk.links
    for alert in found:
        lines = [
            f"{one.channel}: {one.label}" if one.at else f"{one.channel}: not yet. {one.error}"
            for one in told.get(alert.id, [])
        ]
        todo = "\n".join(aim for aim in (links.run(alert.run_id), links.runbook(alert.kind)) if aim)
        shown.add_row(f"{alert.began:%Y-%m-%d %H:%M}", plain(alert.headline), plain(alert.why), "\n".join(lines), todo)
    out.print(shown)


@alerts.command()
def test() -> None:
    """Send a test to every channel, and say what became of it."""
    from resources.alert_desk import AlertDesk
    from settings import load_settings

    with errors_in_words():
        results = _on(AlertDesk(load_settings())).test(datetime.now(UTC))
    for channel, failure in results.items():
        out.print(f"{channel}: {failure or 'sent'}")
    if any(results.values()):
        raise typer.Exit(1)


@alerts.command()
def look() -> None:
    """Look now and tell what is due, as the sensor does.

    From cron on another machine it also notices that Dagster's daemon is silent, or its storage away: the sensor itself
    is silent then.
    """
    from definitions import build_definitions
    from local.instance import dagster_home
    from resources.alert_desk import AlertDesk
    from sensors.outside_look import look_from_outside
    from settings import load_settings

    with errors_in_words():
        settings = load_settings()
        desk, now = _on(AlertDesk(settings)), datetime.now(UTC)
        graph = build_definitions(settings).get_repository_def()
        done = look_from_outside(desk, dagster_home(settings), graph, now)
    out.print(str(done))
    if done.errors:
        raise typer.Exit(1)


def _on(desk: "AlertDesk") -> "AlertDesk":
    from domain.errors import SettingsError

    if not desk.is_on:
        raise SettingsError(
            "this target tells nobody.", where="alerts", remedy="Name a channel in the target: see docs/alerts.md."
        )
    return desk
