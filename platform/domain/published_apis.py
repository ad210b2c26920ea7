"""Answers of public APIs whose shape is their own: ClinicalTrials.gov v2 studies, PubMed's esearch and esummary.

Here: recognising such an answer by its form, laying its entries out under the usual names, the address of the summaries
of what a search found. Not here: the usual names (apis), asking for a query or a page (resources).

A date that such an answer completes by itself is not taken: PubMed's `sortpubdate` makes "2025 Dec" the first.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

MOST_SUMMARIES = 200  # articles in one request: above it PubMed wants another kind of request
_TRIAL = re.compile(r"NCT\d{8}")
_ARTICLE = re.compile(r"[0-9]{1,12}")
_ASKED_BY = ("tool", "email")  # who asks, as PubMed wants to know it of every request


def published_entries(document: Any) -> Iterator[dict[str, Any]] | None:
    """The entries of a recognised answer under the names that parse_api reads; None where it is no such answer."""
    if not isinstance(document, dict):
        return None
    studies = document.get("studies")
    if isinstance(studies, list) and any("protocolSection" in study for study in studies if isinstance(study, dict)):
        return (_study(study) for study in studies if isinstance(study, dict))
    result = document.get("result")
    if isinstance(result, dict) and isinstance(result.get("uids"), list):
        uids = (uid for uid in result["uids"] if isinstance(uid, str) and _ARTICLE.fullmatch(uid))
        return (_summary(uid, result[uid]) for uid in uids if isinstance(result.get(uid), dict))
    return None if _found(document) is None else iter(())


def is_search(url: str) -> bool:
    """Whether the address is that of PubMed's esearch, whose answer leads to items and holds none."""
    parts = urlsplit(url)
    return parts.path.endswith("/esearch.fcgi") and dict(parse_qsl(parts.query)).get("db", "pubmed") == "pubmed"


def summaries_address(document: dict[str, Any], url: str) -> str | None:
    """Where the summaries are of the first 200 articles that the search at `url` found; None where it found none, or
    `document` is no answer of a search."""
    ids = list(islice(_found(document) or (), MOST_SUMMARIES)) if is_search(url) else []
    if not ids:
        return None
    given = dict(parse_qsl(urlsplit(url).query))
    asked_by = {name: given[name] for name in _ASKED_BY if name in given}
    query = urlencode({"db": "pubmed", "retmode": "json", "id": ",".join(ids), **asked_by}, safe=",")
    return urljoin(url, f"esummary.fcgi?{query}")


def _found(document: dict[str, Any]) -> Iterator[str] | None:
    ids = _at(document, "esearchresult", "idlist")
    if not isinstance(ids, list):
        return None
    return (one for one in ids if isinstance(one, str) and _ARTICLE.fullmatch(one))


def _study(study: dict[str, Any]) -> dict[str, Any]:
    """One study of /api/v2/studies. Its day is the one on which its record was last posted."""
    number = _at(study, "protocolSection", "identificationModule", "nctId")
    known = isinstance(number, str) and _TRIAL.fullmatch(number)
    return {
        "id": number,
        "url": f"https://clinicaltrials.gov/study/{number}" if known else "",
        "title": _at(study, "protocolSection", "identificationModule", "briefTitle")
        or _at(study, "protocolSection", "identificationModule", "officialTitle"),
        "summary": _at(study, "protocolSection", "descriptionModule", "briefSummary"),
        "date": _at(study, "protocolSection", "statusModule", "lastUpdatePostDateStruct", "date"),
        "author": _at(study, "protocolSection", "sponsorCollaboratorsModule", "leadSponsor"),
        "tags": _at(study, "protocolSection", "conditionsModule", "conditions"),
    }


def _summary(uid: str, summary: dict[str, Any]) -> dict[str, Any]:
    """One article of esummary: the day it was published, else the day PubMed took it in."""
    history = summary.get("history")
    entered = [
        event.get("date")
        for event in (history if isinstance(history, list) else ())
        if isinstance(event, dict) and event.get("pubstatus") in ("entrez", "pubmed")
    ]
    return {
        "id": uid,
        "url": f"https://pubmed.ncbi.nlm.nih.gov/{uid}/",
        "title": summary.get("title"),
        "published": summary.get("epubdate") or None,
        "pubdate": summary.get("pubdate") or None,
        "created": entered[0] if entered else None,
        "authors": summary.get("authors"),
    }


def _at(value: Any, *path: str) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
