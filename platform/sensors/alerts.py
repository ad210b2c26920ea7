"""The alerts sensor: looks at everything, and tells people what is new, what lasts and what is over.

Here: one look and one round of telling, and the one trouble that no book can remember: that the book is away. Not here:
what is looked at (alert_signs), what is due (domain.alerts), how it is sent (resources.alert_desk).
"""

import json
from collections.abc import Collection
from datetime import UTC, datetime

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from domain.errors import VigieError
from resources.alert_desk import AlertDesk
from sensors.alert_signs import ALERTS, Lookout

_NOTHING = "{}"  # a cursor that says nothing: Dagster would keep the old one for an empty one
_SECONDS = 30  # at least between two looks


def alerts_sensor(on: bool, seconds: int) -> SensorDefinition:
    """The sensor, looking every `seconds`, at most twice a minute; stopped where the target names no channel."""
    lookouts: dict[int, Lookout] = {}  # what one process has read of runs that are over

    @sensor(
        name=ALERTS,
        minimum_interval_seconds=max(seconds, _SECONDS),
        default_status=DefaultSensorStatus.RUNNING if on else DefaultSensorStatus.STOPPED,
        description="Tells people of troubles: each root cause once, a reminder a day, and when it is over.",
    )
    def alerts(context: SensorEvaluationContext, alerts: ResourceParam[AlertDesk]) -> SensorResult | SkipReason:
        if not alerts.is_on:
            return SkipReason("this target tells nobody (alerts: no channel).")
        now, graph = datetime.now(UTC), context.repository_def
        if graph is None:
            return SkipReason("the definitions are not there.")
        lookout = lookouts.setdefault(id(alerts), Lookout(alerts))
        seen = lookout.look(context.instance, graph, now)
        away = _Away.of(context.cursor)
        try:
            done = alerts.tell(seen.signs, seen.unknown, now)
        except VigieError as error:
            away = away or _Away(now, frozenset())
            told, errors = alerts.tell_without_book(error, away.since, away.told, now)
            context.log.error(f"{error}; {errors}" if errors else str(error))
            return SensorResult(cursor=_Away(away.since, frozenset(told)).text())
        for channel, said in done.errors.items():
            context.log.error(f"{channel}: {said}")
        context.log.info(str(done))
        if away:
            left = _told_back(alerts, away, now)
            return SensorResult(cursor=left.text() if left else _NOTHING)
        return SkipReason(str(done))

    return alerts


class _Away:
    """Since when the book is away, and which channels were told: all that is kept in the cursor."""

    def __init__(self, since: datetime, told: Collection[str]) -> None:
        self.since, self.told = since, frozenset(told)

    @classmethod
    def of(cls, cursor: str | None) -> "_Away | None":
        """What the cursor says; None where it says nothing, or cannot be read."""
        try:
            record = json.loads(cursor or "")
            return cls(datetime.fromisoformat(record["since"]), record["told"])
        except (ValueError, KeyError, TypeError):
            return None

    def text(self) -> str:
        """The cursor."""
        return json.dumps({"since": self.since.isoformat(), "told": sorted(self.told)})


def _told_back(alerts: AlertDesk, away: _Away, now: datetime) -> _Away | None:
    """Tells the channels that know of it that the book is back; what is left to tell, None where nothing is."""
    strangers = {channel.name for channel in alerts.channels} - away.told
    error = VigieError("it is reached again")
    took, errors = alerts.tell_without_book(error, away.since, strangers, now, over=True)
    left = away.told - took
    return _Away(away.since, left) if left and errors else None
