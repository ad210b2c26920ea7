"""The Schematics emulator on 127.0.0.1, in a thread or as a process of its own.

Here: HTTP, IAM's token endpoint, the control endpoints, faults of the connection, the command. Not here: the API's
routes (schematics_routes), what a job does (schematics_state).

Control endpoints, without a token; the Python methods of `SchematicsEmulator` do the same:

    POST   /_emulator/faults      {"kind", and what `schematics_faults.Fault` names} -> {"faults": [..]}
    GET    /_emulator/faults      -> {"faults": [..]}, each with how often it struck
    DELETE /_emulator/faults      clears them; jobs that are stuck end now
    POST   /_emulator/drift       {"workspace": id or name, "address"?: .., "remove"?: bool} -> {"address": ..}
    POST   /_emulator/settings    what `schematics_state.Options` names, and access_seconds, refresh_seconds
    POST   /_emulator/workspaces  {"names": [..], "applied"?: {..} or null, "declared"?: [..]} -> {"ids": {name: id}}
    GET    /_emulator/report      launches, max_parallel, busy_seconds, requests, ..
"""

import argparse
import base64
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import orjson

from domain.errors import ConfigError, VigieError
from local.schematics_calls import Answer, Request, error, refusal
from local.schematics_faults import Fault
from local.schematics_iam import RefusalError
from local.schematics_routes import answer, target_of
from local.schematics_state import Options, SchematicsState

_CLIENT = "Basic " + base64.b64encode(b"bx:bx").decode()
_TOKEN_PATH = "/identity/token"  # noqa: S105 - a path
_CONTROL = "/_emulator/"


class SchematicsEmulator:
    """IBM Schematics and IAM on one port, from `with` on.

    `state_file` keeps everything but the faults and the settings from one start to the next, with jobs under way.
    `clock` is for tests that let hours pass.
    """

    def __init__(
        self,
        port: int = 0,
        state_file: Path | None = None,
        job_seconds: float = 0.0,
        host: str = "127.0.0.1",
        merge_inputs: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.state = SchematicsState(state_file, Options(job_seconds=job_seconds, merge_inputs=merge_inputs), clock)
        self.closing = threading.Event()
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`: the service URL, and the one of IAMAuthenticator. RuntimeError before `with`."""
        if self._server is None:
            raise RuntimeError("the Schematics emulator is not open: use it in a with statement")
        return f"http://{self._address[0]}:{self._server.server_port}"

    @property
    def iam_url(self) -> str:
        """The token endpoint itself, for those who do not append the path."""
        return self.url + _TOKEN_PATH

    def create_workspace(
        self, name: str, applied: Mapping[str, Any] | None = None, declared: Sequence[str] = ()
    ) -> str:
        """Set-up: the id of a new workspace, INACTIVE, or ACTIVE with the resources of the `applied` variables.

        `declared` are variables of the template beside its own four.
        """
        return self.create_workspaces([name], applied, declared)[name]

    def create_workspaces(
        self, names: Sequence[str], applied: Mapping[str, Any] | None = None, declared: Sequence[str] = ()
    ) -> dict[str, str]:
        """Many at once, all alike: name -> id."""
        with self.state.lock:
            made = {name: self.state.create(name, applied, declared).id for name in names}
            self.state.save()
        return made

    def fault(self, kind: str, **options: Any) -> Fault:
        """One more fault; the options are the fields of `Fault`. Its `struck` counts on."""
        return self.state.faults.add({"kind": kind, **options})

    def clear_faults(self) -> None:
        """No fault is in force any more; jobs that are stuck end now."""
        with self.state.lock:
            self.state.clear_faults()

    def drift(self, workspace: str, address: str | None = None, remove: bool = False) -> str:
        """Somebody alters, or removes, a resource by hand; its address (default: the first)."""
        with self.state.lock:
            self.state.advance()
            return self.state.drift(workspace, address, remove)

    def settings(self, **options: Any) -> dict[str, Any]:
        """Changes job_seconds, lock_tail_seconds, merge_inputs, latency, access_seconds, refresh_seconds."""
        of_tokens = {"access_seconds", "refresh_seconds"}
        known = {field.name for field in fields(Options)} | of_tokens
        if unknown := options.keys() - known:
            raise ConfigError(f"there is no setting {sorted(unknown)}", remedy=f"Known: {sorted(known)}.")
        with self.state.lock:
            for name, value in options.items():
                setattr(self.state.tokens if name in of_tokens else self.state.options, name, value)
            tokens = self.state.tokens
            times = {"access_seconds": tokens.access_seconds, "refresh_seconds": tokens.refresh_seconds}
            return {**asdict(self.state.options), **times}

    def variables(self, workspace: str) -> dict[str, str]:
        """The values in the variable store now (ciphers of the secure ones), by name."""
        with self.state.lock:
            return {one["name"]: one["value"] for one in self.state.find(workspace).variables}

    def report(self) -> dict[str, Any]:
        """What was launched and asked so far."""
        with self.state.lock:
            return self.state.report()

    def __enter__(self) -> Self:
        self.closing.clear()
        self._server = _Server(self._address, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="schematics", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._server and self._thread:
            self.closing.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], emulator: SchematicsEmulator) -> None:
        self.emulator = emulator
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Connections are kept alive, so each must be known: closing the server hangs up on all."""
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """The connection is over."""
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def server_close(self) -> None:
        """Hangs up, and waits for the answers under way: nothing changes the state after the `with`."""
        super().server_close()
        with self._changed:
            for one in list(self._open):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # The other side was faster.
            self._changed.wait_for(lambda: not self._open, timeout=5)

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hangs up before the end is no error of the emulator."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "SchematicsEmulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # Head and body leave in one packet.
    timeout = 120

    def _any(self) -> None:
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, split.path, dict(parse_qsl(split.query)), headers, body)
        if split.path.startswith(_CONTROL):
            self._send(_control(self.server.emulator, request))
        else:
            self._serve(request, iam=split.path == _TOKEN_PATH)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the names http.server looks for

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the report says what was asked."""

    def _serve(self, request: Request, iam: bool) -> None:
        emulator = self.server.emulator
        state = emulator.state
        emulator.closing.wait(state.options.latency)
        with state.lock:
            if not iam:
                state.count_request()
            workspace, job = target_of(state, request)
        fault = state.faults.for_request(request.method, workspace=workspace, job=job, iam=iam)
        if fault and fault.kind == "drop":
            self._hang_up()
        elif fault and fault.kind == "status":
            quoted = f": {fault.echo}" if fault.echo else "."
            refused = RefusalError(fault.status, "M0000", f"Injected: {fault.status}{quoted}")
            self._send(Answer(fault.status, refusal(refused, state.now()).body, retry_after=fault.retry_after))
        else:
            reply = _token(state, request) if iam else answer(state, request, emulator.url)
            if fault and fault.kind == "hold_reply":
                emulator.closing.wait(fault.seconds)
            if fault and fault.kind == "lost_reply":
                self._hang_up()
            else:
                self._send(reply)

    def _hang_up(self) -> None:
        self.close_connection = True

    def _send(self, reply: Answer) -> None:
        payload = reply.payload()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(payload)))
        if reply.retry_after is not None:
            self.send_header("Retry-After", str(reply.retry_after))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()


def _token(state: SchematicsState, request: Request) -> Answer:
    """POST /identity/token; IAM's errors have a body of their own."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    with_client = request.headers.get("authorization") == _CLIENT
    with state.lock:
        try:
            if request.method != "POST":
                raise RefusalError(405, "BXNIM0100E", "POST only.")
            given = state.tokens.grant(form.get("grant_type", ""), form.get("apikey", ""), with_client, state.now())
        except RefusalError as refused:
            body = {"errorCode": refused.message_id, "errorMessage": refused.message, "context": {}}
            return Answer(refused.status, body)
        state.count_token()
    return Answer(200, given)


def _control(emulator: SchematicsEmulator, request: Request) -> Answer:
    """The control endpoints; a wish that makes no sense is answered 400, with what would."""
    what = f"{request.method} {request.path.removeprefix(_CONTROL)}"
    try:
        asked: dict[str, Any] = orjson.loads(request.body or b"{}")
        if what == "POST faults":
            emulator.fault(**asked)
        elif what == "DELETE faults":
            emulator.clear_faults()
        elif what == "POST drift":
            return Answer(200, {"address": emulator.drift(**asked)})
        elif what == "POST settings":
            return Answer(200, emulator.settings(**asked))
        elif what == "POST workspaces":
            return Answer(200, {"ids": emulator.create_workspaces(**asked)})
        elif what == "GET report":
            return Answer(200, emulator.report())
        elif what != "GET faults":
            return Answer(404, error(404, "EMULATOR", f"There is no {what}."))
    except RefusalError as refused:
        return refusal(refused, emulator.state.now())
    except (VigieError, TypeError, ValueError) as wrong:
        return Answer(400, error(400, "EMULATOR", str(wrong)))
    return Answer(200, {"faults": emulator.state.faults.listed()})


def serve(port: int, state_file: Path | None, job_seconds: float) -> None:
    """Blocks until SIGTERM or SIGINT; prints the URL when ready. OSError where the port is taken."""
    stop = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: stop.set())
    with SchematicsEmulator(port, state_file, job_seconds) as emulator:
        sys.stdout.write(f"{emulator.url}\n")
        sys.stdout.flush()
        stop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m local.schematics_server --port N --state FILE --job-seconds X`."""
    parser = argparse.ArgumentParser(prog="python -m local.schematics_server", description="Emulate IBM Schematics.")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    parser.add_argument("--state", type=Path, default=None, help="a JSON file (default: memory only)")
    parser.add_argument("--job-seconds", type=float, default=0.0, help="how long each job runs (default: 0)")
    chosen = parser.parse_args(arguments)
    try:
        serve(chosen.port, chosen.state, chosen.job_seconds)
    except OSError as failure:
        parser.exit(1, f"Port {chosen.port} cannot be used ({failure.strerror}). Choose another with --port.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
