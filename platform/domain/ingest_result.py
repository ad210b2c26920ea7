"""The answer to an ingest event: V2's result fields, filled with what really happened, and what V2 never said.

Here: how clients and sources came out, the figures, the status and its code. Not here: the work (resources.ingest),
printing (ingest_cli).

    client     V2's `status`      when
    ok         success            every source answered
    degraded   partial_success    some sources failed, or answered earlier today and failed now; items were selected
    failed     failed             nothing could be selected, and nothing was written for this client
    skipped    skipped            the event names sources that this client does not follow
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from domain.ingest_event import OPEN, EventError, IngestEvent, Window

EXIT_CODES = {"success": 0, "no_active_clients": 0, "failed": 1, "partial_success": 3}
_STATUSES = {"ok": "success", "degraded": "partial_success", "failed": "failed", "skipped": "skipped"}


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """One source: ok, failed, or stale (this event's request failed, and the good answer of earlier today stands).

    `items` counts what its snapshot of today holds, `new_items` those of them that were never seen before today.
    """

    source_key: str
    status: Literal["ok", "stale", "failed"]
    requested: bool
    items: int = 0
    new_items: int = 0
    error: str = ""

    def record(self) -> dict[str, Any]:
        """JSON types only."""
        return {
            "source_key": self.source_key,
            "status": self.status,
            "requested": self.requested,
            "items": self.items,
            "new_items": self.new_items,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """V2's counts of one client: left by its own filters, then outside the window, then duplicates, then final."""

    ingested: int = 0
    filtered_out: int = 0
    deduplicated: int = 0
    final: int = 0


@dataclass(frozen=True, slots=True)
class ClientOutcome:
    """How one client came out; `path` is where its items were written (would be, in a dry run)."""

    client_id: str
    outcome: Literal["ok", "degraded", "failed", "skipped"]
    sources: tuple[SourceOutcome, ...] = ()
    figures: Figures = Figures()
    window: Window = OPEN
    ingestion_mode: str = ""
    path: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()
    rejected_because: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """The outcome in V2's words."""
        return _STATUSES[self.outcome]

    @property
    def failed_sources(self) -> list[SourceOutcome]:
        """Those that did not answer well this time."""
        return [source for source in self.sources if source.status != "ok"]

    @property
    def no_source_answered(self) -> bool:
        """Whether it failed because every one of its sources did."""
        return bool(self.sources) and all(source.status == "failed" for source in self.sources)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is handed back: `body` of JSON types only, and how HTTP would say it."""

    status_code: int
    body: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        """How a process says it: 0 success or nothing to do, 1 failed, 3 partial success."""
        return EXIT_CODES[self.body["status"]]

    def record(self) -> dict[str, Any]:
        """As V2's handlers return it."""
        return {"statusCode": self.status_code, "body": dict(self.body)}


def refused(error: EventError, at: datetime) -> Answer:
    """The answer to an event that was refused: nothing was asked of any source, nothing was written."""
    body = {"status": "failed", "execution_date": at.isoformat(), "error": str(error), "errors": list(error.problems)}
    return Answer(error.status_code, body)


def broken(error: Exception, event: IngestEvent | None, at: datetime, seconds: float) -> Answer:
    """The answer where the platform itself could not do the work: a bucket, the catalog, the target."""
    named = {"client_id": event.client_id} if event and event.client_id else {}
    return Answer(
        500,
        {
            **named,
            "status": "failed",
            "execution_date": at.isoformat(),
            "error": str(error),
            "execution_time_seconds": round(seconds, 2),
            "dry_run": bool(event and event.dry_run),
        },
    )


def single(
    event: IngestEvent, client: ClientOutcome, at: datetime, seconds: float, warnings: Sequence[str] = ()
) -> Answer:
    """The answer to an event that names a client."""
    failed = client.failed_sources
    body: dict[str, Any] = {
        "client_id": client.client_id,
        "execution_date": at.isoformat(),
        "sources_processed": len(client.sources) - len(failed),
        "sources_failed": len(failed),
        "items_ingested": client.figures.ingested,
        "items_filtered_out": client.figures.filtered_out,
        "items_deduplicated": client.figures.deduplicated,
        "items_final": client.figures.final,
        "period_days_used": client.window.period_days,
        "s3_output_path": client.path,
        "execution_time_seconds": round(seconds, 2),
        "dry_run": event.dry_run,
        "ingestion_mode": client.ingestion_mode,
        "temporal_mode": event.applied_temporal_mode,
        "status": client.status,
        "outcome": client.outcome,
        "published_from": _written(client.window.published_from),
        "published_to": _written(client.window.published_to),
        "force_refresh": event.force_refresh,
        "sources_detail": [source.record() for source in client.sources],
        "rejected_because": dict(client.rejected_because),
        "warnings": [*client.warnings, *warnings],
    }
    if client.error:
        body["error"] = client.error
    return Answer(_status_code([client]), body)


def nobody(discovered: int, at: datetime, seconds: float) -> Answer:
    """The answer where no client is active: nothing was asked of any source, nothing was written."""
    return Answer(
        200,
        {
            "execution_date": at.isoformat(),
            "clients_discovered": discovered,
            "clients_active": 0,
            "clients_invalid": 0,
            "clients_processed": 0,
            "clients_succeeded": 0,
            "clients_failed": 0,
            "total_items_ingested": 0,
            "execution_time_seconds": round(seconds, 2),
            "status": "no_active_clients",
            "message": f"None of {discovered} client files is active.",
        },
    )


def multi(
    event: IngestEvent,
    clients: Sequence[ClientOutcome],
    invalid: Mapping[str, ClientOutcome],
    discovered: int,
    at: datetime,
    seconds: float,
    warnings: Sequence[str] = (),
) -> Answer:
    """The answer to an event for every active client.

    `clients` are the active ones; `invalid` maps the files that cannot be read to a failed outcome each.
    """
    everybody = [*clients, *invalid.values()]
    count = Counter(client.outcome for client in everybody)
    sources = {source.source_key: source for client in clients for source in client.sources}
    modes = {client.ingestion_mode for client in clients}
    status = overall(everybody)
    body: dict[str, Any] = {
        "execution_date": at.isoformat(),
        "clients_discovered": discovered,
        "clients_active": len(clients),
        "clients_processed": len(clients) - count["skipped"],
        "clients_succeeded": count["ok"] + count["degraded"],
        "clients_failed": count["failed"],
        "total_items_ingested": sum(client.figures.final for client in clients),
        "execution_time_seconds": round(seconds, 2),
        "dry_run": event.dry_run,
        "ingestion_mode": modes.pop() if len(modes) == 1 else None,
        "status": status,
        "client_results": [
            *(_line(client) for client in clients),
            *({**_line(client), "file": key} for key, client in invalid.items()),
        ],
        "clients_degraded": count["degraded"],
        "clients_invalid": len(invalid),
        "clients_skipped": count["skipped"],
        "temporal_mode": event.applied_temporal_mode,
        "force_refresh": event.force_refresh,
        "sources_processed": sum(source.status == "ok" for source in sources.values()),
        "sources_failed": sum(source.status != "ok" for source in sources.values()),
        "sources_detail": [sources[key].record() for key in sorted(sources)],
        "warnings": list(warnings),
    }
    if status == "failed":
        body["error"] = f"No client was ingested. First: {next(c.error for c in everybody if c.outcome == 'failed')}"
    return Answer(_status_code(everybody), body)


def overall(clients: Collection[ClientOutcome]) -> str:
    """The status over all: failed where nobody succeeded, success where nothing at all went wrong."""
    outcomes = {client.outcome for client in clients}
    if outcomes <= {"ok", "skipped"}:
        return "success"
    return "partial_success" if outcomes & {"ok", "degraded"} else "failed"


def _line(client: ClientOutcome) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "status": client.status,
        "items_final": client.figures.final,
        "execution_time": round(client.seconds, 2),
        "error": client.error or None,
        "outcome": client.outcome,
        "sources_processed": len(client.sources) - len(client.failed_sources),
        "failed_sources": [source.source_key for source in client.failed_sources],
        "period_days_used": client.window.period_days,
        "ingestion_mode": client.ingestion_mode,
        "s3_output_path": client.path,
        "warnings": list(client.warnings),
    }


def _written(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _status_code(clients: Collection[ClientOutcome]) -> int:
    """502 where the sources are the reason that nobody was ingested, 500 where it is something of ours."""
    if overall(clients) != "failed":
        return 200
    failed = [client for client in clients if client.outcome == "failed"]
    return 502 if all(client.no_source_answered for client in failed) else 500
