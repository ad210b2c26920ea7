"""Eight sources, each on a loopback address of its own: five pages of news, three feeds, and 29 articles behind two.

Here: what they publish, and the catalog that names them. Not here: HTTP itself (http_server). Nothing of it is real.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from itertools import islice, product
from typing import Any

import yaml
from benchmarks.ingestion.http_server import Answer, Request, serve
from benchmarks.ingestion.rules import BROAD, FOCUSED

HTML = {"Content-Type": "text/html; charset=utf-8"}
RSS = {"Content-Type": "application/rss+xml; charset=utf-8"}
ARTICLE_PARAGRAPHS = 14  # some 10 kB with what stands around the text
WHO = ("A company of this field", "A small laboratory", "One of the larger groups", "A university hospital")
WHAT = ("reports a result of its depot", "files its monthly injection", "signs a licence for its microspheres")
WHERE = ("in a study of two hundred people", "with the agency", "in the north of Europe", "before the end of the year")


@dataclass(frozen=True)
class Site:
    """One source: how it publishes, how many entries its list has, whether their full text is wanted."""

    name: str
    host: str
    mode: str
    entries: int
    profile: str
    full_article: bool = False

    @property
    def key(self) -> str:
        return f"press_{'corporate' if self.mode == 'html' else 'sector'}__{self.name}"

    @property
    def requests(self) -> int:
        """What reading it once takes: its list, and its articles where they are wanted."""
        return 1 + self.entries * self.full_article


# The numbers are those of the catalog that V2 ran on: 95 entries of pages, 40 of feeds, 29 of these in full.
SITES = (
    *(Site(f"company_{n}", f"127.0.0.{10 + n}", "html", 19, BROAD) for n in range(1, 6)),
    Site("paper_1", "127.0.0.16", "rss", 15, FOCUSED, full_article=True),
    Site("paper_2", "127.0.0.17", "rss", 14, FOCUSED, full_article=True),
    Site("paper_3", "127.0.0.18", "rss", 11, FOCUSED),
)
REQUESTS = sum(site.requests for site in SITES)  # 37


def catalog(port: int) -> bytes:
    """The source catalog (YAML) of the eight, in two bouquets."""
    bouquets = {"corporate": "html", "press": "rss"}
    document = {
        "sources": [_catalog_entry(site, port) for site in SITES],
        "bouquets": [
            {"bouquet_id": name, "description": name, "source_keys": [site.key for site in SITES if site.mode == mode]}
            for name, mode in bouquets.items()
        ],
    }
    return yaml.safe_dump(document, sort_keys=False).encode()


def _catalog_entry(site: Site, port: int) -> dict[str, Any]:
    base = f"http://{site.host}:{port}"
    return {
        "source_key": site.key,
        "company_id": site.name if site.mode == "html" else "",
        "homepage_url": f"{base}/",
        f"{site.mode}_url": f"{base}/news",
        "ingestion_mode": site.mode,
        "enabled": True,
        "source_type": "press_corporate" if site.mode == "html" else "press_sector",
        "default_language": "en",
        "tags": ["depot"],
        "ingestion_profile": site.profile,
        "date_extraction_patterns": [r"(\d{4}-\d{2}-\d{2})", r"(\d{1,2} \w+ \d{4})"],
        "content_enrichment": "full_article" if site.full_article else "basic",
        "max_content_length": 5000,
        "notes": "A source of the benchmark.",
    }


def _titles(site: Site) -> list[str]:
    return [f"{' '.join(words)} ({site.name})" for words in islice(product(WHO, WHAT, WHERE), site.entries)]


def _summary(title: str) -> str:
    return (
        f"{title}: what was announced, who took part, and what is to follow. The long-acting form is given every month "
        "and releases its active substance evenly; its makers expect an answer of the authorities within the year, and "
        "go on with a second study in the meantime."
    )


def _published(number: int, today: date) -> date:
    return today - timedelta(days=number % 6)  # within the period that every client asks for


def _page(site: Site, today: date, base: str) -> bytes:
    blocks = "\n".join(
        f'<article class="teaser"><h3><a href="{base}/news/{number}">{title}</a></h3>'
        f'<time datetime="{_published(number, today)}">{_published(number, today)}</time>'
        f'<p class="desc">{_summary(title)}</p></article>'
        for number, title in enumerate(_titles(site))
    )
    return f"<!doctype html><html><head><title>News</title></head><body>{_around(blocks)}</body></html>".encode()


def _feed(site: Site, today: date, base: str) -> bytes:
    items = "\n".join(
        f"<item><title>{title}</title><link>{base}/news/{number}</link><guid>{base}/news/{number}</guid>"
        f"<pubDate>{format_datetime(datetime.combine(_published(number, today), time(7), UTC))}</pubDate>"
        f"<description><![CDATA[<p>{_summary(title)}</p>]]></description></item>"
        for number, title in enumerate(_titles(site))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>{site.name}</title><link>{base}/</link><description>News</description>{items}</channel></rss>"
    ).encode()


def _article(title: str) -> bytes:
    text = "".join(f"<p>Part {n}. {_summary(title)}</p>\n" for n in range(ARTICLE_PARAGRAPHS))
    return (
        f"<!doctype html><html><head><title>{title}</title></head><body>"
        f"{_around(f'<article><h1>{title}</h1>{text}</article>')}</body></html>"
    ).encode()


def _around(content: str) -> str:
    """What stands around the content of a page: links, a menu, a footer."""
    links = "".join(f'<li><a href="/about/{n}">About our work, part {n}</a></li>' for n in range(30))
    return f"<nav><ul>{links}</ul></nav><main>{content}</main><footer><ul>{links}</ul></footer>"


class Publisher:
    """The answers of all eight, written once: a source's own work is no part of what is measured."""

    def __init__(self, today: date) -> None:
        self._today = today
        self._by_host = {site.host: site for site in SITES}
        self._written: dict[tuple[str, str], Answer] = {}

    def answer(self, request: Request) -> Answer:
        address = request.headers["host"]
        key = (address, request.path)
        if key not in self._written:
            self._written[key] = self._write(self._by_host[address.partition(":")[0]], address, request.path)
        return self._written[key]

    def _write(self, site: Site, address: str, path: str) -> Answer:
        base = f"http://{address}"
        if path == "/news":
            as_page = site.mode == "html"
            return Answer(200, (_page if as_page else _feed)(site, self._today, base), HTML if as_page else RSS)
        number = path.removeprefix("/news/")
        if number.isdecimal() and int(number) < site.entries:
            return Answer(200, _article(_titles(site)[int(number)]), HTML)
        return Answer(404, b"There is nothing here.\n")


def counted_as(request: Request) -> str:
    """robots, a site's rules for robots, which are no content; list or article."""
    return {"/news": "list", "/robots.txt": "robots"}.get(request.path, "article")


def hosts() -> Sequence[str]:
    """The addresses to listen on: 127.0.0.11 and following."""
    return [site.host for site in SITES]


if __name__ == "__main__":
    serve(Publisher(datetime.now(UTC).date()).answer, counted_as, hosts())
