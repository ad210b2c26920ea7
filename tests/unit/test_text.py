"""Characters, plain text, links and languages."""

import pytest

from domain.errors import ParseError
from domain.text import MAX_BYTES, absolute_link, decoded, language_of, looks_like, plain_text


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        ("Réglementaire".encode(), ""),
        ("Réglementaire".encode("cp1252"), ""),
        ("Réglementaire".encode("latin-1"), "ISO-8859-1"),
        ("Réglementaire".encode(), "ISO-8859-1"),  # a server that declares Latin-1 for everything
        ("Réglementaire".encode("utf-8-sig"), "ISO-8859-1"),
        ("\ufeffRéglementaire".encode("utf-16-le"), ""),
        ("Réglementaire".encode("iso-8859-15"), "iso-8859-15"),
        ("Réglementaire".encode(), "no-such-charset"),
    ],
)
def test_accents_survive_whatever_the_charset_says(body: bytes, declared: str) -> None:
    assert decoded(body, declared) == "Réglementaire"


def test_a_text_cut_within_a_character_keeps_its_other_accents() -> None:
    assert decoded("étude é".encode()[:-1]).startswith("étude ")


def test_a_declared_asian_charset_is_believed() -> None:
    assert decoded("펩트론".encode("euc-kr"), "euc-kr") == "펩트론"


def test_control_characters_are_dropped() -> None:
    assert decoded(b"a\x00b\x0bc\n") == "abc\n"


def test_a_body_above_16_mib_is_refused() -> None:
    with pytest.raises(ParseError, match="16777216"):
        decoded(b" " * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>two <b>bo</b>ld</p>", "One two bold"),
        ("a<br>b", "a b"),
        ("<p>Kept</p><script>lost()</script><style>p{}</style>", "Kept"),
        ("R&eacute;sultats &amp; co", "Résultats & co"),
        ("dose < 5 mg", "dose < 5 mg"),
        ("  two\n\n lines ", "two lines"),
        ("", ""),
    ],
)
def test_plain_text_is_what_a_reader_sees(html: str, text: str) -> None:
    assert plain_text(html) == text


@pytest.mark.parametrize("html", ["<div>" * 100_000 + "deep", "deep" + "<a " * 100_000, "deep" + "&lt;a " * 100_000])
def test_hostile_html_is_read_all_the_same(html: str) -> None:
    # The HTML parser needs half a minute for the first.
    assert plain_text(html).startswith("deep")


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("/a", "https://site.test/a"),
        ("b.html", "https://site.test/news/b.html"),
        ("//cdn.test/x.pdf", "https://cdn.test/x.pdf"),
        ("https://other.test/", "https://other.test/"),
        ("#top", ""),
        ("javascript:alert(1)", ""),
        ("mailto:a@b.test", ""),
        ("file:///etc/passwd", ""),
        ("http://[broken", ""),
        ("http://", ""),
        ("", ""),
    ],
)
def test_only_http_addresses_are_links(href: str, url: str) -> None:
    assert absolute_link("https://site.test/news/", href) == url


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Medincell annonce ses résultats semestriels consolidés pour l'exercice en cours", "fr"),
        ("The company announced positive topline results of its phase 3 study", "en"),
        ("La empresa anuncia los resultados financieros del tercer trimestre", "es"),
        ("Das Unternehmen gibt heute die Ergebnisse des dritten Quartals bekannt", "de"),
    ],
)
def test_a_language_is_recognised_beyond_english_and_french(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The agency has approved the product for the treatment of adults, and it will be in pharmacies by May.", "en"),
        ("L'agence a approuvé le produit pour le traitement des adultes, et il sera dans les pharmacies en mai.", "fr"),
        ("Die Behörde hat das Mittel für die Behandlung von Erwachsenen zugelassen, und es ist im Mai da.", "de"),
        ("La agencia aprobó el producto para el tratamiento de los adultos, y en mayo las farmacias lo tienen.", "es"),
        ("L'agenzia ha approvato il prodotto per il trattamento di adulti, che è in vendita nel mese di maggio.", "it"),
        ("De dienst heeft het middel voor de behandeling van volwassenen goedgekeurd, en het is in mei er.", "nl"),
        ("Myndigheten har godkänt läkemedlet för behandling av vuxna, och det finns på apotek i maj.", "sv"),
        ("当局は成人の治療薬を承認し、五月には薬局で入手できるようになると発表した。", "ja"),
    ],
)
def test_the_small_words_of_a_language_tell_it_and_a_model_tells_the_others(text: str, language: str) -> None:
    assert language_of(text) == language


def test_english_with_a_french_title_is_english() -> None:
    title = "Avis du Comité sur le traitement de la schizophrénie et des troubles. "
    body = (
        "The committee of the agency has given its opinion on the treatment, and it is for the states to decide. " * 3
    )
    assert language_of(title + body) == "en"


def test_a_text_under_20_letters_has_the_default_language() -> None:
    assert language_of("Download 2025-12-09", "fr") == "fr"
    assert language_of("") == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "an empty body"),
        ("<!DOCTYPE html><html>", "an HTML page"),
        ('{"a": 1}', "JSON"),
        ("%PDF-1.7", "a PDF"),
        ("<urlset>", "a document whose root is <urlset>"),
        ("hello", "plain text"),
    ],
)
def test_an_error_can_say_what_a_body_looks_like(text: str, kind: str) -> None:
    assert looks_like(text) == kind
