"""Stores and servers for attacks: the contract suites' own, and a folder with something worth stealing beside it.

Not here: what a suite asserts.
"""

from pathlib import Path

import pytest

from resources.dry_store import DryStore
from resources.object_store import DirectoryStore, ObjectStore
from resources.s3_store import S3Store
from tests.contract.conftest import BUCKET, s3_client, s3_location, s3_server

__all__ = ["s3_client", "s3_location", "s3_server"]


@pytest.fixture(params=["directory", "dry", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """A store with one object of its own; in the same folder, or the same bucket, lies what is not the store's."""
    if request.param == "s3":
        client, prefix = request.getfixturevalue("s3_client"), f"{abs(hash(request.node.nodeid)):x}"
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/outside", Body=b"a secret")
        opened: ObjectStore = S3Store(client, BUCKET, f"{prefix}/inside")
    else:
        (tmp_path / "outside").write_bytes(b"a secret")
        (tmp_path / "inside").mkdir()
        opened = DirectoryStore(tmp_path / "inside")
    opened.put("own", b"mine")
    return DryStore(opened) if request.param == "dry" else opened
