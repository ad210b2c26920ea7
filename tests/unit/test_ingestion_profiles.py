"""Ingestion profiles: how the file is read, which profile a source has, what each mode keeps. No client's filters."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from domain.catalog import Catalog, Source, read_catalog
from domain.clients import read_client
from domain.errors import ConfigError
from domain.items import Item, content_hash, word_count
from domain.selection_rules import Judgements, SelectionRules, read_rules

SCOPES = {
    "canonical/scopes/exclusion_scopes.yaml": b"hr: [hiring]\nfinance: ['quarterly.*results']\n",
    "canonical/scopes/company_scopes.yaml": b"pure: [Orvane, 'Johnson & Johnson']\nall: [Orvane, Solvane, Teva]\n",
    "canonical/scopes/technology_scopes.yaml": (
        b"depot:\n  core: [long-acting, depot injection]\n  interval: [once-monthly]\n  negative_terms: [oral tablet]\n"
    ),
    "canonical/scopes/trademark_scopes.yaml": b"brands: [Uzedy]\n",
}
PROFILES = """
profiles:
  pure_player:
    signal_requirements: {mode: exclude_only, exclusion_scopes: [exclusion_scopes.hr, finance]}
    applicable_contexts: {source_types: [press_corporate], company_scopes: [pure]}
  press:
    signal_requirements:
      mode: require_multi_signals
      required_signal_groups:
        - {group_id: entity, scopes: [all], weight: 2.0}
        - {group_id: technology, scopes: [depot.core], min_matches: 1, weight: 2.0}
        - {group_id: brand, scopes: [brands], weight: 1.0}
      combination_logic: entity AND (technology OR brand)
      minimum_total_weight: 3.5
    applicable_contexts: {source_types: [press_sector], domains: [depots]}
  everything:
    signal_requirements: {mode: ingest_all}
    applicable_contexts: {source_types: ["*"]}
"""
DAY = date(2026, 11, 21)


def rules(profiles: str = PROFILES) -> SelectionRules:
    return read_rules(profiles.encode(), SCOPES)


def one(requirements: str) -> SelectionRules:
    return rules(f"profiles:\n  p:\n    signal_requirements: {requirements}\n")


def item(text: str, title: str = "A title", source: str = "press_sector__a") -> Item:
    return Item(
        item_id=f"{source}_{abs(hash((title, text))):x}",
        source_key=source,
        source_type="press_sector",
        title=title,
        content=text,
        url=f"https://a.example/{abs(hash(text))}",
        guid="",
        published_at=DAY,
        date_source="structured",
        first_seen=DAY,
        ingested_at=datetime(2026, 11, 21, tzinfo=UTC),
        language="en",
        content_hash=content_hash(text),
        author="",
        tags=(),
        word_count=word_count(text),
    )


def objection(text: str, profile: str = "p", by: SelectionRules | None = None) -> str:
    return Judgements(by or rules()).judge({"press_sector__a": profile})(item(text))


def messages(by: SelectionRules) -> list[str]:
    return [f"{problem.severity}: {problem.message}" for problem in by.problems]


# --- what each mode of a profile keeps


def test_exclude_only_keeps_what_no_excluded_scope_names() -> None:
    assert objection("A new grant", "pure_player") == ""
    assert objection("We are hiring", "pure_player") == 'pure_player: exclusion_scopes.hr "hiring"'
    assert objection("Quarterly financial results", "pure_player") == 'pure_player: finance "quarterly.*results"'


def test_ingest_all_keeps_everything() -> None:
    assert objection("We are hiring", "everything") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Teva presents a long-acting formulation", ""),
        ("Teva presents a tablet", "press: lacks technology, brand"),
        ("A depot injection", "press: lacks entity, brand"),
        ("Teva presents Uzedy", "press: signals weigh 3 of 3.5"),
        ("Teva presents Uzedy, a depot injection", ""),
    ],
)
def test_several_signals_are_combined_and_weighed(text: str, said: str) -> None:
    assert objection(text, "press") == said


def test_without_a_combination_required_signals_are_any_and_multi_signals_are_all() -> None:
    groups = "required_signal_groups: [{group_id: a, scopes: [all]}, {group_id: b, scopes: [brands]}]"
    some, every = one(f"{{mode: require_signals, {groups}}}"), one(f"{{mode: require_multi_signals, {groups}}}")
    assert (objection("Teva", by=some), objection("Teva", by=every)) == ("", "p: lacks b")
    assert (objection("Teva, Uzedy", by=every), objection("nothing", by=some)) == ("", "p: lacks a, b")


def test_a_group_asks_for_distinct_phrases() -> None:
    by = one("{mode: require_signals, required_signal_groups: [{group_id: a, scopes: [all], min_matches: 2}]}")
    assert objection("Teva, Teva and Teva", by=by) == "p: lacks a"
    assert objection("Teva and Solvane", by=by) == ""


def test_a_negative_term_takes_a_signal_away() -> None:
    by = one("{mode: require_signals, required_signal_groups: [{group_id: a, scopes: [depot]}]}")
    assert objection("a long-acting oral tablet", by=by) == "p: lacks a"
    assert objection("a once-monthly depot injection in the place of an oral tablet", by=by) == ""


def test_a_group_may_name_scopes_that_speak_against_it() -> None:
    by = one("{mode: require_signals, required_signal_groups: [{group_id: a, scopes: [all], negative_scopes: [hr]}]}")
    assert objection("Teva", by=by) == ""
    assert objection("Teva is hiring", by=by) == "p: lacks a"


def test_an_exclusion_goes_before_any_signal() -> None:
    group = "required_signal_groups: [{group_id: a, scopes: [all]}]"
    by = one(f"{{mode: require_signals, exclusion_scopes: [hr], {group}}}")
    assert objection("Teva is hiring", by=by) == 'p: hr "hiring"'


# --- which profile a source has


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Source("a", source_type="press_sector", ingestion_profile="pure_player"), "pure_player"),
        (Source("a", source_type="press_corporate", company_id="orvane"), "pure_player"),
        (Source("a", source_type="press_corporate", company_id="johnson_johnson"), "pure_player"),
        (Source("a", source_type="press_corporate", company_id="solvane"), "everything"),
        (Source("a", source_type="press_corporate"), "everything"),
        (Source("a", source_type="press_sector", ingestion_profile="a_typo"), "press"),
        (Source("a", source_type="api_pubmed"), "everything"),
    ],
)
def test_a_source_has_the_profile_that_the_catalog_names_else_the_first_that_fits(
    source: Source, expected: str
) -> None:
    assert rules().profile_of(source, "balanced", domains=["depots"]) == expected


def test_a_profile_for_a_watch_domain_is_for_clients_that_watch_it() -> None:
    source = Source("a", source_type="press_sector")
    assert rules().profile_of(source, "balanced", domains=[]) == "everything"


def test_a_source_that_no_profile_fits_is_not_judged() -> None:
    only_press = rules(PROFILES.replace('["*"]', "[api_fda]"))
    assert only_press.profile_of(Source("a", source_type="api_pubmed"), "balanced") == ""


def test_broad_judges_nothing_and_strict_judges_every_source_alike() -> None:
    source = Source("a", source_type="press_corporate", ingestion_profile="everything")
    assert rules().profile_of(source, "broad") == ""
    assert rules().profile_of(source, "strict") == "strict"


@pytest.mark.parametrize("mode", ["strict", "balanced", "broad"])
def test_without_a_file_of_profiles_nothing_is_judged(mode: str) -> None:
    source = Source("press_sector__a", source_type="press_sector", ingestion_profile="press")
    none = read_rules(None, SCOPES)
    assert none.profile_of(source, mode) == ""
    assert Judgements(none).judge({source.source_key: ""})(item("We are hiring")) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A long-acting formulation", ""),
        ("Teva presents Uzedy", "strict: lacks technology_signals"),
        ("A long-acting formulation: quarterly results", 'strict: finance "quarterly.*results"'),
        ("A once-monthly formulation", "strict: lacks technology_signals"),  # no profile asks for depot.interval
    ],
)
def test_strict_excludes_what_any_profile_does_then_asks_for_a_technology(text: str, said: str) -> None:
    assert objection(text, "strict") == said


def test_a_file_may_say_itself_what_strict_is() -> None:
    own = rules(PROFILES + "  strict:\n    signal_requirements: {mode: exclude_only, exclusion_scopes: [brands]}\n")
    assert objection("We are hiring", "strict", own) == ""
    assert objection("Uzedy", "strict", own) == 'strict: brands "Uzedy"'


def catalog() -> Catalog:
    body = """
sources:
  - {source_key: press_sector__a, source_type: press_sector, ingestion_mode: none, ingestion_profile: press}
  - {source_key: press_sector__b, source_type: press_sector, ingestion_mode: none, ingestion_profile: prress}
bouquets:
  - {bouquet_id: papers, source_keys: [press_sector__a]}
"""
    return read_catalog("catalog.yaml", body.encode())


@pytest.mark.parametrize("choice", ["everything", "{ingestion_profile: everything}"])
def test_a_client_may_choose_the_profile_of_a_bouquet(choice: str) -> None:
    text = f"source_config: {{bouquet_ingestion_overrides: {{papers: {choice}, nowhere: press}}}}\n"
    chosen = rules().by_source(
        read_client("clients/acme.yaml", text.encode()), catalog().sources.values(), catalog(), "balanced"
    )
    assert chosen == {"press_sector__a": "everything", "press_sector__b": "everything"}  # b: its own does not exist


def test_profiles_named_in_vain_are_remarks_with_their_place() -> None:
    config = read_client("clients/acme.yaml", b"source_config: {bouquet_ingestion_overrides: {papers: everythin}}\n")
    assert [str(remark) for remark in rules().remarks(catalog(), [config])] == [
        'warning: catalog.yaml, source "press_sector__b": There is no ingestion profile "prress": it has no effect. '
        'Did you mean "press"?',
        'warning: acme, source_config.bouquet_ingestion_overrides: There is no ingestion profile "everythin": it has '
        'no effect. Did you mean "everything"?',
    ]


def test_a_client_says_its_mode_in_its_file() -> None:
    assert read_client("clients/acme.yaml", b"pipeline: {ingestion_mode: strict}\n").ingestion_mode == "strict"
    assert read_client("clients/acme.yaml", b"pipeline: {}\n").ingestion_mode == "balanced"
    with pytest.raises(ConfigError, match=r"must be strict, balanced or broad; found the text \"loose\""):
        read_client("clients/acme.yaml", b"pipeline: {ingestion_mode: loose}\n")


# --- what is wrong in a file


def test_a_good_file_has_no_problem() -> None:
    assert messages(rules()) == []


def test_a_scope_that_does_not_exist_is_empty_and_a_warning_with_its_line() -> None:
    by = rules(PROFILES.replace("exclusion_scopes.hr,", "exclusion_scopes.hrr,"))
    (problem,) = by.problems
    assert (problem.severity, problem.where[-2:]) == ("warning", ":4")
    assert problem.message == 'There is no scope "exclusion_scopes.hrr": it is read as empty.'
    assert problem.remedy == 'Did you mean "hr"?'
    assert objection("We are hiring", "pure_player", by) == ""


@pytest.mark.parametrize("mode", ["", "exclude", "[]", "true"])
def test_a_profile_without_a_known_mode_is_left_out_with_an_error(mode: str) -> None:
    by = one(f"{{mode: {mode}}}")
    assert set(by.profiles) == {"strict"}
    assert [said[:43] for said in messages(by) if said.startswith("error")] == [
        'error: The profile "p" cannot be used: its '
    ]


@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        ("{mode: ingest_all, combination: x}", "The key `combination` has no effect."),
        ("{mode: exclude_only, exclusion_scopes: hr}", "`exclusion_scopes` must be a list"),
        ("{mode: exclude_only, exclusion_scopes: [3]}", "`exclusion_scopes` must hold texts"),
        ("{mode: require_signals, required_signal_groups: [{scopes: [all]}]}", "A signal group needs a `group_id`"),
        ("{mode: require_signals, required_signal_groups: [{group_id: a}]}", 'The signal group "a" has no phrase'),
        ("{mode: require_signals}", 'No item can pass the profile "p"'),
        (
            "{mode: require_signals, minimum_total_weight: 9, required_signal_groups: [{group_id: a, scopes: [all]}]}",
            'No item can pass the profile "p"',
        ),
        (
            "{mode: require_signals, required_signal_groups: [{group_id: a, scopes: [all], weight: much}]}",
            "`weight` must be a number",
        ),
        (
            "{mode: require_signals, combination_logic: a AND, required_signal_groups: [{group_id: a, scopes: [all]}]}",
            "`combination_logic` cannot be read: it ends where a signal is expected; any group is asked for.",
        ),
        (
            "{mode: require_signals, combination_logic: a OR b, required_signal_groups: "
            "[{group_id: a, scopes: [all]}]}",
            '`combination_logic` names "b", which is no signal group here: it is never found.',
        ),
    ],
)
def test_what_cannot_count_is_a_warning_and_never_a_crash(requirements: str, message: str) -> None:
    assert [said for said in messages(one(requirements)) if said.startswith(f"warning: {message}")]


def test_a_phrase_that_looks_like_a_pattern_is_named_where_it_stands() -> None:
    scopes = {"canonical/scopes/a.yaml": b"ok: [fine]\nodd:\n  - 'hir(e|ing)+'\n"}
    by = read_rules(b"profiles: {p: {signal_requirements: {mode: exclude_only, exclusion_scopes: [ok, odd]}}}", scopes)
    assert [problem.where for problem in by.problems if "regular expression" in problem.message] == [
        "canonical/scopes/a.yaml:2"
    ]


@pytest.mark.parametrize("body", [b"", b"- a\n", b"profiles: [a]\n", b"other: {}\n"])
def test_a_file_without_profiles_stops_everything_with_its_place(body: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rules(body, SCOPES)
    assert caught.value.where.startswith("canonical/ingestion/ingestion_profiles.yaml:")
    assert caught.value.remedy


# --- the rules in use


def in_use(real_data: Path) -> tuple[SelectionRules, Catalog]:
    folder = real_data / "config" / "canonical"
    scopes = {f"canonical/scopes/{path.name}": path.read_bytes() for path in (folder / "scopes").glob("*.yaml")}
    read = read_rules((folder / "ingestion" / "ingestion_profiles.yaml").read_bytes(), scopes)
    return read, read_catalog("catalog.yaml", (folder / "sources" / "source_catalog.yaml").read_bytes())


def test_the_rules_in_use_are_read_and_what_cannot_count_in_them_is_said(real_data: Path) -> None:
    read, catalog_in_use = in_use(real_data)
    assert len(read.profiles) == 6 + 1
    # Every scope that the file refers to exists. Two groups of PubMed want scopes that nobody has filled yet.
    assert [problem.message for problem in read.remarks(catalog_in_use)] == [
        "The key `sector_press_requirements` has no effect.",
        'No item can pass the profile "pubmed_indication_focused": its signals are empty, absent or too light.',
        'The signal group "indication_signals" has no phrase: it is never found.',
    ]


@pytest.mark.parametrize(("mode", "kept"), [("broad", 15), ("balanced", 9), ("strict", 5)])
def test_the_fifteen_items_of_a_day_in_use(real_data: Path, mode: str, kept: int) -> None:
    """All 15 are of three pure players: `corporate_pure_player_broad`, which only excludes.

    Balanced leaves out 6. Four speak of Nanexa's interim report of January ("interim report.*january"; one is the news
    of Moderna, whose text runs on into the report because the older parser took the whole page for one item), one of
    half-year financial results, one of an MSCI index. It keeps the bare "Download attachment": the client's own
    min_word_count and exclude_patterns are for that.
    Strict leaves out 4 more, which name no technology: the attachment, a grant against malaria, an appointment, a
    convention. Left are the other text on Moderna (PharmaShell), the two on olanzapine and the one on Uzedy (LAI,
    extended-release injectable), and a conference whose name holds "drug delivery".
    """
    read, catalog_in_use = in_use(real_data)
    records = json.loads((real_data / "items" / "ingested_2025-12-17.json").read_text("utf-8"))
    items = [Item.from_record(record) for record in records]
    by_source = {key: read.profile_of(source, mode) for key, source in catalog_in_use.sources.items()}
    judge = Judgements(read).judge(by_source)
    assert len([one for one in items if not judge(one)]) == kept
