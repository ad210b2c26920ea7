"""How every run works off its steps: in one process, as Dagster does, with a wait for a pool's place that is cheap.

Here: the wait. Not here: pools and their places (local.instance), how many runs there are at once (dagster.yaml).
"""

import os
import time
from collections.abc import Iterator

from dagster import DagsterEvent, ExecutorDefinition
from dagster._core.events import EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.execute_plan import inner_plan_execution_iterator
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor

from resources.run_lock_files import folder_of, hold


def patient_executor() -> ExecutorDefinition:
    """All steps of a run in one process, one after the other."""
    patient = _PatientExecutor(RetryMode.ENABLED)
    return ExecutorDefinition("in_process", executor_creation_fn=lambda _context: patient)


class _PatientClaims(InstanceConcurrencyContext):
    """Dagster 1.13 asks without a pause while a step waits: a whole core for each run that waits. And it looks ever
    more seldom, up to every 15 s, at a place that is kept free for it meanwhile."""

    def claim(self, concurrency_key: str, step_key: str, step_priority: int = 0) -> bool:
        self._pending_claim_counts[step_key] = 0  # so that the next look is a second away, each time
        return super().claim(concurrency_key, step_key, step_priority)

    def interval_to_next_pending_claim_check(self) -> float:
        due = min(self._pending_timeouts.values(), default=0.0)
        return max(0.0, due - time.time()) + 0.01


class _PatientExecutor(InProcessExecutor):
    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """As Dagster's own, but for the claims, and under the run's lock: its launcher sees who is dead."""
        instance = plan_context.instance
        hold(folder_of(instance.root_directory), plan_context.dagster_run.run_id)
        where = EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute)
        yield DagsterEvent.engine_event(plan_context, f"Executing steps in process (pid: {os.getpid()})", where)
        context = PlanExecutionContextManager(
            job=plan_context.job,
            retry_mode=plan_context.retry_mode,
            execution_plan=plan_context.execution_plan,
            run_config=plan_context.run_config,
            dagster_run=plan_context.dagster_run,
            instance=instance,
            raise_on_error=plan_context.raise_on_error,
            output_capture=plan_context.output_capture,
            step_dependency_config=self.step_dependency_config,
        )
        yield from iter(ExecuteRunWithPlanIterable(plan_context.execution_plan, _steps, context))
        yield DagsterEvent.engine_event(plan_context, f"Finished steps in process (pid: {os.getpid()})", where)


def _steps(job_context: PlanExecutionContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
    with _PatientClaims(job_context.instance, job_context.dagster_run) as claims:
        yield from inner_plan_execution_iterator(job_context, execution_plan, claims)
