"""The exporter of `vigie metrics`: figures kept up to date in the background, given to Prometheus as they were last.

Here: refreshing, the exposition, the server. Not here: what the figures are (figures). Needs the extra `metrics`.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from domain.errors import SettingsError
from resources.figures import Figure, Part

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

_STALE = 120.0  # seconds: the least age at which figures of a part that hangs go
_FIRST_WAIT = 15.0  # seconds: how long the first scrape waits for figures that were never read


class Exporter:
    """A collector for Prometheus. Each part is read by a thread of its own every `seconds`: a scrape asks nobody, and
    a part that fails or hangs takes no other with it. Its last figures go, so that none is taken for news."""

    def __init__(self, parts: Sequence[Part], seconds: float) -> None:
        self._parts = parts
        self._seconds = max(1.0, seconds)
        self._read: dict[str, tuple[float, list[Figure] | None]] = {}  # part -> when, what; None: it failed
        self._first = {part.name: threading.Event() for part in parts}
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._keep_reading, args=(part,), daemon=True) for part in parts]

    def start(self) -> None:
        """Starts reading."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stops reading; what hangs is left to the end of the process."""
        self._closing.set()
        for thread in self._threads:
            thread.join(5.0)

    def collect(self) -> "Iterator[Metric]":
        """What was read last, and of each part how old that is."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        deadline = time.monotonic() + _FIRST_WAIT
        up = GaugeMetricFamily("vigie_part_up", "1 where the part's figures could be read.", labels=["part"])
        age = GaugeMetricFamily("vigie_part_age_seconds", "How old the part's figures are.", labels=["part"])
        for part in self._parts:
            self._first[part.name].wait(max(0.0, deadline - time.monotonic()))
            at, figures = self._read.get(part.name, (0.0, None))
            if abs(time.time() - at) > max(_STALE, 5 * self._seconds):  # from the future, too: the clock was set back
                figures = None  # the reader hangs
            up.add_metric([part.name], float(figures is not None))
            if at:
                age.add_metric([part.name], time.time() - at)
            for figure in figures or ():
                family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
                metric = family(figure.name, figure.about, labels=list(figure.labels))
                for values, value in sorted(figure.samples.items()):
                    metric.add_metric(list(values), value)
                yield metric
        yield up
        yield age

    def _keep_reading(self, part: Part) -> None:
        while not self._closing.is_set():
            try:
                figures: list[Figure] | None = list(part.read())
            except Exception:  # noqa: BLE001 (whatever it is, vigie_part_up says so, and vigie doctor says what)
                figures = None
            self._read[part.name] = (time.time(), figures)
            self._first[part.name].set()
            self._closing.wait(self._seconds)


@contextmanager
def serving(parts: Sequence[Part], seconds: float, host: str, port: int) -> Iterator[int]:
    """Serves /metrics while inside; the port (a free one for 0). Raises SettingsError where the extra is not there."""
    registry, start = _prometheus()
    exporter = Exporter(parts, seconds)
    try:
        server, thread = start(port, addr=host, registry=registry)
    except OSError as error:
        raise SettingsError(
            f"the port cannot be used: {error.strerror}.", where=f"{host}:{port}", remedy="Choose another: --port N"
        ) from None
    exporter.start()
    registry.register(exporter)
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        exporter.close()


def _prometheus() -> "tuple[CollectorRegistry, Any]":
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError:
        raise SettingsError(
            "the package prometheus-client is not installed.",
            where="vigie metrics",
            remedy="Install the extra: pip install 'vigie[metrics]' (with a checkout: make setup)",
        ) from None
    return CollectorRegistry(), start_http_server
