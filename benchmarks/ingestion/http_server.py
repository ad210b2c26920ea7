"""A small HTTP/1.1 server in a process of its own, so that what it costs is not the measured process's.

Here: reading requests, counting them, ending with its parent. Not here: what is answered (s3_server, source_site).
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

CONTROL = "/-/"  # GET /-/counts and /-/forget: about the server itself, never counted


class Request(NamedTuple):
    """One request; `path` is decoded, header names are in lower case."""

    verb: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What is sent back; the length is added."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


Handler = Callable[[Request], Answer]
Naming = Callable[[Request], str]


class _Connection(asyncio.Protocol):
    """One kept connection: requests are answered one after the other, in the loop itself."""

    def __init__(self, answer: Handler) -> None:
        self._answer = answer
        self._waiting = bytearray()
        self._continued = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._waiting[:end].decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {name.strip().lower(): value.strip() for name, _colon, value in pairs}
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(self._waiting) < whole:
                if headers.get("expect") == "100-continue" and not self._continued:
                    self._continued = True
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body = bytes(self._waiting[end + 4 : whole])
            del self._waiting[:whole]
            self._continued = False
            verb, target, _version = first.split(" ")
            parts = urlsplit(target)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            self._send(verb, self._answer(Request(verb, unquote(parts.path), query, headers, body)))
            if headers.get("connection", "").lower() == "close":
                self._transport.close()

    def _send(self, verb: str, answer: Answer) -> None:
        headers = {"Content-Length": str(len(answer.body)), **answer.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n{lines}\r\n".encode("latin-1")
        self._transport.write(head if verb == "HEAD" else head + answer.body)


def _counted(answer: Handler, name: Naming) -> Handler:
    counts: Counter[str] = Counter()

    def counting(request: Request) -> Answer:
        if not request.path.startswith(CONTROL):
            counts[name(request)] += 1
            return answer(request)
        said = json.dumps(counts).encode()
        if request.path == f"{CONTROL}forget":
            counts.clear()
        return Answer(200, said, {"Content-Type": "application/json"})

    return counting


async def _serve(answer: Handler, name: Naming, hosts: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    counting = _counted(answer, name)
    first, *others = hosts
    server = await loop.create_server(lambda: _Connection(counting), first, 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    for host in others:
        await loop.create_server(lambda: _Connection(counting), host, port, backlog=1024)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    parent_gone = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), parent_gone.set)  # its end, whether the parent closed it or was killed
    await parent_gone.wait()


def serve(answer: Handler, name: Naming, hosts: Sequence[str] = ("127.0.0.1",)) -> None:
    """Serves on one free port of every host, prints the port, and ends when standard input does.

    `name` says under what a request is counted; /-/counts tells the counts, /-/forget tells them and begins anew.
    """
    asyncio.run(_serve(answer, name, hosts))
