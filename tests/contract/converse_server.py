"""Bedrock's Converse on 127.0.0.1, as far as a reader of texts sees it: a tool's input as the answer, errors by name.

Here: the requests that came and the answers that go, in the wire's own JSON. Not here: what a suite asserts.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

STATUS = {
    "ThrottlingException": 429,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ValidationException": 400,
}
READING = {
    "summary": "A plain summary.",
    "event_type": "other",
    **{kind: [] for kind in ("companies", "molecules", "technologies", "trademarks", "indications")},
}

Answer = bytes | str | dict[str, Any]
"""What is answered: the bytes of a body, the name of an error, or the input of the tool."""


@dataclass
class ConverseServer:
    """What the server says; a test changes it while it answers. `script` comes first, then what `usual` makes."""

    url: str = ""
    usual: Callable[[str], Answer] = lambda _user: READING
    script: deque[Answer] = field(default_factory=deque)
    delay: float = 0.0  # seconds before each answer
    tokens: tuple[int, int] = (700, 90)
    requests: list[dict[str, Any]] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        """As if it had just begun."""
        self.usual, self.delay, self.tokens = (lambda _user: READING), 0.0, (700, 90)
        self.at_once = self.most_at_once = 0
        for held in (self.script, self.requests, self.models):
            held.clear()

    @property
    def asked(self) -> list[str]:
        """What the user's messages said, in the order of their coming."""
        return [request["messages"][0]["content"][0]["text"] for request in self.requests]

    def answer(self, model: str, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        with self.lock:
            self.models.append(model)
            self.requests.append(request)
            said = self.script.popleft() if self.script else None
        if said is None:
            said = self.usual(request["messages"][0]["content"][0]["text"])
        if isinstance(said, bytes):
            return 200, {}, said
        if isinstance(said, str):
            return STATUS[said], {"x-amzn-ErrorType": said}, json.dumps({"message": f"said {said}"}).encode()
        return 200, {}, json.dumps(self.converse(said)).encode()

    def converse(self, answer: dict[str, Any]) -> dict[str, Any]:
        use = {"toolUseId": "tooluse_1", "name": "record_reading", "input": answer}
        given, made = self.tokens
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": "Here it is."}, {"toolUse": use}]}},
            "stopReason": "tool_use",
            "usage": {"inputTokens": given, "outputTokens": made, "totalTokens": given + made},
            "metrics": {"latencyMs": 12},
        }


@contextmanager
def converse_server() -> Iterator[ConverseServer]:
    """A server that runs until the end of the block."""
    state = ConverseServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with state.lock:
                state.at_once += 1
                state.most_at_once = max(state.most_at_once, state.at_once)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            _slash, _model, model, action = self.path.split("/")
            time.sleep(state.delay)
            status, headers, said = state.answer(unquote(model), json.loads(body))
            assert action == "converse"
            with state.lock:
                state.at_once -= 1
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)
            except OSError:
                self.close_connection = True  # the caller's patience ended

        def log_message(self, *_args: Any) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
