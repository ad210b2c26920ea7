"""Hiding known secrets in a text that will be kept: the logs of Terraform, before they are stored.

Here: the forms in which a secret may stand in a text, and their replacement. Not here: which secrets there are
(resources.secrets), nor finding unknown ones.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "***"
_SHORTEST = 4  # below that a "secret" is a word like "yes": masking it would eat the log and hide nothing
_SHORTEST_LINE = 8  # of a secret of several lines, which logs indent
_ESCAPED_BY_GO = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with *** for each secret of at least four characters.

    Found as it is, URL-encoded, in base64 (also within a longer encoded text) and JSON-escaped. Secrets that overlap
    are covered from the first's beginning to the last's end.
    """
    forms = {form for secret in secrets for form in _forms(secret)}
    spans = sorted(span for form in forms for span in _places(text, form))
    pieces: list[str] = []
    copied = 0
    covered = -1
    for start, end in spans:
        if start >= covered:
            pieces += (text[copied:start], MASK)
        covered = copied = max(covered, end)
    return "".join((*pieces, text[copied:]))


def _places(text: str, form: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)


def _forms(secret: str) -> Iterator[str]:
    lines = [line.strip() for line in secret.splitlines()]
    parts = {secret, secret.strip(), *(line for line in lines if len(line) >= _SHORTEST_LINE)}
    for part in parts:
        if len(part) >= _SHORTEST:
            yield part
            yield from _for_urls(part)
            yield from _in_base64(part.encode("utf-8", "surrogatepass"))
            yield from _in_json(part)


def _for_urls(secret: str) -> Iterator[str]:
    for encode in (quote, quote_plus):
        for safe in ("", "/"):
            encoded = encode(secret, safe=safe, errors="surrogatepass")
            yield encoded
            yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)


def _in_base64(secret: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(secret).decode()
        yield whole
        yield whole.rstrip("=")
        for before in range(3):  # within `user:secret` it may begin at any bit of a group
            encoded = encode(bytes(before) + secret).decode()
            first = -(-before * 8 // 6)  # characters that hold bits of the secret alone
            yield encoded[first : (before + len(secret)) * 8 // 6]


def _in_json(secret: str) -> Iterator[str]:
    for to_ascii in (True, False):
        once = json.dumps(secret, ensure_ascii=to_ascii)[1:-1]
        by_go = once.translate(_ESCAPED_BY_GO)
        for form in (once, by_go):
            yield form
            yield json.dumps(form, ensure_ascii=to_ascii)[1:-1]  # a log line in JSON that quotes JSON
