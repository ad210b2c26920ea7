"""Known secrets never survive in a text that is kept, in whatever form they stand there."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.masking import masked

SECRET = 'p@ss/w"rd+é & <nl>\n?'


def test_a_secret_is_replaced_wherever_it_stands() -> None:
    assert masked("a hunter2 b hunter2", ["hunter2"]) == "a *** b ***"


def test_a_text_without_secrets_stays_as_it_is() -> None:
    assert masked("Apply complete! Resources: 3 added", ["hunter2"]) == "Apply complete! Resources: 3 added"
    assert masked("anything", []) == "anything"


def test_what_is_shorter_than_four_characters_is_no_secret() -> None:
    assert masked("yes or no", ["", "yes", "no", " a \n"]) == "yes or no"


def test_a_secret_of_four_characters_is_one() -> None:
    assert masked("the word is abcd.", ["abcd"]) == "the word is ***."


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps(SECRET)),
        json.dumps(SECRET).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
    ],
)
def test_every_form_of_a_secret_is_replaced_whole(form: str) -> None:
    assert masked(f"key={form};", [SECRET]).strip('\\"').replace('\\"', "").replace('"', "") == "key=***;"


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("after", ["", "x", "xy"])
def test_a_secret_within_a_longer_base64_is_not_readable_afterwards(before: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}hunter2-hunter2{after}".encode()).decode()
    said = masked(f"Authorization: Basic {encoded}", ["hunter2-hunter2"])
    assert "***" in said
    assert len(said.removeprefix("Authorization: Basic ")) <= len("***") + 16 + len(before)
    assert "aHVudGVy" not in said


def test_of_secrets_within_each_other_nothing_is_left() -> None:
    assert masked("see hunter2-long here", ["hunter2", "hunter2-long"]) == "see *** here"


def test_of_secrets_that_overlap_nothing_is_left() -> None:
    assert masked("see abcdefghij here", ["abcdef", "defghij"]) == "see *** here"


def test_a_mask_is_not_masked_again() -> None:
    assert masked("hunter2", ["hunter2", "****"]) == "***"


def test_a_line_end_around_a_secret_does_not_matter() -> None:
    assert masked("key: hunter2.", ["hunter2\n"]) == "key: ***."


def test_the_lines_of_a_long_secret_are_replaced_where_a_log_indents_them() -> None:
    secret = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"
    said = masked("    -----BEGIN KEY-----\n    MIIEvQIBADANBg\n    kqhkiG9w0BAQEF\n", [secret])
    assert said == "    ***\n    ***\n    ***\n"


@given(st.text(), st.text(), st.lists(st.text(min_size=4), max_size=3))
def test_no_secret_is_left_in_any_text(before: str, after: str, secrets: list[str]) -> None:
    said = masked(before + " ".join(secrets) + after, secrets)
    assert not [secret for secret in secrets if secret in said and secret not in "***" * len(secrets)]
