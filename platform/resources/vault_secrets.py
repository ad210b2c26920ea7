"""Secrets in a Vault: a KV v2 engine, read by a token or by an AppRole.

Here: Vault's calls, through hvac, and what its answers mean. Not here: the interface (secrets).

An error is raised after its `except` block, never in it: what the libraries raise holds tokens and bodies, and
nothing of it may follow our error as its cause or its context. Of Vault's own words only the status is told.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import hvac
from hvac.adapters import RawAdapter
from requests import exceptions

from domain.errors import MissingError, ParseError, RefusedError, TransientError, VigieError
from resources.secrets import TIMEOUT, as_text, checked_path, parsed, patiently

_DENIED = (401, 403)
_LATER = (412, 429, 472, 473)  # not in step yet, too many requests, a standby of two kinds
_CHECK_ADDRESS = "Check secrets.url and secrets.mount of the target."


class VaultSecrets:
    """A KV v2 engine of a Vault, by a token or by an AppRole (which logs in again when its token has ended)."""

    def __init__(
        self,
        url: str,
        mount: str = "secret",
        *,
        namespace: str | None = None,
        token: str | None = None,
        role_id: str | None = None,
        secret_id: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._url = url
        self._mount = mount.strip("/")
        self._namespace = namespace
        self._token = token
        self._role = (role_id, secret_id) if role_id is not None else None
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: Any = None

    def get(self, path: str) -> Mapping[str, str]:
        """See Secrets."""
        checked_path(path)
        return patiently(lambda: self._read(path))

    def _read(self, path: str) -> Mapping[str, str]:
        where = f"vault: {self._mount}/{path}"
        client, is_new = self._entered()
        answer = self._asked(lambda: self._version(client, path), where)
        if answer.status_code in _DENIED and self._role and not is_new:
            renewed, _ = self._entered(instead_of=client)
            answer = self._asked(lambda: self._version(renewed, path), where)
        if answer.status_code != 200:
            raise self._in_words(answer, path, where)
        try:
            values = parsed(answer.content)["data"]["data"]
        except (KeyError, TypeError):
            values = None
        if not isinstance(values, dict):
            raise ParseError("this is not the answer of a KV v2 engine.", where=where, remedy=_CHECK_ADDRESS)
        return as_text(values)

    def _version(self, client: Any, path: str) -> Any:
        return client.secrets.kv.v2.read_secret_version(
            path=path, mount_point=self._mount, raise_on_deleted_version=True
        )

    def _entered(self, instead_of: Any = None) -> tuple[Any, bool]:
        """A client with a token, another one than `instead_of`, and whether it was made just now."""
        with self._lock:
            if self._client is not None and self._client is not instead_of:
                return self._client, False
            self._client = None
            client = hvac.Client(
                self._url,
                token=self._token or "",  # None would look for VAULT_TOKEN and ~/.vault-token
                timeout=self._timeout,
                namespace=self._namespace,
                adapter=RawAdapter,
                ignore_exceptions=True,  # the status is looked at here: hvac's errors hold bodies
                allow_redirects=False,  # a redirect would take the token to another host
            )
            if self._role:
                client.token = self._logged_in(client, *self._role)
            self._client = client
            return client, True

    def _logged_in(self, client: Any, role_id: str, secret_id: str | None) -> str:
        where = "vault: auth/approle/login"
        answer = self._asked(lambda: client.auth.approle.login(role_id, secret_id, use_token=False), where)
        status = answer.status_code
        if _is_passing(status):
            raise TransientError(f"the vault at {self._host} is sealed or down: it answered {status}.", where=where)
        if status != 200:
            raise RefusedError(
                f"the vault at {self._host} refused the AppRole: it answered {status}.",
                where=where,
                remedy="Check secrets.role_id and secrets.secret_id of the target: the role may be gone, "
                "the secret id ended or used up.",
            )
        try:
            token = parsed(answer.content)["auth"]["client_token"]
        except (KeyError, TypeError):
            token = None
        if not isinstance(token, str) or not token:
            raise ParseError("this is not the answer of a login.", where=where, remedy=_CHECK_ADDRESS)
        return token

    def _asked(self, ask: Callable[[], Any], where: str) -> Any:
        """The response, whatever its status."""
        try:
            return ask()
        except exceptions.SSLError:
            problem: VigieError = RefusedError(
                f"the certificate of {self._host} is not trusted.",
                where=where,
                remedy="Name the authority's file: export VAULT_CACERT=...",
            )
        except (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError) as error:
            problem = TransientError(f"the vault at {self._host} gave no answer: {type(error).__name__}.", where=where)
        except (exceptions.RequestException, ValueError) as error:  # an address or a token that no request can carry
            problem = RefusedError(
                f"the vault at {self._host} cannot be asked: {type(error).__name__}.",
                where=where,
                remedy="Check secrets.url of the target, and the token's variable for stray line ends.",
            )
        raise problem

    def _in_words(self, answer: Any, path: str, where: str) -> VigieError:
        status = answer.status_code
        if status == 404:
            try:
                is_deleted = bool(parsed(answer.content)["data"]["metadata"])
            except (KeyError, TypeError):
                is_deleted = False
            if is_deleted:
                return MissingError(
                    "the latest version of the secret is deleted.",
                    where=where,
                    remedy=f"Bring it back or write a new one: vault kv put -mount={self._mount} {path} ...",
                )
            return MissingError(
                "there is no such secret.",
                where=where,
                remedy=f"Write it: vault kv put -mount={self._mount} {path} ... If it is there, check secrets.mount.",
            )
        if status in _DENIED:
            return RefusedError(
                f"the vault answered {status}: the token has ended, or its policy does not allow this.",
                where=where,
                remedy=f"Give the policy `read` on {self._mount}/data/{path}.",
            )
        if _is_passing(status):
            return TransientError(f"the vault at {self._host} is sealed or down: it answered {status}.", where=where)
        return RefusedError(f"the vault at {self._host} answered {status}.", where=where, remedy=_CHECK_ADDRESS)

    @property
    def _host(self) -> str:
        return urlsplit(self._url).netloc.rpartition("@")[2]


def _is_passing(status: int) -> bool:
    return status in _LATER or status >= 500
