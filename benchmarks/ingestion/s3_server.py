"""An object store that speaks as much of S3 as both sides of a benchmark ask for: list, get, put, with ETags.

Here: buckets in memory, made by their first object; signatures are not checked. Not here: HTTP itself (http_server).
"""

import hashlib
from bisect import bisect_left, bisect_right, insort
from xml.sax.saxutils import escape

from benchmarks.ingestion.http_server import Answer, Request, serve

MOST_LISTED = 1000
XML = {"Content-Type": "application/xml"}
MODIFIED = "2026-01-01T00:00:00.000Z"  # nobody here asks for the time


class Bucket:
    """Objects by key, and their keys in order."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self._keys: list[str] = []

    def put(self, key: str, body: bytes) -> str:
        """The object's ETag, in quotes."""
        if key not in self.objects:
            insort(self._keys, key)
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        self.objects[key] = body, etag
        return etag

    def listed(self, prefix: str, after: str, most: int) -> tuple[list[str], bool]:
        """At most so many keys below the prefix and after a key, and whether there are more."""
        start = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after) if after else 0)
        found = self._keys[start : start + most + 1]
        keys = [key for key in found if key.startswith(prefix)]
        return keys[:most], len(keys) > most


class Store:
    """Every bucket; what each verb answers."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}

    def answer(self, request: Request) -> Answer:
        name, _slash, key = request.path.lstrip("/").partition("/")
        if request.verb == "PUT" and key:
            return self._put(self.buckets.setdefault(name, Bucket()), key, request)
        bucket = self.buckets.get(name)
        if bucket is None:
            return _error(404, "NoSuchBucket")
        if request.verb == "GET" and not key:
            return _listing(name, bucket, request)
        if request.verb not in ("GET", "HEAD"):
            return _error(405, "MethodNotAllowed")
        if key not in bucket.objects:
            return _error(404, "NoSuchKey")
        body, etag = bucket.objects[key]
        return Answer(200, body, {"ETag": etag, "Content-Type": "application/octet-stream"})

    def _put(self, bucket: Bucket, key: str, request: Request) -> Answer:
        if request.headers.get("if-none-match") == "*" and key in bucket.objects:
            return _error(412, "PreconditionFailed")
        return Answer(200, b"", {"ETag": bucket.put(key, request.body)})


def _listing(name: str, bucket: Bucket, request: Request) -> Answer:
    prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
    most = min(int(request.query.get("max-keys", MOST_LISTED)), MOST_LISTED)
    keys, more = bucket.listed(prefix, after, most)
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>{MODIFIED}</LastModified>"
        f"<ETag>{escape(bucket.objects[key][1], {chr(34): '&quot;'})}</ETag><Size>{len(bucket.objects[key][0])}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for key in keys
    )
    token = f"<NextContinuationToken>{escape(keys[-1])}</NextContinuationToken>" if more else ""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{name}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(keys)}</KeyCount>"
        f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
    )
    return Answer(200, body.encode(), XML)


def _error(status: int, code: str) -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode(), XML)


def counted_as(request: Request) -> str:
    """LIST, or the verb itself."""
    return "LIST" if request.verb == "GET" and "list-type" in request.query else request.verb


if __name__ == "__main__":
    serve(Store().answer, counted_as)
