"""Real servers on 127.0.0.1 for the contract suites, and the stores on them. Not here: what a suite asserts."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from resources.object_store import DirectoryStore, ObjectStore
from resources.s3_store import S3Store
from settings import S3Location
from tests.contract.vault_server import ROLE_ID, SECRET_ID, TOKEN, VaultServer, vault_server

if TYPE_CHECKING:
    from tests.contract.dbt_runner import Dbt

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


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> "Dbt":
    """The dbt project, parsed once for all suites."""
    from tests.contract.dbt_runner import Dbt  # its import costs seconds, which only its users should pay

    dbt = Dbt(tmp_path_factory.mktemp("dbt"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIGIE_DUCKDB_PATH", str(dbt.path))
        done = dbt.invoke("parse")
    assert done.success, done.exception
    dbt.manifest = done.result
    return dbt


@pytest.fixture
def dbt(parsed: "Dbt", monkeypatch: pytest.MonkeyPatch) -> "Dbt":
    """dbt on a warehouse file that is not there yet."""
    monkeypatch.setenv("VIGIE_DUCKDB_PATH", str(parsed.path))
    parsed.path.unlink(missing_ok=True)
    return parsed


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    """A Vault that lets one token and one AppRole in."""
    with vault_server() as server:
        server.tokens[TOKEN] = ("*",)
        server.roles[ROLE_ID, SECRET_ID] = ("*",)
        yield server


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way in, in the environment, where a target names it; and none of the developer's."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2-aws-key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hunter2-aws-session")
    monkeypatch.setenv("VIGIE_TEST_TOKEN", TOKEN)
    monkeypatch.setenv("VIGIE_TEST_ROLE_ID", ROLE_ID)
    monkeypatch.setenv("VIGIE_TEST_SECRET_ID", SECRET_ID)


@pytest.fixture
def aws_secrets(s3_server: str, credentials: None) -> Any:
    """A client of an empty Secrets Manager: on the same server as the buckets, which stay."""
    client = boto3.client("secretsmanager", endpoint_url=s3_server, region_name="eu-west-3")
    for page in client.get_paginator("list_secrets").paginate(IncludePlannedDeletion=True):
        for found in page["SecretList"]:
            client.delete_secret(SecretId=found["ARN"], ForceDeleteWithoutRecovery=True)
    return client
