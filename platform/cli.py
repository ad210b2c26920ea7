"""`vigie`: the command line, a thin face on the domain, the resources and the local instance.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong, 2 wrong usage). Not here: any logic.
Imports of the heavy parts are inside the commands, so that `--help` answers at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from domain.accounts import DemandError
from domain.errors import VigieError

if TYPE_CHECKING:
    from resources.database import AccountsDatabase
    from settings import Settings

app = typer.Typer(
    name="vigie",
    help="Cloud accounts, client items and dbt models as partitioned assets in one Dagster graph.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,
)
clients = typer.Typer(help="Client files: list them, check them.", no_args_is_help=True)
catalog = typer.Typer(help="The source catalog.", no_args_is_help=True)
target = typer.Typer(help="Targets: the stores and the warehouse to work on.", no_args_is_help=True)
accounts = typer.Typer(help="Cloud accounts: register, demand, look.", no_args_is_help=True)
app.add_typer(accounts, name="accounts")
app.add_typer(clients, name="clients")
app.add_typer(catalog, name="catalog")
app.add_typer(target, name="target")

# What is printed is data: names and errors may hold what rich would read as markup or as an emoji.
out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)


def _table(title: str, *columns: str) -> Table:
    """A table that breaks long words rather than cutting them: a remedy is of no use in part."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


@contextmanager
def errors_in_words() -> Iterator[None]:
    """An error raised on purpose is printed, not thrown at people."""
    try:
        yield
    except VigieError as error:
        err.print(str(error), style="red")
        raise typer.Exit(1) from None


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
    table = _table(store.uri, "file", "state", "sources asked for", "remark")
    for key, (_etag, config) in sorted(read.items()):
        if isinstance(config, ClientConfig):
            asked = ", ".join((*config.bouquets, *config.extra_sources))
            table.add_row(key, "active" if config.active else "inactive", asked, "; ".join(map(str, config.warnings)))
        else:
            table.add_row(key, "invalid", "", str(config))
    out.print(table)


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
    table = _table(f"target {settings.target}", "question", "answer")
    for question, answer in settings.model_dump(mode="json").items():
        table.add_row(question, ", ".join(_flat(answer)))
    out.print(table)


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
    from settings import Environment, target_names

    for name in target_names(Environment().home):
        out.print(name)


By = Annotated[str, typer.Option("--by", help="Who asks.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="KEY=VALUE; may be repeated.", metavar="KEY=VALUE")]


@accounts.command("migrate")
def accounts_migrate() -> None:
    """Bring the database's tables to the newest migration."""
    with errors_in_words(), _database() as (settings, database):
        database.upgrade(settings.migrations)
    out.print("the tables are up to date")


@accounts.command("register")
def accounts_register(
    name: Annotated[str, typer.Argument(help="The account's name, a slug.")],
    number: Annotated[str, typer.Option(help="The account's number at the cloud.")],
    iam_version: Annotated[str, typer.Option(help="The version of the IAM module it has.")],
    subnet_count: Annotated[int, typer.Option(help="How many subnets it has, 1 to 20.")],
    by: By,
    monitoring: Annotated[bool, typer.Option(help="Whether it is monitored.")] = False,
    tag: Tags = None,
) -> None:
    """Register an account with its first version."""
    from domain.accounts import DesiredState

    with errors_in_words(), _database() as (_settings, database):
        state = DesiredState(iam_version, subnet_count, monitoring, _tags(tag) or {})
        database.register(name, number, state, by)
    out.print(f"{name}: registered, version 1")


@accounts.command("request")
def accounts_request(
    names: Annotated[list[str], typer.Argument(help="Exact names of accounts.", metavar="NAME...")],
    reason: Annotated[str, typer.Option(help="Why, for instance a change number.")],
    by: By,
    iam_version: Annotated[str | None, typer.Option(help="The version of the IAM module to have.")] = None,
    subnet_count: Annotated[int | None, typer.Option(help="How many subnets to have, 1 to 20.")] = None,
    monitoring: Annotated[bool | None, typer.Option(help="Whether to be monitored.")] = None,
    tag: Tags = None,
    mode: Annotated[str, typer.Option(help="plan_only or plan_and_apply.")] = "plan_only",
) -> None:
    """Demand a change: all accounts, or none.

    One unknown name declines the whole demand. What is not asked for stays as it is; --tag replaces all tags.
    """
    from domain.accounts import Demand

    with errors_in_words(), _database() as (_settings, database):
        demand = Demand(names, by, reason, iam_version, subnet_count, monitoring, _tags(tag), mode)  # type: ignore[arg-type]
        written = database.request(demand)
    for one in written:
        out.print(
            f"{one.account}: " + (f"version {one.version}" if one.new else f"as asked already (version {one.version})")
        )


@accounts.command("list")
def accounts_list() -> None:
    """List the accounts and where they stand."""
    with errors_in_words(), _database() as (_settings, database):
        found = database.accounts()
    table = _table("accounts", "name", "number", "mode", "desired", "applied", "status", "since")
    for one in found:
        applied = "-" if one.applied_version is None else str(one.applied_version)
        since = f"{one.updated_at:%Y-%m-%d %H:%M}"
        table.add_row(one.name, one.number, one.mode, str(one.desired_version), applied, one.status, since)
    out.print(table)


@accounts.command("show")
def accounts_show(name: Annotated[str, typer.Argument(help="The account's exact name.")]) -> None:
    """Show an account's versions."""
    with errors_in_words(), _database() as (_settings, database):
        versions = database.versions(name)
    table = _table(name, "version", "iam_version", "subnets", "monitoring", "tags", "by", "reason", "at")
    for one in versions:
        tags = ", ".join(f"{key}={value}" for key, value in sorted(one.tags.items()))
        shown = (
            one.version,
            one.iam_version,
            one.subnet_count,
            one.enable_monitoring,
            tags,
            one.requested_by,
            one.reason,
        )
        table.add_row(*map(str, shown), f"{one.requested_at:%Y-%m-%d %H:%M}")
    out.print(table)


@contextmanager
def _database() -> Iterator[tuple["Settings", "AccountsDatabase"]]:
    from resources.database import open_database
    from settings import load_settings

    settings = load_settings()
    database = open_database(settings)
    try:
        yield settings, database
    finally:
        database.close()


def _tags(pairs: list[str] | None) -> dict[str, str] | None:
    """`["a=1"]` as `{"a": "1"}`; None stays None."""
    if pairs is None:
        return None
    for pair in pairs:
        if "=" not in pair:
            raise DemandError(f"{pair!r} is not KEY=VALUE.", where="--tag", remedy="For instance: --tag owner=network")
    return dict(pair.split("=", 1) for pair in pairs)


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
    """Run the client half offline; show what came of it."""
    from local.demo import run

    with errors_in_words():
        raise typer.Exit(run(out))


def main() -> None:
    """The entry point of the `vigie` command."""
    app()


if __name__ == "__main__":
    main()
