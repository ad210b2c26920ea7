"""The catalog: its quirks told aloud, one bad source blocking no other, and a client's sources. Not YAML itself."""

from collections import Counter
from pathlib import Path

import pytest

from domain.catalog import Catalog, Source, read_catalog
from domain.clients import read_client
from domain.errors import ConfigError

GOOD = "{source_key: good, source_type: p, ingestion_mode: rss, enabled: true, rss_url: 'https://good.example/rss'}"


def read(text: str) -> Catalog:
    return read_catalog("catalog.yaml", text.encode())


def with_source(fields: str, bouquets: str = "[]") -> Catalog:
    """A catalog of one good source, then `x` with the given fields."""
    usual = {
        "source_key": "x",
        "source_type": "p",
        "ingestion_mode": "html",
        "enabled": "true",
        "html_url": "https://x.example/n",
    }
    lines = [f"{name}: {value}" for name, value in usual.items() if f"{name}:" not in fields]
    block = "".join(f"    {line}\n" for line in [*lines, *fields.splitlines()])
    return read(f"sources:\n  - {GOOD}\n  -\n{block}bouquets: {bouquets}\n")


def messages(catalog: Catalog) -> str:
    return "\n".join(str(problem) for problem in catalog.problems)


def keys(catalog: Catalog, *wanted: str) -> list[str]:
    return [source.source_key for source in catalog.resolve([], wanted).sources]


def test_a_plain_catalog_has_no_problem() -> None:
    catalog = with_source("notes: fine")
    assert catalog.problems == ()
    assert list(catalog.sources) == ["good", "x"]
    assert catalog.sources["x"].url == "https://x.example/n"
    assert catalog.sources["x"].host == "x.example"


@pytest.mark.parametrize("text", ["bouquets: []\n", "sources:\n", "sources: {a: 1}\n", "- a\n", "a: [\n"])
def test_a_catalog_without_a_list_of_sources_is_broken(text: str) -> None:
    with pytest.raises(ConfigError):
        read(text)


def test_a_catalog_without_bouquets_still_serves_its_sources() -> None:
    catalog = read(f"sources: [{GOOD}]\n")
    assert "`bouquets` must be a list; found nothing" in messages(catalog)
    assert keys(catalog, "good") == ["good"]


@pytest.mark.parametrize(
    ("mode", "urls", "expected"),
    [
        ("rss", {"rss_url": "https://a/r", "homepage_url": "https://a/"}, "https://a/r"),
        ("rss", {"homepage_url": "https://a/"}, "https://a/"),
        ("html", {"html_url": "https://a/h", "homepage_url": "https://a/"}, "https://a/h"),
        ("html", {"homepage_url": "https://a/"}, "https://a/"),
        ("api", {"api_url": "https://a/j", "homepage_url": "https://a/"}, "https://a/j"),
        ("api", {"homepage_url": "https://a/"}, ""),
        ("none", {"rss_url": "https://a/r"}, ""),
    ],
)
def test_the_mode_chooses_the_address(mode: str, urls: dict[str, str], expected: str) -> None:
    assert Source(source_key="a", ingestion_mode=mode, **urls).url == expected  # type: ignore[arg-type]


def test_python_literals_among_the_patterns_are_repaired_with_one_warning() -> None:
    catalog = with_source("date_extraction_patterns:\n  - r\"(\\d{4})\"\n  - r'On (\\w+ \\d+)'\n  - 'Date: (\\d+)'")
    assert catalog.sources["x"].date_extraction_patterns == (r"(\d{4})", r"On (\w+ \d+)", r"Date: (\d+)")
    assert [problem.message[:15] for problem in catalog.problems] == ["2 date patterns"]


@pytest.mark.parametrize("pattern", ["(", "(a{99999999999999})", "*(a)", "no group", "(?:none)"])
def test_a_useless_pattern_is_dropped_aloud_and_the_others_stay(pattern: str) -> None:
    catalog = with_source(f"date_extraction_patterns: ['{pattern}', '(\\d+)']")
    assert catalog.sources["x"].date_extraction_patterns == (r"(\d+)",)
    assert len(catalog.problems) == 1


def test_a_pattern_with_two_groups_stays_and_the_first_group_counts() -> None:
    catalog = with_source(r"date_extraction_patterns: ['(\d+) (\w+)']")
    assert catalog.sources["x"].date_extraction_patterns == (r"(\d+) (\w+)",)
    assert "has 2 groups; the first is read" in messages(catalog)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "((a*)*)", r"((?:\d+ ?)*)x", "(a|aa)+$", "(?=(a+)*b)", "(a?){30}b", r"(?:\w+\s*)+(\d{4})"]
)
def test_a_pattern_that_could_search_for_hours_is_dropped_aloud(pattern: str) -> None:
    catalog = with_source(rf"date_extraction_patterns: ['{pattern}', '(\d+)']")
    assert catalog.sources["x"].date_extraction_patterns == (r"(\d+)",)
    assert "repeats a repetition" in messages(catalog)


@pytest.mark.parametrize(
    "pattern", [r"((?:\d{1,2}/){2}\d{4})", r"(?:on|le)?\s*(\d+)", r"(?:\d\d )+(\d{4})", r"(\w+).*?\w*"]
)
def test_a_pattern_whose_search_ends_soon_is_kept(pattern: str) -> None:
    assert with_source(f"date_extraction_patterns: ['{pattern}']").sources["x"].date_extraction_patterns == (pattern,)


def test_a_pattern_that_yaml_reads_as_a_block_is_dropped_aloud() -> None:
    catalog = with_source('date_extraction_patterns:\n  - r"Date: (\\d+)"')
    assert catalog.sources["x"].date_extraction_patterns == ()
    assert "must hold texts; found a block" in messages(catalog)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("html_url: ''", "no address for its mode"),
        ("ingestion_mode: api", "no address for its mode"),
        ("html_url: 'ftp://x.example/'", "is not an http(s) address"),
        ("html_url: 'file:///etc/passwd'", "is not an http(s) address"),
        ("html_url: 'https://'", "is not an http(s) address"),
        ("html_url: 'https://x.example:port/'", "is not an http(s) address"),
        ("html_url: 'https://[x/'", "is not an http(s) address"),
        ("html_url: 'https://x.example/a b'", "is not an http(s) address"),
        ("ingestion_mode: RSS", 'ingestion_mode "RSS" is not known. Did you mean "rss"?'),
        ("enabled: 'true'", 'enabled must be true or false; found the text "true"'),
        ("source_key: Bad/Key", "its key must be"),
        ("source_key: ../up", "its key must be"),
    ],
)
def test_an_unusable_source_is_an_error_that_names_it_and_blocks_no_other(fields: str, message: str) -> None:
    catalog = with_source(fields)
    ((key, problem),) = catalog.unusable.items()
    assert problem.severity == "error"
    assert message in str(problem)
    assert f'"{key}"' in problem.message
    resolution = catalog.resolve([], [key, "good"])
    assert [source.source_key for source in resolution.sources] == ["good"]
    assert resolution.problems == (problem,)


def test_a_disabled_source_may_lack_its_address() -> None:
    catalog = with_source("enabled: false\nhtml_url: ''")
    assert catalog.problems == ()
    assert "is disabled" in str(catalog.resolve([], ["x"]).problems[0])


def test_an_absent_mode_is_told_and_never_fetched() -> None:
    catalog = with_source("ingestion_mode:")
    assert "has no ingestion_mode" in messages(catalog)
    assert keys(catalog, "x", "good") == ["good"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("enabeld: true", 'Did you mean "enabled"?'),
        ("default_language: no", "`default_language` must be text; found false"),
        ("tags: lai", "`tags` must be a list"),
        ("max_content_length: -3", "above 0"),
        ("content_enrichment: full", "read as"),
        ("source_type: ''", "has no source_type"),
        ("html_selectors: {titel: h2}", 'Did you mean "title"?'),
        ("html_selectors: [h2]", "must be a block"),
    ],
)
def test_an_oddity_is_a_warning_and_the_source_stays(fields: str, message: str) -> None:
    catalog = with_source(fields)
    assert message in messages(catalog)
    assert {problem.severity for problem in catalog.problems} == {"warning"}
    assert keys(catalog, "x") == ["x"]


def test_selectors_and_the_path_to_api_items_are_read() -> None:
    source = with_source("html_selectors: {item: li.news, link: a}\napi_items_path: data.items").sources["x"]
    assert source.html_selectors == {"item": "li.news", "link": "a"}
    assert source.api_items_path == "data.items"
    assert hash(source)


def test_a_source_that_stands_twice_counts_once_and_first() -> None:
    catalog = with_source("source_key: good\nhtml_url: 'https://second.example/'")
    assert catalog.sources["good"].host == "good.example"
    assert "stands twice, on lines 2 and 4; the first counts" in messages(catalog)


def test_a_bouquet_that_stands_twice_counts_once_and_first() -> None:
    catalog = read(f"sources: [{GOOD}]\nbouquets: [{{bouquet_id: b, source_keys: [good]}}, {{bouquet_id: b}}]\n")
    assert catalog.bouquets["b"].source_keys == ("good",)
    assert 'The bouquet "b" stands twice' in messages(catalog)


def test_a_source_among_the_bouquets_is_used_and_told() -> None:
    catalog = read(f"sources: []\nbouquets:\n  - {GOOD}\n  - {{bouquet_id: b, source_keys: [good]}}\n")
    assert [source.source_key for source in catalog.resolve(["b"]).sources] == ["good"]
    assert "catalog.yaml:3" in messages(catalog)
    assert "stands in the list `bouquets`" in messages(catalog)


def test_a_bouquet_among_the_sources_is_used_and_told() -> None:
    catalog = read(f"sources:\n  - {{bouquet_id: b, source_keys: [good]}}\n  - {GOOD}\nbouquets: []\n")
    assert [source.source_key for source in catalog.resolve(["b"]).sources] == ["good"]
    assert "stands in the list `sources`" in messages(catalog)


@pytest.mark.parametrize("entry", ["just words", "[a]", "{notes: x}", "{source_key: 3}", "{source_key: ''}", ""])
def test_an_entry_without_a_name_is_an_error_and_the_others_stay(entry: str) -> None:
    catalog = read(f"sources:\n  - {entry}\n  - {GOOD}\nbouquets: []\n")
    assert [problem.severity for problem in catalog.problems] == ["error"]
    assert keys(catalog, "good") == ["good"]


def test_a_bouquet_that_names_an_absent_source_is_told_with_the_nearest() -> None:
    catalog = with_source("notes: a", "[{bouquet_id: b, source_keys: [goood, x]}]")
    assert 'The bouquet "b" names the source "goood"' in messages(catalog)
    resolution = catalog.resolve(["b"], where="clients/acme.yaml")
    assert [source.source_key for source in resolution.sources] == ["x"]
    assert str(resolution.problems[0]) == (
        'warning: clients/acme.yaml: The source "goood" is not in the catalog. Did you mean "good"?'
    )


def test_an_unknown_bouquet_is_told_with_the_nearest() -> None:
    catalog = with_source("notes: a", "[{bouquet_id: lai_press, source_keys: [x]}]")
    resolution = catalog.resolve(["lai_pres"], ["good"])
    assert [source.source_key for source in resolution.sources] == ["good"]
    assert resolution.problems[0].remedy == 'Did you mean "lai_press"?'


def test_the_order_is_the_catalogs_whatever_is_asked_first() -> None:
    catalog = with_source("notes: a", "[{bouquet_id: b, source_keys: [x, good, x]}]")
    assert keys(catalog, "x", "good") == keys(catalog, "good", "x") == ["good", "x"]
    assert [source.source_key for source in catalog.resolve(["b", "b"], ["x"]).sources] == ["good", "x"]


def test_a_client_that_asks_for_nothing_gets_nothing() -> None:
    resolution = with_source("notes: a").resolve([], [])
    assert (resolution.sources, resolution.problems) == ((), ())


def test_the_real_catalog_gives_the_production_client_its_eight_sources(real_data: Path) -> None:
    config = real_data / "config"
    catalog = read_catalog("source_catalog.yaml", (config / "canonical/sources/source_catalog.yaml").read_bytes())
    client = read_client("clients/lai_weekly_prod.yaml", (config / "clients/lai_weekly_prod.yaml").read_bytes())
    resolution = catalog.resolve(client.bouquets, client.extra_sources, "clients/lai_weekly_prod.yaml")
    assert Counter(source.ingestion_mode for source in resolution.sources) == {"html": 5, "rss": 3}
    assert list(resolution.sources) == list(catalog.sources.values())
    assert resolution.problems == ()


def test_the_real_patterns_are_all_repaired_with_one_warning_per_source(real_data: Path) -> None:
    body = (real_data / "config/canonical/sources/source_catalog.yaml").read_bytes()
    catalog = read_catalog("source_catalog.yaml", body)
    patterns = [pattern for source in catalog.sources.values() for pattern in source.date_extraction_patterns]
    assert len(patterns) == 28
    assert not any(pattern.startswith("r") for pattern in patterns)
    assert [problem.severity for problem in catalog.problems] == ["warning"] * 5
