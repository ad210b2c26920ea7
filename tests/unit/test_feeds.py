"""Feeds to items, and what is refused."""

from datetime import date
from pathlib import Path

import pytest

from domain.entries import MOST_ENTRIES
from domain.errors import ParseError
from domain.feeds import parse_feed

URL = "https://feeds.test/news/rss.xml"


def rss(entries: str, head: str = '<?xml version="1.0" encoding="utf-8"?>', encoding: str = "utf-8") -> bytes:
    return (
        f'{head}<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Channel</title>{entries}</channel></rss>'
    ).encode(encoding)


def entry(title: str = "A title", rest: str = "<description>Text</description>", link: str = "/a") -> str:
    return f"<item><title>{title}</title><link>{link}</link>{rest}</item>"


def test_an_rss_entry_gives_all_its_fields() -> None:
    rest = (
        "<description><![CDATA[<p>Some <b>text</b></p><script>x()</script>]]></description>"
        "<guid isPermaLink='false'>g-1</guid><pubDate>Sun, 15 Nov 2026 23:30:00 -0500</pubDate>"
        "<author>ann@feeds.test</author><category>pharma</category><category>biotech</category>"
    )
    (item,) = parse_feed(rss(entry("Title &amp; more", rest)), URL)
    assert (item.title, item.content, item.url) == ("Title & more", "Some text", "https://feeds.test/a")
    assert (item.guid, item.author, item.tags) == ("g-1", "ann@feeds.test", ("pharma", "biotech"))
    assert (item.published_at, item.date_source) == (date(2026, 11, 16), "structured")


def test_an_atom_entry_gives_all_its_fields() -> None:
    feed = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><updated>2026-01-01T00:00:00Z</updated>
    <entry><title>First</title><link rel="alternate" href="a.html"/><id>urn:1</id><summary>Sum</summary>
    <content type="html">&lt;p&gt;Whole&lt;/p&gt;</content><updated>2025-12-11T00:00:00Z</updated>
    <published>2025-12-10T00:00:00Z</published><author><name>Ann</name></author><category term="x"/></entry>
    <entry><title>Second</title><link href="b.html"/><id>urn:2</id>
    <content type="html">&lt;p&gt;Whole&lt;/p&gt;</content><updated>2025-12-11T00:00:00Z</updated></entry></feed>"""
    first, second = parse_feed(feed, URL)
    assert (first.title, first.content, first.url) == ("First", "Sum", "https://feeds.test/news/a.html")
    assert (first.guid, first.author, first.tags) == ("urn:1", "Ann", ("x",))
    assert first.published_at == date(2025, 12, 10)
    assert (second.content, second.published_at) == ("Whole", date(2025, 12, 11))


def test_rss_1_and_rss_091_are_feeds() -> None:
    rdf = b"""<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>t</title>
    <items><rdf:Seq><rdf:li resource="http://x.test/1"/></rdf:Seq></items></channel>
    <item rdf:about="http://x.test/1"><title>One</title><link>http://x.test/1</link><dc:date>2025-12-09</dc:date></item>
    </rdf:RDF>"""
    (item,) = parse_feed(rdf, URL)
    assert (item.title, item.url, item.published_at) == ("One", "http://x.test/1", date(2025, 12, 9))
    doctype = '<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://x.test/0.91.dtd">'
    assert len(parse_feed(rss(entry(), doctype), URL)) == 1


def test_a_json_feed_is_a_feed() -> None:
    feed = b"""{"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": [{"id": "1", "url": "/a",
    "title": "A", "content_html": "<p>Text</p>", "date_published": "2025-12-09T10:00:00Z"}]}"""
    (item,) = parse_feed(feed, URL)
    assert (item.title, item.content, item.guid, item.published_at) == ("A", "Text", "1", date(2025, 12, 9))


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "latin-1"),
        ('<?xml version="1.0" encoding="windows-1252"?>', "cp1252"),
        ('<?xml version="1.0"?>', "utf-8"),
        ("", "utf-8"),
        ("", "cp1252"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "utf-8"),
        ('<?xml version="1.0" encoding="utf-16"?>', "utf-16"),
        ('\ufeff<?xml version="1.0"?>', "utf-8"),
    ],
)
def test_a_feed_keeps_its_accents_in_any_charset(head: str, encoding: str) -> None:
    """D20: V2 read UTF-8 without a declared charset as Latin-1 (Ã© for é)."""
    (item,) = parse_feed(rss(entry("Résultats", "<description>Münch</description>"), head, encoding), URL)
    assert (item.title, item.content) == ("Résultats", "Münch")


def test_html_entities_and_bare_ampersands_cost_no_text() -> None:
    described = "<description>R&eacute;sultats &nbsp;R&D &bogus; fin &#233; &lt;b&gt;gras&lt;/b&gt;</description>"
    (item,) = parse_feed(rss(entry("R&eacute;sultats A&B", described, link="/a?x=1&y=2")), URL)
    assert item.title == "Résultats A&B"
    assert item.content == "Résultats R&D &bogus; fin é gras"
    assert item.url == "https://feeds.test/a?x=1&y=2"


def test_cdata_is_left_as_it_is() -> None:
    (item,) = parse_feed(rss(entry(link="<![CDATA[/a?x=1&y=2]]>", rest="")), URL)
    assert item.url == "https://feeds.test/a?x=1&y=2"


def test_content_is_the_summary_else_the_content_else_the_title() -> None:
    long = "word " * 400
    whole = f"<content:encoded><![CDATA[<p>{long}</p>]]></content:encoded>"
    entries = entry("Both", f"<description>Short</description>{whole}") + entry("Whole", whole) + entry("None", "")
    assert [item.content for item in parse_feed(rss(entries), URL)] == ["Short", long.strip(), "None"]


def test_entries_without_title_or_http_link_are_dropped() -> None:
    entries = (
        entry("")
        + entry("No link", link="")
        + entry("Script", link="javascript:alert(1)")
        + entry("File", link="file:///etc/passwd")
        + entry("Kept")
    )
    assert [item.title for item in parse_feed(rss(entries), URL)] == ["Kept"]


@pytest.mark.parametrize("field", ["<pubDate>soon</pubDate>", "<pubDate>Monday</pubDate>", "<guid>10</guid>", ""])
def test_a_bad_date_costs_only_that_date_and_is_never_today(field: str) -> None:
    """D11. The fast parser completes "Monday" from today, and takes the guid 10 for the tenth of the month."""
    undated, dated = parse_feed(
        rss(entry("A", field) + entry("B", "<pubDate>Sun, 15 Nov 2026 08:00:00 GMT</pubDate>", "/b")), URL
    )
    assert (undated.published_at, undated.date_source) == (None, "unknown")
    assert dated.published_at == date(2026, 11, 15)


def test_a_zone_that_nobody_knows_costs_nothing() -> None:
    (item,) = parse_feed(rss(entry(rest="<pubDate>9 Dec 2025 10:00:00 XYZT</pubDate>")), URL)
    assert item.published_at == date(2025, 12, 9)


def test_the_sources_patterns_date_an_entry_without_a_date_field() -> None:
    (item,) = parse_feed(rss(entry(rest="<description>Ref 09.12.2025</description>")), URL, [r"Ref ([\d.]+)"])
    assert (item.published_at, item.date_source) == (date(2025, 12, 9), "pattern")


def test_an_article_that_quotes_feed_markup_keeps_its_own_date() -> None:
    quoted = "<description><![CDATA[<item><pubDate>2001-01-01</pubDate></item>]]></description>"
    (item,) = parse_feed(rss(entry("A", f"{quoted}<pubDate>2025-12-09</pubDate>")), URL)
    assert (item.title, item.published_at) == ("A", date(2025, 12, 9))


def test_a_feed_cut_short_keeps_its_whole_entries() -> None:
    whole = rss(entry("A") + entry("B", link="/b") + entry("C", "<description>Half of a sen", "/c"))
    cut = whole[: whole.index(b"Half") + 7]
    assert [item.title for item in parse_feed(cut, URL)] == ["A", "B"]


def test_unescaped_markup_in_one_entry_leaves_the_others_whole() -> None:
    damaged = entry("A <b>bold</i> one", "<description>Text <br> goes on</description>")
    items = parse_feed(rss(entry("First") + damaged + entry("Last", link="/c")), URL)
    assert [item.title for item in items if item.url != "https://feeds.test/a"] == ["Last"]
    assert items[0].title == "First"


def test_a_feed_without_entries_has_no_items() -> None:
    assert parse_feed(rss(""), URL) == []


def test_a_feed_after_a_servers_warning_is_read() -> None:
    assert len(parse_feed(b"<br />\n<b>Warning</b>: x on line 3\n" + rss(entry()), URL)) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "an HTML page"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x" "y"><html></html>', "an HTML page"),
        (b'{"items": []}', "JSON"),
        (b'<?xml version="1.0"?><urlset></urlset>', "<urlset>"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "plain text"),
    ],
)
def test_a_body_that_is_no_feed_says_what_it_looks_like(body: bytes, said: str) -> None:
    with pytest.raises(ParseError, match=said) as error:
        parse_feed(body, URL)
    assert error.value.where == URL
    assert "rss_url" in error.value.remedy


@pytest.mark.parametrize(
    "dtd",
    [
        '<!DOCTYPE rss [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE rss SYSTEM "http://x.test/x.dtd" [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!-- <rss> --><!DOCTYPE rss [<!ENTITY a "lol">]>',
        '<!ENTITY a "lol">',
    ],
)
def test_a_feed_that_brings_its_own_entities_is_refused(dtd: str) -> None:
    for head in (dtd, '<?xml version="1.0"?>' + dtd):
        with pytest.raises(ParseError, match="DTD"):
            parse_feed(rss(entry("&b;"), head), URL)


def test_a_body_that_is_an_address_or_a_path_is_never_opened(tmp_path: Path) -> None:
    """D21: feedparser opens what looks like a URL or a path, bytes too."""
    real = tmp_path / "feed.xml"
    real.write_bytes(rss(entry("Read from disk")))
    for body in (str(real).encode(), b"http://127.0.0.1:9/feed.xml", b"file://" + str(real).encode()):
        with pytest.raises(ParseError, match="plain text"):
            parse_feed(body, URL)


def test_a_feed_above_16_mib_is_refused() -> None:
    with pytest.raises(ParseError, match="bytes"):
        parse_feed(b"<rss>" + b" " * (16 * 1024 * 1024), URL)


@pytest.mark.parametrize(
    "tail", ["<item>" * 50_000, "<![CDATA[" * 50_000, "<" * 200_000, "<!--" * 50_000, "<pubDate " * 50_000]
)
def test_hostile_markup_costs_no_whole_entry(tail: str) -> None:
    assert len(parse_feed(rss(entry() + tail), URL)) >= 1


@pytest.mark.parametrize(
    ("root", "of_entry", "url"),
    [
        ("https://x.test/blog/", "", "https://x.test/blog/a.html"),
        ("/blog/", "", "https://feeds.test/blog/a.html"),
        ("/blog/", "2025/", "https://feeds.test/blog/2025/a.html"),
        ("", "https://y.test/", "https://y.test/a.html"),
        ("javascript:x", "file:///etc/", "https://feeds.test/news/a.html"),
    ],
)
def test_a_relative_link_is_seen_from_its_xml_base(root: str, of_entry: str, url: str) -> None:
    base, inner = (f' xml:base="{value}"' if value else "" for value in (root, of_entry))
    (item,) = parse_feed(
        f'<feed xmlns="http://www.w3.org/2005/Atom"{base}><title>t</title><entry{inner}><title>A</title>'
        '<link href="a.html"/></entry></feed>'.encode(),
        URL,
    )
    assert item.url == url


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<![CDATA[ a <![CDATA[ b ]]> c ]]>", "a"),
        ("<![CDATA[a]]]]><![CDATA[>b]]>", "a"),
        ("<![CDATA[<p>a</p>]]><![CDATA[<p>b</p>]]>", "a"),
    ],
)
def test_cdata_in_cdata_costs_no_other_entry(raw: str, text: str) -> None:
    items = parse_feed(rss(entry("First", f"<description>{raw}</description>") + entry("Last", link="/b")), URL)
    assert [item.title for item in items] == ["First", "Last"]
    assert items[0].content.startswith(text)


def test_a_feed_without_end_is_bounded() -> None:
    many = "".join(entry(str(number), "", f"/{number}") for number in range(MOST_ENTRIES + 500))
    items = parse_feed(rss(many), URL)
    assert len(items) == MOST_ENTRIES
    assert items[0].title == "0"


def test_a_feed_cut_anywhere_gives_the_entries_before_the_cut() -> None:
    whole = rss("".join(entry(str(number), link=f"/{number}") for number in range(4)))
    ends = [found + 7 for found in range(len(whole)) if whole.startswith(b"</item>", found)]
    for length in range(ends[0], len(whole)):
        read = [item.title for item in parse_feed(whole[:length], URL)]
        assert read == [str(number) for number in range(sum(end <= length for end in ends))]


def test_an_entry_that_is_a_pdf_is_named_by_its_file_where_it_has_no_title() -> None:
    (item,) = parse_feed(rss(entry("", "", "/files/half-year_results.pdf")), URL)
    assert (item.title, item.url) == ("half year results", "https://feeds.test/files/half-year_results.pdf")


@pytest.mark.parametrize(
    ("body", "said"), [(b"%PDF-1.7", "PDF"), (b"\x1f\x8b\x08\x00", "gzip"), (b"PK\x03\x04", "ZIP")]
)
def test_a_body_that_is_a_document_is_refused_by_its_name(body: bytes, said: str) -> None:
    with pytest.raises(ParseError, match=said) as error:
        parse_feed(body, URL)
    assert error.value.where == URL
