"""`vigie fleet`: the processes of a fleet, one command each, for containers and for machines without.

Here: arguments, and the process that each command becomes. Not here: the instance's file (local.instance), what a
worker does (fleet).
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from terminal import errors_in_words

fleet = typer.Typer(help="Become a process of a fleet of machines.", no_args_is_help=True)
Port = Annotated[int, typer.Option(help="The port to listen on.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]


@fleet.command("web")
def fleet_web(
    host: Host = "127.0.0.1",
    port: Port = 3000,
    read_only: Annotated[bool, typer.Option("--read-only", help="For those who may look: it changes nothing.")] = False,
) -> None:
    """Become the web server: the Dagster UI."""
    watch = ["--read-only"] if read_only else []
    _become("dagster-webserver", "-h", host, "-p", str(port), "-w", _workspace(), *watch)


@fleet.command("daemon")
def fleet_daemon() -> None:
    """Become the daemon: sensors, schedules, the queue of runs.

    A fleet has exactly one.
    """
    _become("dagster-daemon", "run", "-w", _workspace())


@fleet.command("code")
def fleet_code(host: Host = "127.0.0.1", port: Port = 4000) -> None:
    """Become the code location that web and daemon ask."""
    _become("dagster", "code-server", "start", "-m", "definitions", "-h", host, "-p", str(port))


@fleet.command("worker")
def fleet_worker(
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="How many runs at once, of some 300 MB each. Without it: VIGIE_FLEET_RUNS, or 4."),
    ] = None,
) -> None:
    """Become a worker: take runs from the broker.

    SIGTERM ends it after the runs at work.
    """
    from fleet import work
    from local.instance import fleet_runs
    from settings import exported

    with errors_in_words(), exported(_environment()):
        work(concurrency or fleet_runs())


def _environment() -> dict[str, str]:
    """Of a process of the fleet on this machine, its dagster.yaml written."""
    from domain.errors import SettingsError
    from local.instance import CODE_PLACE, configure, instance_environment
    from settings import load_settings

    settings = load_settings()
    if settings.instance != "fleet":
        raise SettingsError(
            "its instance is this machine's: vigie dev starts all of it.",
            where=f"target {settings.target!r}",
            remedy="For many machines: export VIGIE_INSTANCE=fleet",
        )
    environment = {**CODE_PLACE, **instance_environment(settings)}
    configure(settings)
    return environment


def _workspace() -> str:
    from settings import PROJECT_ROOT

    return str(PROJECT_ROOT / "deploy" / "workspace.yaml")


def _become(command: str, *arguments: str) -> None:
    """Replaces this process: signals and the exit code are the command's own."""
    with errors_in_words():
        environment = _environment()
    program = Path(sys.executable).parent / command
    os.execve(program, [command, *arguments], environment)  # noqa: S606 (our own program, our own arguments)
