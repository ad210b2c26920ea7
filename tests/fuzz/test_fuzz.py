"""Bodies changed at random, always the same way: what no catalogue of hazards has thought of."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.bodies import SEEDS
from tests.fuzz.readers import READERS, answer, check

# A catalog's pattern with "[[" compiles, and says that a later Python may read it otherwise.
pytestmark = pytest.mark.filterwarnings("ignore:Possible (nested set|set difference):FutureWarning")

_FEW = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_TOKENS = [
    *(b"<", b">", b"</", b"/>", b"&", b";", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<!DOCTYPE x [", b"<?xml "),
    *(b"<item>", b"</item>", b"<entry>", b"</title>", b"<link/>", b"<script>", b"<template>", b"<svg>", b"<table>"),
    *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"null", b"1e999", b"\\u0000", b"\\ud800", b"true", b"-"),
    *(b"\x00", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xff\xfe", b"\n", b"\t", b" ", b"'", b"*a", b"&a ", b"<<: ", b"- "),
    *(
        b"javascript:",
        b"http://[",
        b"%zz",
        b"2025-13-45",
        b"Monday",
        b"9" * 30,
        b"\xe2\x80\xae",
        b"&#0;",
        b"&#x110000;",
    ),
]
_EDIT = st.tuples(
    st.sampled_from(["insert", "replace", "delete", "repeat", "cut"]),
    st.floats(0, 1),
    st.integers(0, 60),
    st.sampled_from(_TOKENS) | st.binary(max_size=8),
)


def edited(body: bytes, edits: list[tuple[str, float, int, bytes]]) -> bytes:
    for kind, place, length, token in edits:
        start = int(place * len(body))
        end = start + length
        if kind == "insert":
            body = body[:start] + token + body[start:]
        elif kind == "replace":
            body = body[:start] + token + body[end:]
        elif kind == "delete":
            body = body[:start] + body[end:]
        elif kind == "repeat":
            body = body[:start] + body[start:end] * 3 + body[end:]
        else:
            body = body[: max(start, 1)]
    return body


@pytest.mark.parametrize("seed", sorted(SEEDS))
@given(edits=st.lists(_EDIT, min_size=1, max_size=6))
@_FEW
def test_an_edited_body_is_read_or_refused_on_purpose(
    seed: str, hang_guard: Callable[[], None], edits: list[tuple[str, float, int, bytes]]
) -> None:
    hang_guard()
    body = edited(SEEDS[seed].encode(), edits)
    for reader in READERS.values():
        check(answer(reader, body, "text/html"))


@given(body=st.binary(max_size=200) | st.lists(st.sampled_from(_TOKENS), max_size=30).map(b"".join))
@_FEW
def test_bytes_of_no_format_are_read_or_refused_on_purpose(hang_guard: Callable[[], None], body: bytes) -> None:
    hang_guard()
    for reader in READERS.values():
        check(answer(reader, body))
