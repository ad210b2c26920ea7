"""Secrets that are planted, and the search for them in whatever a run leaves behind.

Here: how a planted secret looks, in which forms it may stand somewhere, what is opened to find it. The forms are
computed here and not by domain.masking, which is under test. Not here: what is run, what is asserted.
"""

import base64
import binascii
import gzip
import html
import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

_AWKWARD = '@/+"&< é\\'  # what URLs, JSON, HTML and shells each write in their own way


def planted(middle: str = _AWKWARD) -> str:
    """A secret as there is no other: two random words, so that half of it is found as well, and what is between."""
    return f"{secrets.token_hex(7)}{middle}{secrets.token_hex(7)}"


def forms(secret: str) -> set[bytes]:
    """How a secret, or either of its two random words, may stand in a text. A word survives URLs, JSON and HTML."""
    words = (secret[:14], secret[-14:])
    once = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    texts = {secret, *words, *once, *(json.dumps(text)[1:-1] for text in once), html.escape(secret)}
    texts |= {quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
    found = {text.encode() for text in texts}
    for raw in (secret.encode(), *(word.encode() for word in words)):
        found |= {binascii.hexlify(raw), raw[::-1], raw.decode().encode("utf-16-le")}
        for at in range(3):  # within a longer text it may begin at any byte of a group of three
            whole = base64.b64encode(bytes(at) + raw)
            inner = whole[-(-at * 8 // 6) : (at + len(raw)) * 8 // 6]
            found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


class Search:
    """Finds planted secrets, by name: what each finding says is the name and the place, never the secret."""

    def __init__(self, planted: Mapping[str, str]) -> None:
        self._forms = {name: forms(secret) for name, secret in planted.items()}

    def text(self, place: str, content: str | bytes) -> list[str]:
        """The secrets that a text gives away."""
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        return [f"{name} in {place}" for name, spelled in self._forms.items() if any(one in raw for one in spelled)]

    def files(self, folder: Path) -> list[str]:
        """The secrets in any file below a folder, or in its name: as it is, unpacked, and as rows of SQLite."""
        return [
            finding
            for path in sorted(path for path in folder.rglob("*") if path.is_file())
            for place, content in _contents(path)
            for finding in self.text(str(place), content)
        ]

    def rows(self, place: str, rows: Iterable[Iterable[Any]]) -> list[str]:
        """The secrets in the cells of a table; what is compressed there is unpacked."""
        return [finding for row in rows for cell in row for one in _of_cell(cell) for finding in self.text(place, one)]


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    content = path.read_bytes()
    yield str(path), str(path).encode() + b"\n" + content
    if content[:2] == b"\x1f\x8b":
        yield f"{path} (unpacked)", gzip.decompress(content)
    if content[:15] == b"SQLite format 3":
        with closing(sqlite3.connect(path)) as database:
            names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
            for name in names:
                for row in database.execute(f'select * from "{name}"'):
                    for cell in row:
                        for one in _of_cell(cell):
                            yield f"{path}, table {name}", one


def _of_cell(cell: Any) -> Iterator[bytes]:
    """A cell as bytes; Dagster keeps what jobs are made of compressed."""
    raw = cell if isinstance(cell, bytes) else str(cell).encode("utf-8", "surrogatepass")
    yield raw
    if isinstance(cell, dict | list):
        yield json.dumps(cell, ensure_ascii=False).encode()
    if isinstance(cell, bytes):
        try:
            yield zlib.decompress(raw)
        except zlib.error:
            return
