"""Real servers on 127.0.0.1 for the contract suites, and the stores on them. Not here: what a suite asserts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from resources.object_store import DirectoryStore, ObjectStore
from resources.s3_store import S3Store
from settings import S3Location

BUCKET = "vigie-contract"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3_client(s3_server: str) -> Any:
    """One client for all suites, as one process has, on a bucket of their own."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1", **keys)
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store: a folder, or the part of a bucket below a prefix."""
    if request.param == "directory":
        return DirectoryStore(tmp_path)
    return S3Store(request.getfixturevalue("s3_client"), BUCKET, f"{abs(hash(request.node.nodeid)):x}/here")


@pytest.fixture
def s3_location(s3_server: str, s3_client: Any, monkeypatch: pytest.MonkeyPatch) -> S3Location:
    """Where the bucket is, as a target would say it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return S3Location(kind="s3", bucket=BUCKET, prefix="a/target", region="us-east-1", endpoint_url=s3_server)
