"""What the steps of a fleet print is kept in the data bucket: whoever reads it may be another machine."""

from pathlib import Path

import pytest
import yaml
from dagster import DagsterEventType, DagsterInstance, OpExecutionContext, job, op

from local.instance import STORAGE_VARIABLE, configure
from settings import S3Location, load_settings


@op
def talkative(context: OpExecutionContext) -> None:
    print("a word to whoever asks what happened")


@job
def talk() -> None:
    talkative()


def test_another_machine_reads_what_a_step_has_printed(
    s3_location: S3Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORAGE_VARIABLE, "postgresql+psycopg2://dagster@db.invalid:5432/dagster")
    settings = load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(tmp_path), "VIGIE_INSTANCE": "fleet"})
    settings = settings.model_copy(update={"stores": settings.stores.model_copy(update={"data": s3_location})})
    document = yaml.safe_load((configure(settings) / "dagster.yaml").read_text(encoding="utf-8"))
    kept = {"compute_logs": document["compute_logs"]}
    with DagsterInstance.local_temp(overrides=kept) as here:
        result = talk.execute_in_process(instance=here)
        (captured,) = here.all_logs(result.run_id, of_type=DagsterEventType.LOGS_CAPTURED)
        key = [result.run_id, "compute_logs", captured.get_dagster_event().logs_captured_data.file_key]
    with DagsterInstance.local_temp(overrides=kept) as elsewhere:
        said = elsewhere.compute_log_manager.get_log_data(key)
    assert said.stdout
    assert b"a word to whoever asks what happened" in said.stdout
