"""A web server on this machine whose answers a test writes. Not here: what a suite asserts."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """A server whose answers a test writes: path -> function of the request's handler. Others are 404."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.headers: list[Message] = []
        self.busy = 0
        self.most_busy = 0
        lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with lock:
                    site.asked.append(self.path)
                    site.headers.append(self.headers)
                    site.busy += 1
                    site.most_busy = max(site.most_busy, site.busy)
                try:
                    site.answers.get(self.path, absent)(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    with lock:
                        site.busy -= 1

            def log_message(self, format: str, *args: object) -> None:
                """Silent: the test says what matters."""

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.port = int(self.server.server_address[1])
        self.url = f"http://{host}:{self.port}"

    def says(self, path: str, body: bytes = b"ok", status: int = 200, **headers: str) -> str:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        self.answers[path] = answer
        return self.url + path


@contextmanager
def opened(host: str = "127.0.0.1") -> Iterator[Site]:
    """A site that answers until the end of the `with`."""
    site = Site(host)
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()


def absent(handler: BaseHTTPRequestHandler) -> None:
    """404."""
    handler.send_response(404)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
