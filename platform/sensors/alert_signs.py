"""What is wrong now: failed runs, sensors and daemons that fail or are silent, failed checks, accounts, newsletters.

Here: the looks, each on its own, so that one that fails blinds no other. Not here: failed runs in detail (failed_runs),
what is done with signs (resources.alert_desk).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    DagsterInstance,
    DagsterRun,
    JsonMetadataValue,
    RepositoryDefinition,
)
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickStatus
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from assets.account_jobs import account_jobs
from assets.batched import batch_of
from assets.names import CLIENT_FRESHNESS, FINDINGS, NO_DRIFT, SOURCE_HEALTH, STALE_SOURCE
from domain.alert_causes import Kind, Sign
from domain.deliveries import last_week
from domain.errors import VigieError
from domain.findings import SET_BACK, SET_BACK_REMEDY, set_back_in_words
from partitions import today
from resources.alert_desk import AlertDesk
from resources.alert_signs import account_signs, delivery_signs
from resources.daemon_signs import signs_of
from resources.health_instance import said_of
from sensors.failed_runs import FailedRuns

ALERTS = "alerts"  # the sensor's own name
_FAILED_TICKS = 3  # in a row, before a sensor counts as failing: one is weather
_EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
_OF_SOURCES = (SOURCE_HEALTH, STALE_SOURCE)
BY_PEOPLE = frozenset(job.name for job in account_jobs())
_WEEKS = 2  # of newsletters, whose deliveries are looked at


@dataclass
class Seen:
    """What the looks found, and of which kinds nothing is known because a look failed."""

    signs: list[Sign] = field(default_factory=list)
    unknown: set[Kind] = field(default_factory=set)


class Lookout:
    """The looks at one instance and target. It remembers what cannot change, and nothing else."""

    def __init__(self, desk: AlertDesk) -> None:
        self._desk = desk
        self._runs = FailedRuns(lambda tags: batch_of(desk.data, tags))

    def look(self, instance: DagsterInstance, graph: RepositoryDefinition, now: datetime) -> Seen:
        """Everything that is wrong now. A look that fails is a sign itself."""
        seen = Seen()
        looks: Sequence[tuple[str, set[Kind], Callable[[], list[Sign]]]] = (
            ("runs", {"failure", "source"}, lambda: self._failures(instance, now, seen)),
            ("sensors", {"failure", "sensor"}, lambda: self._ticks(instance, graph, now)),
            ("daemons", {"daemon"}, lambda: self._daemons(instance, now)),
            ("checks", {"check", "source", "freshness"}, lambda: self._checks(instance, graph)),
            ("accounts", {"drift", "approval"}, lambda: self._accounts(now)),
            ("deliveries", {"delivery"}, lambda: self._deliveries(now)),
        )
        for name, kinds, look in looks:
            try:
                seen.signs += look()
            except Exception as error:  # noqa: BLE001 (whatever it was, people are to know, and the others are to look)
                said = str(error) if isinstance(error, VigieError) else f"{type(error).__name__}: {error}"
                seen.signs.append(Sign("failure", f"the look at {name} fails", said, now))
                seen.unknown |= kinds
        return seen

    def _failures(self, instance: DagsterInstance, now: datetime, seen: Seen) -> list[Sign]:
        since = now - timedelta(days=self._desk.settings.alerts.look_back_days)
        with self._desk.book() as book:
            lasting = [alert.began for alert in book.open() if alert.kind in ("failure", "source")]

        def counts(run: DagsterRun) -> bool:
            return run.job_name not in BY_PEOPLE  # who asks for it sees the answer

        found = self._runs.signs(instance, min([since, *lasting]), counts)
        if not found.all:
            seen.unknown |= {"failure", "source"}
        return found.signs

    def _ticks(self, instance: DagsterInstance, graph: RepositoryDefinition, now: datetime) -> list[Sign]:
        names = {one.name: InstigatorType.SENSOR for one in graph.sensor_defs}
        names |= {one.name: InstigatorType.SCHEDULE for one in graph.schedule_defs}
        states = {name: state for name, state in _states(instance).items() if names.get(name) == state.instigator_type}
        found = []
        for name, state in sorted(states.items()):
            least = _FAILED_TICKS if state.instigator_type == InstigatorType.SENSOR else 1
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=least + 1)
            ended = [tick for tick in ticks if tick.status != TickStatus.STARTED][:least]
            if len(ended) == least and all(tick.status == TickStatus.FAILURE for tick in ended):
                kind = state.instigator_type.value.lower()
                why = said_of(ended[0]) or "the tick failed without a reason"
                found.append(Sign("sensor", f"{kind} {name} fails", why, _at(ended[-1].timestamp), f"{kind} {name}"))
        return [*found, *self._silent(instance, states, now)]

    def _silent(self, instance: DagsterInstance, states: Mapping[str, InstigatorState], now: datetime) -> list[Sign]:
        """Sensors that have not looked for long, though this one has: a daemon that was off is no news."""
        longest = timedelta(minutes=self._desk.settings.alerts.sensor_minutes)
        own = states.get(ALERTS)
        if own is None:
            return []
        after = (now - longest).timestamp()
        looks = instance.get_ticks(own.instigator_origin_id, own.selector_id, after=after - 60)
        if not looks or min(tick.timestamp for tick in looks) > after:
            return []
        found = []
        for name, state in states.items():
            data = state.sensor_instigator_data
            if name == ALERTS or data is None or state.instigator_type != InstigatorType.SENSOR:
                continue
            last = max(
                data.last_tick_start_timestamp or 0,
                data.last_tick_timestamp or 0,
                data.last_sensor_start_timestamp or 0,
            )
            allowed = max(longest, timedelta(seconds=3 * (data.min_interval or 0)))
            if last and now - _at(last) > allowed:
                why = f"its last look began at {_at(last):%Y-%m-%d %H:%M} UTC"
                found.append(
                    Sign("sensor", f"sensor {name} is silent", why, _at(last), f"sensor {name}", cause=f"silent:{name}")
                )
        return found

    def _daemons(self, instance: DagsterInstance, now: datetime) -> list[Sign]:
        longest = timedelta(minutes=self._desk.settings.alerts.sensor_minutes)
        found = []
        ahead = signs_of(instance, now.timestamp()).ahead
        if ahead > SET_BACK:
            why = f"{set_back_in_words(ahead)}. {SET_BACK_REMEDY}"
            found.append(Sign("daemon", "the clock was set back", why, now, "the clock", cause="clock"))
        for name, status in instance.get_daemon_statuses().items():
            beat = status.last_heartbeat
            if beat and status.required and now - _at(beat.timestamp) > longest:
                why = f"the last sign of life of the {name} daemon was at {_at(beat.timestamp):%Y-%m-%d %H:%M} UTC"
                found.append(
                    Sign(
                        "daemon",
                        f"the {name} daemon is silent",
                        why,
                        _at(beat.timestamp),
                        f"daemon {name}",
                        cause="daemon",
                    )
                )
        return found

    def _checks(self, instance: DagsterInstance, graph: RepositoryDefinition) -> list[Sign]:
        # The database knows of drift.
        keys = [key for key in graph.asset_graph.asset_check_keys if key.name != NO_DRIFT]
        storage, found = instance.event_log_storage, list[Sign]()
        for key, last in storage.get_latest_asset_check_execution_by_key(keys).items():
            if last.status == AssetCheckExecutionRecordStatus.PLANNED:
                earlier = storage.get_asset_check_execution_history(key, limit=1, status=_EVALUATED)
                if not earlier:
                    continue
                last = earlier[0]
            if last.status == AssetCheckExecutionRecordStatus.FAILED and last.evaluation:
                found += self._of_check(key, last, last.evaluation)
        return found

    def _of_check(
        self, key: AssetCheckKey, record: AssetCheckExecutionRecord, evaluation: AssetCheckEvaluation
    ) -> Iterator[Sign]:
        at, why = _at(record.create_timestamp), evaluation.description or "the check failed"
        run = record.run_id if len(record.run_id) == 36 else ""
        findings = evaluation.metadata.get(FINDINGS)
        named = findings.value if isinstance(findings, JsonMetadataValue) and isinstance(findings.value, dict) else {}
        if key.name in _OF_SOURCES:
            for source, finding in named.items():
                yield Sign(
                    "source",
                    f"source {source} fails",
                    f"{source}: {finding}",
                    at,
                    f"source {source}",
                    run_id=run,
                    cause=f"source:{source}",
                )
        elif key.name == CLIENT_FRESHNESS:
            for client in named or {"": ""}:
                yield Sign(
                    "freshness",
                    "clients have no new day",
                    why,
                    at,
                    f"client {client}" if client else "",
                    run_id=run,
                    cause="freshness",
                )
        elif evaluation.severity == AssetCheckSeverity.ERROR or self._desk.settings.alerts.warnings:
            what = f"check {key.name} of {key.asset_key.to_user_string()} failed"
            yield Sign("check", what, why, at, run_id=run, cause=f"check:{key.asset_key.to_user_string()}:{key.name}")

    def _accounts(self, now: datetime) -> list[Sign]:
        return account_signs(self._desk.accounts(), now, self._desk.settings.alerts.approval_hours)

    def _deliveries(self, now: datetime) -> list[Sign]:
        if self._desk.settings.delivery.kind == "none":
            return []
        newest = last_week(today())
        return delivery_signs(self._desk.data, [newest - timedelta(weeks=n) for n in range(_WEEKS)], now)


def _states(instance: DagsterInstance) -> dict[str, InstigatorState]:
    """The sensors and schedules that are on; of those that a moved code location left behind, the one that lives."""
    found: dict[str, InstigatorState] = {}
    for state in instance.all_instigator_state():
        if state.status != InstigatorStatus.STOPPED:
            other = found.get(state.instigator_name)
            if other is None or _last(state) >= _last(other):
                found[state.instigator_name] = state
    return found


def _last(state: InstigatorState) -> float:
    data = state.sensor_instigator_data
    return (data.last_tick_timestamp or 0.0) if data else 0.0


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
