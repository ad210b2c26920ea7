"""Answers of ClinicalTrials.gov and PubMed to items."""

import json
from datetime import date
from typing import Any

import pytest

from domain.apis import parse_api
from domain.published_apis import published_entries

TRIALS = "https://clinicaltrials.gov/api/v2/studies?query.term=lai"
PUBMED = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/esummary.fcgi?db=pubmed&retmode=json&id=1"


def study(number: str = "NCT01234567", **modules: Any) -> dict[str, Any]:
    return {
        "protocolSection": {
            "identificationModule": {"nctId": number, "briefTitle": "A study of X"},
            "statusModule": {"lastUpdatePostDateStruct": {"date": "2025-12-09", "type": "ACTUAL"}},
            "descriptionModule": {"briefSummary": "It compares X with Y."},
            "conditionsModule": {"conditions": ["Schizophrenia", "Psychosis"]},
            "sponsorCollaboratorsModule": {"leadSponsor": {"name": "Acme", "class": "INDUSTRY"}},
            **modules,
        },
        "hasResults": False,
    }


def summary(**fields: Any) -> bytes:
    article = {"uid": "41000001", "title": "On <i>X</i>", "authors": [{"name": "Curie M"}, {"name": "Roe J"}], **fields}
    return json.dumps({"header": {}, "result": {"uids": ["41000001"], "41000001": article}}).encode()


@pytest.mark.parametrize("path", ["items", "studies", "protocolSection"])
def test_a_study_is_an_item_at_its_address_whatever_the_path(path: str) -> None:
    (item,) = parse_api(json.dumps({"studies": [study()], "nextPageToken": "x"}).encode(), TRIALS, path)
    assert (item.title, item.content) == ("A study of X", "It compares X with Y.")
    assert (item.url, item.guid) == ("https://clinicaltrials.gov/study/NCT01234567", "NCT01234567")
    assert (item.published_at, item.date_source) == (date(2025, 12, 9), "structured")
    assert (item.author, item.tags) == ("Acme", ("Schizophrenia", "Psychosis"))


def test_a_study_whose_update_names_a_month_has_no_day() -> None:
    dated = study(statusModule={"lastUpdatePostDateStruct": {"date": "2025-12"}})
    (item,) = parse_api(json.dumps({"studies": [dated]}).encode(), TRIALS)
    assert (item.published_at, item.date_source) == (None, "unknown")


@pytest.mark.parametrize("number", ["", "NCT1", "../../x", 7, None])
def test_a_study_without_a_number_of_the_register_has_no_address(number: Any) -> None:
    assert parse_api(json.dumps({"studies": [study(number), study()]}).encode(), TRIALS)[0].guid == "NCT01234567"


def test_an_article_is_an_item_at_its_address() -> None:
    (item,) = parse_api(summary(pubdate="2025 Dec 9", epubdate="", source="Lancet"), PUBMED)
    assert (item.title, item.content, item.guid) == ("On X", "On X", "41000001")
    assert (item.url, item.author) == ("https://pubmed.ncbi.nlm.nih.gov/41000001/", "Curie M, Roe J")
    assert (item.published_at, item.date_source) == (date(2025, 12, 9), "structured")


@pytest.mark.parametrize(
    ("fields", "day"),
    [
        ({"pubdate": "2026 Jan", "epubdate": "2025 Dec 9"}, "2025-12-09"),
        ({"pubdate": "2025 Dec", "sortpubdate": "2025/12/01 00:00"}, "None"),
        ({"pubdate": "2025 Nov-Dec"}, "None"),
        ({"pubdate": "2025", "history": [{"pubstatus": "entrez", "date": "2025/12/09 06:00"}]}, "2025-12-09"),
        ({"pubdate": "2025", "history": [{"pubstatus": "received", "date": "2025/06/01 00:00"}]}, "None"),
    ],
)
def test_an_articles_day_is_never_completed(fields: dict[str, Any], day: str) -> None:
    (item,) = parse_api(summary(**fields), PUBMED)
    assert str(item.published_at) == day


@pytest.mark.parametrize(
    "document", [[], None, {"studies": []}, {"studies": [{"id": 1}]}, {"result": {"uids": 3}}, {"result": []}]
)
def test_other_answers_are_left_to_their_path(document: Any) -> None:
    assert published_entries(document) is None
