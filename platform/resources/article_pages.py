"""The pages of new items, for sources whose feed carries teasers only: fetched together, read, put into the snapshots.

Here: which pages are missing, fetching them, their texts. Not here: which items deserve one (domain.snapshots), how a
page becomes text (domain.articles), keeping pages (archive).
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeAlias

from domain.articles import article_day, article_text
from domain.catalog import Source
from domain.errors import ParseError, VigieError
from domain.snapshots import Body, Snapshot, article_pages, with_full_text
from resources.fetcher import Fetched, Fetcher

Pages: TypeAlias = dict[str, Body]  # by the item's URL
ArticleHeard: TypeAlias = Callable[[str, "Fetched | VigieError"], None]

_READ = frozenset({"text/html", "application/xhtml+xml", "text/plain", ""})


def fetch_missing(
    fetcher: Fetcher,
    taken: Mapping[str, tuple[Source, Snapshot]],
    kept: Mapping[str, Pages],
    on_article: ArticleHeard,
) -> dict[str, Pages]:
    """By source, the pages of its new items that `kept` does not hold yet: one round for all sources.

    A page that fails is left out; `on_article` hears of it. A page that two sources link to is fetched once.
    """
    policy, wanted = fetcher.policy, dict[str, list[str]]()
    for key, (source, snapshot) in taken.items():
        have = kept.get(key, {})
        missing = [url for url in article_pages(source, snapshot, policy.article_days) if url not in have]
        wanted[key] = missing[: max(0, policy.max_articles - len(have))]
    urls = {url: url for missing in wanted.values() for url in missing}
    answers = fetcher.fetch_all(urls, on_article, only=_READ) if urls else {}
    pages = {
        url: Body(answer.body, answer.url, answer.content_type, answer.fetched_at)
        for url, answer in answers.items()
        if isinstance(answer, Fetched)
    }
    return {key: {url: pages[url] for url in missing if url in pages} for key, missing in wanted.items()}


def full_text(
    source: Source,
    snapshot: Snapshot,
    pages: Pages,
    on_article: ArticleHeard = lambda _url, _outcome: None,
) -> Snapshot:
    """The snapshot with the texts of its pages, and the days they state for items that the source leaves undated.

    An item whose page cannot be read keeps its own text.
    """
    texts: dict[str, str] = {}
    days: dict[str, tuple[date, str]] = {}
    undated = {item.url for item in snapshot.new_items if item.published_at is None}
    for url, page in pages.items():
        try:
            texts[url] = article_text(page.content, page.url, page.content_type)
            if url in undated:
                day, origin = article_day(page.content, page.url, page.content_type, source.date_extraction_patterns)
                days |= {url: (day, origin)} if day else {}
        except VigieError as error:
            on_article(url, error)
        except Exception as error:  # noqa: BLE001 (a page that breaks its reader costs nobody the source's day)
            on_article(url, ParseError(f"its reader broke: {type(error).__name__}: {error}", where=url))
    return with_full_text(source, snapshot, texts, days)
