"""`vigie`: the command line, a thin face on the domain, the resources and the local instance.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong, 2 wrong usage). Not here: any logic, the
commands of accounts (accounts_cli). Imports of the heavy parts are inside the commands, so that `--help` answers at
once.
"""

from pathlib import Path
from typing import Annotated

import typer

from accounts_cli import accounts
from alerts_cli import alerts
from archive_cli import archive
from backfill_cli import backfill
from command_help import FIRST_STEPS, Grouped, print_version, with_examples
from doctor_cli import doctor, metrics, prune
from fleet_cli import fleet
from ingest_cli import ingest
from newsletter_cli import newsletter
from recovery_cli import backup, rebuild, restore
from setup_cli import setup
from terminal import errors_in_words, out, table

app = typer.Typer(
    name="vigie",
    help="Newsletters from many sources, changes of cloud accounts: one Dagster graph.",
    epilog=FIRST_STEPS,
    cls=Grouped,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,
)
clients = typer.Typer(help="List and check client files.", no_args_is_help=True)
catalog = typer.Typer(help="Check the source catalog.", no_args_is_help=True)
target = typer.Typer(help="Check and list targets, which say where everything is.", no_args_is_help=True)
app.add_typer(accounts, name="accounts")
app.add_typer(alerts, name="alerts")
app.add_typer(clients, name="clients")
app.add_typer(catalog, name="catalog")
app.add_typer(target, name="target")
app.add_typer(fleet, name="fleet")
app.add_typer(newsletter, name="newsletter")
app.command()(doctor)
app.command()(prune)
app.command()(metrics)
app.command()(archive)
app.command()(backfill)
app.command()(ingest)
app.command()(setup)
app.command()(backup)
app.command()(restore)
app.add_typer(rebuild, name="rebuild")


@clients.command("check")
def clients_check(
    files: Annotated[list[Path], typer.Argument(help="Client files, named after their ids.", metavar="FILE...")],
) -> None:
    """Say what is wrong in client files: line and remedy.

    The same words as the activation sensor's.
    """
    from domain.clients import PREFIX, ClientConfigError, read_client
    from domain.errors import ConfigError

    wrong = 0
    for path in files:
        try:
            config = read_client(f"{PREFIX}{path.name}", path.read_bytes())
        except ClientConfigError as error:
            wrong += 1
            for problem in error.problems:
                out.print(str(problem))
        except ConfigError as error:
            wrong += 1
            out.print(f"error: {error}")
        except OSError as error:
            wrong += 1
            out.print(f"error: {path}: {error.strerror}. Check the path.")
        else:
            for problem in config.warnings:
                out.print(str(problem))
            state = "active" if config.active else "inactive"
            out.print(f"{path.name}: good, {state}, warnings: {len(config.warnings)}")
    if wrong:
        raise typer.Exit(1)


@clients.command("list")
def clients_list() -> None:
    """List the target's client files and their states."""
    from domain.clients import ClientConfig
    from resources.config_bucket import ConfigBucket
    from resources.object_store import open_store
    from settings import load_settings

    with errors_in_words():
        store = open_store(load_settings().stores.config)
        bucket = ConfigBucket(store)
        read = bucket.read(bucket.listing())
    shown = table(store.uri, "file", "state", "sources asked for", "remark")
    for key, (_etag, config) in sorted(read.items()):
        if isinstance(config, ClientConfig):
            asked = ", ".join((*config.bouquets, *config.extra_sources))
            shown.add_row(key, "active" if config.active else "inactive", asked, "; ".join(map(str, config.warnings)))
        else:
            shown.add_row(key, "invalid", "", str(config))
    out.print(shown)


@catalog.command("check")
def catalog_check(
    file: Annotated[Path | None, typer.Argument(help="Default: the target's catalog.", metavar="[FILE]")] = None,
) -> None:
    """Say what is wrong or odd in a source catalog."""
    from domain.catalog import read_catalog
    from domain.errors import ConfigError
    from resources.config_bucket import ConfigBucket
    from resources.object_store import open_store
    from settings import load_settings

    with errors_in_words():
        if file:
            try:
                found = read_catalog(file.name, file.read_bytes())
            except OSError as error:
                raise ConfigError(f"{error.strerror}.", where=str(file), remedy="Check the path.") from None
        else:
            found = ConfigBucket(open_store(load_settings().stores.config)).catalog()
    for problem in found.problems:
        out.print(str(problem))
    out.print(f"{len(found.sources)} sources, {len(found.bouquets)} bouquets, {len(found.problems)} remarks")
    if any(problem.severity == "error" for problem in found.problems):
        raise typer.Exit(1)


@target.command("check")
def target_check() -> None:
    """Show the answers of the target, or what it lacks."""
    from settings import load_settings

    with errors_in_words():
        settings = load_settings()
    shown = table(f"target {settings.target}", "question", "answer")
    for question, answer in settings.model_dump(mode="json").items():
        shown.add_row(question, ", ".join(_flat(answer)))
    out.print(shown)


def _flat(answer: object, name: str = "") -> list[str]:
    """`{a: {b: 1}}` as `a.b=1`. Settings hold references to secrets, never secrets."""
    if isinstance(answer, dict):
        return [line for key, value in answer.items() for line in _flat(value, f"{name}.{key}" if name else key)]
    return [f"{name}={answer}" if name else str(answer)]


@target.command("list")
def target_list() -> None:
    """List the targets there are.

    They are the files in platform/targets/ and in .vigie/targets/.
    """
    from settings import choice, target_names

    for name in target_names(choice().home):
        out.print(name)


@target.command("env")
def target_env() -> None:
    """Print what dbt's own command line needs, no secret.

    A shell takes it over, best for one command only: (eval "$(vigie target env)" && dbt ls)
    """
    import shlex

    from resources.dbt import dbt_environment
    from settings import load_settings

    with errors_in_words():
        settings = load_settings()
    project = str(settings.dbt_project)
    fixed = {"DBT_PROJECT_DIR": project, "DBT_PROFILES_DIR": project, "VIGIE_DBT_TARGET": settings.dbt.target}
    for name, value in {**fixed, **dbt_environment(settings)}.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def prepare() -> None:
    """Make folders, Dagster instance and dbt manifest ready."""
    from local.instance import prepare as make_ready
    from settings import load_settings

    with errors_in_words():
        settings = load_settings()
        home = make_ready(settings)
    out.print(f"target {settings.target} is ready; its Dagster instance is {home}")


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="The port of the Dagster UI.")] = 3000,
    host: Annotated[str, typer.Option(help="The address of the Dagster UI.")] = "127.0.0.1",
) -> None:
    """Start the Dagster UI and daemon on the target.

    On `dev`, also an example site that the first clients may follow.
    """
    from local.dev import run
    from settings import load_settings

    with errors_in_words():
        raise typer.Exit(run(load_settings(), host, port, out))


@app.command()
def demo() -> None:
    """Run both halves offline and show what came of it."""
    from local.demo import run

    with errors_in_words():
        raise typer.Exit(run(out))


@app.callback()
def vigie(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """Takes what comes before a command."""


with_examples(app)


def main() -> None:
    """The entry point of the `vigie` command."""
    app()


if __name__ == "__main__":
    main()
