"""Objects under keys: the config bucket, the data bucket, the newsletters bucket.

Here: the small interface that every store obeys (list with ETags, get, atomic put, put-if-absent, delete), the one in a
folder, and the choice between them. Not here: S3 (s3_store), what the keys mean (the archive, the config bucket).
"""

import errno
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dagster import ConfigurableResource
from pydantic import PrivateAttr

from domain.errors import MissingError, PermanentError, RefusedError, TransientError, VigieError
from settings import DirectoryLocation, Location, S3Location

_LONGEST_KEY, _LONGEST_PART = 1024, 255  # bytes: S3's limit, and that of a file's name
_SHOWN = 100  # characters of a refused key
_NOT_IN_KEYS = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PARALLEL = 10  # as many as botocore keeps connections for; more would only wait for one


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One line of a listing. The ETag changes whenever the object is written anew; `size` is in bytes."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was at one moment: its bytes and the ETag they belong to."""

    body: bytes
    etag: str


class ObjectStore(Protocol):
    """What every store does. Errors: MissingError, RefusedError, TransientError (of domain.errors)."""

    @property
    def uri(self) -> str:
        """For people: where the objects are."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, by key; a store that cannot list raises, never "none"."""

    def get(self, key: str) -> StoredObject:
        """The object, or MissingError."""

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Writes the whole object or nothing: a reader sees the old bytes or the new, never a part."""

    def put_if_absent(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> bool:
        """Writes only where nothing is; False if something was. Of two writers exactly one gets True."""

    def delete(self, key: str) -> None:
        """Takes the object away; harmless where there is none."""


def checked_key(key: str) -> str:
    """The key itself, or PermanentError if it could leave its place (`..`, a leading slash, a NUL), or if there is a
    store that cannot hold it (control characters, half a surrogate, 1,024 bytes or 255 in one part)."""
    parts = key.split("/")
    lengths = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    too_long = sum(lengths) + len(parts) - 1 > _LONGEST_KEY or max(lengths) > _LONGEST_PART
    if any(part in ("", ".", "..") for part in parts) or _NOT_IN_KEYS.search(key) or too_long:
        remedy = "Keys are relative, without '..' and control characters, and 1,024 bytes at most."
        raise PermanentError("is not a key of an object.", where=ascii(key[:_SHOWN]), remedy=remedy)
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix itself, or PermanentError if a listing of it could leave the store."""
    if prefix.startswith("/") or ".." in prefix.split("/") or _NOT_IN_KEYS.search(prefix):
        remedy = "Prefixes are relative, without '..'."
        raise PermanentError("is not a prefix of keys.", where=ascii(prefix[:_SHOWN]), remedy=remedy)
    return prefix


class DirectoryStore:
    """A folder as a bucket. ETags come from inode, size and time, so a listing reads no file."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def uri(self) -> str:
        """The folder."""
        return str(self._root)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ObjectStore. Hidden files and folders (editors', ours in flight) are no objects."""
        if not self._root.is_dir():
            raise RefusedError(
                "the folder does not exist.", where=str(self._root), remedy=f"Make it: mkdir -p {self._root}"
            )
        base = self._root / checked_prefix(prefix).rpartition("/")[0]
        if not base.is_dir():
            return
        found = []
        try:
            for folder, folders, files in os.walk(base, onerror=_raise):
                folders[:] = [name for name in folders if not name.startswith(".")]
                found += [Path(folder, name) for name in files if not name.startswith(".")]
        except OSError as error:
            raise disk_error(error, str(base)) from error
        for path in sorted(found, key=lambda p: p.relative_to(self._root).as_posix()):
            key = path.relative_to(self._root).as_posix()
            if key.startswith(prefix):
                try:
                    stat = path.stat()
                except FileNotFoundError:
                    continue  # removed between the listing and now: it is not there
                yield ObjectInfo(key, _etag(stat), stat.st_size)

    def get(self, key: str) -> StoredObject:
        """See ObjectStore."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                return StoredObject(file.read(), _etag(os.fstat(file.fileno())))
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise MissingError("there is no such object.", where=f"{self.uri}/{key}") from None
        except OSError as error:
            raise disk_error(error, f"{self.uri}/{key}") from error

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """See ObjectStore."""
        self._write(key, body, lambda written, target: written.replace(target))

    def put_if_absent(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> bool:
        """See ObjectStore."""
        try:
            self._write(key, body, lambda written, target: target.hardlink_to(written))
        except FileExistsError:
            return False
        return True

    def delete(self, key: str) -> None:
        """See ObjectStore. The folder stays: somebody may be about to write into it."""
        try:
            self._path(key).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise disk_error(error, f"{self.uri}/{key}") from error

    def _write(self, key: str, body: bytes, publish: Any) -> None:
        target = self._path(key)
        written: Path | None = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # Beside its target, hidden: the same file system, so that publishing is one atomic step.
            written = target.parent / f".writing-{uuid.uuid4().hex}"
            with written.open("xb") as file:  # with the usual permissions, unlike a file of tempfile's
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            publish(written, target)
        except FileExistsError:
            raise
        except OSError as error:
            raise disk_error(error, f"{self.uri}/{key}") from error
        finally:
            if written:
                with suppress(OSError):  # a read-only disk refuses this too, and the first refusal is the one to tell
                    written.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*checked_key(key).split("/"))


class ObjectStoreResource(ConfigurableResource[ObjectStore]):
    """The thin face of a store in Dagster: where it is, visible in the UI; `store()` opens it once per process."""

    uri: str
    kind: str
    path: str = ""
    bucket: str = ""
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = None
    _opened: Any = PrivateAttr(default=None)

    @classmethod
    def at(cls, location: Location) -> "ObjectStoreResource":
        """The resource for a location of the settings."""
        if isinstance(location, DirectoryLocation):
            return cls(uri=location.uri, kind="directory", path=str(location.path))
        return cls(
            uri=location.uri,
            kind="s3",
            bucket=location.bucket,
            prefix=location.prefix,
            region=location.region,
            endpoint_url=location.endpoint_url,
        )

    def store(self) -> ObjectStore:
        """The store itself, which knows nothing of Dagster."""
        if self._opened is None:
            if self.kind == "directory":
                self._opened = DirectoryStore(Path(self.path))
            else:
                # Imported here: AWS's packages cost every process a second, and only some targets use them.
                from resources.s3_store import open_bucket

                self._opened = open_bucket(self.bucket, self.prefix, self.region, self.endpoint_url)
        opened: ObjectStore = self._opened
        return opened


def open_store(location: DirectoryLocation | S3Location) -> ObjectStore:
    """A store without Dagster around it: for the command line."""
    return ObjectStoreResource.at(location).store()


def _etag(stat: os.stat_result) -> str:
    # A rewrite makes a new inode (atomic put) or a new time (an editor that writes in place).
    mark = f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}"
    return hashlib.blake2b(mark.encode(), digest_size=8).hexdigest()


def _raise(error: OSError) -> None:
    raise error


def disk_error(error: OSError, where: str) -> VigieError:
    """What the disk said about a path, in words: a full one may have room later, a read-only one stays so."""
    if error.errno in _FULL:
        return TransientError(
            f"the disk is full ({error.strerror}); nothing was half written.",
            where=where,
            remedy="Free space there, then run again.",
        )
    if error.errno == errno.EROFS:
        return RefusedError(
            "is on a read-only file system; nothing was written.", where=where, remedy="Mount it for writing."
        )
    if isinstance(error, PermissionError):
        return RefusedError("is not allowed.", where=where, remedy=f"Check who owns it: ls -ld {where}")
    return TransientError(f"the disk said: {error.strerror}.", where=where)
