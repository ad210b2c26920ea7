"""A client file: identity, wrong values, unknown words, defaults, the stored copy. Not YAML itself."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from domain.clients import (
    ClientConfig,
    ClientConfigError,
    client_id_of,
    is_config_key,
    read_client,
)
from domain.documents import Problem
from domain.errors import ConfigError


def read(text: str, key: str = "clients/acme.yaml") -> ClientConfig:
    return read_client(key, text.encode())


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ClientConfigError) as caught:
        read(text)
    return caught.value.problems


def only_error(text: str) -> Problem:
    (error,) = [problem for problem in problems_of(text) if problem.severity == "error"]
    return error


def warning_of(text: str) -> Problem:
    (warning,) = read(text).warnings
    return warning


def test_identity_is_the_file_name() -> None:
    assert client_id_of("clients/acme-2_b.yaml") == "acme-2_b"


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("clients/sub/acme.yaml", "Move it to clients/acme.yaml."),
        ("acme.yaml", "Move it to clients/acme.yaml."),
        ("clients/acme.yml", "Rename it to clients/acme.yaml."),
        ("clients/acme.YAML", "Rename it to clients/acme.yaml."),
        ("clients/Acme.yaml", "Rename it to clients/acme.yaml."),
        ("clients/École d'été.yaml", "Rename it to clients/ecole-d-ete.yaml."),
        ("clients/a.b,c.yaml", "Rename it to clients/a-b-c.yaml."),
        ("clients/....yaml", "Rename it to clients/acme.yaml."),
        ("clients/_x.yaml", "Rename it to clients/x.yaml."),
        (f"clients/{'a' * 101}.yaml", f"Rename it to clients/{'a' * 100}.yaml."),
    ],
)
def test_a_bad_name_is_refused_with_a_usable_one(key: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        client_id_of(key)
    assert caught.value.where == key
    assert caught.value.remedy == remedy


@pytest.mark.parametrize("key", ["clients/a.yaml", "clients/a.yml", "clients/A.YAML", "clients/sub/a.yaml"])
def test_a_yaml_file_is_meant_as_a_config_even_if_badly_named(key: str) -> None:
    assert is_config_key(key)


@pytest.mark.parametrize(
    "key", ["clients/README.md", "clients/.keep", "clients/.a.yaml", "clients/.git/a.yaml", "clients/", "clients/sub/"]
)
def test_other_files_are_not_configs(key: str) -> None:
    assert not is_config_key(key)
    assert not is_config_key("canonical/sources/source_catalog.yaml")


def test_an_almost_empty_file_takes_every_default() -> None:
    client = read("client_profile: {}\n")
    assert (client.client_id, client.name, client.active, client.language) == ("acme", "acme", False, "en")
    assert (client.period_days, client.bouquets, client.extra_sources) == (7, (), ())
    assert (client.min_word_count, client.exclude_patterns) == (0, ())
    assert (client.sections, client.max_items_total, client.warnings) == ((), 15, ())


@pytest.mark.parametrize("value", ['"false"', '"yes"', "1", "0", "[]"])
def test_active_must_be_a_real_boolean(value: str) -> None:
    error = only_error(f"client_profile:\n  active: {value}\n")
    assert error.where == "clients/acme.yaml:2"
    assert "`client_profile.active` must be true or false" in error.message
    assert error.remedy == "Write true or false, without quotes."


def test_a_quoted_false_is_an_error_not_true() -> None:
    assert 'found the text "false"' in only_error('client_profile: {active: "false"}\n').message


def test_an_empty_active_is_an_error_not_false() -> None:
    assert "found nothing" in only_error("client_profile:\n  active:\n").message


def test_every_error_of_a_file_is_told_at_once_in_line_order() -> None:
    problems = problems_of("pipeline: {default_period_days: 4000}\nnope: 1\nclient_profile: {active: 1, name: 3}\n")
    assert [(problem.severity, problem.where[-1]) for problem in problems] == [
        ("error", "1"),
        ("warning", "2"),
        ("error", "3"),
        ("error", "3"),
    ]


def test_the_error_itself_is_the_first_and_counts_the_others() -> None:
    with pytest.raises(ClientConfigError) as caught:
        read("pipeline: {default_period_days: -1}\nclient_profile: {active: 1, name: 3}\n")
    assert caught.value.where == "clients/acme.yaml:1"
    assert "2 more in this file" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pipeline: {default_period_days: 3651}", "must be a whole number, 0 to 3650; found the number 3651"),
        ("pipeline: {default_period_days: -1}", "0 to 3650"),
        ('pipeline: {default_period_days: "7"}', 'must be a whole number; found the text "7"'),
        ("pipeline: {default_period_days: true}", "must be a whole number; found true"),
        ("pipeline: {default_period_days: 7.5}", "must be a whole number; found the number 7.5"),
        ("client_profile: [a]", "`client_profile` must be a block of `key: value` lines; found a list"),
        ("client_profile: {version: 1.0}", "must be text; found the number 1.0"),
        ("source_config: {source_bouquets_enabled: lai}", 'must be a list; found the text "lai"'),
        ("source_config: {source_bouquets_enabled: ['']}", "must be text that is not empty"),
        ("source_config: {content_filters: {exclude_patterns: [' ']}}", "must be text that is not empty"),
        ("source_config: {content_filters: {min_word_count: -1}}", "must be a whole number, 0 or more"),
        ("watch_domains: [{type: x}]", "`watch_domains[].id` is missing"),
        ("newsletter_layout: {sections: [{title: x}]}", "`newsletter_layout.sections[].id` is missing"),
        ("newsletter_layout: {sections: [4]}", "must be a block"),
        ("scoring_config: {event_type_weight_overrides: {a: x}}", "must be a number"),
        ("scoring_config: {client_specific_bonuses: {key_molecules: {bonus: true}}}", "must be a number; found true"),
        ("metadata: [x]", "must be a block"),
    ],
)
def test_a_wrong_value_is_said_in_plain_words(text: str, message: str) -> None:
    error = only_error(text)
    assert message in error.message
    assert "pydantic" not in str(error)


def test_no_days_is_a_period_and_ten_years_too() -> None:
    assert read("pipeline: {default_period_days: 0}").period_days == 0
    assert read("pipeline: {default_period_days: 3650}").period_days == 3650


def test_an_unknown_key_is_a_warning_with_the_nearest_known_one() -> None:
    warning = warning_of("source_config:\n  source_bouquet_enabled: [a]\n")
    assert warning.where == "clients/acme.yaml:2"
    assert "`source_config.source_bouquet_enabled` is not known" in warning.message
    assert warning.remedy == 'Did you mean "source_bouquets_enabled"?'


def test_an_unknown_key_in_a_list_of_blocks_is_found() -> None:
    warning = warning_of("newsletter_layout:\n  sections:\n    - id: a\n      max_item: 3\n")
    assert warning.where == "clients/acme.yaml:4"


def test_a_key_at_the_wrong_level_is_told_where_it_belongs() -> None:
    assert warning_of("active: true\n").remedy == "It belongs under `client_profile`."


def test_an_empty_key_is_a_warning_and_counts_as_absent() -> None:
    client = read("pipeline:\nsource_config:\n  source_bouquets_enabled:\n")
    assert [warning.message for warning in client.warnings] == [
        "`pipeline` is empty.",
        "`source_config.source_bouquets_enabled` is empty.",
    ]
    assert client.period_days == 7


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("ingestion: {source_bouquets: [a]}", "source_config.source_bouquets_enabled"),
        ("ingestion: {default_period_days: 30}", "pipeline.default_period_days"),
        ("editorial_style: {tone: x}", "client_profile.tone"),
    ],
)
def test_the_newer_vocabulary_is_not_read_silently(text: str, use: str) -> None:
    assert use in warning_of(text).remedy


@pytest.mark.parametrize(
    "text",
    [
        "metadata: {anything: {at: [all]}, created: 2026-01-30}",
        "matching_config: {domain_type_thresholds: {whatever: 0.3}, domain_type_overrides: {x: {y: 1}}}",
        "scoring_config: {event_type_weight_overrides: {my_own_event: 3}}",
    ],
)
def test_free_parts_accept_any_key(text: str) -> None:
    assert read(text).warnings == ()


def test_a_client_id_that_differs_from_the_file_name_is_a_warning() -> None:
    warning = warning_of("client_profile:\n  client_id: other\n")
    assert warning.where == "clients/acme.yaml:2"
    assert "The file name counts" in warning.remedy


def test_an_active_client_without_a_source_is_a_warning() -> None:
    assert "never gets an item" in warning_of("client_profile: {active: true}\n").message
    fed = "client_profile: {active: true}\nsource_config: {sources_extra_enabled: [press__a]}\n"
    assert read(fed).warnings == ()


def test_exclude_patterns_are_phrases_and_a_regex_is_warned_about() -> None:
    text = "source_config: {content_filters: {exclude_patterns: ['Read more (PDF)', 'Read.*more', '\\bPDF']}}"
    client = read(text)
    assert client.exclude_patterns == ("Read more (PDF)", "Read.*more", "\\bPDF")
    assert len(client.warnings) == 2


def test_a_section_takes_its_title_and_limit_from_what_it_does_not_say() -> None:
    text = "newsletter_layout: {sections: [{id: a}, {id: b, priority: 1}, {id: c, title: C, max_items: 2}]}"
    assert [(section.title, section.max_items, section.priority) for section in read(text).sections] == [
        ("a", 8, 999),
        ("b", 5, 1),
        ("C", 2, 999),
    ]


def test_two_sections_with_one_id_are_a_warning() -> None:
    assert "Two sections" in warning_of("newsletter_layout: {sections: [{id: a}, {id: a}]}").message


def test_comments_order_and_spelled_out_defaults_do_not_change_the_fingerprint() -> None:
    plain = read("client_profile: {name: A}\npipeline: {default_period_days: 7}\n")
    other = read("# new\nclient_profile:\n  active: false\n  name: 'A' # same\n")
    assert plain.fingerprint == other.fingerprint
    assert read("client_profile: {name: B}\n").fingerprint != plain.fingerprint


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        read("client_profile: {name: A}\n").file.client_profile.name = "B"  # type: ignore[misc]


def test_a_stored_copy_that_is_damaged_is_refused() -> None:
    whole = read("client_profile: {name: A}\n").to_json()
    for damaged in ({}, {**whole, "file": {"client_profile": {"active": 3}}}, {**whole, "warnings": [{}]}):
        with pytest.raises(ConfigError, match="cannot be read"):
            ClientConfig.from_json(damaged)


@pytest.mark.parametrize(
    "name", ["clients/lai_weekly_prod.yaml", "clients/lai_weekly_v3.yaml", "lai_weekly_template.yaml"]
)
def test_a_real_file_is_valid_and_survives_the_stored_copy(real_data: Path, name: str) -> None:
    path = real_data / "config" / name
    client = read_client(f"clients/{path.name}", path.read_bytes())
    assert ClientConfig.from_json(json.loads(json.dumps(client.to_json()))) == client
    assert client.active
    assert client.bouquets == ("lai_corporate_mvp", "lai_press_mvp")
    assert client.period_days == 30
    # The file name and client_id disagree in two of the three; nothing else is odd.
    assert all("client_id" in warning.message for warning in client.warnings)


def test_the_real_production_client_reads_as_its_file_says(real_data: Path) -> None:
    body = (real_data / "config/clients/lai_weekly_prod.yaml").read_bytes()
    client = read_client("clients/lai_weekly_prod.yaml", body)
    assert (client.client_id, client.name) == ("lai_weekly_prod", "LAI Intelligence Weekly")
    assert (client.min_word_count, client.max_items_total) == (50, 20)
    assert client.exclude_patterns == ("Download attachment", "View attachment", "Read more")
    assert [section.max_items for section in client.sections] == [6, 4, 5, 8]
    assert len(client.warnings) == 1
