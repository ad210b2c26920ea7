"""Terms: their categories, and which spellings are one. Not where they occur."""

from pathlib import Path

import pytest

from domain.scopes import read_scopes
from domain.terms import Term, term_key, terms_of, wanted

SCOPES = read_scopes(
    {
        "canonical/scopes/company_scopes.yaml": b"watched: [Orvane, Monthera SA]\n",
        "canonical/scopes/technology_scopes.yaml": (
            b"depot:\n  _metadata: {profile: x}\n  core: [Long-Acting]\n  negative_terms: [oral tablet]\nnone: []\n"
        ),
        "canonical/scopes/places.yaml": b"cities: [Basel]\n",
    }
)


def test_every_phrase_is_a_term_with_its_category_scope_and_list() -> None:
    assert terms_of(SCOPES) == (
        Term("company", "watched", "", "Orvane", "orvane"),
        Term("company", "watched", "", "Monthera SA", "monthera sa"),
        Term("places", "cities", "", "Basel", "basel"),
        Term("technology", "depot", "core", "Long-Acting", "long acting"),
        Term("technology", "depot", "negative_terms", "oral tablet", "oral tablet"),
    )


@pytest.mark.parametrize(
    "spellings",
    [
        ("PharmaShell®", "PharmaShell", "Pharmashell", "pharma\u00adshell"),
        ("Long-Acting", "long acting", "long\u2011acting", " LONG  ACTING "),
        ("étude", "e\u0301tude", "ETUDE"),
        ("Holdings Ltd;", "Holdings Ltd", "“Holdings Ltd.”".strip("“”")),
        ("seeks.*engineer", "Seeks .* Engineer", "seeks.*engineer.*"),
        ("LAI", "LAI®", "LÁI"),
    ],
)
def test_spellings_of_one_term_have_one_key(spellings: tuple[str, ...]) -> None:
    assert len({term_key(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NICE", "nice"),
        ("NICE", "Nice"),
        ("long, acting", "long acting"),
        ("C++", "C"),
        ("seeks.*engineer", "seeks engineer"),
        ("microsphere", "microspheres"),
    ],
)
def test_different_terms_have_different_keys(one: str, other: str) -> None:
    assert term_key(one) != term_key(other)


@pytest.mark.parametrize("written", ["LAI", "NICE", "NDA", "PEG", "Q4", "H2O2", "3M"])
def test_two_to_four_capitals_and_digits_are_an_acronym(written: str) -> None:
    assert term_key(written) == written
    assert wanted(written).is_acronym
    assert wanted(written).parts == ((written, f"{written}s"),)


@pytest.mark.parametrize("written", ["EBITDA", "q4w", "Uzedy", "CAR-T", "R&D", "89", "X"])
def test_longer_words_small_letters_and_other_signs_are_no_acronym(written: str) -> None:
    assert not wanted(term_key(written)).is_acronym


@pytest.mark.parametrize(
    ("written", "plural"),
    [
        ("depot", "depots"),
        ("depot injection", "depot injections"),
        ("half-life basis", "half life basises"),
        ("patch", "patches"),
        ("wash", "washes"),
        ("box", "boxes"),
        ("gene therapy", "gene therapies"),
        ("investor day", "investor days"),
    ],
)
def test_the_last_word_has_its_regular_plural(written: str, plural: str) -> None:
    ((_singular, *plurals),) = wanted(term_key(written)).parts
    assert plurals == [plural]


@pytest.mark.parametrize("written", ["phase 2", "ASTA Medica (Baxter)", "клиника"])
def test_what_ends_in_no_latin_letter_has_no_plural(written: str) -> None:
    assert wanted(term_key(written)).parts == ((term_key(written),),)


def test_of_a_term_with_a_gap_only_the_last_part_has_a_plural() -> None:
    assert wanted(term_key("seeks.*engineer")).parts == (("seeks",), ("engineer", "engineers"))


@pytest.mark.parametrize("written", ["", "!!", "®", "-", ".*", "… .* -"])
def test_what_has_no_word_has_no_key(written: str) -> None:
    assert term_key(written) == ""


def test_the_scopes_in_use_become_terms(real_data: Path) -> None:
    folder = real_data / "config" / "canonical" / "scopes"
    terms = terms_of(read_scopes({path.name: path.read_bytes() for path in folder.glob("*_scopes.yaml")}))
    assert {term.category for term in terms} == {"company", "exclusion", "molecule", "technology", "trademark"}
    assert all(term.key for term in terms)
    assert {term.written for term in terms if term.key == "uzedy"} == {"Uzedy", "UZEDY", "UZEDY®"}
