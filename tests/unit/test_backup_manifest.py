"""A backup's manifest: what it says comes back, and what may not be restored is refused in words."""

import json
from datetime import UTC, datetime

import pytest

from domain.backup_manifest import FORMAT, Manifest, Part, check_restorable, read_manifest
from domain.errors import PermanentError, RefusedError

DIGEST = "0" * 64
MADE = Manifest(
    "dev",
    datetime(2026, 11, 21, 5, tzinfo=UTC),
    "0.1.0",
    "0003",
    [
        Part("database/account.jsonl", "database", DIGEST, 120, {"account": 2}),
        Part("database/audit.jsonl", "database", DIGEST, 80, {"audit": 5}),
        Part("warehouse/warehouse.duckdb", "warehouse", DIGEST, 4096, {"raw.items": 9}),
    ],
)


def test_a_manifest_comes_back_as_it_was() -> None:
    assert read_manifest(MADE.dump(), "here") == MADE
    assert MADE.kinds() == ["database", "warehouse"]
    assert MADE.rows("database") == {"account": 2, "audit": 5}


def changed(**parts: object) -> bytes:
    return json.dumps({**json.loads(MADE.dump()), **parts}).encode()


def one_part(**fields: object) -> bytes:
    document = json.loads(MADE.dump())
    return changed(parts=[{**document["parts"][0], **fields}])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        changed(made_at="2026-11-21T05:00:00"),
        changed(parts=None),
        changed(parts=json.loads(MADE.dump())["parts"][:1] * 2),
        one_part(name="database/../../etc/passwd"),
        one_part(name="/database/account.jsonl"),
        one_part(name="warehouse/account.jsonl"),
        one_part(kind="secrets"),
        one_part(sha256="abc"),
        one_part(rows=["account"]),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_place(body: bytes) -> None:
    with pytest.raises(PermanentError, match=r"^here: its manifest cannot be read"):
        read_manifest(body, "here")


def test_a_newer_format_names_the_way_out() -> None:
    with pytest.raises(RefusedError, match="newer one"):
        read_manifest(changed(format=FORMAT + 1), "here")


def test_a_backup_is_restored_to_its_own_target_only() -> None:
    check_restorable(MADE, "dev", {"0003"}, "here")
    with pytest.raises(RefusedError, match="of the target 'dev', not of 'prod'"):
        check_restorable(MADE, "prod", {"0003"}, "here")
    check_restorable(MADE, "prod", {"0003"}, "here", from_target="dev")


def test_a_database_newer_than_this_release_is_not_restored() -> None:
    with pytest.raises(RefusedError, match=r"revision '0003'.*0\.1\.0 or a newer one"):
        check_restorable(MADE, "dev", {"0001", "0002"}, "here")
    without = Manifest("dev", MADE.made_at, "9", None, ())
    check_restorable(without, "dev", set(), "here")
