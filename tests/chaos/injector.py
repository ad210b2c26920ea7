"""What goes wrong during a chaos run: processes killed, the store and the database out of reach.

Here: the choice and the moment, drawn from a seed. Not here: how a process is killed (services) or a connection is cut
(proxy).
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.proxy import Outage, Proxy
from tests.chaos.services import kill, workers
from tests.chaos.stage import Stage

_SHORTEST, _LONGEST = 2.0, 8.0  # seconds of an outage
_PAUSE = (2.0, 7.0)  # seconds between two strikes


@dataclass
class Injector:
    """Strikes at random moments, from `with` on to its end; then everything is mended."""

    stage: Stage
    dice: random.Random
    tell: Callable[[str], None]
    kills: Counter[str] = field(default_factory=Counter)
    outages: Counter[str] = field(default_factory=Counter)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Injector":
        self._thread = threading.Thread(target=self._strike_on, name="injector", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()
        self.stage.store_proxy.mend()
        self.stage.database_proxy.mend()

    def _strike_on(self) -> None:
        strikes: list[tuple[int, Callable[[], str]]] = [
            (6, self._worker),
            (2, self._daemon),
            (2, self._code_server),
            (1, self._machine),
            (3, lambda: self._cut("store", self.stage.store_proxy, self.dice.choice(list(Outage)))),
            (
                3,
                lambda: self._cut(
                    "database", self.stage.database_proxy, self.dice.choice([Outage.RESET, Outage.SILENT])
                ),
            ),
        ]
        while not self._over.wait(self.dice.uniform(*_PAUSE)):
            (strike,) = self.dice.choices([one for _weight, one in strikes], [weight for weight, _one in strikes])
            self.tell(strike())

    def _worker(self) -> str:
        found = workers(self.stage.home)
        if found and kill(pid := self.dice.choice(sorted(found))):
            self.kills["worker"] += 1
            return f"worker {pid} killed"
        return "no worker to kill"

    def _daemon(self) -> str:
        return self._count("daemon", self.stage.daemon.kill())

    def _code_server(self) -> str:
        """Alone: its workers go on without it."""
        return self._count("code_server", self.stage.code_server.kill())

    def _machine(self) -> str:
        """The code server with every worker on it: a container that was out of memory, a machine that was lost."""
        lost = self.stage.code_server.kill()
        for pid in workers(self.stage.home):
            kill(pid)
        return self._count("machine", lost)

    def _cut(self, name: str, proxy: Proxy, outage: Outage) -> str:
        seconds = self.dice.uniform(_SHORTEST, _LONGEST)
        proxy.cut(outage)
        self.outages[name] += 1
        began = time.monotonic()
        threading.Timer(seconds, proxy.mend).start()
        return f"{name} out for {seconds:.1f} s from {began % 1000:.0f}: {outage.value}"

    def _count(self, name: str, killed: bool) -> str:
        self.kills[name] += killed
        return f"{name} killed" if killed else f"{name} was down"
