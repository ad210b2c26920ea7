"""`vigie demo`: the platform on a site and a Schematics of its own, offline, through Dagster's own daemon.

Here: setting the stage, waiting for the graph to come to rest, showing progress and the result. Not here: any step of
the work; sensors and runs do all of it, as they would anywhere.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import yaml
from dagster import AssetKey, DagsterInstance, DagsterRunStatus
from dagster._core.storage.tags import PARTITION_NAME_TAG
from rich.console import Console
from rich.table import Table

from assets.names import SOURCE_SNAPSHOTS
from domain.errors import PermanentError, TransientError
from domain.ranges import Range
from local.demo_accounts import FAILING, ask_for_accounts
from local.demo_content import SOURCES
from local.demo_site import DemoSite
from local.examples import archive_earlier_days, write_examples
from local.instance import dagster_home, heed_signals, prepare, start, stop
from local.schematics_here import schematics_here
from local.summary import summarise
from local.watch import Watch
from partitions import range_tags, today
from resources.archive import Archive
from resources.object_store import open_store
from settings import TARGETS, Environment, Settings, exported, load_settings, own_targets

TARGET = "demo"
_DAYS = 7  # today and the six days before it
_PORT = 8873
_SCHEMATICS_PORT = 8874
_JOB_SECONDS = 2.0
_FAST = {"poll_seconds": 0.5, "requests_per_minute": 600}  # it is this machine that is asked


def run(out: Console) -> int:
    """Runs the demo; 0 where everything that should succeed did."""
    heed_signals()
    started = time.monotonic()
    settings, epoch = _set_up()
    with _site(settings, epoch) as site, schematics_here(settings, _JOB_SECONDS) as schematics:
        if schematics is None:
            raise PermanentError(
                "the demo's target has no Schematics of its own.", remedy="Remove .vigie and try again."
            )
        config, archive = open_store(settings.stores.config), Archive(open_store(settings.stores.data))
        write_examples(config, site.base_url, "clients")
        archive_earlier_days(site, config, archive, settings.first_day, epoch)
        out.print(f"a site with {len(SOURCES)} sources is up at {site.base_url}, its last six days are archived")
        site.requests.clear()
        accounts = ask_for_accounts(settings, schematics, out)
        log = settings.home / "daemon.log"
        out.print(f"starting Dagster's daemon (its log: {_short(log)})")
        daemon = start(settings, "dagster-daemon", "run", log=log)
        try:
            with DagsterInstance.from_config(str(dagster_home(settings))) as instance:
                _ask_for_the_day(settings, instance)
                launched = Watch(instance, daemon, log, out).until_at_rest()
                summary = summarise(settings, instance, site.requests.total(), launched) | accounts.figures()
        finally:
            stop(daemon)
    summary["seconds"] = round(time.monotonic() - started, 1)
    path = settings.home / "summary.json"
    path.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
    _show(out, settings, summary, path)
    # One account's apply fails on purpose; everything else shall succeed.
    failed = [run for run in launched if run.status != DagsterRunStatus.SUCCESS]
    return 1 if any(run.tags.get(PARTITION_NAME_TAG) != FAILING for run in failed) else 0


def _set_up() -> tuple[Settings, date]:
    """The demo's own target, written at the first demo; and the day of that."""
    path = own_targets(Environment().home) / f"{TARGET}.yaml"
    if not path.is_file():
        epoch = today()
        document = yaml.safe_load((TARGETS / "dev.yaml").read_text(encoding="utf-8"))
        document |= {"first_day": epoch - timedelta(days=_DAYS - 1), "history_days": 366}
        document["fetch"] |= {"host_interval": 0.02, "per_host": 4, "attempts": 2}
        document["schedule"]["sensor_seconds"] = 2
        url = f"http://127.0.0.1:{_free_port(_SCHEMATICS_PORT)}"
        document["schematics"] |= {"url": url, "iam_url": f"{url}/identity/token", **_FAST}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"# The demo's own target. Remove it and .vigie/demo to start anew.\n{yaml.safe_dump(document)}"
        )
    with exported({"VIGIE_TARGET": TARGET}):
        settings = load_settings()
    settings = settings.model_copy(update={"dagster_home": None})  # the demo's instance is its own, always
    prepare(settings)
    return settings, settings.first_day + timedelta(days=_DAYS - 1)


@contextmanager
def _site(settings: Settings, epoch: date) -> Iterator[DemoSite]:
    """The site as it was on the first demo's day: the same port, the same addresses, the same stories ever after."""
    kept = settings.home / "port"
    port = int(kept.read_text()) if kept.is_file() else _free_port(_PORT)
    try:
        with DemoSite(epoch, port) as site:
            kept.write_text(str(port))
            yield site
    except OSError as error:
        raise PermanentError(
            f"the port cannot be used ({error.strerror}).",
            where=f"127.0.0.1:{port}",
            remedy="End what holds it (another demo?), then run the demo again.",
        ) from None


def _free_port(usual: int) -> int:
    """The usual port, or any where that is taken. It is kept from then on: addresses are the items' identity."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", usual))
        except OSError:
            with socket.socket() as other:
                other.bind(("127.0.0.1", 0))
                return int(other.getsockname()[1])
    return usual


def _ask_for_the_day(settings: Settings, instance: DagsterInstance) -> None:
    """Asks for the archived days as one range, as a person would in the UI, where they are not in the graph yet."""
    known = instance.get_materialized_partitions(AssetKey(SOURCE_SNAPSHOTS))
    last = today() - timedelta(days=1)
    if settings.first_day.isoformat() not in known:
        days = Range(settings.first_day.isoformat(), last.isoformat())
    elif today().isoformat() not in known:  # another day than the first demo's: as the schedule does in the morning
        days = Range(today().isoformat(), today().isoformat())
    else:
        return
    tags = range_tags(days)
    log = settings.home / "launch.log"
    command = ("dagster", "job", "launch", "-j", "fetch_sources", "--tags", orjson.dumps(tags).decode())
    if start(settings, *command, log=log).wait() != 0:
        raise TransientError(f"the archived days could not be asked for: {log.read_text()[-2000:]}", where=str(log))


def _show(out: Console, settings: Settings, summary: dict[str, Any], path: Path) -> None:
    table = Table("what", "figure", title="what came of it")
    for name, figure in summary.items():
        if name == "pages_to_open":
            continue
        if isinstance(figure, dict):
            figure = "\n".join(f"{key}: {value}" for key, value in figure.items()) or "none"
        table.add_row(name.replace("_", " "), str(figure))
    out.print(table)
    out.print("open:")
    for page in summary["pages_to_open"]:
        out.print(f"  {_short(Path(page))}")
    out.print(f"  {_short(path)}")
    out.print(f"the same in the Dagster UI: make dev VIGIE_TARGET={TARGET}")


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
