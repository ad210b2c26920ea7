"""A backup as one file: parts, then the manifest that seals them; written whole or not at all, and read back.

Here: the archive's file, its checksums. Not here: what the parts hold (database_copy, backups), whether a backup may be
restored (domain.backup_manifest).
"""

import hashlib
import os
import uuid
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from domain.backup_manifest import MANIFEST, Kind, Manifest, Part, read_manifest
from domain.errors import MissingError, PermanentError, VigieError
from resources.object_store import disk_error

_CHUNK = 1 << 20


@dataclass
class ArchiveWriter:
    """The archive while it is written."""

    file: zipfile.ZipFile
    parts: list[Part] = field(default_factory=list)

    def add(self, name: str, kind: Kind, chunks: Iterable[bytes], rows: Mapping[str, int] | None = None) -> None:
        """Adds a part, chunk by chunk; `rows` may fill up while the chunks are made."""
        digest, size = hashlib.sha256(), 0
        with self.file.open(name, "w", force_zip64=True) as member:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                member.write(chunk)
        self.parts.append(Part(name, kind, digest.hexdigest(), size, dict(rows or {})))

    def add_file(self, name: str, kind: Kind, path: Path, rows: Mapping[str, int] | None = None) -> None:
        """Adds a file as a part."""
        with path.open("rb") as file:
            self.add(name, kind, iter(lambda: file.read(_CHUNK), b""), rows)


@contextmanager
def writing(path: Path, target: str, made_at: datetime, version: str) -> Iterator[tuple[ArchiveWriter, list[str]]]:
    """A new archive at `path`, there only once it is whole and has been read back; the list takes the revision.

    Raises PermanentError where there is a file already; nothing is left behind where anything fails.
    """
    if path.exists():
        raise PermanentError("there is a file of that name already.", where=str(path), remedy="Choose another name.")
    partial = path.parent / f".writing-{uuid.uuid4().hex}"
    revision: list[str] = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)  # who may read the database is not for this file to widen
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
                writer = ArchiveWriter(packed)
                yield writer, revision
                found = revision[0] if revision else None
                packed.writestr(MANIFEST, Manifest(target, made_at, version, found, writer.parts).dump())
            file.flush()
            os.fsync(file.fileno())
        with opened(partial) as archive:
            archive.verify()
        partial.replace(path)
    except OSError as error:
        raise disk_error(error, str(path)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


class BackupArchive:
    """An archive that is read. What its manifest does not name does not count."""

    def __init__(self, file: zipfile.ZipFile, shown: str) -> None:
        self._file = file
        self.shown = shown
        self.manifest = read_manifest(self._read(MANIFEST), shown)

    def verify(self) -> None:
        """PermanentError for the first part that is not what the manifest says."""
        for part in self.manifest.parts:
            for _chunk in self.chunks(part):
                pass

    def chunks(self, part: Part) -> Iterator[bytes]:
        """The part's bytes. PermanentError, at the end at the latest, where they are not those of the manifest."""
        digest, size = hashlib.sha256(), 0
        try:
            with self._file.open(part.name) as member:
                while chunk := member.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    yield chunk
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise self._damaged(part, str(error)) from error
        if digest.hexdigest() != part.sha256 or size != part.size:
            raise self._damaged(part, "it is not what was written")

    def lines(self, part: Part) -> Iterator[bytes]:
        """The part line by line, each with its newline."""
        rest = b""
        for chunk in self.chunks(part):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
        if rest:
            yield rest

    def extract(self, part: Part, to: Path) -> None:
        """Writes the part into a file, which is gone again where the part is damaged."""
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            with to.open("xb") as file:
                for chunk in self.chunks(part):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except VigieError:
            to.unlink(missing_ok=True)
            raise
        except OSError as error:
            to.unlink(missing_ok=True)
            raise disk_error(error, str(to)) from error

    def _read(self, name: str) -> bytes:
        try:
            return self._file.read(name)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise PermanentError(
                f"it has no whole {name}: {error}", where=self.shown, remedy="It is no backup, or a damaged one."
            ) from error

    def _damaged(self, part: Part, why: str) -> VigieError:
        return PermanentError(
            f"the part {part.name} is damaged ({why}); nothing was restored.",
            where=self.shown,
            remedy="Take another backup.",
        )


@contextmanager
def opened(path: Path, shown: str = "") -> Iterator[BackupArchive]:
    """The archive at `path`. MissingError where there is none, PermanentError where it is none."""
    shown = shown or str(path)
    try:
        file: IO[bytes] = path.open("rb")
    except FileNotFoundError:
        raise MissingError("there is no such backup.", where=shown, remedy="Check the path.") from None
    except OSError as error:
        raise disk_error(error, shown) from error
    with file:
        try:
            packed = zipfile.ZipFile(file)
        except zipfile.BadZipFile as error:
            raise PermanentError(
                f"it is no backup, or a damaged one: {error}", where=shown, remedy="Take another one."
            ) from error
        with packed:
            yield BackupArchive(packed, shown)
