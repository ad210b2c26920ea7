"""Hazards of a whole body: its charset, its markup, its depth, its size, where it was cut, what it claims to be."""

import gzip
import random
import zlib
from collections.abc import Iterator

from tests.fuzz.bodies import (
    DAY,
    SEEDS,
    TEXT,
    article,
    atom,
    json_entry,
    json_feed,
    page,
    rss,
    rss_item,
)
from tests.fuzz.hazards import Hazard, hazard

_CHARSETS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "iso-8859-1", "cp1252"),
    *("iso-8859-15", "mac-roman", "utf-7", "cp037", "euc-kr", "shift_jis", "gb18030", "big5", "koi8-r"),
)
# What a body may call itself: charsets, codecs of Python that are none, nonsense.
_CLAIMS = (
    *("utf-16", "utf-7", "ascii", "no-such", "unicode_escape", "raw_unicode_escape", "punycode", "idna", "undefined"),
    *("rot13", "hex", "zlib", "base64", "mbcs", "cp037", "utf-8-sig", "unicode-1-1-utf-7", "x" * 200, "../../etc"),
)
_TYPES = ("text/html", "application/json", "application/rss+xml", "application/pdf", "image/png; charset=utf-16", ";;=")
_CUTS = {"rss": 20, "atom": 15, "rdf": 8, "json-feed": 20, "page": 15, "article": 8, "pubmed": 10, "trials": 10}


def charsets() -> Iterator[Hazard]:
    for name in ("rss", "atom", "json-feed", "page"):
        for charset in _CHARSETS:
            yield hazard(f"{name} in {charset}", SEEDS[name].encode(charset, "replace"), days=[DAY])
    for claim in _CLAIMS:
        xml = rss(rss_item(), f'<?xml version="1.0" encoding="{claim}"?>')
        yield hazard(f"rss that claims {claim[:30]}", xml)
        html = page(article(), f'<meta charset="{claim}">')
        yield hazard(f"page that claims {claim[:30]}", html)
        yield hazard(f"page whose header claims {claim[:30]}", page(article()), f"text/html; charset={claim}")


def content_types() -> Iterator[Hazard]:
    for name in ("rss", "atom", "json-feed", "page", "pubmed", "trials"):
        for content_type in _TYPES:
            yield hazard(f"{name} sent as {content_type}", SEEDS[name], content_type, [DAY])


def cuts() -> Iterator[Hazard]:
    for name, count in _CUTS.items():
        whole = SEEDS[name].encode()
        for part in range(1, count):
            yield hazard(f"{name} cut at {part} of {count}", whole[: len(whole) * part // count], days=[DAY])


def binaries() -> Iterator[Hazard]:
    noise = random.Random(7)
    feed = SEEDS["rss"].encode()
    yield hazard("nothing", b"")
    yield hazard("whitespace only", b" \r\n\t" * 100)
    for name, mark in {
        "utf-8": b"\xef\xbb\xbf",
        "utf-16-le": b"\xff\xfe",
        "utf-16-be": b"\xfe\xff",
        "utf-32-be": b"\0\0\xfe\xff",
    }.items():
        yield hazard(f"a lone {name} mark", mark)
        yield hazard(f"a {name} mark before utf-8", mark + feed, days=[DAY])
    yield hazard("two marks", b"\xef\xbb\xbf\xef\xbb\xbf" + feed, days=[DAY])
    yield hazard("gzip as it came", gzip.compress(feed, mtime=0), "application/rss+xml")
    yield hazard("gzip cut short", gzip.compress(feed, mtime=0)[:40])
    yield hazard("zlib as it came", zlib.compress(feed))
    yield hazard("a pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj")
    yield hazard("a pdf after white space", b"\r\n  %PDF-1.4 <article><a href='/a'>A</a></article>", "text/html")
    yield hazard("an office document", b"PK\x03\x04\x14\x00[Content_Types].xml")
    yield hazard("a png", b"\x89PNG\r\n\x1a\n" + noise.randbytes(500), "image/png")
    yield hazard("a program", b"\x7fELF\x02\x01\x01" + bytes(200))
    for size in (1, 7, 100, 5_000):
        yield hazard(f"{size} bytes of noise", noise.randbytes(size))
    for byte in (b"\x00", b"\xff", b"\x80", b"<", b"&", b"{", b"[", b'"', b"]]>", b"-", b"%", b"*", b"\\"):
        yield hazard(f"a lone {byte!r}", byte)
        yield hazard(f"a thousand {byte!r}", byte * 1_000)
    for place in range(0, len(feed), len(feed) // 12):
        yield hazard(f"invalid utf-8 at {place}", feed[:place] + b"\xc3\x28\xff" + feed[place:], days=[DAY])
    yield hazard("a surrogate in utf-8", rss(rss_item("a%b")).encode().replace(b"%", b"\xed\xa0\x80"))
    yield hazard("an overlong slash", rss(rss_item("a%b")).encode().replace(b"%", b"\xc0\xaf"))
    yield hazard("a body that is an address", b"http://127.0.0.1:9/feed.xml")
    yield hazard("a body that is a path", b"/etc/hostname")
    yield hazard("a login page", page("<form><input type=password></form>"), "text/html")
    yield hazard("a server's warning before a feed", b"<br />\n<b>Warning</b>: x on line 3\n" + feed, days=[DAY])
    yield hazard("text after the end of a feed", feed + b"<!-- 0.3 s --><script>x</script>", days=[DAY])
    yield hazard("a feed within a feed", rss(SEEDS["rss"]), days=[DAY])
    yield hazard("a feed within a page", page(SEEDS["rss"]), days=[DAY])
    yield hazard("two feeds in a row", feed + feed, days=[DAY])


def entities() -> Iterator[Hazard]:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    for name, dtd in {
        "a billion laughs": f'<!DOCTYPE rss [<!ENTITY l0 "ha">{laughs}]>',
        "a quadratic blowup": f'<!DOCTYPE rss [<!ENTITY l9 "{"a" * 50_000}">]>',
        "an entity of a local file": '<!DOCTYPE rss [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
        "an entity of an address": '<!DOCTYPE rss [<!ENTITY l9 SYSTEM "http://127.0.0.1:9/x">]>',
        "an entity of parameters": '<!DOCTYPE rss [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>',
        "a dtd elsewhere": '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/x.dtd">',
        "a dtd never closed": '<!DOCTYPE rss [<!ENTITY l9 "',
        "a dtd behind a comment": '<!-- <rss> --><!DOCTYPE rss [<!ENTITY l9 "x">]>',
        "a dtd of attributes": '<!DOCTYPE rss [<!ATTLIST item x CDATA "http://127.0.0.1:9/">]>',
        "a style sheet": '<?xml-stylesheet type="text/xsl" href="http://127.0.0.1:9/x.xsl"?>',
        "an instruction never closed": "<?xml-stylesheet ",
    }.items():
        yield hazard(name, rss(rss_item("&l9;" * 10), f'<?xml version="1.0"?>{dtd}'))
        yield hazard(f"{name} in atom", atom("<entry><title>&l9;</title><link href='/a'/></entry>", dtd))
        yield hazard(f"{name} in utf-16", rss(rss_item("&l9;"), dtd).encode("utf-16"))
    yield hazard("a dtd within the root", rss('<!DOCTYPE x [<!ENTITY l9 "ha">]>' + rss_item("&l9;")))
    yield hazard(
        "an inclusion",
        rss('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>' + rss_item()),
    )
    for text in (
        *("&#0;", "&#1;", "&#x0;", "&#xD800;", "&#x110000;", "&#99999999999999999999;", "&#-1;", "&#;", "&#x;", "&;"),
        *(
            "&bogus;",
            "&amp",
            "&lt;script&gt;",
            "&nbsp;",
            "&#x202e;",
            "&#8238;",
            "&amp;#0;",
            "&amp;amp;#0;",
            "&" * 5_000,
        ),
    ):
        for name, body in {
            "rss": rss(rss_item(f"t {text}")),
            "page": page(article(f"t {text}")),
            "json": json_feed(json_entry(title=f"t {text}")),
        }.items():
            yield hazard(f"{text[:30]} in {name}", body)


def markup() -> Iterator[Hazard]:
    for name, text in {
        "cdata in cdata": "<![CDATA[ a <![CDATA[ b ]]> c ]]>",
        "cdata split in two": "<![CDATA[a]]]]><![CDATA[>b]]>",
        "cdata never closed": "<![CDATA[ a",
        "cdata ended twice": "a ]]> b ]]>",
        "a comment never closed": "<!-- a",
        "a comment of dashes": "<!--------->",
        "tags crossed": "<b><i>a</b></i>",
        "tags never closed": "<b><i><u>a",
        "a quote never closed": '<a href="x>a',
        "a tag never closed": "a <b",
        "a bare less-than": "dose < 5 mg",
        "a script": "<script>alert(1)</script>a",
        "a script escaped": "&lt;script&gt;alert(1)&lt;/script&gt;a",
        "a handler": "<img src=x onerror=alert(1)>a",
        "an svg": "<svg/onload=alert(1)>a",
        "a namespace of nothing": "<x:y z:w='1'>a</x:y>",
        "an attribute twice": "<b a='1' a='2'>a</b>",
        "a template": "<template><p>a</p></template>a",
        "plaintext": "<plaintext>a",
        "a noscript": "<noscript>a</noscript>b",
        "a textarea never closed": "a<textarea>",
        "a frameset": "<frameset><frame src=x></frameset>a",
        "mathml": "<math><mi><table><mglyph><style><!--</style><img src=x onerror=a>a",
    }.items():
        yield hazard(f"{name} in a title of rss", rss(rss_item(text)))
        yield hazard(f"{name} in a text of rss", rss(rss_item(rest=f"<description>{text}</description>") * 2))
        yield hazard(f"{name} in a page", page(article(text, rest=f"<p>{text}{TEXT * 3}</p>") * 2))


def depths_and_sizes() -> Iterator[Hazard]:
    for name, opening in {
        **{tag: f"<{tag}>" for tag in ("div", "b", "table", "font", "a", "svg", "template", "item", "blockquote", "p")},
        "attribute": "<a b=",
        "comment": "<!--",
        "cdata": "<![CDATA[",
        "instruction": "<?x ",
        "doctype": "<!doctype x",
        "less-than": "<",
        "escaped": "&lt;a ",
        "date": "<pubDate ",
        "time": "<time datetime='",
        "link": "<link ",
        "xml base": "<feed xml:base=",
        "linked data": '<script type="application/ld+json">',
    }.items():
        yield hazard(f"{name} opened 10,000 times", opening * 10_000)
        yield hazard(f"{name} opened 10,000 times in rss", rss(rss_item() + rss_item(rest=opening * 10_000)))
        yield hazard(f"{name} opened 900 times in a page", page(article() + opening * 900 + TEXT))
    for name, opening in {"lists": "[", "objects": '{"a":', "items": '{"items":[', "names": '{"name":'}.items():
        yield hazard(f"json of 50,000 {name}", opening * 50_000)
        yield hazard(f"json of 500 {name}", opening * 500 + "1")
    for name, text in {
        "ended by another": "<div></span>" * 50_000,
        "of forms": ("<form>" + "<div>" * 100 + "</form>") * 500,
        "under bold": ("<b>" + "<div>" * 100 + "</b>") * 500,
        "under bodies": ("<body>" + "<div>" * 100 + "</body>") * 500,
        "behind tables": ("<div>" * 100 + "<table>" + "</div>" * 100) * 500,
        "behind objects": ("<div>" * 100 + "<object>" + "</div>" * 100) * 500,
        "in drawings": "<svg>" + "<td>" * 50_000,
        "in drawings that end at once": "<svg>" + "<path d='M0'/>" * 10_000 + "</svg>",
        "opened again": "<p>" + "".join(f"<b id={n}>" for n in range(900)) + "</p>" + "<p>x</p>" * 10_000,
        "sought in vain": "<x><object>" + "<div>" * 900 + "</x>" * 50_000,
        "of links": "<a href=1><p>" * 10_000,
    }.items():
        yield hazard(f"elements {name}", page(article() + text))
        yield hazard(f"elements {name} in rss", rss(rss_item(rest=f"<description><![CDATA[{text}]]></description>")))
    crowd = " ".join(f"a{n}=1" for n in range(100_000))
    glued = "".join(f'a{n}="1"' for n in range(100_000))
    for name, tag in {
        "plain": f"<p {crowd}>",
        "glued": f"<p {glued}>",
        "empty": f"<p {'= ' * 100_000}>",
        "unclosed": f"<p {crowd}",
    }.items():
        yield hazard(f"100,000 {name} attributes", page(article(rest=tag)))
        yield hazard(f"100,000 {name} attributes in rss", rss(rss_item() + f"<item{tag[2:]}<title>B</title></item>"))
    named: object = "x"
    for _ in range(900):
        named = {"name": named}
    yield hazard("a title 900 objects deep", json_feed(json_entry(title=named, author=named, tags=[named])))
    yield hazard("a title of a million characters", rss(rss_item("a" * 1_000_000)))
    yield hazard("a title of 100,000 words in json", json_feed(json_entry(title="a " * 100_000)))
    yield hazard(
        "a text of three million characters", rss(rss_item(rest=f"<description>{'é ' * 1_500_000}</description>"))
    )
    yield hazard("an attribute of a million characters", page(article(rest=f'<p class="{"x" * 1_000_000}">a</p>')))
    yield hazard("10,000 attributes", page(article(rest=f"<p {' '.join(f'a{n}=1' for n in range(10_000))}>a</p>")))
    yield hazard("10,000 classes", page(article(rest=f"<p class='{'news ' * 10_000}'>a</p>")))
    yield hazard("10,000 entries", rss(rss_item(rest="") * 10_000))
    yield hazard("10,000 entries in json", json_feed(*({"title": "a", "url": f"/{n}"} for n in range(10_000))))
    yield hazard("10,000 blocks of a page", page("<div class=news><a href=/a>a</a></div>" * 10_000))
    yield hazard("10,000 paragraphs", page(f"<p>{TEXT}</p>" * 10_000))
    yield hazard("10,000 categories", rss(rss_item(rest="<category>x</category>" * 10_000)))
    yield hazard("10,000 tags", json_feed(json_entry(tags=["x" * 300] * 10_000, authors=["y"] * 10_000)))
    yield hazard("10,000 dates in one field", rss(rss_item(rest="<pubDate>soon</pubDate>" * 10_000)))
    yield hazard("an empty feed", rss(""))
    yield hazard("an empty atom feed", atom(""))
    yield hazard("an empty json feed", json_feed())
    yield hazard("17 MiB", b" " * (17 * 1024 * 1024))
