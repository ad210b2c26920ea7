"""A sensor's cursor that is too long for Dagster, which copies it into every tick, skipped ones too.

Here: the text as an object of the data bucket, and the short cursor that names it. Not here: what the text means
(domain.activation).
"""

import gzip
import hashlib
import json
import zlib

from domain.errors import MissingError
from resources.object_store import ObjectStore

_SLOTS = 2  # written in turn: the one that the cursor names is never the one being written


class KeptCursor:
    """The text of a sensor's last look, and a place for that of this one.

    The object is written before the tick ends, and the cursor says its digest. A process that dies between the two
    leaves the old cursor and, in the other slot, the object that it names. An object that is gone, damaged, or of
    another look (a restored instance, two daemons) is no text: a lost cursor.
    """

    def __init__(self, store: ObjectStore, sensor: str, cursor: str | None) -> None:
        self._store, self._sensor, self._cursor = store, sensor, cursor
        self._slot, self._digest = _named(cursor)
        self.text = cursor or ""  # a cursor that holds everything, as earlier releases wrote it
        if self._digest:
            self.text = self._read()

    def keep(self, text: str) -> str:
        """The cursor that names this text; nothing is written where it is the last look's."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        if self._cursor and self._digest == digest and self.text == text:
            return self._cursor
        slot = (self._slot + 1) % _SLOTS
        self._store.put(self._key(slot), gzip.compress(text.encode(), mtime=0), "application/gzip")
        return json.dumps({"slot": slot, "sha256": digest}, separators=(",", ":"))

    def _key(self, slot: int) -> str:
        return f"cursors/{self._sensor}/{slot}.json.gz"

    def _read(self) -> str:
        try:
            packed = self._store.get(self._key(self._slot)).body
        except MissingError:
            return ""
        try:
            body = gzip.decompress(packed)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return ""
        return body.decode() if hashlib.sha256(body).hexdigest() == self._digest else ""


def _named(cursor: str | None) -> tuple[int, str]:
    """The slot and the digest that a cursor names; 0 and "" where it names none."""
    try:
        match json.loads(cursor or "null"):
            case {"slot": int(slot), "sha256": str(digest)}:
                return slot, digest
    except ValueError:
        pass
    return 0, ""
