"""The instance on Kubernetes: what Dagster makes of the dagster.yaml that its chart writes from our values.

Here: the chart's rules for that file, and Dagster's own reading of it. Not here: which words the chart knows
(unit/test_deploy_files).
"""

from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInvalidConfigError
from dagster._core.instance.config import ConcurrencyConfig, dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.run_coordinator import QueuedRunCoordinator

from settings import PROJECT_ROOT

# What the chart answers for a queue of its own where the values say nothing: `{}` takes none of it away.
QUEUE: dict[str, Any] = {
    "maxConcurrentRuns": None,
    "tagConcurrencyLimits": [],
    "dequeueUseThreads": True,
    "dequeueNumWorkers": 4,
}
STORAGES = {
    "schedule": ("dagster_postgres.schedule_storage", "PostgresScheduleStorage"),
    "run": ("dagster_postgres.run_storage", "PostgresRunStorage"),
    "event_log": ("dagster_postgres.event_log", "PostgresEventLogStorage"),
}


def values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "deploy" / "helm" / "values.yaml").read_text("utf-8"))
    return loaded


def rendered(values: dict[str, Any]) -> dict[str, Any]:
    """The instance's dagster.yaml, by the rules of configmap-instance.yaml of the chart; run launcher apart."""
    daemon, kept = values["dagsterDaemon"], values["retention"]
    monitoring, logs = daemon["runMonitoring"], values["computeLogManager"]["config"]["s3ComputeLogManager"]
    document: dict[str, Any] = {
        "scheduler": {"module": "dagster.core.scheduler", "class": "DagsterDaemonScheduler"},
        **{f"{name}_storage": storage(module, class_, values) for name, (module, class_) in STORAGES.items()},
        "run_coordinator": coordinator(daemon["runCoordinator"]),
        "compute_logs": {
            "module": "dagster_aws.s3.compute_log_manager",
            "class": "S3ComputeLogManager",
            "config": {"bucket": logs["bucket"], "prefix": logs["prefix"]},
        },
        "run_monitoring": {
            "enabled": monitoring["enabled"],
            "start_timeout_seconds": monitoring["startTimeoutSeconds"],
            "cancel_timeout_seconds": monitoring["cancelTimeoutSeconds"],
            "max_resume_run_attempts": monitoring["maxResumeRunAttempts"],
            "poll_interval_seconds": monitoring["pollIntervalSeconds"],
            "free_slots_after_run_end_seconds": monitoring["freeSlotsAfterRunEndSeconds"],
        },
        "sensors": {"use_threads": True, "num_workers": daemon["sensors"]["numWorkers"]},
        "schedules": {"use_threads": True, "num_workers": daemon["schedules"]["numWorkers"]},
        "telemetry": values["telemetry"],
        "retention": {name: {"purge_after_days": kept[name]["purgeAfterDays"]} for name in ("sensor", "schedule")},
    }
    assert not daemon["runRetries"]["enabled"]  # it would be written a second time
    return {**document, **values["additionalInstanceConfig"]}


def storage(module: str, class_: str, values: dict[str, Any]) -> dict[str, Any]:
    said = values["postgresql"]
    database = {
        "username": said["postgresqlUsername"],
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": said["postgresqlHost"],
        "db_name": said["postgresqlDatabase"],
        "port": said["service"]["port"],
        "params": said["postgresqlParams"],
        "scheme": said["postgresqlScheme"],
    }
    return {"module": module, "class": class_, "config": {"postgres_db": database}}


def coordinator(said: dict[str, Any]) -> dict[str, Any]:
    if said["type"] == "CustomRunCoordinator":
        return dict(said["config"]["customRunCoordinator"])
    queue = {**QUEUE, **said["config"]["queuedRunCoordinator"]}
    runs = queue["maxConcurrentRuns"]
    config = {
        "max_concurrent_runs": -1 if runs is None else runs,
        "dequeue_use_threads": queue["dequeueUseThreads"],
        "dequeue_num_workers": queue["dequeueNumWorkers"],
    }
    return {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator", "config": config}


def test_dagster_takes_the_instance_that_the_chart_writes(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(rendered(values())))
    settings, _class = dagster_instance_config(str(tmp_path))
    queue = InstanceRef.from_dir(str(tmp_path)).run_coordinator
    assert isinstance(queue, QueuedRunCoordinator)
    limits = ConcurrencyConfig.from_concurrency_settings(settings["concurrency"], queue.get_run_queue_config())
    runs = limits.run_queue_config
    assert runs
    assert runs.max_concurrent_runs > 0
    assert [limit["limit"] < runs.max_concurrent_runs for limit in runs.tag_concurrency_limits] == [True]
    assert runs.max_user_code_failure_retries * runs.user_code_failure_retry_delay >= 120
    assert limits.pool_config.default_pool_limit == 1


def test_the_queue_by_the_charts_own_name_would_stop_every_pod(tmp_path: Path) -> None:
    changed = values()
    changed["dagsterDaemon"]["runCoordinator"] = {
        "type": "QueuedRunCoordinator",
        "config": {"queuedRunCoordinator": {}},
    }
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(rendered(changed)))
    with pytest.raises(DagsterInvalidConfigError, match="incompatible"):
        dagster_instance_config(str(tmp_path))


def test_the_code_location_and_its_runs_read_the_instances_file() -> None:
    said = values()
    (code,) = said["dagster-user-deployments"]["deployments"]
    launcher = said["runLauncher"]["config"]["k8sRunLauncher"]
    home = said["global"]["dagsterHome"]
    for pod in (code, launcher):
        (mount,) = [one for one in pod["volumeMounts"] if one["mountPath"] == f"{home}/dagster.yaml"]
        assert mount["subPath"] == "dagster.yaml"
        (volume,) = [one for one in pod["volumes"] if one["name"] == mount["name"]]
        assert volume["configMap"] == {"name": "fleet-dagster-instance"}
    guide = (PROJECT_ROOT / "docs" / "deploy.md").read_text("utf-8")
    assert "helm upgrade --install fleet dagster/dagster" in guide


def test_the_web_server_listens_where_it_is_looked_for_and_a_user_may() -> None:
    web = values()["dagsterWebserver"]
    assert web["service"]["port"] >= 1024
    assert web["readinessProbe"]["httpGet"]["port"] == web["service"]["port"]
