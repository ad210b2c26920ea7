"""What the Dagster instance knows of an asset's partitions: how each ended, which are under way, since when.

Here: reading the instance. Not here: which partitions there should be, nor asking for any (run_queue).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from dagster import AssetKey, AssetRecordsFilter, DagsterEventType, DagsterInstance, PartitionsDefinition

State = Literal["materialized", "failed", "in_progress"]
_RECENT = 200  # materializations whose seconds are an estimate of the next one's
_LIVE = timedelta(seconds=90)  # a daemon says every 30 seconds that it lives


class PartitionStates:
    """Reads one instance."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance

    def states(self, asset: AssetKey, keys: Sequence[str], definition: PartitionsDefinition) -> Mapping[str, State]:
        """Key -> how its last attempt ended, as the UI shows it; those never attempted are absent."""
        found = self._instance.get_status_by_partition(asset, keys, definition) or {}
        names: dict[str, State] = {"MATERIALIZED": "materialized", "FAILED": "failed", "IN_PROGRESS": "in_progress"}
        return {key: names[status.value] for key, status in found.items() if status}

    def last_event(self, asset: AssetKey) -> int:
        """The storage id of the asset's newest materialization, from which `materialized_after` counts; 0 for none."""
        records = self._instance.get_asset_records([asset])
        return (records[0].asset_entry.last_materialization_storage_id or 0) if records else 0

    def materialized_after(self, asset: AssetKey, event: int, keys: Collection[str]) -> set[str]:
        """Which of the keys have materialized since that event."""
        latest = self._instance.event_log_storage.get_latest_storage_id_by_partition(
            asset, DagsterEventType.ASSET_MATERIALIZATION
        )
        return {key for key in keys if latest.get(key, 0) > event}

    def seconds_each(self, asset: AssetKey) -> float | None:
        """How long a partition took lately, on average; None where nothing says so."""
        records = self._instance.fetch_materializations(AssetRecordsFilter(asset), limit=_RECENT).records
        events = [record.asset_materialization for record in records]
        told = [event.metadata["seconds"].value for event in events if event and "seconds" in event.metadata]
        seconds = [float(one) for one in told if isinstance(one, int | float)]
        return sum(seconds) / len(seconds) if seconds else None

    def daemon_lives(self) -> bool:
        """Whether a daemon that takes runs from the queue has said so lately."""
        beat = self._instance.get_daemon_heartbeats().get("QUEUED_RUN_COORDINATOR")
        return beat is not None and datetime.now(UTC) - datetime.fromtimestamp(beat.timestamp, UTC) < _LIVE
