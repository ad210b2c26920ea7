"""Whether every secret that the target names can be read, and whether Schematics lets us in.

Here: asking for each, showing none. Not here: where secrets are read (secrets), the calls of Schematics.
"""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

from pydantic import BaseModel

from domain.errors import TransientError, VigieError
from domain.findings import Finding, error, of_error, ok, warning
from options import SecretRef
from resources.account_desk import AccountDesk
from resources.database import open_database
from resources.health import Check
from resources.schematics import Schematics
from resources.secrets import read_secret
from settings import Settings, environment_value


def account_checks(settings: Settings) -> list[Check]:
    """The secrets' check, Schematics' check."""
    return [
        Check("secrets", partial(_secrets, "secrets", settings)),
        Check("schematics", partial(_schematics, "schematics", settings)),
    ]


def secret_references(node: Any, at: str = "") -> Iterator[tuple[str, SecretRef]]:
    """Every reference to a secret in the settings, with the name of the setting that holds it."""
    if isinstance(node, SecretRef):
        yield at, node
        return
    if isinstance(node, BaseModel):
        inside: Any = iter(node)
    elif isinstance(node, dict):
        inside = node.items()
    else:
        return
    for name, value in inside:
        yield from secret_references(value, f"{at}.{name}" if at else str(name))


def _secrets(check: str, settings: Settings) -> list[Finding]:
    good, left, wrong = [], [], []
    names: dict[str, str] | None = None
    for at, reference in secret_references(settings):
        if at == "schematics.api_key" and _emulated(settings, reference):
            continue
        if reference.vault and "{" in reference.vault:
            names = _an_account(settings) if names is None else names
            if not names:
                left.append(at)
                continue
        try:
            read_secret(settings, reference, **(names or {}))
        except VigieError as raised:
            place = f"{raised.where}: " if raised.where else ""
            wrong.append(error(check, f"{at}: {place}{raised.message}", raised.remedy or "Look again later."))
        else:
            good.append(at)
    said = f"{', '.join(good) or 'none is needed'}"
    said += f"; not looked at, for there is no account: {', '.join(left)}" if left else ""
    return wrong or [ok(check, f"can be read: {said}" if good else said)]


def _emulated(settings: Settings, reference: SecretRef) -> bool:
    """The emulator takes any key, so none is needed."""
    return settings.schematics.kind == "local" and bool(reference.env and not environment_value(reference.env))


def _an_account(settings: Settings) -> dict[str, str]:
    """What fills the placeholders of a path: of the first account there is; empty where there is none to be had."""
    try:
        with closing(open_database(settings)) as database:
            account = next(iter(database.accounts()), None)
    except VigieError:  # the database's own check says why
        return {}
    return {"name": account.name, "number": account.number} if account else {}


def _schematics(check: str, settings: Settings) -> list[Finding]:
    answers = settings.schematics
    key = AccountDesk(settings).api_key()
    schematics = Schematics(
        answers.url,
        answers.iam_url,
        key,
        pace=lambda: None,  # one request: not worth a turn of the runs' pace
        request_timeout=answers.request_timeout,
        attempts=1,
    )
    with closing(schematics):
        try:
            listed = schematics.wire.read(
                "Listing the workspaces", "", lambda sdk: sdk.list_workspaces(offset=0, limit=1)
            )
        except TransientError as raised:
            if answers.kind != "local":
                return [of_error(check, raised)]
            return [warning(check, f"the emulator does not run at {answers.url}.", "It runs with: vigie dev")]
    total = listed.get("count") if isinstance(listed, dict) else None
    return [ok(check, f"{answers.url} lets us in" + (f", {total} workspaces" if isinstance(total, int) else ""))]
