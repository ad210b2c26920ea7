"""Reading one YAML mapping: what is accepted, what is refused and in which words. Not what a file may say."""

import time
import tracemalloc
from pathlib import Path

import pytest

from domain.catalog import read_catalog
from domain.documents import MAX_BYTES, MAX_NODES, MAX_SAID, Problem, closest, printable, read_mapping, shown
from domain.errors import ConfigError

BILLION_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
LONG_TEXT_REPEATED = f"a: &a {'x' * 400_000}\nb: [*a, *a, *a]\n"
MERGE_BOMB = (
    "a: &a {" + ", ".join(f"k{i}: 1" for i in range(100)) + "}\n"
    f"b: &b {{<<: [{', '.join(['*a'] * 100)}]}}\nc: {{<<: [{', '.join(['*b'] * 100)}]}}\n"
)
CHAIN_OF_ALIASES = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 2000))


def refused(text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_mapping(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    return caught.value


def test_a_value_is_found_with_its_line() -> None:
    text = b"# top\nclient_profile:\n  active: true\n\nsources:\n  - key: a\n    url: x\n  - key: b\n"
    document = read_mapping(text, "f.yaml")
    assert document.value["client_profile"] == {"active": True}
    assert document.line(("client_profile", "active")) == 3
    assert document.line(("sources", 0, "url")) == 7
    assert document.line(("sources", 1)) == 8
    assert document.where(("sources",)) == "f.yaml:5"


def test_the_line_of_an_absent_key_is_that_of_its_nearest_parent() -> None:
    document = read_mapping(b"# top\na:\n  b: 1\n  c: [x]\n", "f.yaml")
    assert document.line(("a", "absent", "deeper")) == 2
    assert document.line(("a", "c", 7)) == 4
    assert document.line(("absent",)) == 2


def test_a_problem_reads_as_one_sentence_with_its_place() -> None:
    problem = read_mapping(b"a: 1\nb: 2\n", "f.yaml").error(("b",), "`b` is wrong.", "Remove it.")
    assert problem == Problem("error", "f.yaml:2", "`b` is wrong.", "Remove it.")
    assert str(problem) == "error: f.yaml:2: `b` is wrong. Remove it."


def test_a_byte_order_mark_is_read() -> None:
    assert read_mapping("\ufeffname: é\n".encode(), "f.yaml").value == {"name": "é"}


def test_a_date_stays_the_text_that_it_looks_like() -> None:
    assert read_mapping(b"a: 2026-01-30\nb: 2026-13-45\n", "f.yaml").value == {"a": "2026-01-30", "b": "2026-13-45"}


def test_a_merge_key_works_and_the_own_key_wins() -> None:
    document = read_mapping(b"a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n", "f.yaml")
    assert document.value["b"] == {"x": 1, "y": 3}
    assert document.line(("b", "y")) == 4


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert "is empty" in refused(text).message


@pytest.mark.parametrize(("text", "kind"), [("- a\n- b\n", "a list"), ("just words\n", "a single value")])
def test_a_file_that_is_no_mapping_is_refused(text: str, kind: str) -> None:
    assert kind in refused(text).message


def test_latin_1_is_named_with_its_line_and_offset() -> None:
    error = refused("name: ok\nnotes: été\n".encode("latin-1"))
    assert error.where == "f.yaml:2"
    assert "offset 16" in error.message
    assert "Latin-1" in error.message
    assert error.remedy == "Save it as UTF-8."


def test_utf_16_is_recognised() -> None:
    assert "UTF-16" in refused("name: x\n".encode("utf-16")).message


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x7f", "\ufffe"])
def test_a_control_character_is_named_with_its_line(character: str) -> None:
    error = refused(f"a: 1\nb: x{character}y\n")
    assert error.where == "f.yaml:2"
    assert f"U+{ord(character):04X}" in error.message


def test_a_duplicate_key_names_both_lines() -> None:
    error = refused("a: 1\nb: 2\na: 3\n")
    assert error.where == "f.yaml:3"
    assert "lines 1 and 3" in error.message


def test_a_duplicate_key_deep_inside_is_found_too() -> None:
    assert refused("s:\n  - k: 1\n    k: 2\n").where == "f.yaml:3"


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a:\n  b: 1\n\tc: 2\n"])
def test_a_tab_is_called_a_tab(text: str) -> None:
    error = refused(text)
    assert "tab" in error.message
    assert error.remedy == "Indent with spaces."


@pytest.mark.parametrize(
    ("text", "where", "remedy"),
    [
        ("a: b: c\n", "f.yaml:1", "between quotes"),
        ("x: 1\nfilter: [*]\n", "f.yaml:2", "starts with `*`"),
        ("a: *nobody\n", "f.yaml:1", "define the anchor"),
        ("---\na: 1\n---\nb: 1\n", "f.yaml:3", "one document"),
        ('a: "open\n', "f.yaml:2", "Close the quote"),
        ("a: @x\n", "f.yaml:1", "between quotes"),
        ("a:\n  - b\n c: d\n", "f.yaml:3", "Mend"),
        ("%YAML 3.0\n---\na: 1\n", "f.yaml:1", "Mend"),
        ("a: &a x\nb:\n  <<: *a\n", "f.yaml:1", "Mend"),
    ],
)
def test_invalid_yaml_names_line_column_and_remedy(text: str, where: str, remedy: str) -> None:
    error = refused(text)
    assert error.where == where
    assert "at column" in error.message
    assert remedy in error.remedy


@pytest.mark.parametrize("key", ["1", "on", "2026-01-30", "~", "[a]", "{{NAME}}"])
def test_a_key_that_is_not_text_is_refused(key: str) -> None:
    assert "A key must be text" in refused(f"{key}: x\n").message


@pytest.mark.parametrize("value", ["!!python/object:os.system x", "!!set {x}", "!!binary eA==", "!own x", "="])
def test_a_custom_tag_is_refused_and_nothing_is_built(value: str) -> None:
    assert "is not accepted" in refused(f"a: {value}\n").message


@pytest.mark.parametrize("value", [".nan", ".inf", "1.0e+999", "9" * 30, "9" * 5000, "!!int x", "!!float ''", "!!int"])
def test_a_number_that_json_cannot_carry_is_refused(value: str) -> None:
    assert "cannot be read as a number" in refused(f"a: {value}\n").message


def test_over_a_mebibyte_is_refused() -> None:
    assert "1,048,576" in refused(b"a: " + b"x" * MAX_BYTES).message


@pytest.mark.parametrize(
    "bomb", [BILLION_LAUGHS, LONG_TEXT_REPEATED, MERGE_BOMB, "a: [" + "x," * 500_000 + "]"], ids=lambda _: "bomb"
)
def test_a_bomb_is_refused_in_little_memory(bomb: str) -> None:
    tracemalloc.start()
    error = refused(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert f"{MAX_NODES:,} values" in error.message
    assert peak < 64 * 1024 * 1024


@pytest.mark.parametrize(
    "deep", ["a: " + "[" * 1_000_000, "- " * 400_000, CHAIN_OF_ALIASES, "a: " + "{a: " * 100_000], ids=lambda _: "deep"
)
def test_depth_is_bounded_before_anything_is_built(deep: str) -> None:
    assert "deeper than 40 levels" in refused(deep).message


def test_an_alias_that_holds_itself_is_refused() -> None:
    assert "holds itself" in refused("a: &x [1, *x]\n").message


def test_a_real_config_is_read_in_milliseconds(real_data: Path) -> None:
    body = (real_data / "config/clients/lai_weekly_prod.yaml").read_bytes()
    times = []
    for _ in range(20):
        start = time.perf_counter()
        document = read_mapping(body, "clients/lai_weekly_prod.yaml")
        times.append(time.perf_counter() - start)
    assert min(times) < 0.006
    assert document.line(("client_profile", "active")) == 18


def test_the_closest_word_is_only_looked_for_while_hints_are_few() -> None:
    assert closest("activ", ["name", "active"]) == 'Did you mean "active"?'
    assert closest("zzz", ["name", "active"]) == ""
    assert closest("activ", ["name", "active"], said=50) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "nothing"), (True, "true"), ("false", 'the text "false"'), (1, "the number 1"), ([], "a list")],
)
def test_a_found_value_is_said_in_words(value: object, words: str) -> None:
    assert shown(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("\x1b[2Jgone", r'the text "\x1b[2Jgone"'),
        ("a\x00b", r'the text "a\x00b"'),
        ("\u202egpj.exe", r'the text "\u202egpj.exe"'),
        ("one\nerror: two", r'the text "one\nerror: two"'),
        ("\ud800", r'the text "\ud800"'),
        ("été, 長い, 🙂", 'the text "été, 長い, 🙂"'),
        ("x" * 60, f'the text "{"x" * 60}"'),
        ("x" * 61, f'the text "{"x" * 57}..."'),
        ("\x07" * 1_000_000, f'the text "{(chr(92) + "x07") * 14}\\..."'),
    ],
)
def test_what_is_shown_of_a_value_can_be_printed_and_is_short(value: str, words: str) -> None:
    assert shown(value) == words


def test_a_printable_text_is_left_as_it_is() -> None:
    assert printable("a b") == "a b"
    assert printable(printable("\x1b[0m")) == printable("\x1b[0m")


@pytest.mark.parametrize("hidden", [r"\e[2J", r"\0", r"\u202e", r"\n", r"\u2028"])
def test_no_problem_of_a_file_carries_what_its_texts_hide(hidden: str) -> None:
    text = f"""
"top{hidden}": 1
sources:
  - "no{hidden}block"
  - {{source_key: "a{hidden}", "odd{hidden}": 1, ingestion_mode: "rss{hidden}", enabled: true, tags: "x{hidden}"}}
  - {{source_key: b, ingestion_mode: rss, rss_url: "https://{hidden}", enabled: true}}
bouquets: [{{bouquet_id: "c{hidden}", source_keys: ["d{hidden}"]}}]
"""
    problems = read_catalog("catalog.yaml", text.encode()).problems
    assert len(problems) >= 7
    assert all(str(problem).isprintable() for problem in problems), problems


@pytest.mark.parametrize(
    "text", ['"k\\e": 1\n"k\\e": 2\n', '? ["\\e"]\n: 1\n', "a: !<!\\u202e> x\n", 'a: !!int "\\e"\n']
)
def test_no_refusal_of_a_file_carries_what_its_texts_hide(text: str) -> None:
    assert str(refused(text)).isprintable()


def test_a_name_as_long_as_the_file_is_cut_where_it_is_shown() -> None:
    (problem, *_) = read_catalog("catalog.yaml", f"? {'k' * 500_000}\n: 1\nsources: []\n".encode()).problems
    assert len(problem.message) <= MAX_SAID
    assert len(refused(f"? {'k' * 1_000}x\n: 1\n? {'k' * 1_000}x\n: 2\n").message) <= MAX_SAID
