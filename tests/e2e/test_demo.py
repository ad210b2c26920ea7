"""`vigie demo` as a user runs it, twice, on real processes; then the Dagster UI on what it left, in a browser."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from settings import PROJECT_ROOT

pytestmark = pytest.mark.e2e
BIN = Path(sys.executable).parent


@dataclass
class Demo:
    """What one `vigie demo` left behind."""

    home: Path
    summary: dict[str, Any]
    items: dict[str, bytes]
    output: str


def run_demo(home: Path) -> Demo:
    environment = {**os.environ, "VIGIE_HOME": str(home)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([BIN / "vigie", "demo"], env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    data = home / "demo" / "data" / "ingested"
    return Demo(
        home,
        json.loads((home / "demo" / "summary.json").read_text()),
        {str(path.relative_to(data)): path.read_bytes() for path in sorted(data.rglob("items.json"))},
        done.stdout,
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return run_demo(tmp_path_factory.mktemp("vigie"))


@pytest.fixture(scope="module")
def second(first: Demo) -> Demo:
    return run_demo(first.home)


def test_the_demo_shows_what_came_of_every_client_and_source(first: Demo) -> None:
    figures = first.summary
    assert (figures["clients_discovered"], figures["clients_active"], figures["clients_invalid"]) == (5, 2, 2)
    assert (figures["sources_total"], figures["sources_failed"]) == (11, 2)
    # each source once, however many clients share it; the one that answers 503 is asked a second time
    assert figures["source_requests"] == 12
    assert set(figures["items_by_client"]) == {"depot_watch_weekly", "veille_galenique"}
    assert all(count > 50 for count in figures["items_by_client"].values())
    assert figures["partitions_by_asset"]["client_items"] == 2 * 7
    runs = dict(figures["runs_by_job"])
    assert 1 <= runs.pop("export_accounts") <= 3  # as the accounts come to rest
    assert runs.pop("write_dashboard", 0) <= 3  # after each export; the build of the models writes it itself
    assert runs == {
        "change_account": 5,
        "fetch_sources": 2,  # the archived days, and today
        "read_client_configs": 1,
        "build_client_items": 1,
        "build_warehouse": 1,
        "write_newsletters": 1,
    }
    assert figures["dbt_models"] == 15
    assert figures["dbt_tests_passed"] >= 60
    assert figures["dbt_tests_failed"] == 0
    assert figures["pages"] >= 2
    assert all(Path(page).is_file() for page in figures["pages_to_open"])
    assert figures["pages_to_open"][-1].endswith("dashboard/index.html")
    assert figures["seconds"] > 0


def test_the_demo_scores_the_stories_of_a_client_that_watches_domains_and_says_why(first: Demo) -> None:
    weeks = sorted((first.home / "demo" / "newsletters" / "depot_watch_weekly").rglob("newsletter.json"))
    letters = [json.loads(week.read_text()) for week in weeks]
    told = [item for letter in letters for section in letter["sections"] for item in section["items"]]
    assert told
    assert all(item["score"] >= 6 for item in told)  # its min_score_threshold
    assert max(item["score"] for item in told) > 15
    assert all(week.with_name("explain.html").is_file() for week in weeks)


def test_the_demo_shows_what_came_of_every_demand(first: Demo) -> None:
    figures = first.summary
    assert (figures["accounts_updated"], figures["accounts_awaiting_approval"], figures["accounts_failed"]) == (3, 1, 1)
    assert figures["demands_declined"] == 1
    assert 1 <= figures["max_parallel_jobs"] <= 2
    assert figures["partitions_by_asset"]["plan"] == 5
    assert figures["partitions_by_asset"]["apply"] == 3


def test_the_demo_tells_its_progress(first: Demo) -> None:
    for job in first.summary["runs_by_job"]:
        assert f"done     {job}" in first.output
    assert "FAILED   change_account       research" in first.output
    assert "Accounts not present in database: hub-netwrk" in first.output


def test_a_second_demo_changes_no_item_and_launches_no_run(first: Demo, second: Demo) -> None:
    assert second.items == first.items
    assert second.summary["runs_launched"] == 0
    assert second.summary["source_requests"] == 0
    same = {"seconds", "runs_launched", "runs_by_job", "source_requests"}
    assert {k: v for k, v in second.summary.items() if k not in same} == {
        k: v for k, v in first.summary.items() if k not in same
    }


@pytest.fixture(scope="module")
def ui(second: Demo) -> Iterator[str]:
    """The address of a Dagster webserver on the demo's instance."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "VIGIE_TARGET": "demo",
        "VIGIE_HOME": str(second.home),
        "DAGSTER_HOME": str(second.home / "demo" / "dagster"),
    }
    server = subprocess.Popen(
        [BIN / "dagster-webserver", "-w", PROJECT_ROOT / "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{address}/server_info", timeout=2).close()
                break
            except OSError:
                assert server.poll() is None, "the webserver ended"
                time.sleep(0.5)
        graphql(address, "mutation { setNuxSeen }")  # or a greeting lies over every page
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def graphql(address: str, query: str) -> dict[str, Any]:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    assert "errors" not in found, found
    return found["data"]  # type: ignore[no-any-return]


def test_the_ui_knows_the_state_of_every_partition(ui: str) -> None:
    data = graphql(
        ui,
        """{ assetNodes { assetKey { path } partitionStats { numPartitions numMaterialized numFailed } } }""",
    )
    stats = {node["assetKey"]["path"][-1]: node["partitionStats"] for node in data["assetNodes"]}
    assert stats["client_items"] == {"numPartitions": 14, "numMaterialized": 14, "numFailed": 0}
    assert stats["newsletter_items"]["numMaterialized"] == 7
    assert stats["plan"] == {"numPartitions": 6, "numMaterialized": 5, "numFailed": 0}
    assert stats["apply"] == {"numPartitions": 6, "numMaterialized": 3, "numFailed": 1}


def test_the_invalid_files_are_seen_in_the_ui(ui: str) -> None:
    data = graphql(
        ui,
        """{ assetChecksOrError: assetNodeOrError(assetKey: {path: ["client_files"]}) { ... on AssetNode {
             assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status
             evaluation { description } } } } } } } }""",
    )
    (check,) = data["assetChecksOrError"]["assetChecksOrError"]["checks"]
    assert check["name"] == "client_files_valid"
    assert check["executionForLatestMaterialization"]["status"] == "FAILED"
    assert "nordic_depot_brief.yaml" in check["executionForLatestMaterialization"]["evaluation"]["description"]


def page(address: str, profile: Path) -> str:
    """The page as a browser shows it, once its scripts have run."""
    browser = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if browser is None:
        pytest.skip("there is no Chromium on this machine: the page cannot be looked at")
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={profile}", "--window-size=1800,1100", "--virtual-time-budget=30000"),
        *("--dump-dom", address),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


def test_the_lineage_page_shows_the_whole_graph_in_a_browser(ui: str, tmp_path: Path) -> None:
    seen = page(f"{ui}/asset-groups", tmp_path)
    assert all(group in seen for group in ("configured", "clients", "warehouse", "newsletters", "accounts"))
    seen = page(f"{ui}/locations/vigie/asset-groups/clients/lineage", tmp_path)
    for said in ("client_files", "client_config", "source_snapshots", "client_items", "stg_items", "14 partitions"):
        assert said in seen
