"""Alerts on the whole graph: a desk that tells a hook of the test, and one tick of the real sensor.

Here: what the suites about alerts share. Not here: what they assert.
"""

from typing import TYPE_CHECKING

from dagster import build_sensor_context

from options import Alerts
from resources.alert_desk import AlertDesk
from sensors.alert_signs import ALERTS
from sensors.alerts import alerts_sensor

if TYPE_CHECKING:
    from tests.graph.conftest import Platform


def desk_of(platform: "Platform", **more: object) -> AlertDesk:
    """The desk of the platform's target, which tells the hook in VIGIE_HOOK."""
    fixed = {"slack": {"env": "VIGIE_HOOK"}, "settle_minutes": 0, "ui_url": "http://127.0.0.1:3000"}
    return AlertDesk(platform.settings.model_copy(update={"alerts": Alerts.model_validate({**fixed, **more})}))


def tick(platform: "Platform", desk: AlertDesk, cursor: str | None = None) -> tuple[str, str | None]:
    """One tick of the sensor on the graph: why it skipped, and its cursor."""
    with build_sensor_context(
        instance=platform.instance,
        cursor=cursor,
        sensor_name=ALERTS,
        repository_def=platform.defs.get_repository_def(),
        resources={"alerts": desk},
    ) as context:
        data = alerts_sensor(True, 30).evaluate_tick(context)
    return data.skip_message or "", data.cursor
