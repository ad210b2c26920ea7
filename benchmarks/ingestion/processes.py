"""The processes of a benchmark: servers beside the measured one, and a fresh process for every measurement.

Here: starting and ending them, putting a fleet's files into the S3 server. Not here: what is measured.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
CONFIG, DATA = "bench-config", "bench-data"  # buckets
PATIENCE = 600  # seconds for one measurement
_CLIENT = (Path(__file__).parent / "client.yaml").read_text(encoding="utf-8")


class Server:
    """A server in a process of its own: its port, and what it was asked for."""

    def __init__(self, port: int, host: str) -> None:
        self.port = port
        self.host = host

    @classmethod
    def at(cls, url: str) -> "Server":
        """The server at an address; it runs already."""
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        return cls(parts.port, parts.hostname)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def counts(self) -> dict[str, int]:
        """Requests by kind since the last time this was asked."""
        connection = HTTPConnection(self.host, self.port, timeout=30)
        connection.request("GET", "/-/forget")
        counts: dict[str, int] = json.load(connection.getresponse())
        connection.close()
        return counts

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        """Puts objects (bucket/key, body) over one connection, and forgets that it did."""
        connection = HTTPConnection(self.host, self.port, timeout=30)
        for key, body in objects:
            connection.request("PUT", f"/{key}", body)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, f"{key}: {answer.status}"
        connection.close()
        self.counts()


@contextmanager
def server(module: str, host: str = "127.0.0.1") -> Iterator[Server]:
    """The server of a module, until the end of the block; it ends with this process, however that ends."""
    command = [sys.executable, "-m", f"benchmarks.ingestion.{module}"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        port = process.stdout.readline()
        assert port, f"{module} did not start"
        try:
            yield Server(int(port), host)
        finally:
            process.stdin.close()  # it ends by itself


def measure(module: str, work: str, **arguments: Any) -> dict[str, Any]:
    """What one of a module's works returns, run in a fresh process: its memory is the work's own."""
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", f"benchmarks.ingestion.{module}", work, json.dumps(arguments)]
    print(f"{module} {work} {arguments}", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, timeout=PATIENCE, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    print(f"    {measured}", file=sys.stderr, flush=True)
    return measured


def measured(*works: Callable[..., dict[str, Any]]) -> None:
    """The other end of `measure`: calls the work that this process was asked for and prints what it returns."""
    _module, name, arguments = sys.argv
    work = next(work for work in works if work.__name__ == name)
    print(json.dumps(work(**json.loads(arguments))))


def client_names(count: int) -> list[str]:
    """client_00000, client_00001, ..."""
    return [f"client_{number:05}" for number in range(count)]


def client_files(count: int) -> Iterator[tuple[str, bytes]]:
    """The files of so many clients, each active and following all sources."""
    for client in client_names(count):
        yield f"{CONFIG}/clients/{client}.yaml", _CLIENT.replace("@CLIENT@", client).encode()


def report(name: str, figures: dict[str, Any], met: dict[str, bool]) -> int:
    """Prints a benchmark's result as one line of JSON: 1 where a limit is not met, else 0."""
    print(json.dumps({"name": name, "figures": figures, "met": met}))
    return 0 if all(met.values()) else 1
