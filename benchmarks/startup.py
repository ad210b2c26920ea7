"""How long it takes until Vigie answers: definitions, the UI, one light run; against Dagster itself in the same run.

Here: three figures that every user waits for. The baseline is importing Dagster and starting it on an empty project.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from dagster import DagsterInstance, DagsterRun

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
RUNS = 3
EMPTY = "from dagster import Definitions\n\ndefs = Definitions()\n"


def seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def python(code: str, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "platform", env=environment, check=True)


@contextmanager
def dagster_dev(arguments: list[str], environment: dict[str, str], port: int) -> Iterator[float]:
    """`dagster dev`, and the seconds until it answers with its code location loaded."""
    started = time.monotonic()
    process = subprocess.Popen(
        [BIN / "dagster", "dev", *arguments, "-p", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not answers(port):
            assert process.poll() is None, "dagster dev ended"
            time.sleep(0.1)
        yield time.monotonic() - started
    finally:
        os.killpg(process.pid, 2)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def answers(port: int) -> bool:
    query = json.dumps({"query": "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", query, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(json.load(answer)["data"]["repositoriesOrError"]["nodes"])
    except OSError:
        return False


def light_run(environment: dict[str, str]) -> float:
    """From launch (its row is written) to success of a run that reads no client: what any run costs."""
    tags = {"dagster/asset_partition_range_start": "a_client", "dagster/asset_partition_range_end": "a_client"}
    launch = [str(BIN / "dagster"), "job", "launch", "-w", str(ROOT / "workspace.yaml"), "-j", "read_client_configs"]
    with DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        instance.add_dynamic_partitions("clients", ["a_client"])  # the sensor removes it: its file is not active
    subprocess.run([*launch, "--tags", json.dumps(tags)], env=environment, check=True, capture_output=True)
    with DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        while True:
            record = instance.get_run_records(limit=1)[0]
            run: DagsterRun = record.dagster_run
            if run.is_finished:
                assert run.is_success, run.status
                assert record.end_time
                return record.end_time - record.create_timestamp.timestamp()
            time.sleep(0.1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VIGIE_HOME": folder, "VIGIE_TARGET": "dev"}
        environment["DAGSTER_HOME"] = str(Path(folder, "dev", "dagster"))
        subprocess.run([BIN / "vigie", "prepare"], env=environment, check=True, stdout=subprocess.DEVNULL)
        loads = [seconds(lambda: python("import definitions", environment)) for _ in range(RUNS)]
        imports = [seconds(lambda: python("import dagster", environment)) for _ in range(RUNS)]

        Path(folder, "empty.py").write_text(EMPTY)
        Path(folder, "empty").mkdir()
        bare = {**os.environ, "DAGSTER_HOME": str(Path(folder, "empty"))}
        with dagster_dev(["-f", str(Path(folder, "empty.py"))], bare, 3391) as empty_answers:
            pass

        config = Path(folder, "dev", "config", "clients")
        (config / "a_client.yaml").write_text("client_profile: {active: false}\n")
        with dagster_dev(["-w", str(ROOT / "workspace.yaml")], environment, 3392) as dev_answers:
            runs = [light_run(environment) for _ in range(RUNS)]

    figures = {
        "definitions_seconds": round(median(loads), 2),
        "definitions_over_import_dagster": round(median(loads) / median(imports), 2),
        "dev_answers_seconds": round(dev_answers, 2),
        "dev_over_empty_project": round(dev_answers / empty_answers, 2),
        "light_run_seconds": round(median(runs), 2),
    }
    met = {
        "definitions load in under 5 s": median(loads) < 5,
        "dagster dev answers in under 20 s": dev_answers < 20,
        "a light run costs under 10 s": median(runs) < 10,
    }
    print(json.dumps({"name": "startup", "figures": figures, "met": met}))


if __name__ == "__main__":
    main()
