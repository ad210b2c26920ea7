"""`vigie accounts` for tests: commands run in this process, and jobs written as if Schematics had run them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from typer.testing import CliRunner, Result

import cli
from domain.activities import PlanCounts, PlanSummary
from domain.launches import End
from domain.standing import Job
from resources.account_desk import AccountDesk
from resources.database import AccountsDatabase
from resources.launch_book import LaunchBook
from settings import load_settings

ADDS = PlanCounts(1, 0, 0)


def vigie(*arguments: str) -> Result:
    """`vigie accounts` with these arguments."""
    return CliRunner().invoke(cli.app, ["accounts", *arguments])


def said(*arguments: str) -> list[str]:
    """What a command that ends well prints."""
    done = vigie(*arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.splitlines()


def refused(*arguments: str) -> str:
    """What a command that ends with 1 says, and nothing else."""
    done = vigie(*arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    return done.stderr


def rows(output: str) -> list[list[str]]:
    """The cells of the printed tables."""
    return [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in output.splitlines() if line[:1] in "│┃"]


@contextmanager
def opened() -> Iterator[tuple[AccountsDatabase, LaunchBook]]:
    with AccountDesk(load_settings()).database() as database:
        yield database, LaunchBook(database)


def demanded(*names: str, mode: str = "plan_and_apply") -> None:
    said("request", *names, "--subnet-count", "4", "--reason", "CHG-1", "--by", "ann", "--mode", mode)


def planned(name: str, counts: PlanCounts | None = ADDS, status: str = "COMPLETED", error: str = "") -> Job:
    """A finished plan of the account's desired version."""
    with opened() as (_database, book):
        job = book.intend(name, book.standing(name).version, "plan", "f" * 64, [])
        job = book.launched(job, f"act-{job.id}")
        return book.finish(job, End(status, PlanSummary(counts, ["create a.b"]), error=error, log_key=f"{name}.log"))


def running(name: str, kind: str = "apply", activity: str | None = "act-9") -> Job:
    with opened() as (_database, book):
        job = book.intend(name, book.standing(name).version, kind, "f" * 64, [])  # type: ignore[arg-type]
        return book.launched(job, activity) if activity else job


def document(name: str) -> dict[str, object]:
    return next(one for one in json.loads("\n".join(said("list", "--json"))) if one["name"] == name)


def audit(name: str) -> list[tuple[str, str]]:
    with opened() as (database, _book):
        return [(row.actor, row.action) for row in database.audit(name)]
