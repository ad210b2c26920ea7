"""What Terraform printed, as a target's answers: what is taken, what is refused, and that no secret is told."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import SettingsError
from domain.target_answers import answers_text, changes, is_as_written, read_answers, references, substituted
from domain.terraform_outputs import LONGEST, Output, answers_of, left_out, output_name, read_outputs

SENTINEL = "hunter2-sentinel"
WANTED = ("VIGIE_DATA_BUCKET", "VIGIE_DATABASE_HOST", "VIGIE_LABEL", "VIGIE_VAULT_URL")
GOOD = {
    "data_bucket": "acme-data",
    "database_host": "db.acme.invalid",
    "label": "any text",
    "vault_url": "https://vault.acme.invalid:8200",
}


def printed(values: Mapping[str, Any], sensitive: tuple[str, ...] = ()) -> bytes:
    """As `terraform output -json` prints it."""
    entries = {name: {"sensitive": name in sensitive, "type": "string", "value": v} for name, v in values.items()}
    return json.dumps(entries, indent=2).encode()


def answered(values: Mapping[str, Any], sensitive: tuple[str, ...] = ()) -> dict[str, str]:
    return answers_of(read_outputs(printed(values, sensitive), "o.json"), WANTED, "staging", "o.json")


def refusal(values: Mapping[str, Any], sensitive: tuple[str, ...] = ()) -> str:
    with pytest.raises(SettingsError) as refused:
        answered(values, sensitive)
    return str(refused.value)


class TestRead:
    def test_outputs_are_read_by_name_with_what_is_sensitive(self) -> None:
        outputs = read_outputs(printed({"a": "x", "b": SENTINEL}, ("b",)), "o.json")
        assert (outputs["a"].value, outputs["a"].sensitive, outputs["b"].sensitive) == ("x", False, True)
        assert SENTINEL not in repr(outputs)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_what_a_windows_shell_writes_is_read(self, encoding: str) -> None:
        assert read_outputs(printed({"a": "x"}).decode().encode(encoding), "o.json")["a"].value == "x"

    def test_no_outputs_means_that_nothing_was_applied(self) -> None:
        with pytest.raises(SettingsError, match=r"o\.json: Terraform has no outputs.*-chdir=infrastructure apply"):
            read_outputs(b"{}\n", "o.json")

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "is empty"),
            (b" \n", "is empty"),
            (f"not json {SENTINEL}".encode(), "is not JSON"),
            (b"\xff\xfe\xfd", "is not JSON"),
            (b"[" * 100_000, "is not JSON"),
            (b"[\n" * 100_000, "is not JSON"),
            (f"\n\u2577\n\u2502 Error: Backend {SENTINEL}\n".encode(), "what Terraform says when something is wrong"),
            (f"Warning: No outputs found {SENTINEL}".encode(), "what Terraform says when something is wrong"),
            (b"[]", "another shape"),
            (f'"{SENTINEL}"'.encode(), "another shape"),
            (json.dumps({"data_bucket": SENTINEL}).encode(), "another shape"),
            (json.dumps({"values": {"outputs": {"a": {"value": SENTINEL}}}}).encode(), "another shape"),
            (json.dumps({"a\u001b[2J": {"value": SENTINEL}}).encode(), "another shape"),
        ],
    )
    def test_anything_else_is_refused_in_words_that_quote_nothing_of_it(self, body: bytes, said: str) -> None:
        with pytest.raises(SettingsError, match=said) as refused:
            read_outputs(body, "o.json")
        assert "terraform -chdir=infrastructure output -json > outputs.json" in str(refused.value)
        assert SENTINEL not in str(refused.value)
        assert refused.value.__context__ is None  # the parser's own error holds the whole text

    @pytest.mark.parametrize("mark", [True, "true", 1, None])
    def test_only_a_plain_false_makes_a_value_showable(self, mark: object) -> None:
        body = json.dumps({"a": {"value": "x", "sensitive": mark}}).encode()
        assert read_outputs(body, "o.json")["a"].sensitive


class TestAnswers:
    def test_each_variable_is_answered_by_the_output_of_its_name(self) -> None:
        assert answered(GOOD) == {
            "VIGIE_DATA_BUCKET": "acme-data",
            "VIGIE_DATABASE_HOST": "db.acme.invalid",
            "VIGIE_LABEL": "any text",
            "VIGIE_VAULT_URL": "https://vault.acme.invalid:8200",
        }
        assert output_name("OTHER_NAME") == "other_name"

    def test_everything_missing_or_wrong_is_named_at_once_with_the_commands(self) -> None:
        said = refusal({"database_host": 3, "label": ["a"]})
        assert "target 'staging'" in said
        assert "data_bucket (for VIGIE_DATA_BUCKET) is missing" in said
        assert "vault_url (for VIGIE_VAULT_URL) is missing" in said
        assert "database_host (for VIGIE_DATABASE_HOST) is a number, not text" in said
        assert "label (for VIGIE_LABEL) is a list, not text" in said
        for command in (
            "terraform -chdir=infrastructure apply",
            "terraform -chdir=infrastructure output -json > outputs.json",
            "vigie setup --terraform-outputs outputs.json --target staging",
        ):
            assert command in said

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("label", None, "is missing"),
            ("label", True, "is true or false, not text"),
            ("label", {"a": "b"}, "is an object, not text"),
            ("label", "", "is empty"),
            ("label", "two\nlines", "is not one line of printable text"),
            ("label", " padded", "is not one line of printable text"),
            ("label", "\u001b[2J", "is not one line of printable text"),
            ("label", "lone \ud800", "is not one line of printable text"),
            ("label", "x" * 2**20, "has 1,048,576 characters, more than 1,024"),
            ("data_bucket", "arn:aws:s3:::acme-data", "is not the name of a bucket"),
            ("data_bucket", "s3://acme-data", "is not the name of a bucket"),
            ("database_host", "db.acme.invalid:5432", "is not a host alone"),
            ("database_host", "vigie:pw@db.acme.invalid", "is not a host alone"),
            ("vault_url", "vault.acme.invalid", "is not an address https://"),
            ("vault_url", "https://u:pw@vault.acme.invalid", "is not an address https://"),
            ("vault_url", "https://vault.acme.invalid/?token=pw", "is not an address https://"),
        ],
    )
    def test_a_value_that_cannot_be_meant_is_refused_without_being_quoted(
        self, name: str, value: Any, said: str
    ) -> None:
        told = refusal({**GOOD, name: value})
        assert f"{name} (for VIGIE_{name.upper()}) {said}" in told
        assert len(told) < 1000
        assert not isinstance(value, str) or not value.strip() or value not in told

    def test_a_sensitive_value_is_refused_where_a_plain_one_is_wanted(self) -> None:
        said = refusal({**GOOD, "label": SENTINEL}, ("label",))
        assert "label (for VIGIE_LABEL) is sensitive, and a plain value is wanted" in said
        assert "{env: VIGIE_LABEL} or {vault: path, key: name}" in said
        assert SENTINEL not in said

    def test_other_outputs_are_left_out_by_name(self) -> None:
        outputs = read_outputs(printed({**GOOD, "role": "r", "password": SENTINEL}, ("password",)), "o.json")
        assert left_out(outputs, WANTED) == ["password (sensitive)", "role"]
        assert "VIGIE_PASSWORD" not in answers_of(outputs, WANTED, "staging", "o.json")

    @given(st.text(max_size=LONGEST))
    def test_whatever_is_taken_comes_back_from_the_kept_file_and_is_no_reference(self, value: str) -> None:
        try:
            answers = answers_of({"label": Output(value)}, ["VIGIE_LABEL"], "staging", "o.json")
        except SettingsError:
            return
        text = answers_text("staging", answers)
        assert read_answers(text, "kept") == answers == {"VIGIE_LABEL": value}
        assert is_as_written(text)
        assert substituted({"a": ["${VIGIE_LABEL}"]}, answers, {}) == {"a": [value]}


class TestKeptAnswers:
    @pytest.mark.parametrize(
        "value",
        ["${HOME}", "a: b # c", "- x", "*alias", "&anchor", "!!python/none", "'", '"', "yes", "3", "null", "~", "%"],
    )
    def test_signs_of_yaml_and_references_stay_text(self, value: str) -> None:
        answers = answers_of({"label": Output(value)}, ["VIGIE_LABEL"], "staging", "o.json")
        assert read_answers(answers_text("staging", answers), "kept") == {"VIGIE_LABEL": value}

    def test_equal_answers_make_an_equal_file(self) -> None:
        assert answers_text("prod", {"A": "1", "B": "2"}) == answers_text("prod", {"B": "2", "A": "1"})

    def test_a_file_that_somebody_changed_is_told_from_one_that_set_up_wrote(self) -> None:
        written = answers_text("prod", {"A": "one"})
        assert is_as_written(written)
        assert not is_as_written(written.replace("one", "two"))
        assert not is_as_written("A: one\n")
        assert not is_as_written("")

    @pytest.mark.parametrize("text", ["", "[]", "A: 1", "a: x", "A: {", "1: x", "A: [x]"])
    def test_a_file_that_holds_something_else_is_refused_with_the_remedy(self, text: str) -> None:
        with pytest.raises(
            SettingsError, match=r"kept: is not a mapping.*vigie setup --terraform-outputs FILE --force"
        ):
            read_answers(text, "kept")

    def test_changes_are_told_line_by_line(self) -> None:
        assert changes({"A": "1", "B": "2", "C": "3"}, {"B": "2", "C": "4", "D": "5"}) == [
            "- A (was 1)",
            "~ C = 4 (was 3)",
            "+ D = 5",
        ]
        assert changes({"A": "1"}, {"A": "1"}) == []

    def test_a_change_shows_no_control_character_and_no_endless_value(self) -> None:
        (line,) = changes({}, {"A": "\u001b[2J" + "x" * 5000})
        assert line.isprintable()
        assert len(line) < 200


class TestReferences:
    def test_a_document_names_its_variables_wherever_they_are(self) -> None:
        assert references({"a": "x${ONE}y${TWO}", "b": [{"c": "${THREE}"}, 3], "d": "$FOUR ${five}"}) == {
            "ONE",
            "TWO",
            "THREE",
        }

    def test_every_variable_without_a_value_is_noted_with_its_place(self) -> None:
        missing: dict[str, str] = {}
        substituted({"a": {"b": "${ONE}${TWO}"}, "c": ["${ONE}", "${TWO}${THREE}"]}, {"TWO": ""}, missing)
        assert missing == {"ONE": "a.b", "TWO": "a.b", "THREE": "c[1]"}
