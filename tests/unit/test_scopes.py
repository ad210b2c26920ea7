"""Scopes: what a reference finds, and when a phrase is in a text. Not which items are kept."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.combinations import Combination, CombinationError
from domain.errors import ConfigError
from domain.scopes import Scopes, read_scopes
from domain.vocabulary import Phrase, Vocabulary, words

SCOPES = read_scopes(
    {
        "canonical/scopes/technology_scopes.yaml": (
            b"depot:\n  _metadata: {profile: x}\n  core: [long-acting, depot injection]\n  routes: [subcutaneous]\n"
            b"  negative_terms: [oral tablet]\nflat: [one, two]\n"
        ),
        "canonical/scopes/exclusion_scopes.yaml": b"hr: [hiring, 'seeks.*engineer']\nempty: []\nflat: [three]\n",
    }
)


def phrases(reference: str, scopes: Scopes = SCOPES) -> list[str]:
    found = scopes.find(reference)
    assert found is not None
    return list(found.phrases)


def occurs(phrase: str, text: str) -> bool:
    return Phrase.of(phrase).occurs_in(words(text))


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("hr", ["hiring", "seeks.*engineer"]),
        ("exclusion_scopes.hr", ["hiring", "seeks.*engineer"]),
        ("depot.core", ["long-acting", "depot injection"]),
        ("technology_scopes.depot.core", ["long-acting", "depot injection"]),
        ("depot.negative_terms", ["oral tablet"]),
        ("empty", []),
    ],
)
def test_a_reference_names_a_scope_or_one_of_its_lists_with_or_without_its_file(
    reference: str, expected: list[str]
) -> None:
    assert phrases(reference) == expected


def test_a_scope_of_several_lists_is_all_of_them_but_its_negative_terms() -> None:
    found = SCOPES.find("depot")
    assert found is not None
    assert list(found.phrases) == ["long-acting", "depot injection", "subcutaneous"]
    assert [one.phrases for one in found.against] == [("oral tablet",)]


def test_the_negative_terms_of_a_scope_speak_against_each_of_its_lists() -> None:
    found = SCOPES.find("depot.routes")
    assert found is not None
    assert [one.phrases for one in found.against] == [("oral tablet",)]


def test_of_two_scopes_with_one_name_the_file_tells_which() -> None:
    assert phrases("flat") == ["three"]  # that of exclusion_scopes, the first file by name
    assert phrases("technology_scopes.flat") == ["one", "two"]


@pytest.mark.parametrize("reference", ["nothing", "depot.nothing", "exclusion_scopes.nothing", "exclusion_scopes", ""])
def test_a_scope_that_does_not_exist_is_not_found(reference: str) -> None:
    assert SCOPES.find(reference) is None


def test_a_reference_near_to_a_scope_gets_its_name() -> None:
    assert SCOPES.closest("exclusion_scopes.hrr") == 'Did you mean "hr"?'


def test_a_file_that_is_no_mapping_stops_everything_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        read_scopes({"canonical/scopes/a.yaml": b"x: [1]\n", "canonical/scopes/b.yaml": b"- hiring\n"})
    assert caught.value.where == "canonical/scopes/b.yaml:1"


def test_what_is_no_phrase_is_left_out_and_named_with_its_line() -> None:
    (one,) = read_scopes({"canonical/scopes/a.yaml": b'x:\n  - good\n  - [a]\n  - ""\n  - 3\n'}).lists
    assert one.phrases == ("good", "3")
    assert one.oddities == ("a list on line 3", 'the text "" on line 4')


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("LAI", "An LAI for adults"),
        ("LAI", "(lai)"),
        ("long-acting", "a long acting formulation"),
        ("long acting", "a LONG-ACTING formulation"),
        ("long-acting", "a long\u2011acting, a"),
        ("long-acting", "long\n-acting"),
        ("PharmaShell®", "PharmaShell-based products"),
        ("PharmaShell", "PharmaShell®-based products"),
        ("Merck & Co", "Merck & Co., Inc. said"),
        ("étude clinique", "une E\u0301TUDE\u00a0clinique"),
        ("e\u0301tude", "l’étude"),
        ("STRASSE", "die Straße"),
        ("offre d'emploi", "Offre d’emploi : chimiste"),
        ("q4w", "dosed Q4W."),
        ("CAR-T", "a CAR-T therapy"),
        ("Medincell", "Medincell’s partner"),
        ("seeks.*engineer", "The company seeks an experienced process engineer."),
        ("half-year.*results", "Half-Year results"),
        ("appoints.*chief", "Appoints Dr. Grace Kim, Chief Strategy Officer"),
        ("a.*b.*c", "a x b y c"),
    ],
)
def test_a_phrase_is_found_whatever_its_case_its_accents_and_its_hyphens(phrase: str, text: str) -> None:
    assert occurs(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("LAI", "The claim is plain."),
        ("oral", "intratumoral, temporal"),
        ("péché", "le peche"),
        ("depot injection", "A new depot. Injection followed."),
        ("depot injection", "the depot, injection"),
        ("Johnson & Johnson", "Johnson, Johnson"),
        ("seeks.*engineer", "It seeks. An engineer came."),
        ("seeks.*engineer", "An engineer seeks work"),
        ("seeks.*engineer", "seeks engineers"),
        ("aba.*aba", "aba"),
        ("a.*b", "title a\n\nb in the text"),
        (".*", "anything"),
        ("!!", "!!"),
    ],
)
def test_a_part_of_a_word_or_words_of_two_sentences_are_no_phrase(phrase: str, text: str) -> None:
    assert not occurs(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "odd"),
    [("seeks.*engineer", False), ("Dr. Kim", False), ("C++", False), ("(EU)", False), ("a+|b", True), (r"\bLAI", True)],
)
def test_signs_of_a_regular_expression_are_noticed(phrase: str, odd: bool) -> None:
    assert Phrase.of(phrase).looks_like_a_pattern == odd


def test_spellings_of_one_phrase_count_once() -> None:
    found = Vocabulary.of(["long-acting", "long acting", "Long Acting", "depot"]).found_in(words("long-acting depot"))
    assert found == ("long-acting", "depot")


@given(st.lists(st.text(alphabet="ab -.,\n*é\u0301", max_size=8), max_size=6), st.text(alphabet="ab -.,\né\u0301"))
def test_looking_for_many_phrases_finds_what_looking_for_each_finds(written: list[str], text: str) -> None:
    vocabulary = Vocabulary.of(written)
    plain = words(text)
    assert vocabulary.found_in(plain) == tuple(one.written for one in vocabulary.phrases if one.occurs_in(plain))


@given(st.text())
def test_the_words_of_one_sentence_are_their_own_words(text: str) -> None:
    for sentence in words(text).split("\n"):
        assert words(sentence).strip(" ,") == sentence.strip(" ,")


def test_a_text_of_gaps_without_end_is_searched_once() -> None:
    text = words("seeks " * 100_000)
    assert not Phrase.of("seeks.*seeks.*engineer").occurs_in(f"{text}engineers ")


@pytest.mark.parametrize(
    ("text", "present", "holds"),
    [
        ("a", "a", True),
        ("a AND (b OR c)", "ac", True),
        ("a AND (b OR c)", "bc", False),
        ("a or b and c", "a", True),
        ("(a OR b) AND c", "a", False),
        ("a AND NOT b", "a", True),
        ("a AND NOT b", "ab", False),
        ("NOT (a OR b)", "", True),
    ],
)
def test_a_combination_holds_as_it_is_written(text: str, present: str, holds: bool) -> None:
    assert Combination.read(text).holds(set(present)) == holds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it ends where a signal is expected"),
        ("a AND", "it ends where a signal is expected"),
        ("NOT", "it ends where a signal is expected"),
        ("AND a", "`AND` stands where a signal is expected"),
        ("()", "`)` stands where a signal is expected"),
        ("(a", "a `(` is not closed"),
        ("a)", "`)` is not expected there"),
        ("a b", "`b` is not expected there"),
        ("(" * 5_000, "it nests more than 20 levels"),
        ("NOT " * 5_000 + "a", "it nests more than 20 levels"),
    ],
)
def test_what_is_no_combination_says_why(text: str, why: str) -> None:
    with pytest.raises(CombinationError, match=f"^{re.escape(why)}$"):
        Combination.read(text)


def test_the_scopes_in_use_are_read_whole(real_data: Path) -> None:
    folder = real_data / "config" / "canonical" / "scopes"
    scopes = read_scopes({f"canonical/scopes/{path.name}": path.read_bytes() for path in folder.glob("*_scopes.yaml")})
    counts = {name: len(phrases(name, scopes)) for name in ("hr_content", "lai_molecules_global", "lai_keywords")}
    assert counts == {"hr_content": 21, "lai_molecules_global": 81, "lai_keywords": 118}  # 129 without 11 negative ones
    assert [one.path for one in scopes.lists if one.oddities] == []
