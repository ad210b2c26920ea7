"""Where secrets are read, at the moment of use: the environment, or the store that the target names.

Here: a reference of the settings -> the secret; what every store obeys and shares. Not here: the calls of Vault
(vault_secrets) and AWS (aws_secrets), naming secrets (settings), hiding them in logs (domain.masking).
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

import stamina

from domain.errors import MissingError, PermanentError, SettingsError, TransientError
from options import SecretRef
from settings import Secrets as StoreChoice
from settings import Settings, environment_value

TIMEOUT = 10.0  # seconds
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PATH = re.compile(r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.@+=: -]+(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.@+=: -]+)*")
_opening = threading.Lock()
_known: set[str] = set()


class Secrets(Protocol):
    """A store of secrets. Opening one asks nothing of it; it may be shared by threads."""

    def get(self, path: str) -> Mapping[str, str]:
        """The keys and values at a path.

        Raises MissingError (SettingsError for a variable) where nothing is there, RefusedError where reading it is not
        allowed, TransientError where the store does not answer, also after some attempts.
        """


def read_secret(settings: Settings, reference: SecretRef | None, **names: str) -> str | None:
    """The secret a reference names; None where there is no reference.

    `names` fill the placeholders of a path in the vault: `{number}/account-owner`. Raises as `Secrets.get` does.
    """
    if reference is None:
        return None
    value = _read(settings, reference, names)
    _known.add(value)
    return value


def known_secrets() -> frozenset[str]:
    """What this process has read: for what must be masked, such as the lines of its log."""
    return frozenset(_known)


def _read(settings: Settings, reference: SecretRef, names: Mapping[str, str]) -> str:
    if reference.env is not None:
        return EnvironmentSecrets().get(reference.env)["value"]
    path = _filled(reference.vault or "", names)
    try:
        found = open_secrets(settings.secrets).get(path)
    except MissingError as error:
        raise MissingError(error.message, where=f"{error.where} (key {reference.key})", remedy=error.remedy) from None
    value = found.get(reference.key)
    if not value:
        raise MissingError(
            f"the secret has no key {reference.key!r}." if value is None else f"the key {reference.key!r} is empty.",
            where=f"{settings.secrets.kind}: {path} (key {reference.key})",
            remedy="Write the key into the secret, or name another one in the target: {vault: ..., key: ...}.",
        )
    return value


def open_secrets(chosen: StoreChoice) -> Secrets:
    """The store that answers `{vault: ...}` references: one per process and choice, so that many reads log in once."""
    if chosen.kind == "environment":
        raise SettingsError(
            "the target has no vault to read secrets from.",
            where="secrets.kind: environment",
            remedy="Name an environment variable in the target instead: {env: NAME}.",
        )
    ways_in = [
        ref and EnvironmentSecrets().get(ref.env or "")["value"]
        for ref in (chosen.token, chosen.role_id, chosen.secret_id)
    ]
    with _opening:
        return _opened(chosen, *ways_in)


@lru_cache(maxsize=8)
def _opened(chosen: StoreChoice, token: str | None, role_id: str | None, secret_id: str | None) -> Secrets:
    """The ways in are part of the key: who changes a variable gets a store that uses it."""
    if chosen.kind == "aws":
        from resources.aws_secrets import AwsSecrets

        return AwsSecrets(chosen.region, chosen.url)
    from resources.vault_secrets import VaultSecrets

    return VaultSecrets(
        chosen.url or "",
        chosen.mount,
        namespace=chosen.namespace,
        token=token,
        role_id=role_id,
        secret_id=secret_id,
    )


class EnvironmentSecrets:
    """The process's variables and `.env`: the path is a variable's name, the one key is `value`."""

    def get(self, path: str) -> Mapping[str, str]:
        """See Secrets."""
        found = environment_value(checked_path(path))
        if not found:
            raise SettingsError(f"the secret {path} is not set.", remedy=f"Set it for this process: export {path}=...")
        return {"value": found}


def patiently(read: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Three attempts where trying again may help."""
    for attempt in stamina.retry_context(
        on=TransientError, attempts=3, timeout=None, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2
    ):
        with attempt:
            return read()
    raise AssertionError("a retry context ends with a return or an error")


def _filled(path: str, names: Mapping[str, str]) -> str:
    """The path with its placeholders replaced; what replaces them is one plain word, so it cannot lead elsewhere."""

    def word(found: re.Match[str]) -> str:
        name = found[1]
        if name not in names:
            raise SettingsError(
                f"nothing is known to put for {{{name}}}.",
                where=f"vault: {path}",
                remedy=f"There is: {', '.join(sorted(names)) or 'nothing here'}. Mend the path in the target.",
            )
        if not _NAME.fullmatch(names[name]):
            raise PermanentError(
                f"the {name} {names[name]!r} cannot be a part of a secret's path.",
                where=f"vault: {path}",
                remedy="It may hold letters, digits, _ and -.",
            )
        return names[name]

    return checked_path(_PLACEHOLDER.sub(word, path))


def checked_path(path: str) -> str:
    """The path, if it stays below where the store begins and needs no escape in a URL; else PermanentError."""
    if not _PATH.fullmatch(path):
        raise PermanentError(
            "this is no path of a secret.",
            where=repr(path),
            remedy="Names of letters, digits and _.@+=:- with a / between them; none is empty, . or ..",
        )
    return path


def parsed(text: str | bytes) -> Any:
    """What the text says as JSON; None where it is not JSON (the error would hold the text)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def as_text(values: Mapping[str, Any]) -> Mapping[str, str]:
    """The values as they go into an environment or an input: what is no text is written as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
