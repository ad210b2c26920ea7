"""A store for dry runs: it reads through to another one, and keeps in memory what is written.

Here: the overlay. Not here: when a run is dry (ingest).
"""

import hashlib
import threading
from collections.abc import Iterator

from domain.errors import MissingError
from resources.object_store import ObjectInfo, ObjectStore, StoredObject, checked_key


class DryStore:
    """An ObjectStore in which every write is seen by later reads of this object, and by nobody else."""

    def __init__(self, beneath: ObjectStore) -> None:
        self._beneath = beneath
        self._written: dict[str, StoredObject] = {}
        self._gone: set[str] = set()
        self._one_writer = threading.Lock()

    @property
    def uri(self) -> str:
        """Where the objects would be."""
        return self._beneath.uri

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ObjectStore: what is beneath and what was written here, each key once, by key."""
        found = {info.key: info for info in self._beneath.list(prefix) if info.key not in self._gone}
        for key, stored in list(self._written.items()):
            if key.startswith(prefix):
                found[key] = ObjectInfo(key, stored.etag, len(stored.body))
        yield from sorted(found.values(), key=lambda info: info.key)

    def get(self, key: str) -> StoredObject:
        """See ObjectStore."""
        if key in self._gone:
            raise MissingError("there is no such object.", where=f"{self.uri}/{key}")
        return self._written.get(checked_key(key)) or self._beneath.get(key)

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """See ObjectStore; nothing beneath is touched."""
        self._gone.discard(key)
        etag = hashlib.blake2b(body, digest_size=8).hexdigest()
        self._written[checked_key(key)] = StoredObject(bytes(body), etag)

    def put_if_absent(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> bool:
        """See ObjectStore."""
        with self._one_writer:
            try:
                self.get(key)
            except MissingError:
                self.put(key, body, content_type)
                return True
        return False

    def delete(self, key: str) -> None:
        """See ObjectStore; what is beneath stays, and is not seen any more."""
        self._written.pop(checked_key(key), None)
        self._gone.add(key)
