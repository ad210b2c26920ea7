"""The object store in S3, through dagster-aws.

Here: S3's calls and what its errors mean. Not here: the interface it obeys (object_store).
"""

from collections.abc import Iterator
from typing import Any

import stamina
from botocore.exceptions import BotoCoreError, ClientError
from dagster_aws.s3 import S3Resource

from domain.errors import MissingError, RefusedError, TransientError, VigieError
from resources.object_store import ObjectInfo, StoredObject, checked_key, checked_prefix

_READS = 4  # of one object, before it is said that S3 does not answer


def open_bucket(bucket: str, prefix: str, region: str | None, endpoint_url: str | None) -> "S3Store":
    """The bucket, or the part of it below `prefix`. Credentials come from AWS's own chain."""
    client = S3Resource(region_name=region, endpoint_url=endpoint_url).get_client()
    return S3Store(client, bucket, prefix)


class S3Store:
    """A bucket, or the part of one below `prefix`. One client for all threads, its connections pooled."""

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @property
    def uri(self) -> str:
        """s3://bucket/prefix"""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ObjectStore: one request per 1,000 objects."""
        pages = self._client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + checked_prefix(prefix)):
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._prefix)
                    yield ObjectInfo(key, found["ETag"].strip('"'), found["Size"])
        except (ClientError, BotoCoreError) as error:
            raise self._in_words(error, prefix) from error

    def get(self, key: str) -> StoredObject:
        """See ObjectStore. An answer that is cut off in the middle is asked for again: boto's own retries do not."""
        for attempt in stamina.retry_context(on=TransientError, attempts=_READS, timeout=None, wait_initial=0.1):
            with attempt:
                try:
                    found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + checked_key(key))
                    return StoredObject(found["Body"].read(), found["ETag"].strip('"'))
                except (ClientError, BotoCoreError) as error:
                    raise self._in_words(error, key) from error
        raise AssertionError("a retry context ends with a return or an error")

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """See ObjectStore: an S3 put is atomic by itself."""
        self._put(key, body, ContentType=content_type)

    def put_if_absent(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> bool:
        """See ObjectStore."""
        try:
            self._put(key, body, ContentType=content_type, IfNoneMatch="*")
        except _TakenError:
            return False
        return True

    def delete(self, key: str) -> None:
        """See ObjectStore: S3 itself says nothing where there was no object."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + checked_key(key))
        except (ClientError, BotoCoreError) as error:
            raise self._in_words(error, key) from error

    def _put(self, key: str, body: bytes, **more: str) -> None:
        try:
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + checked_key(key), Body=body, **more)
        except (ClientError, BotoCoreError) as error:
            raise self._in_words(error, key) from error

    def _in_words(self, error: ClientError | BotoCoreError, key: str) -> VigieError:
        where = f"s3://{self._bucket}/{self._prefix}{key}"
        if not isinstance(error, ClientError):  # no answer at all: DNS, connection, credentials
            if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
                return RefusedError("there are no AWS credentials.", where=where, remedy="Run: aws configure")
            return TransientError(f"S3 gave no answer: {error}", where=where)
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code == "NoSuchKey":
            return MissingError("there is no such object.", where=where)
        if code == "NoSuchBucket":
            return RefusedError("there is no such bucket.", where=where, remedy="Check the target: vigie target check")
        if code in ("PreconditionFailed", "ConditionalRequestConflict"):
            return _TakenError("something is there already.", where=where)
        cut_off = code.isdigit() and status == 404  # whether it is the object or the bucket is in the part that is gone
        if status >= 500 or cut_off or code in ("SlowDown", "RequestTimeout", "Throttling"):
            return TransientError(f"S3 answered {status} {code}.", where=where)
        return RefusedError(
            f"S3 answered {status} {code}.", where=where, remedy="Check the bucket's policy and the credentials."
        )


class _TakenError(RefusedError):
    """A conditional put found something; `put_if_absent` turns it into False."""
