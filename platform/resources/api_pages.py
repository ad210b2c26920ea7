"""The pages after the first of API sources: asked for in rounds, one page of each source at a time.

Here: from first answers to whole ones. Not here: which page follows and where they end (domain.api_pages), one request
with its pace and retries (fetcher).
"""

from collections.abc import Mapping
from dataclasses import replace

from domain.api_pages import PAGES, Page, Pages, as_one
from domain.catalog import Source
from domain.errors import VigieError
from resources.fetcher import Fetched, Fetcher


def follow_pages(
    fetcher: Fetcher, sources: Mapping[str, Source], answers: Mapping[str, Fetched]
) -> dict[str, Fetched | VigieError]:
    """By source, its first answer with the pages after it as one, of the content type PAGES; the first alone where no
    other holds an item. A source one of whose pages fails fails as a whole.

    Validators and freshness are those of the first page.
    """
    pages = {key: Pages(sources[key], fetcher.policy.max_bytes) for key in answers}
    whole: dict[str, Fetched | VigieError] = dict(answers)
    came: Mapping[str, Fetched | VigieError] = answers
    while came:
        urls: dict[str, str] = {}
        for key, outcome in came.items():
            added = _added(pages[key], outcome)
            if isinstance(added, VigieError):
                whole[key] = added
            elif added:
                urls[key] = added
        came = fetcher.fetch_all(urls) if urls else {}
        for key, outcome in came.items():
            so_far = whole[key]
            if isinstance(so_far, Fetched) and isinstance(outcome, Fetched):
                whole[key] = replace(
                    so_far, seconds=so_far.seconds + outcome.seconds, requests=so_far.requests + outcome.requests
                )
    return {key: _as_one(outcome, pages[key]) for key, outcome in whole.items()}


def _added(pages: Pages, outcome: Fetched | VigieError) -> str | VigieError | None:
    """What to ask for next, or what the source ends with."""
    if isinstance(outcome, VigieError):
        return outcome
    try:
        return pages.add(Page(outcome.url, outcome.body))
    except VigieError as error:
        return error


def _as_one(outcome: Fetched | VigieError, pages: Pages) -> Fetched | VigieError:
    if isinstance(outcome, VigieError) or len(pages.kept) == 1:
        return outcome
    return replace(outcome, body=as_one(pages.kept), content_type=PAGES)
