"""Every command in the documentation is run as it stands, or named here with the reason why it is not.

Each page is one shell in a folder that looks like a checkout, in the order of the page; all share one home.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterInstance

from local.demo_site import DemoSite
from local.examples import write_examples
from local.instance import prepare
from partitions import today
from resources.config_bucket import CATALOG_KEY
from resources.object_store import open_store
from settings import PROJECT_ROOT, load_settings

pytestmark = pytest.mark.e2e
BIN = Path(sys.executable).parent
DOCS = PROJECT_ROOT / "docs"
# The examples of docs/reference/commands.md are parsed by tests/house/test_reference.py; ADRs hold no commands to type.
PAGES = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
_FENCE = re.compile(r"^[ ]*```(?:bash|sh|console)\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|[\s(/])(?:vigie|make|dagster|dagster-webserver|dbt)\s")
_SETS = re.compile(r"export |cp -n \.env|cp \.vigie/")  # what the lines after it rest on
CLIENTS = ("depot_watch_weekly", "veille_galenique")
LONG = 240  # seconds for one line, on a machine that does much else

# Not run: what a line looks like, and why.
NOT_RUN = {
    r"make (demo|dev)": "a demo and a server: test_demo, test_accounts_daemon",
    r"make (setup|test|check|e2e|crash|chaos|docs)": "what runs this; .ci/run runs each of them",
    r"dagster-webserver": "a server: tests/security",
    r"vigie metrics": "a server: tests/contract/test_metrics.py",
    r"^vigie prepare$": "the instance of a fleet, on PostgreSQL: tests/crash/test_celery_fleet.py",
    r"vigie fleet": "servers of a fleet: tests/crash/test_celery_fleet.py",
    r"kubectl|docker|helm": "needs a cluster or containers: tests/unit/test_deploy_files.py",
    r"terraform": "needs a cloud: tests/unit/test_setup_cli.py, tests/contract/test_infrastructure.py",
    r"VIGIE_TARGET=prod .*accounts migrate": "needs the database of prod: tests/contract/test_database.py",
    r"VIGIE_TARGET=prod .*doctor": "needs a cloud: tests/contract/test_doctor.py",
    r"VIGIE_TARGET=staging .*prepare": "a second instance: test_commands prepares one",
    r"dbt (build|ls|test)": "dbt itself: tests/contract/test_dbt_project.py, test_scoring_models.py",
    r"vigie archive --before \S+$": "asks, and then writes into the target's file: test_backfill",
    r"vigie alerts (test|look)": "this target tells nobody: tests/contract/test_alert_channels.py",
    r"vigie newsletter": "needs an issue of a week that is over: tests/contract/test_delivery.py",
    r"vigie backfill .*--wait": "waits for a daemon: test_backfill_command",
}
# Run, and the exit code is not 0: the code, and why it is right here.
OTHER_CODES = {
    r"accounts log": (1, "no job has left a log"),
    r"accounts (approve|reject)": (1, "no plan waits"),
    r"accounts stop": (1, "no job runs"),
    r"ingest --event(-file event.json| '\{\}')": (3, "two sources of depot_watch_weekly are broken on purpose"),
}


@dataclass(frozen=True)
class Place:
    """A folder that looks like a checkout, and the environment of its shells."""

    folder: Path
    environment: dict[str, str]


def lines_of(page: Path) -> list[str]:
    """The commands of a page's shell blocks, in order, continuation lines and open quotes joined."""
    found: list[str] = []
    for block in _FENCE.findall(page.read_text(encoding="utf-8")):
        line = ""
        for part in block.splitlines():
            line = f"{line}\n{part}" if line else part.strip()
            if not part.rstrip().endswith("\\") and line.count("'") % 2 == 0:
                if _COMMAND.search(line) or _SETS.match(line):
                    found.append(line)
                line = ""
    return found


def why_not_run(line: str) -> str | None:
    """The reason why this line is not run."""
    return next((reason for pattern, reason in NOT_RUN.items() if re.search(pattern, line)), None)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The shared home: example clients that follow a site that is up, their partitions, accounts, an event."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("platform", "docs", "dbt_project", "workspace.yaml", "Makefile", ".env.example"):
        (folder / name).symlink_to(PROJECT_ROOT / name)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(BIN)
    home = folder / ".vigie"
    settings = load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(home)})
    store = open_store(settings.stores.config)
    with DemoSite(today()) as site, DagsterInstance.from_config(str(prepare(settings))) as instance:
        write_examples(store, site.base_url, "examples")
        for client in CLIENTS:
            store.put(f"clients/{client}.yaml", store.get(f"examples/{client}.yaml").body)
        instance.add_dynamic_partitions("clients", list(CLIENTS))
        (folder / "source_catalog.yaml").write_bytes(store.get(CATALOG_KEY).body)
        (folder / "event.json").write_text('{"client_id": "depot_watch_weekly"}')
        shutil.copytree(settings.stores.config.path / "examples", folder / "clients")  # type: ignore[union-attr]
        (home / "targets").mkdir(exist_ok=True)
        shutil.copy(PROJECT_ROOT / "platform" / "targets" / "prod.yaml", home / "targets" / "staging.yaml")
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        answers = re.findall(r"^(VIGIE_\w+)=(.+)$", (PROJECT_ROOT / ".env.example").read_text(), re.MULTILINE)
        environment = {
            **kept,
            **dict(answers),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "VIGIE_TARGET": "dev",
            "VIGIE_HOME": str(home),
            "DAGSTER_HOME": str(home / "dev" / "dagster"),
        }
        here = Place(folder, environment)
        for words in (
            "accounts migrate",
            "accounts register beta --number 2 --iam-version 1.0.0 --subnet-count 3 --by x",
        ):
            subprocess.run(
                [BIN / "vigie", *words.split()], env=environment, check=True, capture_output=True, timeout=LONG
            )
        yield here


def run(page: Path, lines: list[str], place: Place) -> list[tuple[str, int, str]]:
    """Each line with its exit code and what it printed; `export` holds for the rest of the page."""
    done, before = [], ""
    for line in lines:
        if line.startswith("export "):
            before += f"{line}\n"
            continue
        newest = max((place.folder / ".vigie" / "dev" / "backups").glob("*.zip"), default=None)
        typed = line.replace("FILE.zip", newest.name) if newest else line
        said = subprocess.run(
            ["bash", "-c", f"{before}{typed}"],
            env=place.environment,
            cwd=place.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        done.append((line, said.returncode, said.stdout + said.stderr))
    return done


@pytest.mark.parametrize("page", [page for page in PAGES if lines_of(page)], ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_it_says(page: Path, place: Place) -> None:
    wanted = [line for line in lines_of(page) if why_not_run(line) is None]
    wrong = []
    for line, code, said in run(page, wanted, place):
        expected = next((code for pattern, (code, _why) in OTHER_CODES.items() if re.search(pattern, line)), 0)
        if code != expected or "Traceback" in said:
            wrong.append(f"{line}\nended with {code}, not {expected}:\n{said[-1500:]}")
    assert wrong == []


def test_every_reason_is_still_needed() -> None:
    lines = [line for page in PAGES for line in lines_of(page)]
    assert [pattern for pattern in (*NOT_RUN, *OTHER_CODES) if not any(re.search(pattern, one) for one in lines)] == []


def test_what_runs_it_instead_exists() -> None:
    named = {name for reason in NOT_RUN.values() for name in re.findall(r"(?:tests/\w+/)?test_\w+(?:\.py)?", reason)}
    files = {path.stem for path in (PROJECT_ROOT / "tests").rglob("test_*.py")}
    assert {Path(name).stem for name in named} - files == set()
