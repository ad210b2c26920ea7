"""Sensors' states and ticks as Dagster's daemon keeps them.

Here: writing them to an instance. Not here: what is found in them (test_doctor).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterInstance
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster_shared.error import SerializableErrorInfo


@contextmanager
def ticked(
    instance: DagsterInstance,
    sensor: str,
    at: float,
    error: str = "",
    location: str = "vigie",
    status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE,
) -> Iterator[None]:
    """A sensor that is on and whose last tick was `at`; `error` is why it failed, wrapped as Dagster does."""
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__"), sensor
    )
    data = SensorInstigatorData(at, min_interval=30, last_tick_start_timestamp=at)
    state = instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status, data))
    cause = SerializableErrorInfo(error, [], "TransientError") if error else None
    said = f"dagster._core.errors.SensorExecutionError: Error occurred during the execution of {sensor}\n"
    tick = TickData(
        state.instigator_origin_id,
        sensor,
        InstigatorType.SENSOR,
        TickStatus.FAILURE if error else TickStatus.SKIPPED,
        at,
        error=SerializableErrorInfo(said, [], "SensorExecutionError", cause=cause) if cause else None,
        selector_id=state.selector_id,
    )
    instance.create_tick(tick)
    try:
        yield
    finally:
        instance.delete_instigator_state(state.instigator_origin_id, state.selector_id)
