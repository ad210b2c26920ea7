"""The ingest event on AWS Lambda: `aws_lambda.handler`, on the target that `VIGIE_TARGET` names.

Here: what Lambda hands over and takes back. Not here: any logic (resources.ingest), nor what an event may say
(domain.ingest_event).
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from domain.errors import VigieError
from domain.ingest_event import EventError
from domain.ingest_result import Answer, broken, refused
from resources.fetcher import Fetcher
from resources.ingest import ingest
from resources.object_store import ObjectStore, open_store
from settings import DirectoryLocation, S3Location, load_settings

_log = logging.getLogger("vigie.ingest")
_log.setLevel(logging.INFO)  # Lambda's own handler is on the root logger, which lets only warnings pass


def handler(event: Any, context: object) -> dict[str, Any]:
    """`{"statusCode": ..., "body": {...}}` for V2's event, an empty one, or one in an EventBridge envelope.

    Nothing is raised: an error of ours is an answer with the status code 500, and is logged.
    """
    now = datetime.now(UTC)
    try:
        return _answer(event, now).record()
    except EventError as error:
        return refused(error, now).record()
    except VigieError as error:
        _log.error("%s", error)
        return broken(error, None, now, 0.0).record()
    except Exception as error:  # noqa: BLE001 (V2's callers read the status code; the log has the whole story)
        _log.exception("the event ended with an error that nobody expected")
        return broken(error, None, now, 0.0).record()


def _answer(event: Any, now: datetime) -> Answer:
    settings = load_settings()
    config, data = _opened(settings.stores.config), _opened(settings.stores.data)
    return ingest(_asked(event), config, data, Fetcher(settings.fetch), now, _log.info)


def _asked(event: Any) -> Mapping[str, Any]:
    """The event itself: what EventBridge puts around it is left away."""
    if isinstance(event, dict) and "detail-type" in event:
        event = event.get("detail")
    if event is None:
        return {}
    if not isinstance(event, dict):
        raise EventError([f"The event must be a JSON object such as {{}}; found {event!r}."])
    return event


@cache
def _opened(location: DirectoryLocation | S3Location) -> ObjectStore:
    """One store, with its pooled connections, as long as the process is warm."""
    return open_store(location)
