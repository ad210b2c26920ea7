"""A run that waits for its place in a pool, as every run of Vigie does."""

import threading
import time
from pathlib import Path

from dagster import DagsterInstance, JobDefinition, execute_job, job, op, reconstructable

from executor import patient_executor


def waiting() -> JobDefinition:
    @op(pool="narrow")
    def work() -> None: ...

    @job(executor_def=patient_executor())
    def one() -> None:
        work()

    return one


def test_a_step_that_waits_for_its_place_leaves_the_processor_to_others(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots("narrow", 1)
        assert storage.claim_concurrency_slot("narrow", "another_run", "its_step").is_claimed
        other = threading.Timer(4.0, lambda: storage.free_concurrency_slots_for_run("another_run"))
        other.start()
        worked = time.process_time()
        assert execute_job(reconstructable(waiting), instance=instance).success
        worked = time.process_time() - worked
        other.join()
    assert worked < 3.0  # seconds of processor; a wait without a pause takes all four
