"""Backup and restore of a target: the accounts' database, the warehouse where it is a file, Dagster's own files.

Here: which parts there are, in which order they are read and put back. Not here: the archive (backup_archive), tables
as lines (database_copy), arguments and printing (recovery_cli).

    database/{table}.jsonl       one row per line
    warehouse/warehouse.duckdb   the file as it was between two transactions
    history/{path}.db            Dagster's SQLite files, where the instance is kept in such
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from domain.backup_manifest import Kind, Manifest, check_restorable
from domain.errors import ConfigError, MissingError, PermanentError, RefusedError, VigieError
from resources import database_copy
from resources.backup_archive import ArchiveWriter, BackupArchive, opened, writing
from resources.database import open_database
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.object_store import ObjectStore, disk_error, open_store
from resources.secrets import read_secret
from settings import DuckDBWarehouse, S3Location, Settings

_FILE = "warehouse/warehouse.duckdb"
_RESTORING = ".restoring-"
_S3 = "s3://"
_LARGEST_PUT = 5_000_000_000  # bytes that S3 takes at once


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of parts against what is there now: table -> rows."""

    kind: Kind
    where: str
    in_backup: Mapping[str, int]
    there: Mapping[str, int]

    @property
    def is_empty(self) -> bool:
        """Whether a restore would replace nothing."""
        return not any(self.there.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a restore did: kind -> where the old is kept aside ("" where there was nothing), accounts it paused."""

    aside: Mapping[Kind, str]
    paused: Sequence[str]


def default_name(settings: Settings, now: datetime) -> str:
    """`{home}/backups/vigie-{target}-{moment}.zip`"""
    return str(settings.home / "backups" / f"vigie-{settings.target}-{now:%Y%m%dT%H%M%SZ}.zip")


def back_up(settings: Settings, to: str, dagster_home: Path | None = None) -> Manifest:
    """Writes a backup to a path or an s3:// address: all of it, read back, or nothing.

    With `dagster_home`, Dagster's own files too. A warehouse that was never written is left out, one that another
    process holds is waited for. Raises the errors of domain.errors.
    """
    now = datetime.now(UTC)
    if not to.startswith(_S3):
        return _write(settings, Path(to), now, dagster_home)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "backup.zip")
        manifest = _write(settings, made, now, dagster_home)
        if made.stat().st_size > _LARGEST_PUT:
            raise RefusedError(
                "the backup is larger than S3 takes at once.",
                where=to,
                remedy="Write it to a file, then: aws s3 cp FILE ADDRESS",
            )
        store, key = _bucket(settings, to)
        if not store.put_if_absent(key, made.read_bytes(), "application/zip"):
            raise RefusedError("there is an object of that name already.", where=to, remedy="Choose another name.")
    return manifest


@contextmanager
def backup_at(settings: Settings, place: str) -> Iterator[BackupArchive]:
    """A backup at a path or an s3:// address, its checksums verified."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(place)
        if place.startswith(_S3):
            store, key = _bucket(settings, place)
            path = Path(folder, "backup.zip")
            path.write_bytes(store.get(key).body)
        with opened(path, place) as archive:
            archive.verify()
            yield archive


def look(settings: Settings, archive: BackupArchive, dagster_home: Path, from_target: str | None) -> list[Place]:
    """What the backup holds against what is there; nothing is changed. RefusedError where it may not be restored."""
    manifest = archive.manifest
    check_restorable(
        manifest,
        settings.target,
        database_copy.known_revisions(settings.migrations),
        archive.shown,
        from_target=from_target,
    )
    places = []
    for kind in manifest.kinds():
        where, there = _there(settings, kind, dagster_home)
        places.append(Place(kind, where, manifest.rows(kind), there))
    return places


def restore(
    settings: Settings, archive: BackupArchive, dagster_home: Path, *, trust_workspaces: bool = False
) -> Outcome:
    """Puts every part of a verified backup in its place, each in one step; what was there is kept aside.

    Everything is unpacked, and the warehouse is nobody else's, before the first is put in place. An error after that
    says what is replaced already. `look` has been asked before.
    """
    stamp = f"{datetime.now(UTC):%Y%m%dt%H%M%S}"
    aside: dict[Kind, str] = {}
    paused: Sequence[str] = ()
    with _unpacked_warehouse(settings, archive) as warehouse, _unpacked_history(archive, dagster_home) as history:
        try:
            with _replacing(settings, warehouse, stamp) as old_warehouse:
                if archive.manifest.of("database"):
                    done = _load_database(settings, archive, stamp, trust_workspaces)
                    aside["database"], paused = done.aside, done.paused
            if warehouse:
                aside["warehouse"] = str(old_warehouse) if old_warehouse.exists() else ""
            if history:
                aside["history"] = str(dagster_home / f"before-{stamp}")
                if not _put_history(history, dagster_home, Path(aside["history"])):
                    aside["history"] = ""
        except (VigieError, OSError) as error:
            said = disk_error(error, str(error.filename or archive.shown)) if isinstance(error, OSError) else error
            if not aside:
                raise said from error
            replaced = "; ".join(f"{kind}, kept: {old or 'there was none'}" for kind, old in aside.items())
            raise PermanentError(
                f"the restore is not whole: {said} Replaced already: {replaced}.",
                where=archive.shown,
                remedy="Mend the cause and restore again; or put what was kept back in its place.",
            ) from error
    return Outcome(aside, paused)


def _load_database(settings: Settings, archive: BackupArchive, stamp: str, trust: bool) -> database_copy.Restored:
    parts = {part.name: part for part in archive.manifest.of("database")}
    return database_copy.load(
        settings.database.url,
        read_secret(settings, settings.database.password),
        settings.migrations,
        archive.manifest.revision or "",
        lambda table: archive.lines(parts[name]) if (name := f"database/{table}.jsonl") in parts else (),
        stamp,
        trust_workspaces=trust,
    )


@contextmanager
def _replacing(settings: Settings, unpacked: Path | None, stamp: str) -> Iterator[Path]:
    """Puts the unpacked warehouse in place at the end, held from the beginning: where its old file goes."""
    if unpacked is None:
        yield Path()
        return
    warehouse = _warehouse(settings)
    old = warehouse.path.with_name(f"{warehouse.path.name}.before-{stamp}")
    with warehouse.replaced_by(unpacked, old):
        yield old


def _write(settings: Settings, path: Path, now: datetime, dagster_home: Path | None) -> Manifest:
    with writing(path, settings.target, now, version("vigie")) as (archive, revision):
        with closing(open_database(settings)) as database:
            revision.append(database_copy.dump(database, partial(_add_table, archive)))
        if isinstance(settings.warehouse, DuckDBWarehouse) and settings.warehouse.path.exists():
            _add_warehouse(settings, archive, path.parent)
        if dagster_home:
            _add_history(archive, dagster_home)
    with opened(path) as written:
        return written.manifest


def _add_table(archive: ArchiveWriter, table: str, rows: Iterator[bytes], counts: Mapping[str, int]) -> None:
    archive.add(f"database/{table}.jsonl", "database", rows, counts)


def _add_warehouse(settings: Settings, archive: ArchiveWriter, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as beside:
        copy = Path(beside, "warehouse.duckdb")
        try:
            rows = _warehouse(settings).copy_to(copy)
        except OSError as error:
            raise disk_error(error, str(copy)) from error
        archive.add_file(_FILE, "warehouse", copy, rows)


def _add_history(archive: ArchiveWriter, home: Path) -> None:
    """Every SQLite file by SQLite's own backup, while a daemon may write. Cursors first: one that is too old asks
    again, one ahead of the events never asks. Then the index of events: the runs' files hold what it names."""
    first = ("schedules.db", "index.db")
    files = sorted(
        _history_files(home), key=lambda path: (first.index(path.name) if path.name in first else 2, str(path))
    )
    if not files:
        raise MissingError(
            "Dagster keeps nothing in files there.",
            where=str(home),
            remedy="An instance on a server is backed up by that server's own tools; or leave --history away.",
        )
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            copy = Path(folder, "copy.db")
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as made:
                source.backup(made)
            archive.add_file(f"history/{path.relative_to(home).as_posix()}", "history", copy)
            copy.unlink()


@contextmanager
def _unpacked_warehouse(settings: Settings, archive: BackupArchive) -> Iterator[Path | None]:
    """The warehouse's file, unpacked beside its place and looked through; what is left of it goes at the end."""
    parts = archive.manifest.of("warehouse")
    if not parts:
        yield None
        return
    warehouse = _warehouse(settings)
    made = warehouse.path.with_name(f"{_RESTORING}{warehouse.path.name}")
    made.unlink(missing_ok=True)
    try:
        archive.extract(parts[0], made)
        if DuckdbWarehouse(made).counted() != parts[0].rows:
            raise RefusedError(
                "the warehouse in it has other tables than the manifest says; nothing was restored.",
                where=archive.shown,
            )
        yield made
    finally:
        made.unlink(missing_ok=True)


@contextmanager
def _unpacked_history(archive: BackupArchive, home: Path) -> Iterator[Path | None]:
    """Dagster's files, unpacked in a folder beside their places; what is left of it goes at the end."""
    parts = archive.manifest.of("history")
    if not parts:
        yield None
        return
    made = home / f"{_RESTORING}history"
    shutil.rmtree(made, ignore_errors=True)
    try:
        for part in parts:
            archive.extract(part, made / part.name.removeprefix("history/"))
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put_history(unpacked: Path, home: Path, aside: Path) -> bool:
    """Moves the old files aside and the unpacked ones into place; nothing is copied. Whether there were old ones."""
    old = _history_files(home)
    for path in old:
        for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            if file.exists():
                _move(file, aside / file.relative_to(home))
    for path in [path for path in unpacked.rglob("*") if path.is_file()]:
        _move(path, home / path.relative_to(unpacked))
    return bool(old)


def _move(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    file.rename(to)


def _history_files(home: Path) -> list[Path]:
    """Those in use: neither kept by an earlier restore nor left over from one that was cut short."""
    return [
        path for path in home.rglob("*.db") if not path.relative_to(home).parts[0].startswith(("before-", _RESTORING))
    ]


def _there(settings: Settings, kind: Kind, dagster_home: Path) -> tuple[str, dict[str, int]]:
    if kind == "database":
        if not database_copy.is_there(settings.database.url):
            return settings.database.url, {}
        with closing(open_database(settings)) as database:
            return settings.database.url, database_copy.counts(database)
    if kind == "warehouse":
        warehouse = _warehouse(settings)
        return str(warehouse.path), warehouse.counted() if warehouse.path.exists() else {}
    return str(dagster_home), {"files": len(_history_files(dagster_home))} if dagster_home.exists() else {}


def _warehouse(settings: Settings) -> DuckdbWarehouse:
    if not isinstance(settings.warehouse, DuckDBWarehouse):
        raise ConfigError(
            "the backup holds a DuckDB file, and the target's warehouse is none.",
            where=settings.target,
            remedy="Rebuild it from the items instead: vigie rebuild warehouse",
        )
    return DuckdbWarehouse(settings.warehouse.path, models_schema=settings.warehouse.dataset)


def _bucket(settings: Settings, address: str) -> tuple[ObjectStore, str]:
    """The bucket of an s3:// address, at the endpoint of the target's own buckets; and the key."""
    bucket, _slash, key = address.removeprefix(_S3).partition("/")
    if not bucket or not key or key.endswith("/"):
        raise ConfigError("is not the address of an object.", where=address, remedy="Write s3://BUCKET/KEY.zip")
    near = settings.stores.data
    known = {"region": near.region, "endpoint_url": near.endpoint_url} if isinstance(near, S3Location) else {}
    return open_store(S3Location(kind="s3", bucket=bucket, **known)), key
