"""Well-formed bodies of every kind, which hazards are made from and which fuzzing starts from.

Here: one body of each format and the parts it is put together from. Not here: what is done to it (hazards).
Every body that holds a date holds the same one, DAY.
"""

import json
from typing import Any

URL = "https://site.test/news/index"
DAY = "2025-12-09"
TITLE = "Résultats semestriels"
TEXT = "La société annonce que l'étude a atteint son critère principal, et les détails suivent."
HEAD = '<?xml version="1.0"?>'


def rss_item(title: str = TITLE, link: str = "/a", rest: str = f"<description>{TEXT}</description>") -> str:
    return f"<item><title>{title}</title><link>{link}</link>{rest}</item>"


def rss(items: str, head: str = HEAD) -> str:
    return f'{head}<rss version="2.0"><channel><title>Channel</title>{items}</channel></rss>'


def atom(entries: str, head: str = HEAD) -> str:
    return f'{head}<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>{entries}</feed>'


def atom_entry(title: str = TITLE, link: str = "/a", rest: str = "") -> str:
    return f'<entry><title>{title}</title><link href="{link}"/><id>urn:1</id><summary>{TEXT}</summary>{rest}</entry>'


def rdf(items: str) -> str:
    return (
        f'{HEAD}<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>t</title></channel>{items}'
        "</rdf:RDF>"
    )


def json_feed(*items: Any, version: str = "https://jsonfeed.org/version/1.1") -> str:
    return json.dumps({"version": version, "title": "t", "items": items}, ensure_ascii=False)


def json_entry(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "url": "/a", "title": TITLE, "content_text": TEXT, **fields}


def page(inside: str, head: str = "") -> str:
    return f"<!doctype html><html><head>{head}</head><body><nav>menu</nav>{inside}</body></html>"


def article(title: str = TITLE, link: str = "/a", rest: str = f"<p>{TEXT}</p>") -> str:
    return f'<article><h2><a href="{link}">{title}</a></h2>{rest}</article>'


RSS = rss(rss_item(rest=f"<description>{TEXT}</description><pubDate>Tue, 09 Dec 2025 08:00:00 GMT</pubDate>") * 3)
ATOM = atom(atom_entry(rest=f"<published>{DAY}T08:00:00Z</published>") * 3)
RDF = rdf(
    f'<item rdf:about="http://x.test/1"><title>One</title><link>http://x.test/1</link><dc:date>{DAY}</dc:date></item>'
)
JSON_FEED = json_feed(*(json_entry(date_published=f"{DAY}T08:00:00Z", tags=["x"]) for _ in range(3)))
PAGE = page(article(rest=f'<time datetime="{DAY}"></time><p>{TEXT}</p>') * 3)
ARTICLE = page(f'<article><h1>{TITLE}</h1><time datetime="{DAY}"></time>{f"<p>{TEXT}</p>" * 5}</article>')
PUBMED = json.dumps(
    {
        "header": {"type": "esummary", "version": "0.3"},
        "result": {
            "uids": ["41000001", "41000002"],
            "41000001": {"uid": "41000001", "title": TITLE, "pubdate": "2025 Dec 9", "authors": [{"name": "Curie M"}]},
            "41000002": {"uid": "41000002", "title": TITLE, "pubdate": "2025 Dec", "sortpubdate": "2025/12/01 00:00"},
        },
    }
)
TRIALS = json.dumps(
    {
        "studies": [
            {
                "protocolSection": {
                    "identificationModule": {"nctId": "NCT00000001", "briefTitle": TITLE},
                    "statusModule": {"lastUpdatePostDateStruct": {"date": DAY, "type": "ACTUAL"}},
                    "descriptionModule": {"briefSummary": TEXT},
                }
            }
        ],
        "nextPageToken": "abc",
    }
)
CLIENT = """client_profile:
  name: Acme
  client_id: acme
  active: true
  language: en
  frequency: weekly
source_config:
  source_bouquets_enabled: [press]
  custom_sources: []
newsletter_layout:
  sections: []
"""
CATALOG = """sources:
  - source_key: press
    source_type: press_corporate
    ingestion_mode: html
    enabled: true
    html_url: https://press.example/news
    date_extraction_patterns: ['([0-9-]{10})']
  - {source_key: wire, source_type: press, ingestion_mode: rss, enabled: true, rss_url: 'https://wire.example/rss'}
bouquets:
  - bouquet_id: press
    source_keys: [press, wire]
"""
SEEDS = {
    "rss": RSS,
    "atom": ATOM,
    "rdf": RDF,
    "json-feed": JSON_FEED,
    "page": PAGE,
    "article": ARTICLE,
    "pubmed": PUBMED,
    "trials": TRIALS,
    "client": CLIENT,
    "catalog": CATALOG,
}
