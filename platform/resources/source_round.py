"""One round of asking sources: who is asked, under which condition, and whose kept body is the answer.

Here: waiting, freshness, conditional requests, and the body behind a "not modified". Not here: what a body means or
where a snapshot is kept (source_days), one request (fetcher), the pages of an answer (api_pages).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from domain.api_pages import most_pages
from domain.catalog import Source
from domain.errors import VigieError
from domain.snapshots import Body
from domain.source_health import LONGEST_WAIT, FetchState
from resources.api_pages import follow_pages
from resources.archive import Archive
from resources.fetcher import Fetched, Fetcher, Validators


@dataclass(frozen=True, slots=True)
class Answer:
    """A source's body, sent now or kept from an earlier day, and the state of the source once it is kept."""

    body: Body
    state: FetchState
    max_age: float = 0.0

    def state_on(self, day: date, at: datetime) -> FetchState:
        """The state to keep once the body is kept under `day`. Fresh for `max_age`, but every day's run asks again."""
        state = replace(self.state.succeeded(), day=day)
        if self.max_age:
            return replace(state, fresh_until=at + min(timedelta(seconds=self.max_age), LONGEST_WAIT))
        return state


def ask(
    archive: Archive,
    fetcher: Fetcher,
    sources: Mapping[str, Source],
    states: Mapping[str, FetchState],
    at: datetime,
    *,
    refresh: bool,
    on_done: Callable[[str, Fetched | VigieError], None],
) -> dict[str, Answer | VigieError]:
    """The answer of every source of `states` (by source), or the error that it ended with; WaitingError where it was
    not asked. `refresh` asks everybody, on condition where something is known.

    A kept body stands in for a source that says "not modified", or said that it would be. It is looked at first: where
    it is not the one that the state speaks of, the source is asked without a condition.
    """
    answers: dict[str, Answer | VigieError] = {}
    if not refresh:
        answers |= {key: waiting for key, state in states.items() if (waiting := state.waiting(at))}
    asked = {key: state for key, state in states.items() if key not in answers}
    bodies = archive.last_bodies(asked)
    for key in bodies if not refresh else ():
        if asked[key].is_fresh(at):
            answers[key] = Answer(_body(bodies[key], asked[key], datetime.now(UTC)), asked.pop(key))
    for key, answer in answers.items():
        on_done(key, _unasked(answer.state) if isinstance(answer, Answer) else answer)
    known = {key: Validators(state.answered_by, state.etag, state.last_modified) for key, state in asked.items()}
    conditional = {key: known[key] for key in known if key in bodies}
    fetched = _fetched(fetcher, sources, {key: state.url for key, state in asked.items()}, conditional, on_done)
    for key, outcome in fetched.items():
        if isinstance(outcome, Fetched) and outcome.not_modified:
            body = _body(bodies[key], asked[key], outcome.fetched_at)
            answers[key] = Answer(body, _confirmed(asked[key], outcome), outcome.max_age)
        else:
            answers[key] = _sent(asked[key], outcome)
    return {key: answers[key] for key in states}


def _fetched(
    fetcher: Fetcher,
    sources: Mapping[str, Source],
    urls: Mapping[str, str],
    known: Mapping[str, Validators],
    on_done: Callable[[str, Fetched | VigieError], None],
) -> dict[str, Fetched | VigieError]:
    """The whole answer of every source; a condition is put to its first page, and where that holds, to them all."""
    paged = {key for key in urls if most_pages(sources[key]) > 1}

    def heard(key: str, outcome: Fetched | VigieError) -> None:
        if key not in paged:
            on_done(key, outcome)

    fetched = fetcher.fetch_all(urls, heard, known=known) if urls else {}
    firsts = {key: one for key in paged if isinstance(one := fetched[key], Fetched) and not one.not_modified}
    fetched |= follow_pages(fetcher, sources, firsts)
    for key in sorted(paged):
        on_done(key, fetched[key])
    return fetched


def _body(content: bytes, state: FetchState, at: datetime) -> Body:
    return Body(content, state.answered_by, state.content_type, at)


def _sent(state: FetchState, outcome: Fetched | VigieError) -> Answer | VigieError:
    if isinstance(outcome, VigieError):
        return outcome
    new = FetchState(
        url=state.url,
        answered_by=outcome.url,
        content_type=outcome.content_type,
        etag=outcome.etag,
        last_modified=outcome.last_modified,
        digest=hashlib.sha256(outcome.body).hexdigest(),
    )
    body = Body(outcome.body, outcome.url, outcome.content_type, outcome.fetched_at)
    return Answer(body, new, outcome.max_age)


def _confirmed(state: FetchState, outcome: Fetched) -> FetchState:
    """The state after "not modified", which may bring newer validators, and ends the freshness of the answer before."""
    return replace(
        state,
        etag=outcome.etag or state.etag,
        last_modified=outcome.last_modified or state.last_modified,
        fresh_until=None,
    )


def _unasked(state: FetchState) -> Fetched:
    return Fetched(state.answered_by, 304, b"", state.content_type, datetime.now(UTC), seconds=0.0, requests=0)
