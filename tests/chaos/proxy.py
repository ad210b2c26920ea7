"""A TCP proxy on 127.0.0.1 that fails when it is told to: an outage as the clients of a server see it.

Here: bytes passed on, and three ways not to. Not here: when an outage happens (injector), which server is behind it.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

_SAID = b"<Error><Code>SlowDown</Code><Message>Slow down.</Message></Error>"
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_SAID), _SAID)
)
_NOW = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


class Outage(Enum):
    """What clients see of a server that is not there."""

    RESET = "connections are reset"
    SILENT = "nothing is answered"
    BUSY = "503 to everybody"  # HTTP only


class Proxy:
    """Passes on to what `connect` opens, from `with` on; `cut` begins an outage, `mend` ends it."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._outage: Outage | None = None
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flowing.set()
        self._reset_all()

    def cut(self, outage: Outage) -> None:
        """From now on nothing gets through."""
        self._outage = outage
        if outage is Outage.SILENT:
            self._flowing.clear()
        else:
            self._reset_all()

    def mend(self) -> None:
        """Everything gets through again; what was held back is passed on."""
        self._outage = None
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._flowing.wait()
        outage = self._outage
        try:
            if outage is Outage.BUSY:
                client.recv(65536)
                client.sendall(_BUSY)
                client.close()
                return
            server = None if outage else self._connect()
        except OSError:
            server = None
        if server is None:
            _reset(client)
            return
        with self._lock:
            self._open |= {client, server}
        threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
        self._pump(client, server)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        for end in (source, sink):
            with self._lock:
                self._open.discard(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _reset_all(self) -> None:
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            _reset(end)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
        end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        end.close()
