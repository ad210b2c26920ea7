"""Runs of any set of partitions: the set is kept in the data bucket, the run's tag names it.

Here: the tags that ask for a batch, reading a batch inside a run, saying which partitions the run is about. Not here:
what one batch holds (domain.backfills), nor what is done with a partition.

Dagster's own tags know ranges only. A batch names its first key there, for a step must have a partition; the step
itself plans the others, so that the UI shows exactly its keys as in progress, and as failed where they do not
materialize. A long range is a batch too: Dagster plans a range's keys one by one before the run may start, and ends a
run that has not started in time (`start_timeout_seconds`).
"""

import hashlib
import logging
import uuid
from collections.abc import Mapping, Sequence

import orjson
from dagster import AssetExecutionContext, AssetKey, DagsterEvent
from dagster._core.events import AssetMaterializationPlannedData, DagsterEventBatchMetadata

from assets.names import KEYS_TAG
from domain.backfills import Batch
from domain.ranges import Range
from partitions import range_tags
from resources.object_store import ObjectStore

_PLANNED_BY_DAGSTER = 500  # keys of a range, at most: 10 s, or 100 s on a machine ten times as busy


def batch_tags(store: ObjectStore, batch: Batch) -> dict[str, str]:
    """The tags that make one run of the batch. A set that is no range, or a long one, is kept first, under a name made
    of it."""
    if batch.span and len(batch.keys) <= _PLANNED_BY_DAGSTER:
        return range_tags(batch.span)
    body = orjson.dumps(batch.keys)
    name = hashlib.sha256(body).hexdigest()[:16]
    store.put_if_absent(_object(name), body, "application/json")
    return {**range_tags(Range(batch.keys[0], batch.keys[0])), KEYS_TAG: name}


def batch_of(store: ObjectStore, tags: Mapping[str, str]) -> list[str]:
    """The keys of the batch that a run's tags name; none where they name none. Raises MissingError where it is gone."""
    name = tags.get(KEYS_TAG)
    keys: list[str] = orjson.loads(store.get(_object(name)).body) if name else []
    return keys


def plan(context: AssetExecutionContext, asset: AssetKey, keys: Sequence[str]) -> None:
    """Says of these partitions what Dagster says of a range when it makes the run: they are going to materialize."""
    step, together = context.get_step_execution_context().step.key, uuid.uuid4().hex
    for position, key in enumerate(keys, 1):
        event = DagsterEvent.build_asset_materialization_planned_event(
            context.run.job_name, step, AssetMaterializationPlannedData(asset, partition=key)
        )
        metadata = DagsterEventBatchMetadata(together, is_end=position == len(keys))
        context.instance.report_dagster_event(event, context.run.run_id, logging.DEBUG, batch_metadata=metadata)


def _object(name: str) -> str:
    return f"batches_of_partitions/{name}.json"
