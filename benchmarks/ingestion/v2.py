"""The baseline: one day in the way of V2, client by client, written anew from a description of what it does.

Here: per client everything again (configuration, catalog, every source, every article), with a new S3 client and a new
connection per call, the YAML loader in Python, and a pause before each source. Pages and articles are parsed by
BeautifulSoup's html.parser and feeds by feedparser, as V2 does.
"""

import hashlib
import json
import re
import time
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urljoin

import boto3
import feedparser
import requests
import yaml
from benchmarks.ingestion.processes import CONFIG, DATA, measured
from benchmarks.ingestion.rules import BROAD, FOCUSED, NOISE, WANTED
from bs4 import BeautifulSoup, Tag

CATALOG = "canonical/sources/source_catalog.yaml"
PAUSES = {BROAD: 1.0, FOCUSED: 2.0}  # seconds before each source
OTHER_PAUSE = 0.5
MOST_ENTRIES = 20
ENGLISH = (" the ", " and ", " of ", " to ", " in ", " is ", " for ", " with ", " on ", " that ")
FRENCH = (" le ", " la ", " les ", " des ", " et ", " est ", " pour ", " dans ", " une ", " avec ")

Entry = dict[str, Any]


class Bucket:
    """V2's access to S3: a new client for each call."""

    def __init__(self, s3: str, name: str) -> None:
        self._s3 = s3
        self._name = name

    def get(self, key: str) -> bytes:
        body: bytes = self._client().get_object(Bucket=self._name, Key=key)["Body"].read()
        return body

    def put(self, key: str, body: bytes) -> None:
        self._client().put_object(Bucket=self._name, Key=key, Body=body, ContentType="application/json")

    def keys(self, prefix: str) -> list[str]:
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def _client(self) -> Any:
        return boto3.client("s3", endpoint_url=self._s3, region_name="us-east-1")


def read_yaml(bucket: Bucket, key: str) -> Any:
    return yaml.load(bucket.get(key), Loader=yaml.SafeLoader)


def active_clients(bucket: Bucket) -> list[str]:
    """Lists the files and reads each, one after the other."""
    keys = [key for key in bucket.keys("clients/") if key.endswith(".yaml")]
    return [
        key.removeprefix("clients/").removesuffix(".yaml")
        for key in keys
        if read_yaml(bucket, key)["client_profile"].get("active")
    ]


def ingest(config: Bucket, data: Bucket, client: str, sleeping: bool) -> int:
    """One client's day: how many items it has."""
    file, catalog = read_yaml(config, f"clients/{client}.yaml"), read_yaml(config, CATALOG)
    bouquets = {bouquet["bouquet_id"]: bouquet["source_keys"] for bouquet in catalog["bouquets"]}
    wanted = set(chain.from_iterable(bouquets[one] for one in file["source_config"]["source_bouquets_enabled"]))
    found: list[Entry] = []
    for source in (source for source in catalog["sources"] if source["source_key"] in wanted):
        if sleeping:
            time.sleep(PAUSES.get(source["ingestion_profile"], OTHER_PAUSE))
        found += [item for item in fetched(source) if keeps(source, item)]
    oldest = (datetime.now(UTC).date() - timedelta(days=file["pipeline"]["default_period_days"])).isoformat()
    recent = (item for item in found if item["published_at"] >= oldest)
    items = list({item["content_hash"]: item for item in recent}.values())
    day = datetime.now(UTC)
    body = json.dumps(items, ensure_ascii=False, indent=2).encode()
    data.put(f"ingested/{client}/{day:%Y/%m/%d}/items.json", body)
    return len(items)


def fetched(source: Entry) -> list[Entry]:
    is_feed = source["ingestion_mode"] == "rss"
    answer = requests.get(source["rss_url" if is_feed else "html_url"], timeout=30)
    assert answer.status_code == 200
    return feed(source, answer.text) if is_feed else page(source, answer.text)


def feed(source: Entry, text: str) -> list[Entry]:
    items = []
    for entry in feedparser.parse(text).entries:
        content = plain(entry.get("summary", ""))
        if source["content_enrichment"] == "full_article":
            longer = plain(requests.get(entry.link, timeout=10).text)
            longer = " ".join(longer.split()[: source["max_content_length"] // 5])
            content = longer if len(longer) > len(content) else content
        published = date(*entry.published_parsed[:3]) if entry.get("published_parsed") else None
        items.append(item_of(source, entry.title, content, entry.link, published))
    return items


def page(source: Entry, text: str) -> list[Entry]:
    items = []
    for block in BeautifulSoup(text, "html.parser").find_all("article")[:MOST_ENTRIES]:
        link = block.find("a")
        described = block.find(["p", "div"], class_=re.compile("desc"))
        content = described.get_text(strip=True) if described else block.get_text(strip=True)[:500]
        if isinstance(link, Tag) and content:
            url = urljoin(source["homepage_url"], str(link.get("href") or ""))
            title = link.get_text(strip=True)
            published = written_date(source, f"{content} {title} {block.get_text()}")
            items.append(item_of(source, title, content, url, published))
    return items


def plain(markup: str) -> str:
    return BeautifulSoup(markup, "html.parser").get_text(separator=" ", strip=True)


def written_date(source: Entry, text: str) -> date | None:
    for pattern in source["date_extraction_patterns"]:
        if match := re.search(pattern, text):
            for form in ("%Y-%m-%d", "%d %B %Y"):
                try:
                    return datetime.strptime(match[1], form).date()  # noqa: DTZ007 (a day has no zone)
                except ValueError:
                    continue
    return None


def item_of(source: Entry, title: str, content: str, url: str, published: date | None) -> Entry:
    day = published or datetime.now(UTC).date()
    words = f" {title} {content} ".lower()
    normal = re.sub(r"\s+", " ", content.strip().lower())
    title_hash = hashlib.md5(title.encode(), usedforsecurity=False).hexdigest()[:6]
    return {
        "item_id": f"{source['source_key']}_{day:%Y%m%d}_{title_hash}",
        "source_key": source["source_key"],
        "source_type": source["source_type"],
        "title": title,
        "content": content,
        "url": url,
        "published_at": day.isoformat(),
        "ingested_at": datetime.now(UTC).isoformat(),
        "language": "en" if sum(map(words.count, ENGLISH)) >= sum(map(words.count, FRENCH)) else "fr",
        "content_hash": f"sha256:{hashlib.sha256(normal.encode()).hexdigest()}",
        "metadata": {"author": "", "tags": source["tags"], "word_count": len(content.split())},
    }


def keeps(source: Entry, item: Entry) -> bool:
    """The balanced mode: nothing of the noise; of the papers, only what has a term of the field."""
    text = f"{item['title']} {item['content']}".lower()
    if any(term in text for term in NOISE):
        return False
    return source["source_type"] == "press_corporate" or any(term in text for term in WANTED)


def day(s3: str, sleeping: bool) -> dict[str, Any]:
    """Every active client's day, one after the other."""
    config, data = Bucket(s3, CONFIG), Bucket(s3, DATA)
    began = time.perf_counter()
    clients = active_clients(config)
    items = sum(ingest(config, data, client, sleeping) for client in clients)
    return {"seconds": round(time.perf_counter() - began, 3), "clients": len(clients), "items": items}


def scans(s3: str) -> dict[str, Any]:
    """What V2 reads of the files at each start: all of them to find the active ones, then each active one again."""
    config = Bucket(s3, CONFIG)
    began = time.perf_counter()
    clients = active_clients(config)
    first = time.perf_counter()
    for client in clients:
        read_yaml(config, f"clients/{client}.yaml")
    ended = time.perf_counter()
    return {"first_seconds": round(first - began, 3), "seconds": round(ended - began, 3), "clients": len(clients)}


if __name__ == "__main__":
    measured(day, scans)
