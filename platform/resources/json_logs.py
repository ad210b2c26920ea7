"""Logs as lines of JSON on stderr, in the place of Dagster's coloured text: in runs, sensors and schedules.

Here: the class of the loggers that Dagster makes for the console, a record of Dagster -> its fields, secrets. Not here:
the line (domain.log_lines), Dagster's own processes: they have `--log-format json`.
"""

import logging
from typing import Any

from pydantic import BaseModel

from domain.log_lines import line
from options import SecretRef
from resources.secrets import known_secrets
from settings import Settings, environment_value

_META = "dagster_meta"
_PARTITION = "dagster/partition"


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def __init__(self, secrets: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._secrets = secrets  # besides what the process reads later

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record: of Dagster's with what Dagster knows of it, of any other without."""
        meta: dict[str, Any] = getattr(record, _META, None) or {}
        event = meta.get("dagster_event")
        tags = meta.get("job_tags") or {}
        step = meta.get("step_key") or (event.step_key if event else "") or ""
        key = event.asset_key if event else None
        return line(
            at=record.created,
            level=record.levelname,
            message=str(meta.get("orig_message") or record.getMessage()),
            logger="" if record.name == "dagster" else record.name,
            error=self._error(record, event),
            run_id=meta.get("run_id") or "",
            job=meta.get("job_name") or "",
            step=step,
            asset=key.to_user_string() if key else "",
            partition=getattr(record, "partition", "")
            or (event.partition if event else "")
            or tags.get(_PARTITION, ""),
            sensor=meta.get("name", "") if "repository_name" in meta else "",
            event=event.event_type_value if event else "",
            secrets=(*self._secrets, *known_secrets()),
        )

    def _error(self, record: logging.LogRecord, event: Any) -> str:
        if record.exc_info:
            return self.formatException(record.exc_info)
        error = getattr(event.event_specific_data, "error", None) if event else None
        return str(error.to_string()) if error else ""


class _JsonLogger(logging.Logger):
    """A logger whose handlers all write lines of JSON, whatever format they were given."""

    lines = JsonLines()

    def addHandler(self, handler: logging.Handler) -> None:  # noqa: N802 (logging's own name)
        """Takes the handler, with our format where it writes to a stream."""
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.setFormatter(self.lines)
        super().addHandler(handler)


def use_log_format(settings: Settings) -> None:
    """From now on this process logs as the target says. To be called before any run or tick begins.

    Dagster makes a logger for the console of each run and tick, of the class that `logging` names.
    """
    if settings.logs.format != "json":
        return
    values = (environment_value(name) for name in _named(settings))
    _JsonLogger.lines = JsonLines(frozenset(value for value in values if value))
    logging.setLoggerClass(_JsonLogger)
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, JsonLines) for handler in root.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(_JsonLogger.lines)
        handler.setLevel(logging.WARNING)
        root.addHandler(handler)


def _named(value: object) -> set[str]:
    """The environment variables that any setting refers to as a secret."""
    if isinstance(value, SecretRef):
        return {value.env} if value.env else set()
    if isinstance(value, BaseModel):
        return {name for field in type(value).model_fields for name in _named(getattr(value, field))}
    if isinstance(value, dict | list | tuple):
        inner = value.values() if isinstance(value, dict) else value
        return {name for one in inner for name in _named(one)}
    return set()
