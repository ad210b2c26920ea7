"""What the demo's sources publish, day by day, and the configuration that reads them.

Here: entries (written in demo/stories), the formats they are published in, catalog and clients (demo/*.yaml).
Not here: HTTP (demo_site); nothing of this is real, and nothing of it is used outside the demo and tests.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from functools import cache
from html import escape
from pathlib import Path
from xml.sax.saxutils import escape as xml_escape

import yaml

_FOLDER = Path(__file__).parent / "demo"
_PUBLISHED_AT = time(7, 30, tzinfo=UTC)
_XML = '<?xml version="1.0" encoding="{}"?>\n'
_PAGE = """<!doctype html>
<html lang="{}"><head><meta charset="utf-8"><title>{}</title></head>
<body>
{}
</body></html>
"""
_MONTHS = "January February March April May June July August September October November December"


@dataclass(frozen=True, slots=True)
class Entry:
    """A story of one source, published `days` before today; `undated` ones do not say so."""

    source: str
    slug: str
    title: str
    summary: str
    days: int
    undated: bool = False
    url_date: bool = False
    author: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as the site shows it: on which day, or None where it does not tell, and at which address."""

    entry: Entry
    day: date | None
    path: str
    url: str

    @property
    def instant(self) -> datetime | None:
        """When it says it was published."""
        return datetime.combine(self.day, _PUBLISHED_AT) if self.day else None


@dataclass(frozen=True, slots=True)
class DemoSource:
    """One source of the site; without `write` it publishes nothing and answers `status` with an apology."""

    key: str
    title: str
    path: str
    content_type: str
    write: "Callable[[DemoSource, Sequence[Shown], str], bytes] | None"
    language: str = "en"
    status: int = 200

    @property
    def name(self) -> str:
        """`depot_dispatch` of `press_sector__depot_dispatch`: its file of stories, its part of addresses."""
        return self.key.rpartition("__")[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the site answers for one path."""

    status: int
    content_type: str
    body: bytes
    modified: date


@cache
def entries(name: str) -> tuple[Entry, ...]:
    """The stories of one source, newest first; a story with `copy_of` repeats another source's words."""
    found = []
    for raw in yaml.safe_load((_FOLDER / "stories" / f"{name}.yaml").read_text(encoding="utf-8")):
        if origin := raw.pop("copy_of", ""):
            source, slug = origin.split("/")
            original = next(entry for entry in entries(source) if entry.slug == slug)
            raw |= {"title": original.title, "summary": original.summary}
        found.append(Entry(source=name, **raw | {"tags": tuple(raw.get("tags", ()))}))
    return tuple(sorted(found, key=lambda entry: entry.days))


def answer(path: str, today: date, as_of: date, base_url: str) -> Answer:
    """What `path` showed on `as_of` on a site whose newest stories are of `today`; 404 where nothing was."""
    if path == "/":
        return Answer(200, "text/html; charset=utf-8", _index(), as_of)
    if path.startswith("/articles/"):
        return _article(path, today, as_of, base_url)
    source = next((source for source in SOURCES if source.path == path), None)
    if source is None:
        return Answer(404, "text/plain; charset=utf-8", b"There is nothing here.\n", as_of)
    if source.write is None:
        return Answer(source.status, source.content_type, _apology(source), as_of)
    shown = _shown(source, today, as_of, base_url)
    newest = max((today - timedelta(days=one.entry.days) for one in shown), default=today - timedelta(days=365))
    return Answer(source.status, source.content_type, source.write(source, shown, base_url), newest)


def body(path: str, today: date, as_of: date, base_url: str) -> bytes:
    """The bytes of `answer`: for an archive of earlier days, ask for each day's `as_of`."""
    return answer(path, today, as_of, base_url).body


def demo_catalog(base_url: str) -> str:
    """The source catalog (YAML) whose addresses lie under `base_url`."""
    text = (_FOLDER / "source_catalog.yaml").read_text(encoding="utf-8")
    return text.replace("@BASE_URL@", base_url.rstrip("/"))


def demo_clients() -> dict[str, str]:
    """The client files by name: two active, one inactive, two that cannot be used."""
    return _texts("clients")


def demo_canonical() -> dict[str, str]:
    """What the clients share, by its place under `canonical/`: scopes, and what makes a story which event."""
    return {f"{folder}/{name}": text for folder in ("scopes", "events") for name, text in _texts(folder).items()}


def _texts(folder: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((_FOLDER / folder).glob("*.yaml"))}


def _shown(source: DemoSource, today: date, as_of: date, base_url: str) -> list[Shown]:
    found = []
    for entry in entries(source.name):
        published = today - timedelta(days=entry.days)
        if published > as_of:
            continue
        dated = f"{published:%Y/%m/%d}/" if entry.url_date else ""
        path = f"/articles/{source.name}/{dated}{entry.slug}"
        told = None if entry.undated or entry.url_date else published
        found.append(Shown(entry, told, path, f"{base_url}{path}"))
    return found


def _rss_html(source: DemoSource, shown: Sequence[Shown], base_url: str) -> bytes:
    """RSS whose descriptions are HTML and whose links carry trackers."""
    items = [
        f"<item><title>{xml_escape(one.entry.title)}</title>"
        f"<link>{xml_escape(one.url + '?utm_source=rss&utm_medium=feed')}</link>"
        f'<guid isPermaLink="true">{xml_escape(one.url)}</guid>{_pub_date(one)}'
        f"<author>{xml_escape(one.entry.author)}</author>"
        + "".join(f"<category>{xml_escape(tag)}</category>" for tag in one.entry.tags)
        + f"<description><![CDATA[<p>{escape(one.entry.summary, quote=False)}</p>]]></description></item>"
        for one in shown
    ]
    return _rss(source, items, base_url).encode()


def _rss_latin(source: DemoSource, shown: Sequence[Shown], base_url: str) -> bytes:
    items = [
        f"<item><title>{xml_escape(one.entry.title)}</title><link>{xml_escape(one.url)}</link>{_pub_date(one)}"
        f"<description>{xml_escape(one.entry.summary)}</description></item>"
        for one in shown
    ]
    return _rss(source, items, base_url, "ISO-8859-1").encode("iso-8859-1")


def _rss_full(source: DemoSource, shown: Sequence[Shown], base_url: str) -> bytes:
    """RSS with a first sentence, the full text beside it, and guids that are not addresses."""
    items = [
        f"<item><title>{xml_escape(one.entry.title)}</title><link>{xml_escape(one.url)}</link>"
        f'<guid isPermaLink="false">rp-{one.entry.slug}</guid>{_pub_date(one)}'
        f"<dc:creator>{xml_escape(one.entry.author)}</dc:creator>"
        f"<description>{xml_escape(one.entry.summary.partition('. ')[0])}.</description>"
        f"<content:encoded><![CDATA[<p>{escape(one.entry.summary, quote=False)}</p>]]></content:encoded></item>"
        for one in shown
    ]
    return _rss(source, items, base_url).encode()


def _rss(source: DemoSource, items: Sequence[str], base_url: str, encoding: str = "UTF-8") -> str:
    names = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return (
        f'{_XML.format(encoding)}<rss version="2.0" {names}><channel><title>{xml_escape(source.title)}</title>'
        f"<link>{xml_escape(base_url)}/</link><description>{xml_escape(source.title)}</description>"
        f"<language>{source.language}</language>\n{chr(10).join(items)}\n</channel></rss>\n"
    )


def _pub_date(one: Shown) -> str:
    return f"<pubDate>{format_datetime(one.instant)}</pubDate>" if one.instant else ""


def _atom(source: DemoSource, shown: Sequence[Shown], base_url: str) -> bytes:
    newest = next((one.instant for one in shown if one.instant), None)
    parts = [
        f'<entry><title type="text">{xml_escape(one.entry.title)}</title><id>{xml_escape(one.url)}</id>'
        f'<link rel="alternate" href="{escape(one.url)}"/>'
        + (f"<published>{one.instant:%Y-%m-%dT%H:%M:%SZ}</published>" if one.instant else "")
        + (f"<updated>{one.instant:%Y-%m-%dT%H:%M:%SZ}</updated>" if one.instant else "")
        + (f"<author><name>{xml_escape(one.entry.author)}</name></author>" if one.entry.author else "")
        + "".join(f'<category term="{escape(tag)}"/>' for tag in one.entry.tags)
        + f'<summary type="text">{xml_escape(one.entry.summary)}</summary></entry>'
        for one in shown
    ]
    updated = f"<updated>{newest:%Y-%m-%dT%H:%M:%SZ}</updated>" if newest else ""
    return (
        f'{_XML.format("UTF-8")}<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{source.language}">'
        f"<title>{xml_escape(source.title)}</title><id>{xml_escape(base_url + source.path)}</id>{updated}\n"
        f"{chr(10).join(parts)}\n</feed>\n"
    ).encode()


def _html_articles(source: DemoSource, shown: Sequence[Shown], base_url: str) -> bytes:
    blocks = [
        f'<article><h2><a href="{escape(one.path)}">{escape(one.entry.title)}</a></h2>'
        + (f'<time datetime="{one.day}">{_long_day(one.day)}</time>' if one.day else "")
        + f'<p class="description">{escape(one.entry.summary)}</p></article>'
        for one in shown
    ]
    return _page(source, blocks)


def _html_divs(source: DemoSource, shown: Sequence[Shown], base_url: str) -> bytes:
    blocks = [
        '<div class="news-item">'
        + (f'<span class="date">{_long_day(one.day)}</span> ' if one.day else "")
        + f'<h3><a href="{escape(one.path)}">{escape(one.entry.title)}</a></h3>'
        f'<p class="desc">{escape(one.entry.summary)}</p></div>'
        for one in shown
    ]
    return _page(source, blocks)


def _page(source: DemoSource, blocks: Sequence[str]) -> bytes:
    heading = f'<header><a href="/">All sources</a><h1>{escape(source.title)}</h1></header>\n<main>\n'
    content = heading + "\n".join(blocks) + "\n</main>"
    return _PAGE.format(source.language, escape(source.title), content).encode()


def _long_day(day: date) -> str:
    return f"{day.day} {_MONTHS.split()[day.month - 1]} {day.year}"


def _json_studies(source: DemoSource, shown: Sequence[Shown], base_url: str) -> bytes:
    items = [
        {
            "id": one.entry.slug.upper(),
            "title": one.entry.title,
            "summary": one.entry.summary,
            "url": one.url,
            "published_at": one.instant.isoformat() if one.instant else None,
            "tags": list(one.entry.tags),
        }
        for one in shown
    ]
    return json.dumps({"total": len(items), "items": items}, ensure_ascii=False, indent=1).encode()


def _json_papers(source: DemoSource, shown: Sequence[Shown], base_url: str) -> bytes:
    items = [
        {"title": one.entry.title, "description": one.entry.summary, "link": one.url, "author": one.entry.author}
        | ({"date": one.day.isoformat()} if one.day else {})
        for one in shown
    ]
    return json.dumps({"items": items}, ensure_ascii=False).encode()


def _apology(source: DemoSource) -> bytes:
    return _PAGE.format("en", escape(source.title), "<h1>We will be back soon</h1><p>Please<br>try later").encode()


def _article(path: str, today: date, as_of: date, base_url: str) -> Answer:
    for source in SOURCES:
        if source.write and path.startswith(f"/articles/{source.name}/"):
            for one in _shown(source, today, as_of, base_url):
                if one.path == path:
                    return Answer(200, "text/html; charset=utf-8", _article_page(source, one), today)
    return Answer(404, "text/plain; charset=utf-8", b"There is no such article.\n", as_of)


def _article_page(source: DemoSource, one: Shown) -> bytes:
    told = f'<p><time datetime="{one.day}">{_long_day(one.day)}</time></p>' if one.day else ""
    content = (
        f'<main><p><a href="{escape(source.path)}">{escape(source.title)}</a></p><h1>{escape(one.entry.title)}</h1>'
        f"{told}<p>{escape(one.entry.summary)}</p><p><small>Demo: every company, drug and study is invented."
        "</small></p></main>"
    )
    return _PAGE.format(source.language, escape(one.entry.title), content).encode()


def _index() -> bytes:
    links = "".join(f'<li><a href="{escape(one.path)}">{escape(one.title)}</a> {one.key}</li>' for one in SOURCES)
    notice = "<p>Every company, drug and study here is invented.</p>"
    return _PAGE.format("en", "Demo sources", f"<h1>Demo sources</h1>{notice}<ul>{links}</ul>").encode()


_HTML, _FEED = "text/html; charset=utf-8", "application/rss+xml"
SOURCES = (
    DemoSource("press_corporate__lentavia", "Lentavia: news", "/lentavia/news.atom", "application/atom+xml", _atom),
    DemoSource("press_corporate__orvane", "Orvane: news", "/orvane/news/", _HTML, _html_articles),
    DemoSource("press_corporate__monthera", "Monthera: press", "/monthera/press/", _HTML, _html_divs),
    DemoSource("press_corporate__solvane", "Solvane: news", "/solvane/news/", _HTML, None, status=503),
    DemoSource("press_sector__depot_dispatch", "Depot Dispatch", "/depot-dispatch/rss.xml", _FEED, _rss_html),
    # text/xml without a charset: only the XML declaration says that it is Latin-1.
    DemoSource("press_sector__la_formule", "La Formule", "/la-formule/flux.xml", "text/xml", _rss_latin, "fr"),
    DemoSource("press_sector__release_profile", "Release Profile", "/release-profile/feed.xml", _FEED, _rss_full),
    DemoSource(
        "press_sector__injectables_today",
        "Injectables Today",
        "/injectables-today/atom.xml",
        "application/atom+xml",
        _atom,
    ),
    DemoSource("press_sector__pharma_pulse", "Pharma Pulse", "/pharma-pulse/rss.xml", _FEED, None),
    DemoSource(
        "api_clinicaltrials__trial_registry",
        "Trial Registry",
        "/trial-registry/api/studies.json",
        "application/json",
        _json_studies,
    ),
    DemoSource(
        "api_pubmed__release_science",
        "Release Science",
        "/release-science/api/articles.json",
        "application/json",
        _json_papers,
    ),
)
