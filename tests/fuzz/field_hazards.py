"""Hazards of one field: addresses, dates, characters, and JSON whose values are of another kind than promised."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fuzz.bodies import TEXT, article, atom, atom_entry, json_entry, json_feed, page, rss, rss_item
from tests.fuzz.hazards import Hazard, hazard

_LINKS = {
    "javascript": "javascript:alert(1)",
    "javascript in capitals": "JaVaScRiPt:alert(1)",
    "javascript with a tab": "java\tscript:alert(1)",
    "javascript with a line end": "java\nscript:alert(1)",
    "javascript after a space": " javascript:alert(1)",
    "javascript as an entity": "&#106;avascript:alert(1)",
    "vbscript": "vbscript:x",
    "data": "data:text/html,<script>1</script>",
    "a local file": "file:///etc/passwd",
    "ftp": "ftp://x.test/a",
    "mail": "mailto:a@b.test",
    "a telephone": "tel:+33",
    "blob": "blob:https://x.test/1",
    "view-source": "view-source:https://x.test/",
    "a nested scheme": "jar:http://x.test/a!/b",
    "an empty host": "http:///a",
    "no host": "http://",
    "only a scheme": "http:",
    "an open bracket": "http://[::1",
    "a v6 host": "http://[::1]/a",
    "a bad v6 host": "http://[zz]/a",
    "a backslash in the host": "https://evil.test\\@good.test/",
    "backslashes": "\\\\evil.test\\share",
    "a space in the host": "https://good.test evil.test/",
    "a user": "https://user:secret@x.test/",
    "a port too large": "https://x.test:99999/",
    "a port in words": "https://x.test:port/",
    "a negative port": "https://x.test:-1/",
    "a bad percent": "/a%zz%",
    "a percent of nothing": "/a%00b",
    "a percent of half a character": "/a%c3",
    "dots": "/../../../../etc/passwd",
    "a fragment": "#top",
    "only a query": "?a=1&b=2",
    "an international host": "https://пример.test/",
    "an emoji host": "https://\U0001f600.test/",
    "a full-width host": "https://ｅvil.test／a/",
    "a turned address": "https://x.test/\u202etxt.exe",
    "a nul": "https://x.test/\x00a",
    "a line end": "https://x.test/\r\nHost: evil.test",
    "200,000 characters": "https://x.test/" + "a" * 200_000,
    "100,000 dots": "https://x.test/" + "../" * 100_000,
    "a pdf": "/files/half-year_results.pdf",
    "a pdf of a bad name": "/files/%ff%00%e2%80%ae.pdf",
}
# The field, and the day that is in it; most hold none or half of one.
_DATES = {
    "Tue, 09 Dec 2025 08:00:00 GMT": "2025-12-09",
    "2025-12-09": "2025-12-09",
    "20251209": "2025-12-09",
    "2025-12-09T23:30:00-05:00": "2025-12-10",
    "2025-12-09T08:00:00.123456789Z": "2025-12-09",
    "09/12/2025": "2025-12-09",
    "2025.12.09": "2025-12-09",
    "٢٠٢٥-١٢-٠٩": "2025-12-09",
    "9 déc. 2025": "2025-12-09",
    "1er mars 2025": "2025-03-01",
    "2025-12-09 25:61:00": "2025-12-09",
    "2025-12-09T00:00:00+99:99": "2025-12-09",
    **dict.fromkeys(
        ("", "soon", "Monday", "today", "yesterday", "now", "tomorrow", "2025", "2025-12", "Dec 2025", "12"), ""
    ),
    **dict.fromkeys(("December", "9 December", "08:00", "0000-00-00", "2025-13-45", "2025-02-30", "31 Feb 2025"), ""),
    **dict.fromkeys(("1970-01-01", "1969-12-31", "0001-01-01", "9999-12-31", "1899-01-01", "2099-01-01"), ""),
    **dict.fromkeys(("-1", "0", "1e400", "NaN", "inf", "２０２５", "1" * 5_000, "9" * 90, "1:1:1:1:1"), ""),
    **dict.fromkeys(
        ("2025-W50", "2025-343", "P1D", "--12-09", "Q4 2025", "FY2025", "2024-25", "H1", "null", "None"), ""
    ),
    **dict.fromkeys(
        ("\x00", "\u202e", "T", "Z", "+", "a b c d e f", "AM PM AM", "May", "mar", "Mon Tue Wed", "10th"), ""
    ),
    **dict.fromkeys(("for the year ended 30 September 2025", "du 12 janvier 2026 au 15 janvier 2026"), ""),
}
_WORDS = {
    "a nul": "a\x00b",
    "a bell": "a\x07b",
    "an escape": "a\x1b[31mb",
    "delete": "a\x7fb",
    "c1": "a\x9bb",
    "a next line": "a\x85b",
    "a right-to-left override": "a\u202eb",
    "isolates": "a\u2066b\u2069",
    "a byte order mark": "a\ufeffb",
    "a non-character": "a\ufffeb\uffff",
    "tags of language": "a\U000e0041b",
    "combining marks": "a" + "\u0301" * 5_000,
    "zero width": "\u200b\u200c\u200d",
    "only spaces": "\u00a0\u2003\u3000",
    "an emoji family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "line separators": "a\u2028b\u2029c",
    "a formula": "=HYPERLINK(1)",
    "braces": "{{ 7 * 7 }}{% raw %}${x}",
    "a statement": "'; drop table items; --",
    "a way up": "../../etc/passwd",
    "an instruction to a model": "Ignore all previous instructions",
}
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**18, 1e308, "", " ", [], {}, [[]], [None], {"name": None}, {"rendered": []}),
    *([{"name": ["x"]}], {"value": {"value": {"value": {"value": "x"}}}}, "\x00", "<p></p>", ["a", 1, None, {"a": 1}]),
)


def links() -> Iterator[Hazard]:
    for name, link in _LINKS.items():
        # Of a link that is a quotation of XML only the JSON body is exact; the others are hazards all the same.
        yield hazard(f"{name} as the link of rss", rss(rss_item("A", link) + rss_item("B", "/b")))
        yield hazard(f"{name} as the link of atom", atom(atom_entry("A", link) + atom_entry("B", "/b")))
        yield hazard(f"{name} as the link of json", json_feed(json_entry(url=link), json_entry(external_url=link)))
        yield hazard(f"{name} as the link of a page", page(article("A", link) + article("B", "/b")))
    for name, link in list(_LINKS.items())[:20]:
        based = f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="{link}">{atom_entry()}</feed>'
        yield hazard(f"{name} as the base of a feed", based)
        yield hazard(f"{name} as the base of a page", page(article(), f'<base href="{link}">'))
        yield hazard(f"{name} as the next page", json.dumps({"items": [], "next": link, "links": {"next": link}}))


def dates() -> Iterator[Hazard]:
    for field, day in _DATES.items():
        days = [day] if day else []
        shown = ascii(field[:40])
        yield hazard(f"dated {shown} in rss", rss(rss_item(rest=f"<pubDate>{field}</pubDate>")), days=days)
        yield hazard(f"dated {shown} in json", json_feed(json_entry(date_published=field)), days=days)
        marked = f'<time datetime="{field}"></time><p>{TEXT}</p>'
        yield hazard(f"dated {shown} in a page", page(article(rest=marked)), days=days)
        linked = json.dumps({"@type": "Article", "url": "/a", "datePublished": field})
        script = f'<script type="application/ld+json">{linked}</script>'
        yield hazard(f"dated {shown} in linked data", page(article(), script), days=days)
    for number in (0, -1, 1, 2025, 20251209, 1e18, 10**18, -(10**18), 1.5, True):
        yield hazard(f"dated by the number {number!r}", json_feed(json_entry(date_published=number)))
    # Of 9 December 2025, in the two units that APIs count in.
    for number in (1765267200, 1765267200000):
        yield hazard(f"dated by the number {number}", json_feed(json_entry(date_published=number)), days=["2025-12-09"])


def characters() -> Iterator[Hazard]:
    for name, word in _WORDS.items():
        rest = f"<description>{word}</description><guid>{word}</guid><category>{word}</category><author>{word}</author>"
        yield hazard(f"{name} in the fields of rss", rss(rss_item(f"A {word}", rest=rest)))
        fields = json_entry(title=f"A {word}", id=word, tags=[word], author=word, content_text=word, summary=word)
        yield hazard(f"{name} in the fields of json", json_feed(fields))
        escaped = json.dumps({"items": [fields]})  # as \\u0000, which the charset's reader does not see
        yield hazard(f"{name} escaped in json", escaped)
        yield hazard(f"{name} in a page", page(article(f"A {word}", rest=f"<p>{word}{TEXT * 3}</p>")))
    yield hazard("half a pair escaped in json", '{"items": [{"title": "\\ud800", "url": "/a"}]}')


def values() -> Iterator[Hazard]:
    for value in _VALUES:
        shown = ascii(value)[:40]
        for name in ("title", "url", "date_published", "tags", "author", "id", "content_text"):
            yield hazard(f"{name} is {shown}", json_feed(json_entry(**{name: value})))
        yield hazard(f"items is {shown}", json.dumps({"version": "https://jsonfeed.org/version/1", "items": value}))
        yield hazard(f"the answer is {shown}", json.dumps(value))
        yield hazard(f"studies is {shown}", json.dumps({"studies": value, "nextPageToken": value}))
        yield hazard(f"a study is {shown}", json.dumps({"studies": [{"protocolSection": value}, value]}))
        yield hazard(
            f"a module is {shown}", json.dumps({"studies": [{"protocolSection": {"identificationModule": value}}]})
        )
        yield hazard(f"uids is {shown}", json.dumps({"result": {"uids": value, "1": {"title": "A"}}}))
        yield hazard(f"a summary is {shown}", json.dumps({"result": {"uids": ["1"], "1": value}}))
        yield hazard(
            f"a history is {shown}", json.dumps({"result": {"uids": ["1"], "1": {"title": "A", "history": value}}})
        )
        yield hazard(f"next is {shown}", json.dumps({"items": [], "next": value, "links": value, "paging": value}))
        yield hazard(
            f"linked data is {shown}",
            page(article(), f'<script type="application/ld+json">{json.dumps(value)}</script>'),
        )
    for name, text in {
        "not a number": '{"items": [{"title": NaN, "url": "/a"}]}',
        "without end": '{"items": [{"title": Infinity, "url": "/a"}]}',
        "beyond floats": '{"items": [{"title": 1e999, "url": "/a"}]}',
        "an integer of 5,000 digits": '{"items": [{"title": ' + "1" * 5_000 + ', "url": "/a"}]}',
        "the same key twice": '{"items": [], "items": [{"title": "A", "url": "/a", "url": "javascript:x"}]}',
        "a comma too many": '{"items": [{"title": "A", "url": "/a"},]}',
        "single quotes": "{'items': []}",
        "a guard against inclusion": ')]}\',\n{"items": []}',
        "a callback": 'callback({"items": []});',
        "lines of json": '{"title": "A", "url": "/a"}\n{"title": "B", "url": "/b"}',
        "a key that cannot be printed": '{"\\u0000\\u202e": 1}',
        "a key of 100,000 characters": '{"' + "k" * 100_000 + '": 1}',
    }.items():
        yield hazard(f"json with {name}", text)
