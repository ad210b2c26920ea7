"""A day of sources: fetched where the day is today, read again from kept bodies where it is past, and kept.

Here: what joins the fetcher, the archive and the domain, with no Dagster around it. Not here: which sources a day
needs (assets.sources).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from domain.catalog import Source
from domain.errors import MissingError, PermanentError, VigieError
from domain.snapshots import Body, Snapshot, failure, take
from resources.archive import Archive
from resources.fetcher import Fetched, Fetcher


def fetch_day(
    archive: Archive,
    fetcher: Fetcher,
    needed: Mapping[str, Source],
    day: date,
    *,
    refresh: bool = False,
    on_done: Callable[[str, Fetched | VigieError], None] = lambda _key, _outcome: None,
) -> dict[str, Snapshot]:
    """Today's snapshot of every needed source, fetching those that have no good one yet (all with `refresh`).

    A source's failure is recorded in its snapshot and touches no other; it never takes the place of a good one. Raises
    PermanentError where nothing at all is good.
    """
    kept = archive.snapshots(day, needed)
    urls = {key: source.url for key, source in needed.items() if refresh or key not in kept or kept[key].failed}
    for key, answer in fetcher.fetch_all(urls, on_done).items():
        kept[key] = _keep(archive, needed[key], day, answer, kept.get(key))
    return _any_good(kept, day)


def read_day_again(archive: Archive, needed: Mapping[str, Source], day: date) -> dict[str, Snapshot]:
    """A past day's snapshots from the bodies kept that day: no request is sent. Raises MissingError where none were."""
    kept = archive.snapshots(day, needed)
    if not kept:
        raise MissingError(
            "the day is past and nothing of it was kept; a past day cannot be fetched.",
            where=str(day),
            remedy="Leave this day missing: its items appear on the first day that was fetched.",
        )
    for key, snapshot in kept.items():
        body = archive.body(snapshot)
        if body:
            kept[key] = _take(archive, needed[key], day, body, snapshot)
    return _any_good(kept, day)


def _keep(
    archive: Archive, source: Source, day: date, answer: Fetched | VigieError, earlier: Snapshot | None
) -> Snapshot:
    if isinstance(answer, Fetched):
        body = Body(answer.body, answer.url, answer.content_type, answer.fetched_at)
        return _take(archive, source, day, body, earlier)
    if earlier and not earlier.failed:
        return earlier
    failed = failure(source, day, datetime.now(UTC), answer)
    archive.keep_snapshot(failed)
    return failed


def _take(archive: Archive, source: Source, day: date, body: Body, earlier: Snapshot | None) -> Snapshot:
    good = earlier if earlier and not earlier.failed else None
    seen = archive.first_seen(source.source_key, day)
    try:
        snapshot = take(source, day, body, seen, good)
    except Exception as error:  # noqa: BLE001 (a reader that breaks on one source's body must not stop the others)
        if good:
            return good
        failed = failure(source, day, body.fetched_at, error, body)
        archive.keep_snapshot(failed, body)  # the body is kept: a better parser may read it one day
        return failed
    archive.keep_snapshot(snapshot, body, seen)
    return snapshot


def _any_good(kept: dict[str, Snapshot], day: date) -> dict[str, Snapshot]:
    failed = [f"{key}: {snapshot.error}" for key, snapshot in kept.items() if snapshot.failed]
    if kept and len(failed) == len(kept):
        raise PermanentError(
            f"every source failed ({len(failed)}). First: {failed[0]}",
            where=str(day),
            remedy="Check this machine's network, then run the day again: only failed sources are fetched.",
        )
    return kept
