"""What Dagster adds to dbt: a plain `dbt build` against Vigie's run of the same models, each in a fresh process.

Here: the product's own project on few rows, and models that compute for a minute; Prefect with prefect-dbt beside them,
in an environment of its own, where it can be installed. The baseline is dbt's command line.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from dagster import AssetKey, DagsterInstance

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
RUNS, HEAVY, MINUTE = 3, 6, 60.0
DAY = date(2026, 11, 2)
PREFECT = [
    *("prefect>=3,<4", "prefect-dbt", "dbt-core==1.11.16", "dbt-duckdb==1.11.1", "duckdb==1.5.5"),
    "fastapi<0.120",  # later ones lack what prefect 3 calls at its import
]
FLOW = """
import sys
from pathlib import Path
from prefect import flow
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

@flow
def build():
    settings = PrefectDbtSettings(project_dir=Path(sys.argv[1]), profiles_dir=Path(sys.argv[1]))
    PrefectDbtRunner(settings=settings).invoke(["build", "--exclude", "tag:accounts"])

build()
"""


def timed(command: Sequence[str], environment: dict[str, str], folder: Path = ROOT) -> dict[str, float]:
    """The seconds of a process by the clock, and those that it computed."""
    before, started = os.times(), time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds, after = time.monotonic() - started, os.times()
    if done.returncode:
        raise RuntimeError(f"{command[:2]} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    computed = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{seconds:6.1f} s  {' '.join(Path(word).name for word in command[:4])}", file=sys.stderr)
    return {"seconds": seconds, "cpu": computed}


def vigie(root: Path, home: Path, *assets: str) -> list[str]:
    return [sys.executable, str(Path(__file__)), "run", str(root), str(home), *assets]


def plain(root: Path, folder: Path, *selection: str) -> list[str]:
    project = str(root / "dbt_project")
    places = [
        "--project-dir",
        project,
        "--profiles-dir",
        project,
        "--target-path",
        str(folder),
        "--log-path",
        str(folder),
    ]
    return [str(BIN / "dbt"), "build", *places, *selection]


def run(root: Path, home: Path, assets: Sequence[str]) -> int:
    """In a process of its own, as a run of Dagster is: the definitions are loaded, the job runs, events are stored."""
    from definitions import build_definitions
    from local.instance import dagster_home
    from settings import load_settings

    settings = load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(home)}).model_copy(update={"project_root": root})
    day = {f"dagster/asset_partition_range_{end}": str(DAY) for end in ("start", "end")}
    with DagsterInstance.from_config(str(dagster_home(settings))) as instance:
        job = build_definitions(settings).resolve_job_def("build_warehouse")
        done = job.execute_in_process(
            instance=instance,
            tags={} if assets else day,
            asset_selection=[AssetKey(name) for name in assets] or None,
        )
    return 0 if done.success else 1


def fill(root: Path, home: Path) -> dict[str, str]:
    """A target with three cells of two items; the environment that dbt's own command line needs for it."""
    from domain.items import Item, content_hash
    from local.instance import prepare
    from resources.dbt import dbt_environment
    from resources.warehouse import Cell, items_table
    from resources.warehouse_resource import WarehouseResource
    from settings import load_settings

    settings = load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(home)}).model_copy(update={"project_root": root})
    prepare(settings)
    warehouse = WarehouseResource.of(settings.warehouse).warehouse()
    warehouse.prepare()
    now, text = datetime.now(UTC), "some words that were written for nobody " * 5
    items = [
        Item(
            item_id=f"press_{n}",
            source_key="press",
            source_type="rss",
            title=f"Title {n}",
            content=f"{text}{n}",
            url=f"https://press.example/{n}",
            guid="",
            published_at=DAY,
            date_source="structured",
            first_seen=DAY,
            ingested_at=now,
            language="en",
            content_hash=content_hash(f"{text}{n}"),
            author="",
            tags=(),
            word_count=36,
        )
        for n in range(2)
    ]
    cells = [(f"client{n}", DAY) for n in range(3)]
    warehouse.replace_cells(
        [Cell(*cell) for cell in cells], items_table((client, day, items) for client, day in cells), "load"
    )
    return {**os.environ, **dbt_environment(settings)}


def add_heavy_models(root: Path) -> list[str]:
    """A copy of the project with models that compute for a minute in all, on one thread."""
    shutil.copytree(ROOT / "dbt_project", root / "dbt_project", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(ROOT / "migrations", root / "migrations")
    shutil.copyfile(ROOT / "dagster.yaml", root / "dagster.yaml")
    sql = "select sum(hash(i) % 1000) as total from range({rows}) as numbers(i)"
    probe = 100_000_000
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        tries = []
        for _ in range(3):
            started = time.monotonic()
            connection.execute(sql.format(rows=probe)).fetchall()
            tries.append(time.monotonic() - started)
        rows = int(probe * MINUTE / HEAVY / min(tries))
    folder = root / "dbt_project" / "models" / "heavy"
    folder.mkdir()
    names = [f"heavy_{n}" for n in range(HEAVY)]
    config = "{{ config(materialized='table', partition_by=none, cluster_by=none, tags=['heavy']) }}\n"
    for name in names:
        (folder / f"{name}.sql").write_text(config + sql.format(rows=rows))
    profiles = root / "dbt_project" / "profiles.yml"
    profiles.write_text(profiles.read_text().replace("TimeZone: UTC", "TimeZone: UTC\n        threads: 1", 1))
    return names


def small(work: Path) -> dict[str, list[dict[str, float]]]:
    home, folder = work / "small", work / "plain"
    environment = fill(ROOT, home)
    timed(plain(ROOT, folder, "--exclude", "tag:accounts"), environment)  # parses, once for all; and makes the tables
    found: dict[str, list[dict[str, float]]] = {"plain": [], "vigie": []}
    for _ in range(RUNS):
        found["plain"].append(timed(plain(ROOT, folder, "--exclude", "tag:accounts"), environment))
        found["vigie"].append(timed(vigie(ROOT, home), {**os.environ}))
    return found


def minute(work: Path) -> dict[str, dict[str, float]]:
    root, home = work / "heavy", work / "heavy_home"
    root.mkdir()
    names = add_heavy_models(root)
    environment = fill(root, home)
    timed([*plain(root, work / "heavy_plain")[:1], "parse", *plain(root, work / "heavy_plain")[2:]], environment)
    return {
        "plain": timed(plain(root, work / "heavy_plain", "--select", "tag:heavy"), environment),
        "vigie": timed(vigie(root, home, *names), {**os.environ}),
    }


def prefect(work: Path) -> tuple[list[dict[str, float]], str]:
    """The seconds of each run of the flow, or why there are none."""
    folder = work / "prefect"
    uv = shutil.which("uv") or str(BIN / "uv")
    python = folder / "bin" / "python"
    environment = fill(ROOT, work / "prefect_home") | {
        "PREFECT_HOME": str(work / "prefect_state"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    project = work / "prefect_project"
    shutil.copytree(ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    (work / "flow.py").write_text(FLOW)
    try:
        timed([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], environment)
        timed([uv, "pip", "install", "--quiet", "--python", str(python), *PREFECT], environment)
        timed([str(python), str(work / "flow.py"), str(project)], environment)  # its own database, and the first parse
        return [timed([str(python), str(work / "flow.py"), str(project)], environment) for _ in range(RUNS - 1)], ""
    except (OSError, RuntimeError) as error:
        return [], str(error).strip()[-300:]


def middle(found: Sequence[dict[str, float]], key: str = "seconds") -> float:
    return median(one[key] for one in found)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        few, long = small(work), minute(work)
        flows, reason = prefect(work)
    small_ratio = middle(few["vigie"]) / middle(few["plain"])
    minute_ratio = long["vigie"]["seconds"] / long["plain"]["seconds"]
    figures: dict[str, Any] = {
        "small_ratio": round(small_ratio, 2),
        "small_cpu_ratio": round(middle(few["vigie"], "cpu") / middle(few["plain"], "cpu"), 2),
        "minute_ratio": round(minute_ratio, 2),
        "minute_cpu_ratio": round(long["vigie"]["cpu"] / long["plain"]["cpu"], 2),
        "prefect_ratio": round(middle(flows) / middle(few["plain"]), 2) if flows else None,
        "prefect_reason": reason,
        "plain_seconds": round(middle(few["plain"]), 2),
        "vigie_seconds": round(middle(few["vigie"]), 2),
        "prefect_seconds": round(middle(flows), 2) if flows else None,
        "minute_plain_seconds": round(long["plain"]["seconds"], 1),
        "minute_vigie_seconds": round(long["vigie"]["seconds"], 1),
    }
    met = {
        "a small build takes at most 2.5 times dbt alone": small_ratio <= 2.5,
        "a build of a minute takes at most 1.2 times dbt alone": minute_ratio <= 1.2,
    }
    print(json.dumps({"name": "dbt_overhead", "figures": figures, "met": met}))
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        sys.exit(run(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
    sys.exit(main())
