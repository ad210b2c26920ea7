"""The Schematics emulator where a target's `schematics.url` says it is: for targets on this machine.

Here: when to start it, and what it keeps. Not here: what it does (schematics_server).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from domain.errors import PermanentError
from local.schematics_server import SchematicsEmulator
from settings import Settings

_HERE = ("127.0.0.1", "localhost")


@contextmanager
def schematics_here(settings: Settings, job_seconds: float = 5.0) -> Iterator[SchematicsEmulator | None]:
    """The emulator, with the workspaces of earlier starts; None where the target has another Schematics.

    Raises PermanentError where its port is taken.
    """
    address = urlsplit(settings.schematics.url)
    if settings.schematics.kind != "local" or address.hostname not in _HERE:
        yield None
        return
    settings.home.mkdir(parents=True, exist_ok=True)
    emulator = SchematicsEmulator(address.port or 80, settings.home / "schematics.json", job_seconds)
    try:
        emulator.__enter__()
    except OSError as error:
        raise PermanentError(
            f"the Schematics emulator cannot use its port ({error.strerror}).",
            where=settings.schematics.url,
            remedy="End what holds it (another vigie dev or demo on this target?), then start again.",
        ) from None
    try:
        yield emulator
    finally:
        emulator.__exit__(None, None, None)
