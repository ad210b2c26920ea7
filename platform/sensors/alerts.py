"""The alerts sensor: looks at everything, and tells people what is new, what lasts and what is over.

Here: one look and one round of telling, and the one trouble that no book can remember: that the book is away. Not here:
what is looked at (alert_signs), what is due (domain.alerts, domain.book_away), how it is sent (resources.alert_desk).
"""

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

from domain.book_away import BookAway
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
        away = BookAway.of(context.cursor)
        try:
            done = alerts.tell(seen.signs, seen.unknown, now)
        except VigieError as error:
            left, errors = alerts.tell_away(away, error, now)
            context.log.error(f"{error}; {errors}" if errors else str(error))
            return SensorResult(cursor=left.text())
        for channel, said in done.errors.items():
            context.log.error(f"{channel}: {said}")
        context.log.info(str(done))
        if away:
            still, errors = alerts.tell_back(away, now)
            if errors:
                context.log.error(str(errors))
            return SensorResult(cursor=still.text() if still else _NOTHING)
        return SkipReason(str(done))

    return alerts
