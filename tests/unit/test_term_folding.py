"""What a character counts as when terms are looked for. Not where terms are found."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.term_folding import fold, is_word

LETTERS = "aéÉôüñçÅøŁœßﬁКйЁёΑάΐñ한글ガがⅣ漢 -'.,ẞİſ"


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Long-Acting", "long acting"),
        ("long\u2011acting", "long acting"),
        ("long \u2013 acting", "long acting"),
        ("long\r\n\t acting", "long acting"),
        ("Fc\u00a0fusion", "fc fusion"),
        ("Medincell’s", "medincell s"),
        ("PharmaShell®", "pharmashell"),
        ("Pharma\u00adShell™", "pharmashell"),
        ("Pharma\u200bShell©\ufeff", "pharmashell"),
        ("Étude", "etude"),
        ("E\u0301tude", "etude"),
        ("cœur", "coeur"),
        ("Straße", "strasse"),
        ("ﬁnal", "final"),
        ("ＬＡＩ", "lai"),
        ("Łódź, Ørsted", "lodz, orsted"),
        ("long, acting", "long, acting"),
        ("R&D (EU)", "r&d (eu)"),
        ("", ""),
    ],
)
def test_what_does_not_matter_is_folded_and_other_punctuation_stays(written: str, folded: str) -> None:
    assert fold(written) == folded


def test_case_may_be_kept() -> None:
    assert fold("L’Été ŒUVRE ẞ", keep_case=True) == "L Ete OEUVRE SS"


def test_a_voicing_mark_is_no_accent() -> None:
    assert fold("ガ") != fold("カ")
    assert fold("ガ") == fold(unicodedata.normalize("NFD", "ガ"))


@given(st.text(alphabet=LETTERS))
def test_both_normal_forms_of_a_text_fold_to_the_same(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("character", "is_part"), [("a", True), ("7", True), ("_", True), ("漢", True), ("\u0939", True)]
)
def test_letters_and_digits_of_any_script_are_parts_of_words(character: str, is_part: bool) -> None:
    assert is_word(character) == is_part


@pytest.mark.parametrize("character", [" ", ".", "&", "😀", "«", "€"])
def test_other_signs_are_no_parts_of_words(character: str) -> None:
    assert not is_word(character)
