"""The true outcome of each partition inside one run: recorded as it finishes, failed with its own reason.

Here: what every asset over many partitions shares. Not here: what a partition's work is.

An asset built on this is a generator: a `@multi_asset` with one skippable spec that yields each partition's
materialization as it finishes, and no output (an output would materialize every partition of the run a second time).
A run that is re-executed does only what its parent left undone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetRecordsFilter,
    DagsterInstance,
    Failure,
    MetadataValue,
)

from assets.batched import batch_of, plan
from assets.names import KEYS_TAG
from domain.errors import VigieError
from resources.object_store import ObjectStore

_SHOWN = 20
_PAGE = 5000  # events read at once


@contextmanager
def in_words() -> Iterator[None]:
    """An error raised on purpose fails the step with its words and its remedy, without a stack of our own code."""
    try:
        yield
    except VigieError as error:
        raise Failure(
            description=str(error),
            metadata={"where": error.where or "-", "remedy": error.remedy or "-"},
            allow_retries=False,
        ) from None


class Outcomes:
    """Collects the outcomes of one asset's partitions in one run: a range, or a batch whose keys are in `store`."""

    def __init__(self, context: AssetExecutionContext, asset: str, store: ObjectStore | None = None) -> None:
        self._context = context
        self._asset = AssetKey(asset)
        self._batched = store is not None and KEYS_TAG in context.run.tags
        self._keys = batch_of(store, context.run.tags) if store and self._batched else list(context.partition_keys)
        self._recorded: set[str] = set()
        self.failures: dict[str, str] = {}

    def pending(self) -> Sequence[str]:
        """The run's partitions, less those that the run it re-executes has materialized already."""
        done: set[str] = set()
        instance, run = self._context.instance, self._context.run
        while run.parent_run_id:
            done |= _materialized_by(instance, self._asset, run.parent_run_id)
            parent = instance.get_run_by_id(run.parent_run_id)
            if parent is None:
                break
            run = parent
        if done:
            self._context.log.info(f"{len(done)} partitions were materialized by the run this one re-executes")
        left = [key for key in self._keys if key not in done]
        if self._batched:
            known = set(self._context.partition_keys)  # Dagster has planned them
            plan(self._context, self._asset, [key for key in left if key not in known])
        return left

    def record(
        self, partition: str, metadata: Mapping[str, Any], tags: Mapping[str, str] | None = None
    ) -> AssetMaterialization:
        """The event that says that the partition is materialized, to be yielded at once."""
        self._recorded.add(partition)
        return AssetMaterialization(asset_key=self._asset, partition=partition, metadata=dict(metadata), tags=tags)

    def fail(self, partition: str, error: Exception) -> None:
        """The partition failed; the others go on."""
        said = str(error) if isinstance(error, VigieError) else f"{type(error).__name__}: {error}"
        self.failures[partition] = said
        self._context.log.error(f"{partition}: {said}", extra={"partition": partition})

    def close(self) -> None:
        """Ends the step: cleanly, or failed with every reason where a partition failed."""
        if not self.failures:
            return
        total = len(self.failures) + len(self._recorded)
        shown = list(self.failures.items())[:_SHOWN]
        raise Failure(
            description=f"{len(self.failures)} of {total} partitions failed: "
            + "; ".join(f"{key}: {reason}" for key, reason in shown)
            + (f"; and {len(self.failures) - _SHOWN} more" if len(self.failures) > _SHOWN else ""),
            metadata={
                "failed": MetadataValue.json(self.failures),
                "remedy": "Mend the causes, then re-execute this run: it does only the partitions that failed.",
            },
            allow_retries=False,
        )


def _materialized_by(instance: DagsterInstance, asset: AssetKey, run_id: str) -> set[str]:
    """The partitions that a run has materialized, as the asset's own history has them.

    The run's log may say more: on SQLite it is another file, written first, and a process may die between the two.
    """
    run = instance.get_run_record_by_id(run_id)
    if run is None:
        return set()
    found: set[str] = set()
    since = AssetRecordsFilter(asset, after_timestamp=run.create_timestamp.timestamp() - 1)
    cursor = None
    while True:
        page = instance.fetch_materializations(since, limit=_PAGE, cursor=cursor)
        found |= {record.partition_key for record in page.records if record.run_id == run_id and record.partition_key}
        if not page.has_more:
            return found
        cursor = page.cursor
