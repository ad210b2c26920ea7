"""The demo's web site on 127.0.0.1, in a thread or as a process of its own.

Here: HTTP (conditional requests, counting, sources taken down), the command. Not here: what is published
(demo_content).
"""

import argparse
import hashlib
import signal
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from local import demo_content
from local.demo_content import Answer


class DemoSite:
    """The site of one `today`, from `with` on; `today` may be set later, to let days pass.

    `as_of`, where it is set, is the earlier day as which the site shows itself.

    Addresses of stories hold the port, and identity comes from addresses: where items are kept from one start
    to the next, give a fixed `port`. Paths added to `down` answer 503 until they are removed.
    """

    def __init__(self, today: date, port: int = 0, host: str = "127.0.0.1") -> None:
        self.today = today
        self.as_of: date | None = None
        self.requests: Counter[str] = Counter()
        self.down: set[str] = set()
        self._address = (host, port)
        self._counting = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at its end. RuntimeError before `with`."""
        if self._server is None:
            raise RuntimeError("the demo site is not open: use it in a with statement")
        return f"http://{self._address[0]}:{self._server.server_port}"

    def answer(self, path: str, as_of: date | None = None) -> Answer:
        """What the path showed on `as_of`, 503 and 404 included; nothing is counted."""
        return demo_content.answer(path, self.today, as_of or self.as_of or self.today, self.base_url)

    def body(self, path: str, as_of: date | None = None) -> bytes:
        """The bytes of `answer`."""
        return self.answer(path, as_of).body

    def count(self, path: str) -> None:
        """One more request for the path."""
        with self._counting:
            self.requests[path] += 1

    def __enter__(self) -> Self:
        self._server = _Server(self._address, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="demo-site", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    # Closing waits for the answers under way, so that nothing outlives the `with`.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], site: DemoSite) -> None:
        self.site = site
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that hangs up before the end is no error of the site."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "VigieDemo"
    sys_version = ""
    timeout = 5

    def do_GET(self) -> None:
        site = self.server.site
        path = urlsplit(self.path).path
        site.count(path)
        if path in site.down:
            self._send(Answer(503, "text/plain; charset=utf-8", b"Taken down.\n", site.today))
        else:
            self._send(site.answer(path))

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the counts in `requests` say what was asked."""

    def _send(self, answer: Answer) -> None:
        tag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        modified = datetime.combine(answer.modified, time(7, 30), UTC)
        fresh = answer.status == 200 and self._has(tag, modified)
        self.send_response(304 if fresh else answer.status)
        if answer.status == 200:
            self.send_header("ETag", tag)
            self.send_header("Last-Modified", format_datetime(modified, usegmt=True))
        if not fresh:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if not fresh and self.command == "GET":
            self.wfile.write(answer.body)

    def _has(self, tag: str, modified: datetime) -> bool:
        """Whether the client's copy is this one; its tag, if it sends one, decides over its date."""
        if asked := self.headers.get("If-None-Match"):
            return asked.strip() == "*" or tag in (one.strip().removeprefix("W/") for one in asked.split(","))
        try:
            return parsedate_to_datetime(self.headers.get("If-Modified-Since", "")) >= modified
        except (ValueError, TypeError):
            return False


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m local.demo_site --port N --today YYYY-MM-DD`: serves until interrupted or terminated."""
    parser = argparse.ArgumentParser(prog="python -m local.demo_site", description="Serve the demo's sources.")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    parser.add_argument("--today", type=date.fromisoformat, default=None, help="YYYY-MM-DD (default: today, UTC)")
    chosen = parser.parse_args(arguments)
    stop = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: stop.set())
    try:
        with DemoSite(chosen.today or datetime.now(UTC).date(), chosen.port) as site:
            sys.stdout.write(f"{site.base_url}\n")
            sys.stdout.flush()
            stop.wait()
    except OSError as error:
        parser.exit(1, f"Port {chosen.port} cannot be used ({error.strerror}). Choose another with --port.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
