"""A server on 127.0.0.1 that takes webhooks, or answers as it is told. Not here: what a suite asserts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

SECRET_PATH = "/services/T000/B000/hunter2-hook-token"


@dataclass
class HookServer:
    """What it received; `status` is what it answers."""

    url: str = ""
    status: int = 200
    location: str = ""
    received: list[tuple[str, Message, bytes]] = field(default_factory=list)

    @property
    def secret(self) -> str:
        """The whole address, as a target's secret holds it."""
        return self.url + SECRET_PATH

    def bodies(self) -> list[Any]:
        """What it took, as JSON."""
        return [orjson.loads(body) for _path, _headers, body in self.received]

    def titles(self) -> list[str]:
        """The first line of each message that it took, for people or for machines."""
        return [body.get("title") or body["blocks"][0]["text"]["text"] for body in self.bodies()]


@contextmanager
def hook_server() -> Iterator[HookServer]:
    """A server for the length of a test."""
    state = HookServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if state.status == 200:
                state.received.append((self.path, self.headers, body))
            self.send_response(state.status)
            if state.location:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the test says what matters."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join()
