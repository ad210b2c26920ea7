"""`vigie accounts`: cloud accounts from the command line: register, demand, look, decide, stop.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong, 2 wrong usage). Not here: any logic, and how
accounts are shown (account_views). Imports of the heavy parts are inside the commands.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

import account_views as views
from domain.accounts import DemandError, ExecutionMode
from domain.standing import DriftPolicy, Mode
from terminal import errors_in_words, out

if TYPE_CHECKING:
    from resources.account_desk import AccountDesk
    from resources.database import AccountsDatabase
    from resources.decisions import Decisions

accounts = typer.Typer(help="Register accounts, demand changes, look, decide.", no_args_is_help=True)

By = Annotated[str, typer.Option("--by", help="Who asks.")]
Name = Annotated[str, typer.Argument(help="The account's exact name.", metavar="NAME")]
Names = Annotated[list[str], typer.Argument(help="Exact names of accounts.", metavar="NAME")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="KEY=VALUE; may be repeated.", metavar="KEY=VALUE")]
_Done = TypeVar("_Done")


@accounts.command()
def migrate() -> None:
    """Bring the database's tables to the newest migration."""
    with errors_in_words():
        desk = _desk()
        with desk.database() as database:
            database.upgrade(desk.settings.migrations)
    out.print("the tables are up to date")


@accounts.command()
def register(
    name: Annotated[str, typer.Argument(help="The account's name, a slug.")],
    number: Annotated[str, typer.Option(help="The account's number at the cloud.")],
    iam_version: Annotated[str, typer.Option(help="The version of the IAM module it has.")],
    subnet_count: Annotated[int, typer.Option(help="How many subnets it has, 1 to 20.")],
    by: By,
    monitoring: Annotated[bool, typer.Option(help="Whether it is monitored.")] = False,
    tag: Tags = None,
    workspace: Annotated[str | None, typer.Option(help="The id of its Schematics workspace.", metavar="ID")] = None,
    mode: Annotated[Literal["auto", "manual", "observe"], typer.Option(help="How far it goes by itself.")] = "manual",
    kind: Annotated[str, typer.Option("--type", help="Its type, in your own words.")] = "",
    environment_type: Annotated[str, typer.Option(help="Its environment, in your own words.")] = "",
    code_bu: Annotated[str, typer.Option(help="The code of its business unit.")] = "",
) -> None:
    """Register an account with what it has now."""
    from domain.accounts import DesiredState

    with _database() as database:
        state = DesiredState(iam_version, subnet_count, monitoring, _tags(tag) or {})
        more = {"mode": mode, "type": kind, "environment_type": environment_type, "code_bu": code_bu}
        database.register(name, number, state, by, workspace, **more)
    out.print(f"{name}: registered, version 1, {mode}")
    if workspace is None:
        out.print(f"{name}: it has no workspace yet: vigie accounts link {name} WORKSPACE_ID --by NAME")


@accounts.command()
def link(
    name: Name,
    workspace: Annotated[str, typer.Argument(help="The workspace's id.", metavar="WORKSPACE_ID")],
    by: By,
) -> None:
    """Say which Schematics workspace is the account's."""
    with _database() as database:
        database.link(name, workspace, by)
    out.print(f"{name}: its workspace is {workspace}")


@accounts.command()
def request(
    names: Names,
    reason: Annotated[str, typer.Option(help="Why, for instance a change number.")],
    by: By,
    iam_version: Annotated[str | None, typer.Option(help="The version of the IAM module to have.")] = None,
    subnet_count: Annotated[int | None, typer.Option(help="How many subnets to have, 1 to 20.")] = None,
    monitoring: Annotated[bool | None, typer.Option(help="Whether to be monitored.")] = None,
    tag: Tags = None,
    mode: Annotated[ExecutionMode, typer.Option(help="How far the demand goes by itself.")] = "plan_only",
) -> None:
    """Demand a change: all accounts, or none.

    One unknown name declines the whole demand. What is not asked for stays as it is; --tag replaces all tags.
    """
    from domain.accounts import Demand

    with _database() as database:
        written = database.request(
            Demand(names, by, reason, iam_version, subnet_count, monitoring, _tags(tag), execution_mode=mode)
        )
    for one in written:
        out.print(
            f"{one.account}: " + (f"version {one.version}" if one.new else f"as asked already (version {one.version})")
        )


@accounts.command("list")
def list_accounts(
    status: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, whole.")] = False,
) -> None:
    """List the accounts and where they stand."""
    from resources.account_tables import STATUSES

    wanted = {word.upper() for word in status or STATUSES}
    if unknown := sorted(wanted - set(STATUSES)):
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {', '.join(STATUSES)}.", param_hint="--status")
    with _database() as database:
        found = [one for one in database.accounts() if one.status in wanted]
    if as_json:
        typer.echo(json.dumps([views.account_document(one) for one in found], indent=2, ensure_ascii=False))
    else:
        out.print(views.account_table(found))


@accounts.command()
def show(name: Name, audit: Annotated[bool, typer.Option("--audit", help="Who did what to it, too.")] = False) -> None:
    """Show an account: what happens next, versions, jobs."""
    from resources.launch_book import LaunchBook

    with _database() as database:
        book = LaunchBook(database)
        account, standing = database.account(name), book.standing(name)
        versions, jobs, trail = database.versions(name), book.jobs(name), database.audit(name)
    for line in views.standing_lines(account, standing, datetime.now(UTC)):
        out.print(line)
    out.print(views.version_table(versions))
    out.print(views.job_table(jobs))
    if audit:
        out.print(views.audit_table(trail))


@accounts.command()
def log(
    name: Name,
    kind: Annotated[Literal["plan", "apply", "drift"] | None, typer.Option(help="Only of such a job.")] = None,
) -> None:
    """Print the kept log of the account's newest job."""
    from domain.errors import MissingError
    from resources.object_store import open_store

    with errors_in_words():
        desk = _desk()
        with desk.book() as book:
            book.standing(name)
            kept = [job for job in book.jobs(name) if job.log_key and kind in (None, job.kind)]
        if not kept:
            raise MissingError(
                f"no {kind or 'job'} has left a log yet.", where=name, remedy=f"See: vigie accounts show {name}"
            )
        body = open_store(desk.settings.stores.data).get(kept[-1].log_key).body
    typer.echo(body.decode("utf-8", "replace"))


@accounts.command()
def approve(
    names: Names,
    by: By,
    hours: Annotated[float | None, typer.Option(help="How long it holds; the target says, where you do not.")] = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    plan: Annotated[int | None, typer.Option(help="The number of the plan that you looked at.")] = None,
) -> None:
    """Let plans be applied, exactly as they are.

    It is the newest plan of each account; all of them, or none. A plan that destroys is approved by its number.
    """
    with errors_in_words():
        desk = _desk()
        holds = desk.settings.schematics.approval_hours if hours is None else hours
        with desk.decisions() as decisions:
            done = decisions.each(names, lambda to, name: to.approve(name, by, holds, reason, plan))
    for given in done.values():
        out.print(str(given))


@accounts.command()
def reject(names: Names, by: By, reason: Annotated[str, typer.Option(help="Why.")]) -> None:
    """Keep plans from being applied.

    It is the newest plan of each account; all of them, or none.
    """
    for given in _each(names, lambda to, name: to.reject(name, by, reason)).values():
        out.print(str(given))


@accounts.command()
def retry(names: Names, by: By) -> None:
    """Ask again for what failed.

    The desired version is planned anew, and passes the gate anew. A change under way whose runs failed goes on at once.
    """
    for name in _each(names, lambda to, name: to.retry(name, by)):
        out.print(f"{name}: asked for again")


@accounts.command()
def pause(names: Names, by: By) -> None:
    """Stop accounts before their next step.

    A job that runs goes on to its end; see stop.
    """
    _set_mode(names, "paused", by)


@accounts.command()
def resume(names: Names, by: By) -> None:
    """Let paused accounts go on in the mode that they had."""
    for name, mode in _each(names, lambda to, name: to.resume(name, by)).items():
        out.print(f"{name}: {mode} (was paused)")


@accounts.command()
def observe(names: Names, by: By) -> None:
    """Only look at accounts: plans and drift, no apply."""
    _set_mode(names, "observe", by)


@accounts.command()
def mode(
    name: Name,
    to: Annotated[Literal["auto", "manual"], typer.Argument(help="auto applies by itself what destroys nothing.")],
    by: By,
) -> None:
    """Say how far an account goes by itself."""
    _set_mode([name], to, by)


@accounts.command("drift-policy")
def drift_policy(
    name: Name,
    policy: Annotated[DriftPolicy, typer.Argument(help="detect warns, alert fails the check, revert asks again.")],
    by: By,
) -> None:
    """Say what follows from drift."""
    _each([name], lambda to, name: to.set_drift_policy(name, policy, by))
    out.print(f"{name}: its drift policy is {policy}")


@accounts.command("rollback-on-failure")
def rollback_on_failure(
    name: Name, on: Annotated[bool, typer.Option("--on/--off", help="Whether it is so.")], by: By
) -> None:
    """Say whether a failed apply asks for a way back.

    The way back is a new version with the content that was applied last.
    """
    _each([name], lambda to, name: to.set_rollback_on_failure(name, on, by))
    out.print(f"{name}: rollback on failure is {'on' if on else 'off'}")


@accounts.command()
def rollback(
    name: Name,
    to: Annotated[int, typer.Option(help="The version whose content it shall have again.", min=1)],
    by: By,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Ask for an older version's content again.

    It becomes a new version, which is planned and applied like any other.
    """
    written = _each([name], lambda decisions, name: decisions.rollback(name, to, by, reason))[name]
    if written.new:
        out.print(f"{name}: version {written.version}, the content of version {to}")
    else:
        out.print(f"{name}: as asked already (version {written.version})")


@accounts.command()
def stop(
    name: Name,
    by: By,
    again: Annotated[bool, typer.Option("--again", help="Ask once more, which aborts Terraform at once.")] = False,
) -> None:
    """Ask Schematics to end the account's running job."""
    with errors_in_words():
        job = _desk().stop(name, by, again=again)
    out.print(
        f"{name}: Schematics is asked to stop the {job.kind} of version {job.version} (activity {job.activity_id}); "
        "the run that follows it writes how it ended"
    )


def _desk() -> "AccountDesk":
    from resources.account_desk import AccountDesk
    from settings import load_settings

    return AccountDesk(load_settings())


@contextmanager
def _database() -> Iterator["AccountsDatabase"]:
    with errors_in_words(), _desk().database() as database:
        yield database


def _each(names: Sequence[str], decide: Callable[["Decisions", str], _Done]) -> dict[str, _Done]:
    with errors_in_words(), _desk().decisions() as decisions:
        return decisions.each(names, decide)


def _set_mode(names: Sequence[str], mode: Mode, by: str) -> None:
    for name, before in _each(names, lambda to, name: to.set_mode(name, mode, by)).items():
        out.print(f"{name}: {mode}" + (" already" if before == mode else f" (was {before})"))


def _tags(pairs: list[str] | None) -> dict[str, str] | None:
    """`["a=1"]` as `{"a": "1"}`; None stays None."""
    if pairs is None:
        return None
    for pair in pairs:
        if "=" not in pair:
            raise DemandError(f"{pair!r} is not KEY=VALUE.", where="--tag", remedy="For instance: --tag owner=network")
    return dict(pair.split("=", 1) for pair in pairs)
