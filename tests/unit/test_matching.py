"""Where terms are found: each rule, hostile texts against a slow oracle, and the real scopes in real items."""

import json
import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import matching, rare_grams
from domain.matching import Matcher
from domain.scopes import read_scopes
from domain.terms import Term, terms_of
from domain.vocabulary import Phrase, words
from tests.unit.term_oracle import Find, finds


def term(written: str) -> Term:
    return Term.of("technology", "depot", "", written)


def found(texts: pa.Array | pa.ChunkedArray | list[str | None], *written: str) -> list[tuple[int, Find]]:
    """The finds with their rows."""
    array = pa.array(texts, pa.string()) if isinstance(texts, list) else texts
    rows = Matcher(map(term, written)).match(array).to_pylist()
    return [(row["row"], (row["term_key"], row["start_at"], row["end_at"])) for row in rows]


def shown(text: str, *written: str) -> list[str]:
    """What was found, as it stands in the text."""
    return [text[start:end] for _row, (_key, start, end) in found([text], *written)]


@pytest.mark.parametrize(
    ("written", "text", "shows"),
    [
        ("depot", "A depot, a DEPOT (Depot)", ["depot", "DEPOT", "Depot"]),
        ("long-acting", "a long acting, a Long\u2011Acting, a long \u2013\nacting", 3),
        ("long acting", "long-acting", ["long-acting"]),
        ("PharmaShell®", "PharmaShell-based", ["PharmaShell"]),
        ("PharmaShell", "PharmaShell®-based", ["PharmaShell"]),
        ("Pharmashell depot", "a Pharma\u00adShell® depot", ["Pharma\u00adShell® depot"]),
        ("étude", "l’e\u0301tude, une ETUDE", ["e\u0301tude", "ETUDE"]),
        ("Camé", "Came\u0301, Camé\u0327", ["Came\u0301", "Camé\u0327"]),
        ("Medincell", "Medincell’s partner", ["Medincell"]),
        ("coeur", "un cœur", ["cœur"]),
        ("R&D", "R&D, r & d", ["R&D"]),
        ("C++", "C++ and C", ["C++"]),
        ("Orvane Ltd;", "Orvane Ltd. said", ["Orvane Ltd"]),
        ("depot", "😀depot\U0001d400 漢 depot。", ["depot"]),
        ("клиника", "Клиника, клиники", ["Клиника"]),
    ],
)
def test_a_term_is_found_whatever_its_case_accents_hyphens_and_signs(
    written: str, text: str, shows: list[str] | int
) -> None:
    assert shown(text, written) == shows if isinstance(shows, list) else len(shown(text, written)) == shows


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("LAI", "CLAIM, LAIR, _LAI, LAI2, ЛLAI, LAI漢, éLAI"),
        ("oral", "intratumoral, temporal"),
        ("long acting", "long, acting. long/acting longacting"),
        ("depot", "de pot"),
        ("depots", "a depot"),
        ("PharmaShell", "PharmaShell®based"),
        ("oe", "œuf"),
    ],
)
def test_a_part_of_a_word_is_no_term(written: str, text: str) -> None:
    assert shown(text, written) == []


def test_nested_and_overlapping_terms_are_all_found() -> None:
    text = "A long-acting injectable depot."
    assert shown(text, "long-acting", "long-acting injectable", "injectable depot", "depot") == [
        "long-acting",
        "long-acting injectable",
        "injectable depot",
        "depot",
    ]


def test_an_acronym_is_found_in_capitals_only_and_in_its_plural() -> None:
    text = "NICE says it is nice, Nice; NDAs, NDAS, ndas; LA\u200bI, LÁI, lai; Q4, q4."
    assert shown(text, "NICE", "NDA", "LAI", "Q4") == ["NICE", "NDAs", "LA\u200bI", "LÁI", "Q4"]


def test_the_word_and_the_acronym_are_two_terms() -> None:
    assert found(["NICE nice"], "NICE", "nice") == [
        (0, ("NICE", 0, 4)),
        (0, ("nice", 0, 4)),
        (0, ("nice", 5, 9)),
    ]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("depot injection", "depot injections"),
        ("patch", "patches"),
        ("box", "boxes"),
        ("gene therapy", "gene therapies"),
        ("microsphere", "microspheres"),
    ],
)
def test_a_plural_is_found_and_never_the_reverse(written: str, text: str) -> None:
    assert shown(text, written) == [text]
    assert shown(written, text) == []


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("It seeks an experienced engineer.", ["seeks an experienced engineer"]),
        ("It seeks engineers", ["seeks engineers"]),
        ("It seeks Dr. Kim, an engineer", ["seeks Dr. Kim, an engineer"]),
        ("It seeks more. An engineer came", []),
        ("It seeks; an engineer", []),
        ("It seeks\n\nan engineer", []),
        ("An engineer seeks", []),
        ("seeks. It seeks an engineer, engineer", ["seeks an engineer"]),
        ("seeks a seeks b engineer c engineer", ["seeks a seeks b engineer"]),
        ("seeks an engineer and seeks an engineer", ["seeks an engineer", "seeks an engineer"]),
    ],
)
def test_the_parts_around_a_gap_stand_in_one_sentence_in_their_order(text: str, shows: list[str]) -> None:
    assert shown(text, "seeks.*engineer") == shows


@given(st.text(alphabet="ab .!;,\n-x", max_size=30))
def test_a_gap_spans_what_it_spans_for_a_phrase_of_selection(text: str) -> None:
    # Selection ends a word group at a dash before a space, and knows no plurals.
    text = text.replace("- ", " ").removesuffix("-")
    assert bool(shown(text, "a.*b")) == Phrase.of("a.*b").occurs_in(words(text))


def test_two_terms_of_one_key_are_found_once() -> None:
    assert found(["UZEDY®"], "Uzedy", "UZEDY", "UZEDY®") == [(0, ("uzedy", 0, 5))]


def test_a_term_without_a_word_is_never_found() -> None:
    assert shown("!! - ® ... .*", "!!", "-", "®", ".*", "") == []


def test_nothing_is_found_in_null_and_rows_keep_their_places() -> None:
    assert found(["a depot", None, "", "depot"], "depot") == [(0, ("depot", 2, 7)), (3, ("depot", 0, 5))]


def test_no_find_spans_two_texts() -> None:
    assert found(["long", "-acting", "a long ", "acting", "\u0301LAI", "\u0301"], "long-acting", "LAI") == [
        (4, ("LAI", 1, 4))
    ]


def test_no_text_and_no_term_give_an_empty_table() -> None:
    expected = {"row": pa.int64(), "term_key": pa.string(), "start_at": pa.int64(), "end_at": pa.int64()}
    for table in (Matcher([]).match(pa.array(["a"])), Matcher([term("a")]).match(pa.array([], pa.string()))):
        assert table.num_rows == 0
        assert {field.name: field.type for field in table.schema} == expected
    assert Matcher([term("a")]).match(pa.nulls(2)).num_rows == 0


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="not in int64"):
        Matcher([]).match(pa.array([1]))


TEXTS = ["LAI", "", "a  long - acting é", "É LAI\n", "no", "It seeks an engineer", "\u0301 long", "acting"] * 3


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_any_slice_of_any_array_of_texts_gives_what_its_texts_give(kind: pa.DataType) -> None:
    array, written = pa.array(TEXTS).cast(kind), ("LAI", "long acting", "seeks.*engineer", "é")
    for start in range(10):
        expected = found(list(TEXTS[start : start + 9]), *written)
        assert found(array.slice(start, 9), *written) == expected
        halves = pa.chunked_array([array.slice(start, 4), array.slice(start + 4, 5)])
        assert found(halves, *written) == expected


def test_the_size_of_a_batch_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found(list(TEXTS), "LAI", "long acting", "seeks.*engineer", "é")
    monkeypatch.setattr(matching, "_BATCH", 20)
    assert found(list(TEXTS), "LAI", "long acting", "seeks.*engineer", "é") == expected


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    written = ("LAI", "long acting", "long", "seeks.*engineer", "é", "an", "a", "sustained release injectables")
    texts = [*TEXTS, "a sustained-release injectable, sustained release injectabler", "a a long", "a"]
    expected = found(texts, *written)
    monkeypatch.setattr(rare_grams, "_BLOCK", size)
    monkeypatch.setattr(rare_grams, "_PLACES", 2)
    assert (
        found(texts, *written)
        == expected
        == [(row, find) for row, text in enumerate(texts) for find in finds(map(term, written), text)]
    )


def test_texts_unlike_the_first_ones_give_what_they_give_alone() -> None:
    written = ("LAI", "Q4", "a", "moda", "sustained release injectables", "клиника", "depot", "seeks.*engineer")
    texts = ["a LAI, Q4 moda", "Клиника", "sustained-release injectables in a depot", "seeks an engineer", "aa moda"]
    looked_for = list(map(term, written))
    for first in ("", "depot " * 50, "клиника 漢 " * 50, "sustained release seeks " * 50):
        matcher = Matcher(looked_for)
        matcher.match(pa.array([first]))
        expected = [(row, find) for row, text in enumerate(texts) for find in finds(looked_for, text)]
        rows = matcher.match(pa.array(texts)).to_pylist()
        assert [(row["row"], (row["term_key"], row["start_at"], row["end_at"])) for row in rows] == expected


@pytest.mark.parametrize("before", range(9))
def test_a_term_is_found_at_any_distance_from_the_beginning_and_no_end_of_it_is(before: int) -> None:
    for written in ("a", "Q4", "LAI", "moda", "depot", "once-monthly injection of a depot"):
        assert shown(" " * before + written, written) == [written]
        for start in range(1, len(written)):
            assert shown(" " * before + written[start:], written) == []


def test_what_differs_only_between_its_ends_is_another_term() -> None:
    written = ("controlled slow release depot", "controlled long release depot", "controlled fast release depot")
    assert [find[0] for _row, find in found(list(written[1:]), *written)] == list(written[1:])
    assert shown("controlled slaw release depot", *written) == []


HOSTILE = [
    *"aabsyLAINICE149 --'.,;!&é\u0301®™’–“œßﬁ\u00ad\u200b\u00a0\n\r\t_漢дЯ한\U0001d400😀\u0327ŁİſẞK²½\x1a\x00ŉ…",
    *("long", "acting", " ", "Dr", "s", "es", "LAI", "\r\n"),
]
PIECES = st.lists(st.sampled_from(HOSTILE), max_size=25).map("".join)
WRITTEN = st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=3).map("".join)
GAPPED = st.tuples(WRITTEN, WRITTEN).map(".*".join)


@settings(max_examples=80, deadline=None)
@given(st.lists(WRITTEN | GAPPED, max_size=6), st.lists(PIECES | st.text(max_size=20), max_size=5))
def test_every_text_gives_what_a_slow_search_gives(written: list[str], texts: list[str]) -> None:
    terms = [term(one) for one in [*written, "a", "LAI", "long-acting", "long", "s.*a"]]
    expected = [(row, find) for row, text in enumerate(texts) for find in finds(terms, text)]
    assert found(texts, *(one.written for one in terms)) == expected


@pytest.mark.parametrize("text", ["-" * 100_000, "LAI " * 25_000, "é\u0301" * 50_000, "seeks. " * 14_000 + "engineer"])
def test_a_long_text_of_one_kind_is_looked_through_like_any(text: str) -> None:
    written = ("LAI", "e", "seeks.*engineer")
    assert len(found([text], *written)) == text.count("LAI")


def test_many_texts_give_what_a_slow_search_gives() -> None:
    chance = random.Random(3)
    sentence = "The long-acting depot of Orvane® – an LAI – was “approved”; it seeks engineers. Its plain claims"
    texts = [" ".join(chance.choices(sentence.split(), k=chance.randint(0, 60))) for _ in range(50)]
    written = ("long-acting", "long-acting depot", "Orvane", "LAI", "claim", "seeks.*engineer", "plain.*claim")
    expected = [(row, find) for row, text in enumerate(texts) for find in finds(map(term, written), text)]
    assert found(list(texts), *written) == expected
    assert len(expected) > 200


def test_the_real_scopes_are_found_in_the_real_items(real_data: Path) -> None:
    folder = real_data / "config" / "canonical" / "scopes"
    terms = terms_of(read_scopes({path.name: path.read_bytes() for path in folder.glob("*_scopes.yaml")}))
    items = json.loads((real_data / "items" / "ingested_2025-12-17.json").read_bytes())
    texts = [item["title"] for item in items] + [item["content"] for item in items]
    rows = Matcher(terms).match(pa.array(texts)).to_pylist()
    have = [(row["row"], (row["term_key"], row["start_at"], row["end_at"])) for row in rows]
    assert have == [(row, find) for row, text in enumerate(texts) for find in finds(terms, text)]

    def keys(title: str) -> set[str]:
        row = next(row for row, text in enumerate(texts) if text.startswith(title))
        return {find[0] for at, find in have if at == row}

    # "PharmaShell®-based": ® is left out, the hyphen separates; "Moderna" is in no scope.
    assert keys("Nanexa and Moderna") == {"nanexa", "pharmashell"}
    # "Medincell’s" is MedinCell with an "s" behind; the scopes have "Teva Pharmaceutical", here in its plural;
    # "extended-release injectable" is found beside "extended release" and "injectable" inside it.
    assert keys("Medincell’s Partner Teva") == {
        "medincell",
        "teva pharmaceutical",
        "olanzapine",
        "extended release",
        "extended release injectable",
        "injectable",
        "once monthly",
    }
    # "Teva" alone is not the company's name as the scopes write it; "LAI" is an acronym in capitals.
    assert keys("UZEDY® continues") == {"uzedy", "olanzapine", "LAI"}
    assert {"uzedy", "risperidone", "extended release injectable"} <= keys("FDA Approves")
    # Consolidated ... Results stand in one sentence, and so do Half-Year ... Results.
    assert {"medincell", "consolidated.*results", "half year.*results", "financial results"} <= keys(
        "Medincell Publishes its Consolidated"
    )
    assert keys("Medincell Appoints Dr Grace Kim") == {"medincell", "appoints.*chief"}
    assert keys("Medincell to Join MSCI") == {"medincell", "MSCI", "msci world"}
