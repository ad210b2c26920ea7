"""What runs printed, kept in S3, under the policies that the platform is given there.

Here: a job whose output goes to a server that asks for rights. Not here: the policies' words (test_policies), the rest
of pruning (tests/graph/test_pruning).
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from dagster import DagsterInstance, job, op

from domain.retention import PRUNED_TAG
from resources.pruning import prune_runs
from tests.security.test_policies import document, enforce

BUCKET = "vigie-policy-data"
# AWS asks for the right to delete each key; this server, where several go at once, for the right to the bucket.
OF_SEVERAL = {"Effect": "Allow", "Action": ["s3:DeleteObject"], "Resource": [f"arn:aws:s3:::{BUCKET}"]}


@op
def speak() -> None:
    print("what people read in the UI")


@job
def speaking() -> None:
    speak()


@pytest.fixture
def admin(s3_server: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=s3_server,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def iam(s3_server: str, admin: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Where "worker", in whose name this process asks S3, gets its policy; the server enforces it until the end."""
    client = boto3.client(
        "iam",
        endpoint_url=s3_server,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_user(UserName="worker")
    key = client.create_access_key(UserName="worker")["AccessKey"]
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the key of whoever asked first
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    try:
        yield client
    finally:
        enforce(s3_server, "inf")
        client.delete_user_policy(UserName="worker", PolicyName="all")
        client.delete_access_key(UserName="worker", AccessKeyId=key["AccessKeyId"])
        client.delete_user(UserName="worker")


def allow(server: str, iam: Any, *statements: Any) -> None:
    """From now on "worker" may do this and no more."""
    enforce(server, "inf")  # IAM itself would be asked for rights
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_user_policy(UserName="worker", PolicyName="all", PolicyDocument=json.dumps(policy))
    enforce(server, "0")


def test_output_that_may_not_be_deleted_is_said_to_stay_and_goes_once_the_policy_is_given(
    s3_server: str, admin: Any, iam: Any, tmp_path: Path
) -> None:
    statements = document("buckets")["Statement"]
    allow(s3_server, iam, *(one for one in statements if one["Sid"] != "TakeOldOutputAway"))
    kept = {"bucket": BUCKET, "prefix": "run_output", "endpoint_url": s3_server, "region": "us-east-1"}
    logs = {"module": "dagster_aws.s3.compute_log_manager", "class": "S3ComputeLogManager", "config": kept}
    with DagsterInstance.local_temp(str(tmp_path), overrides={"compute_logs": logs}) as instance:
        run_id = speaking.execute_in_process(instance=instance).run_id
        soon = datetime.now(UTC) + timedelta(minutes=1)
        done = prune_runs(instance, soon, dry_run=False)
        assert "captured output of 1 runs stays" in done.refused
        assert PRUNED_TAG not in instance.get_runs()[0].tags
        allow(s3_server, iam, *statements, OF_SEVERAL)
        again = prune_runs(instance, soon, dry_run=False)
        assert (again.runs, again.refused) == (1, "")
        assert PRUNED_TAG in instance.get_runs()[0].tags
    enforce(s3_server, "inf")
    left = admin.list_objects_v2(Bucket=BUCKET, Prefix="run_output/").get("Contents", [])
    assert [one["Key"] for one in left if run_id in one["Key"]] == []
