"""A Vault on 127.0.0.1 as far as its readers see it: one KV v2 engine, tokens with policies, AppRoles, the seal.

Here: the requests and answers of Vault's HTTP API, counted; servers that answer wrongly; what an error gives away.
Not here: what a suite asserts.
"""

import json
import secrets
import threading
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOUNT = "ibmsid"
# Every secret of the suites bears this word: where it is said, something leaked.
VALUE = "hunter2-é-value"
TOKEN, ROLE_ID, SECRET_ID = "hvs.hunter2-token", "hunter2-role", "hunter2-secret-id"


@dataclass
class VaultServer:
    """What the server holds; a test changes it while it answers."""

    url: str = ""
    namespace: str | None = None
    versions: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)  # None: a deleted version
    tokens: dict[str, tuple[str, ...]] = field(default_factory=dict)  # token -> the paths it may read (patterns)
    roles: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # (role id, secret id) -> the same
    refusals: int = 0  # so many requests are answered 503 first: sealed, then unsealed
    logins: int = 0
    requests: list[str] = field(default_factory=list)

    def put(self, path: str, values: dict[str, Any]) -> None:
        self.versions.setdefault(path, []).append(values)

    def delete(self, path: str) -> None:
        self.versions[path][-1] = None

    def revoke_all(self) -> None:
        self.tokens.clear()

    def answer(self, method: str, path: str, token: str, namespace: str | None, body: Any) -> tuple[int, Any]:
        self.requests.append(f"{method} {path}")
        if self.refusals:
            self.refusals -= 1
            return 503, {"errors": ["Vault is sealed"]}
        if namespace != self.namespace:
            return 403, {"errors": ["permission denied"]}
        if (method, path) == ("POST", "/v1/auth/approle/login"):
            return self._login(body)
        engine = f"/v1/{MOUNT}/data/"
        if method != "GET" or not path.startswith(engine):
            return 404, {"errors": [f'no handler for route "{path.removeprefix("/v1/")}". route entry not found.']}
        name = path.removeprefix(engine)
        if not any(fnmatchcase(name, pattern) for pattern in self.tokens.get(token, ())):
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        return self._version(name)

    def _login(self, body: Any) -> tuple[int, Any]:
        self.logins += 1
        policy = self.roles.get((body.get("role_id"), body.get("secret_id")))
        if policy is None:
            return 400, {"errors": ["invalid role or secret ID"]}
        token = f"hvs.{secrets.token_hex(12)}"
        self.tokens[token] = policy
        return 200, {"auth": {"client_token": token, "accessor": "a", "lease_duration": 1200, "renewable": True}}

    def _version(self, name: str) -> tuple[int, Any]:
        versions = self.versions.get(name)
        if not versions:
            return 404, {"errors": []}
        metadata = {"created_time": "2026-11-01T05:00:00Z", "deletion_time": "", "version": len(versions)}
        if versions[-1] is None:
            return 404, {"data": {"data": None, "metadata": {**metadata, "deletion_time": "2026-11-02T05:00:00Z"}}}
        return 200, {"data": {"data": versions[-1], "metadata": metadata}}


@contextmanager
def vault_server() -> Iterator[VaultServer]:
    """A Vault that holds nothing and lets nobody in."""
    vault = VaultServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token, namespace = self.headers.get("X-Vault-Token", ""), self.headers.get("X-Vault-Namespace")
            status, said = vault.answer(self.command, self.path, token, namespace, json.loads(sent) if sent else {})
            body = json.dumps(said, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 http.server asks for these names

        def log_message(self, *_arguments: Any) -> None:
            """Nothing: the suite reads `requests`."""

    with served(Handler) as vault.url:
        yield vault


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server with this handler."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answering(status: int, body: str, **headers: str) -> AbstractContextManager[str]:
    """A server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = _serve  # noqa: N815 http.server asks for these names

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    return served(Handler)


def all_that_an_error_says(error: BaseException) -> str:
    """Its text, its repr, its traceback, what it carries, and the same of every error behind it."""
    said = "".join(traceback.format_exception(error))
    behind: list[BaseException | None] = [error]
    seen: set[int] = set()
    while behind:
        one = behind.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        said += f"{one} {one!r} {one.args} {vars(one)}"
        behind += (one.__cause__, one.__context__)
    return said
