"""The lineage sensor: every run that begins or ends -> an OpenLineage event, at least once, in order.

Here: reading what is new on the instance, and sending it. Not here: what an event holds (domain.lineage), the wire
(resources.lineage). The cursor is the newest event that the server has taken.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DefaultSensorStatus,
    EventLogRecord,
    RepositoryDefinition,
    ResourceParam,
    RunStatusChangeRecordsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from domain.errors import RefusedError, TransientError
from domain.lineage import Moment, State, read_and_written
from resources.lineage import LineageDesk

_PAGE = 1000
_STATES: dict[DagsterEventType, State] = {
    DagsterEventType.RUN_START: "START",
    DagsterEventType.RUN_SUCCESS: "COMPLETE",
    DagsterEventType.RUN_FAILURE: "FAIL",
    DagsterEventType.RUN_CANCELED: "ABORT",
}


def lineage_sensor(seconds: int, settling: float = 5.0, at_once: int = 100) -> SensorDefinition:
    """The sensor, looking every `seconds`: for targets that name an OpenLineage server. It begins with what happens
    after its first tick, and sends up to `at_once` events in one.

    An event waits for `settling` seconds: until then one with a smaller number may be on its way to the storage.
    """

    @sensor(
        name="lineage",
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Tells the OpenLineage server of every run: what it read, what it wrote, how it ended.",
    )
    def lineage(context: SensorEvaluationContext, lineage: ResourceParam[LineageDesk]) -> SensorResult | SkipReason:
        graph = context.repository_def
        if graph is None:
            return SkipReason("the definitions are not there.")
        if not context.cursor:
            return SensorResult(cursor=str(_newest(context.instance)), skip_reason="begins with what happens from now.")
        seen = sent = int(context.cursor)
        count = 0
        with lineage.sender() as sender:
            for record in _changes(context.instance, seen, settling, at_once):
                moment = _moment(context.instance, graph, lineage, record)
                try:
                    if moment:
                        sender.send(moment)
                        count += 1
                except RefusedError as error:  # it would hold up all that follow, for ever
                    context.log.error(f"run {record.run_id}: {error}")
                except TransientError as error:
                    if sent == seen:
                        raise
                    said = f"{count} events sent; then: {error}"
                    return SensorResult(cursor=str(sent), skip_reason=said)
                sent = record.storage_id
        return SensorResult(cursor=str(sent), skip_reason=f"{count} events sent.")

    return lineage


def _newest(instance: DagsterInstance) -> int:
    """The number of the newest change of any run."""
    found = [instance.fetch_run_status_changes(kind, limit=1).records for kind in _STATES]
    return max((records[0].storage_id for records in found if records), default=0)


def _changes(instance: DagsterInstance, after: int, settling: float, at_once: int) -> list[EventLogRecord]:
    """The next changes of runs, in the order in which they were stored."""
    found: list[EventLogRecord] = []
    bound: float = float("inf")
    for kind in _STATES:
        since = RunStatusChangeRecordsFilter(kind, after_storage_id=after)  # type: ignore[arg-type]
        page = instance.fetch_run_status_changes(since, limit=at_once, ascending=True)
        found += page.records
        if page.has_more:  # beyond its last one, others may come before what the next page holds
            bound = min(bound, page.records[-1].storage_id)
    settled: list[EventLogRecord] = []
    for record in sorted(found, key=lambda one: one.storage_id):
        if record.storage_id > bound or record.timestamp > time.time() - settling:
            break
        settled.append(record)
    return settled[:at_once]


def _moment(
    instance: DagsterInstance, graph: RepositoryDefinition, desk: LineageDesk, record: EventLogRecord
) -> Moment | None:
    """What is told of a change; nothing of a run that somebody has deleted."""
    run = instance.get_run_by_id(record.run_id)
    event = record.event_log_entry.dagster_event
    if run is None or event is None:
        return None
    state = _STATES[event.event_type]
    planned = _planned(graph, run)
    written = planned if state == "START" else _materialized(instance, run.run_id, len(planned))
    nodes = {key: graph.asset_graph.get(key) for key in written if graph.asset_graph.has(key)}
    parents = {key.to_user_string(): [one.to_user_string() for one in node.parent_keys] for key, node in nodes.items()}
    around = {*nodes, *(parent for node in nodes.values() for parent in node.parent_keys)}
    places = {
        key.to_user_string(): desk.place(key.to_user_string(), graph.asset_graph.get(key).group_name)
        for key in around
        if graph.asset_graph.has(key)
    }
    inputs, outputs = read_and_written([key.to_user_string() for key in nodes], parents, places)
    at = datetime.fromtimestamp(record.timestamp, UTC)
    error = (event.message or "the run failed") if state == "FAIL" else ""
    return Moment(run.run_id, run.job_name, state, at, inputs, outputs, error)


def _planned(graph: RepositoryDefinition, run: DagsterRun) -> Sequence[AssetKey]:
    if run.asset_selection:
        return sorted(run.asset_selection)
    if not graph.has_job(run.job_name):
        return []
    return sorted(graph.get_job(run.job_name).asset_layer.selected_asset_keys)


def _materialized(instance: DagsterInstance, run_id: str, planned: int) -> Sequence[AssetKey]:
    """The assets that the run has really written; read no further than until all that it could are seen."""
    found: set[AssetKey] = set()
    cursor = None
    while True:
        page = instance.get_records_for_run(
            run_id, cursor=cursor, of_type=DagsterEventType.ASSET_MATERIALIZATION, limit=_PAGE
        )
        found |= {record.asset_key for record in page.records if record.asset_key}
        if not page.has_more or (planned and len(found) >= planned):
            return sorted(found)
        cursor = page.cursor
