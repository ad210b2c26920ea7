"""`vigie dev`: the Dagster UI and daemon on a target, with something to work on where the target is this machine.

Here: starting and ending them together. Not here: what they run.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from rich.console import Console

from domain.errors import SettingsError
from local.demo_site import DemoSite
from local.examples import write_examples
from local.instance import heed_signals, prepare, start, stop
from local.schematics_here import schematics_here
from local.schematics_server import SchematicsEmulator
from resources.object_store import open_store
from settings import DirectoryLocation, Settings

_PORT = 8872  # of the example site; fixed, because addresses are the items' identity


def run(settings: Settings, host: str, port: int, out: Console) -> int:
    """Runs until interrupted; the exit code of `dagster dev`. Raises SettingsError on a fleet's instance."""
    if settings.instance == "fleet":
        raise SettingsError(
            "its instance is a fleet's, which has a daemon of its own: a second one would ask for everything twice.",
            where=f"target {settings.target!r}",
            remedy="Start vigie fleet daemon and vigie fleet web. For this machine alone: unset VIGIE_INSTANCE",
        )
    heed_signals()
    prepare(settings)
    with _examples(settings, out), schematics_here(settings) as schematics:
        if schematics:
            out.print(f"Schematics is emulated at {schematics.url}, with the workspaces {_workspaces(schematics)}")
        out.print(f"the Dagster UI will be at http://{host}:{port} (Ctrl-C ends it)")
        process = start(settings, "dagster", "dev", "-h", host, "-p", str(port))
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            stop(process)


def _workspaces(schematics: SchematicsEmulator) -> str:
    """The ids of the emulator's workspaces; two to try at its first start."""
    if not schematics.state.workspaces:
        schematics.create_workspaces(("example-a", "example-b"))
    return ", ".join(schematics.state.workspaces)


@contextmanager
def _examples(settings: Settings, out: Console) -> Iterator[None]:
    """On a target in folders: example clients and the site that they follow. Elsewhere nothing."""
    location = settings.stores.config
    if not isinstance(location, DirectoryLocation) or settings.target != "dev":
        yield
        return
    with ExitStack() as opened:
        try:
            site = opened.enter_context(DemoSite(datetime.now(UTC).date(), _PORT))
        except OSError as error:
            out.print(f"the example site is not started: port {_PORT}: {error.strerror}")
        else:
            write_examples(open_store(location), site.base_url, "examples")
            out.print(f"client files go to   {location.path}/clients/")
            out.print(f"examples to copy are {location.path}/examples/, their sources at {site.base_url}")
        yield
