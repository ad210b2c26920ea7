"""The pages of an API's answer: which follows, where they end, what is kept. Not fetching them."""

import json

import pytest

from domain.api_pages import Page, Pages, as_one, most_pages, parse_pages
from domain.catalog import Source
from domain.errors import ParseError, RefusedError

URL = "https://api.example/list"
PUBMED = "https://eutils.example/entrez/eutils/esearch.fcgi"


def source(max_pages: int | None = 10, url: str = URL) -> Source:
    return Source("api__a", ingestion_mode="api", enabled=True, api_url=url, max_pages=max_pages)


def page(number: int, *names: str, after: str = "", url: str = URL) -> Page:
    document = {"items": [{"title": name, "url": f"/{name}"} for name in names], "next": after}
    return Page(f"{url}?page={number}" if number > 1 else url, json.dumps(document).encode())


def test_each_page_leads_to_the_next_until_none_is_named() -> None:
    pages = Pages(source(), 10_000)
    assert pages.add(page(1, "a", after="?page=2")) == f"{URL}?page=2"
    assert pages.add(page(2, "b", after="?page=3")) == f"{URL}?page=3"
    assert pages.add(page(3, "c")) is None
    assert [item.title for item in parse_pages(as_one(pages.kept), URL, "items")] == ["a", "b", "c"]


@pytest.mark.parametrize(("most", "asked"), [(None, 1), (1, 1), (2, 2), (3, 3)])
def test_no_more_pages_are_asked_for_than_the_catalog_says(most: int | None, asked: int) -> None:
    pages, number = Pages(source(most), 10_000), 1
    while pages.add(page(number, str(number), after=f"?page={number + 1}")):
        number += 1
    assert number == len(pages.kept) == most_pages(source(most)) == asked


@pytest.mark.parametrize("last", [(), ("a",), ("b", "a")], ids=["empty", "the first again", "all known"])
def test_a_page_that_adds_no_item_is_the_end_and_is_not_kept(last: tuple[str, ...]) -> None:
    pages = Pages(source(), 10_000)
    pages.add(page(1, "a", "b", after="?page=2"))
    assert pages.add(page(2, *last, after="?page=3")) is None
    assert len(pages.kept) == 1


def test_an_answer_whose_first_page_is_empty_is_that_page() -> None:
    pages = Pages(source(), 10_000)
    assert pages.add(page(1, after="?page=2")) is None
    assert len(pages.kept) == 1


@pytest.mark.parametrize("back", [URL, "?page=2"])
def test_a_page_that_names_one_that_was_asked_for_is_the_last(back: str) -> None:
    pages = Pages(source(), 10_000)
    assert pages.add(page(1, "a", after="?page=2"))
    assert pages.add(page(2, "b", after=back)) is None
    assert len(pages.kept) == 2


@pytest.mark.parametrize("link", ["https://other.example/list?page=2", "http://api.example/list?page=2"])
def test_a_next_page_on_another_host_or_without_tls_is_refused_with_its_address(link: str) -> None:
    with pytest.raises(RefusedError, match="on another host, or without TLS") as caught:
        Pages(source(), 10_000).add(page(1, "a", after=link))
    assert caught.value.where == link
    assert "max_pages" in caught.value.remedy


def test_a_next_page_elsewhere_is_nothing_to_an_answer_that_is_complete() -> None:
    assert Pages(source(1), 10_000).add(page(1, "a", after="https://other.example/")) is None


def test_a_page_that_was_redirected_to_another_host_is_refused() -> None:
    pages = Pages(source(), 10_000)
    pages.add(page(1, "a", after="?page=2"))
    with pytest.raises(RefusedError, match="redirected to another host") as caught:
        pages.add(page(2, "b", url="https://other.example/list"))
    assert caught.value.where == "https://other.example/list?page=2"


def test_a_first_page_that_was_redirected_says_which_host_the_others_are_on() -> None:
    pages = Pages(source(), 10_000)
    moved = page(1, "a", after="/new?page=2", url="https://new.example/list")
    assert pages.add(moved) == "https://new.example/new?page=2"


def test_a_page_that_cannot_be_read_is_the_end_and_is_kept_for_the_reader_to_refuse() -> None:
    pages = Pages(source(), 10_000)
    pages.add(page(1, "a", after="?page=2"))
    assert pages.add(Page(f"{URL}?page=2", b"<html>Busy.</html>")) is None
    with pytest.raises(ParseError, match="an HTML page") as caught:
        parse_pages(as_one(pages.kept), URL, "items")
    assert caught.value.where == f"{URL}?page=2"


def test_pages_that_weigh_too_much_together_are_refused() -> None:
    pages = Pages(source(), 400)
    pages.add(page(1, "a" * 100, after="?page=2"))
    with pytest.raises(RefusedError, match="larger than 400 bytes together"):
        pages.add(page(2, "b" * 100))


def test_every_byte_of_a_page_survives_being_kept() -> None:
    document = '[{"title": "Étude à 3 €", "url": "/a"}]'
    for encoding in ("utf-8", "utf-16"):
        (item,) = parse_pages(as_one([Page(URL, document.encode(encoding))]), "https://x.example/", "items")
        assert (item.title, item.url) == ("Étude à 3 €", "https://api.example/a")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"7", b"[1]", b'[{"url": "x"}]', b'{"a": 1}', '[{"url":"","content":"€"}]'.encode()]
)
def test_a_body_that_is_no_pages_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError, match="not the pages"):
        parse_pages(body, URL, "items")


class TestPubMed:
    """A search gives ids; the page after it gives the articles."""

    def found(self, *ids: object, url: str = f"{PUBMED}?db=pubmed&retmode=json&term=depot") -> str | None:
        answer = {"header": {"type": "esearch"}, "esearchresult": {"count": str(len(ids)), "idlist": list(ids)}}
        pages = Pages(source(None, url), 100_000)
        return pages.add(Page(url, json.dumps(answer).encode()))

    def test_the_summaries_of_what_was_found_come_after_the_search_whatever_max_pages_says(self) -> None:
        url = f"{PUBMED}?db=pubmed&retmode=json&term=depot&tool=vigie&email=a%40b.example"
        summaries = self.found("41000001", "41000002", url=url)
        assert summaries == (
            "https://eutils.example/entrez/eutils/esummary.fcgi"
            "?db=pubmed&retmode=json&id=41000001,41000002&tool=vigie&email=a%40b.example"
        )

    def test_a_search_and_its_summaries_are_read_as_the_articles(self) -> None:
        pages = Pages(source(None, PUBMED), 100_000)
        search = Page(PUBMED, b'{"esearchresult": {"idlist": ["41000001"]}}')
        address = pages.add(search)
        assert address
        summary = {"result": {"uids": ["41000001"], "41000001": {"title": "On X", "pubdate": "2025 Dec 9"}}}
        assert pages.add(Page(address, json.dumps(summary).encode())) is None
        (item,) = parse_pages(as_one(pages.kept), PUBMED, "items")
        assert (item.title, item.url) == ("On X", "https://pubmed.ncbi.nlm.nih.gov/41000001/")

    def test_a_search_that_found_nothing_is_an_answer_without_items(self) -> None:
        assert self.found() is None

    def test_no_more_than_two_hundred_are_asked_for_and_only_what_is_an_id(self) -> None:
        summaries = self.found("1&db=x", 7, None, "../2", *(str(number) for number in range(1_000, 1_300))) or ""
        ids = summaries.partition("id=")[2].split(",")
        assert (len(ids), ids[0]) == (200, "1000")

    def test_a_search_of_another_database_leads_nowhere(self) -> None:
        assert self.found("1", url=f"{PUBMED}?db=protein&retmode=json") is None

    @pytest.mark.parametrize("endpoint", ["esearch.fcgi?db=pubmed", "efetch.fcgi?db=pubmed&id=1&retmode=xml"])
    def test_an_answer_in_xml_is_refused_and_says_which_address_is_read(self, endpoint: str) -> None:
        xml = b'<?xml version="1.0"?><!DOCTYPE PubmedArticleSet SYSTEM "https://x.example/p.dtd"><PubmedArticleSet/>'
        with pytest.raises(ParseError, match="not JSON") as caught:
            parse_pages(as_one([Page(f"https://eutils.example/entrez/eutils/{endpoint}", xml)]), URL, "items")
        assert "esearch.fcgi with db=pubmed and retmode=json" in caught.value.remedy


def test_only_apis_have_pages() -> None:
    feed = Source("press__a", ingestion_mode="rss", enabled=True, rss_url=URL, max_pages=5)
    assert most_pages(feed) == 1
