"""The nightly job that takes away what is old: details of runs' logs, captured output, what sources sent long ago.

Here: the op and its figures. Not here: what goes (resources.pruning), when (schedules).
"""

from dagster import Config, JobDefinition, Nothing, OpExecutionContext, Out, job, op
from pydantic import Field

from assets.outcomes import in_words
from resources.object_store import ObjectStoreResource
from resources.pruning import prune
from settings import Settings


class Pruning(Config):
    """How far the pruning goes."""

    dry_run: bool = Field(False, description="Count only, take nothing away.")


def pruning_job(settings: Settings) -> JobDefinition:
    """The job, for one target."""

    @op(out=Out(Nothing))
    def take_old_away(context: OpExecutionContext, config: Pruning, data_store: ObjectStoreResource) -> None:
        with in_words():
            done = prune(context.instance, data_store.store(), settings, dry_run=config.dry_run)
        context.add_output_metadata(done.figures())
        if done.refused:
            context.log.warning(done.refused)

    @job(
        name="prune_history", description="Takes the details from old runs' logs; no partition's status rests on them."
    )
    def prune_history() -> None:
        take_old_away()

    return prune_history
