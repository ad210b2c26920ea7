"""A day of sources: fetched where the day is today, read again from kept bodies where it is past, and kept.

Here: what joins the fetcher, the archive and the domain, with no Dagster around it. Not here: which sources a day
needs (assets.sources), which sources are due and what their answers are (source_round).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from domain.catalog import Source
from domain.errors import MissingError, PermanentError, VigieError
from domain.snapshots import Body, FirstSeen, Snapshot, failure, take
from domain.source_health import PAST_DAY, FetchState, WaitingError
from resources.archive import Archive
from resources.article_pages import ArticleHeard, Pages, fetch_missing, full_text
from resources.fetcher import Fetched, Fetcher
from resources.source_round import Answer, ask


@dataclass
class _Taken:
    """One source's new snapshot before its full texts, and what it is kept with."""

    snapshot: Snapshot
    body: Body
    seen: FirstSeen
    pages: Pages


def fetch_day(
    archive: Archive,
    fetcher: Fetcher,
    needed: Mapping[str, Source],
    day: date,
    *,
    refresh: bool = False,
    on_done: Callable[[str, Fetched | VigieError], None] = lambda _key, _outcome: None,
    on_article: ArticleHeard = lambda _url, _outcome: None,
    at: datetime | None = None,
) -> dict[str, Snapshot]:
    """Today's snapshot of every needed source, fetching those that have no good one yet (all with `refresh`).

    A source's failure is recorded in its snapshot and touches no other; it never takes the place of a good one. One
    that keeps failing is not asked at every call: its snapshot says so, `on_done` hears a WaitingError; `refresh` asks
    all the same. `on_article` hears of article pages, by URL. `at` decides what is fresh or waiting: now, or the start
    of a `day` that is not today. Raises PermanentError where nothing at all is good.
    """
    at = at or _instant(day)
    kept = archive.snapshots(day, needed)
    due = {key: source for key, source in needed.items() if refresh or key not in kept or kept[key].failed}
    states = archive.fetch_states({key: source.url for key, source in due.items()})
    answers = ask(archive, fetcher, due, states, at, refresh=refresh, on_done=on_done)
    taken: dict[str, _Taken] = {}
    for key, answer in answers.items():
        if isinstance(answer, Answer):
            outcome = _take(archive, due[key], day, answer.body, kept.get(key))
        else:
            outcome = _failed(archive, due[key], day, answer, kept.get(key))
        if isinstance(outcome, _Taken):
            taken[key] = outcome
        else:
            kept[key] = outcome
    kept |= _keep(archive, fetcher, needed, taken, on_article)
    nothing_good = all(snapshot.failed for snapshot in kept.values())
    # Where nothing answers the fault is more likely ours than everybody's: nobody is slowed down for it.
    if not nothing_good or len(kept) == 1:
        archive.keep_fetch_states(_states_after(answers, states, taken, kept, day, at))
    return _any_good(kept, day)


def read_day_again(archive: Archive, needed: Mapping[str, Source], day: date) -> dict[str, Snapshot]:
    """A past day's snapshots from the bodies kept that day: no request is sent. Raises MissingError where none were."""
    kept = archive.snapshots(day, needed)
    if not kept:
        raise MissingError(
            f"the day is past and nothing of it was kept; {PAST_DAY}.",
            where=str(day),
            remedy="Leave this day missing: its items appear on the first day that was fetched.",
        )
    for key, earlier in kept.items():
        body = archive.body(earlier)
        outcome = _take(archive, needed[key], day, body, earlier) if body else earlier
        if isinstance(outcome, _Taken):
            snapshot = full_text(needed[key], outcome.snapshot, outcome.pages)
            archive.keep_snapshot(snapshot, outcome.body, outcome.seen)
            outcome = snapshot
        kept[key] = outcome
    return _any_good(kept, day)


def _instant(day: date) -> datetime:
    now = datetime.now(UTC)
    return now if now.date() == day else datetime.combine(day, time(), UTC)


def _failed(archive: Archive, source: Source, day: date, error: VigieError, earlier: Snapshot | None) -> Snapshot:
    if earlier and not earlier.failed:
        return earlier
    if earlier and isinstance(error, WaitingError):
        failed = replace(earlier, error=str(error))  # a body that it could not be read from stays with it
    else:
        failed = failure(source, day, datetime.now(UTC), error)
    archive.keep_snapshot(failed)
    return failed


def _take(archive: Archive, source: Source, day: date, body: Body, earlier: Snapshot | None) -> _Taken | Snapshot:
    """The body read, still to be kept; or the snapshot that stands where it cannot be read."""
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
    full = good is not None and source.content_enrichment == "full_article"
    return _Taken(snapshot, body, seen, archive.articles(day, source.source_key) if full else {})


def _keep(
    archive: Archive,
    fetcher: Fetcher,
    sources: Mapping[str, Source],
    taken: Mapping[str, _Taken],
    on_article: ArticleHeard,
) -> dict[str, Snapshot]:
    asked = {key: (sources[key], one.snapshot) for key, one in taken.items()}
    new = fetch_missing(fetcher, asked, {key: one.pages for key, one in taken.items()}, on_article)
    kept = {}
    for key, one in taken.items():
        pages = one.pages | new[key]
        kept[key] = full_text(sources[key], one.snapshot, pages, on_article)
        archive.keep_snapshot(kept[key], one.body, one.seen, pages if new[key] else None)
    return kept


def _states_after(
    answers: Mapping[str, Answer | VigieError],
    states: Mapping[str, FetchState],
    taken: Mapping[str, _Taken],
    kept: Mapping[str, Snapshot],
    day: date,
    at: datetime,
) -> dict[str, FetchState]:
    """The state of each source that was asked, or answered for by what is kept."""
    after = {}
    for key, answer in answers.items():
        if isinstance(answer, Answer):
            error = kept[key].error or "its body could not be read"
            after[key] = answer.state_on(day, at) if key in taken else states[key].failed(at, error)
        elif not isinstance(answer, WaitingError):
            after[key] = states[key].failed(at, answer.message, getattr(answer, "retry_after", None))
    return after


def _any_good(kept: dict[str, Snapshot], day: date) -> dict[str, Snapshot]:
    failed = [f"{key}: {snapshot.error}" for key, snapshot in kept.items() if snapshot.failed]
    if kept and len(failed) == len(kept):
        raise PermanentError(
            f"every source failed ({len(failed)}). First: {failed[0]}",
            where=str(day),
            remedy="Check this machine's network, then run the day again: only failed sources are fetched.",
        )
    return kept
