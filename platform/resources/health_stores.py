"""Whether the three stores can be listed, read and written, and whether our clock is theirs.

Here: the probe object, and what each refusal means. Not here: the stores' calls (object_store, s3_store).
"""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import partial

from domain.errors import MissingError, RefusedError, VigieError
from domain.findings import Finding, error, of_clock, of_error, ok, warning
from resources.health import Check
from resources.object_store import ObjectStore, open_store
from settings import DirectoryLocation, Location, S3Location, Settings

PROBE = "doctor/probe.txt"
_CLOCK = "doctor/clock.txt"
_NO_SNAPSHOT = "snapshots/doctor.txt"  # nothing is there: whether it could be taken away is asked all the same
_WORDS = b"vigie doctor writes this, reads it back and takes it away\n"


def store_checks(settings: Settings) -> list[Check]:
    """One check per store, and the clock's. What people configure is only read."""
    stores, prunes = settings.stores, settings.retention.source_days is not None
    return [
        Check("store config", partial(_look, "store config", stores.config, writes=False, deletes=False)),
        Check("store data", partial(_look, "store data", stores.data, writes=True, deletes=prunes)),
        Check("store newsletters", partial(_look, "store newsletters", stores.newsletters, writes=True, deletes=False)),
        Check("clock of the store", partial(_clock, "clock of the store", stores.data)),
    ]


def _look(check: str, location: Location, *, writes: bool, deletes: bool) -> list[Finding]:
    if isinstance(location, DirectoryLocation) and not location.path.is_dir():
        return [error(check, f"{location.path}: the folder is not there.", "Run: vigie prepare")]
    store = open_store(location)
    may, refused = _tried(store, writes, deletes)
    messages = {raised.message for raised in refused.values()}
    if not may and len(messages) == 1:
        return [of_error(check, next(iter(refused.values())))]
    lacking = [step for step in refused if step != "delete"]
    said = f"{store.uri}: may {', '.join(may) or 'nothing'}"
    if lacking:
        said += f"; may not {', '.join(refused)} ({refused[lacking[0]].message.rstrip('.')})."
        return [error(check, said, _remedy(location, lacking))]
    if "delete" in refused and deletes:
        said += "; may not delete: retention.source_days can take nothing away."
        return [warning(check, said, _remedy(location, ["delete"]))]
    return [ok(check, said)]


def _tried(store: ObjectStore, writes: bool, deletes: bool) -> tuple[list[str], dict[str, VigieError]]:
    """The steps that worked, and those that were refused. Raises what is no refusal."""

    def take_away() -> None:
        store.delete(PROBE)
        if deletes:
            store.delete(_NO_SNAPSHOT)

    steps: dict[str, Callable[[], object]] = {"list": lambda: next(iter(store.list("doctor/")), None)}
    if writes:
        steps["write"] = lambda: store.put(PROBE, _WORDS, "text/plain")
    steps["read"] = lambda: store.get(PROBE)
    if writes:
        steps["delete"] = take_away
    may: list[str] = []
    refused: dict[str, VigieError] = {}
    for name, step in steps.items():
        try:
            step()
        except MissingError:  # reading is allowed: there is nothing to read
            may.append(name)
        except RefusedError as raised:
            refused[name] = raised
        else:
            may.append(name)
    return may, refused


def _remedy(location: Location, steps: list[str]) -> str:
    if isinstance(location, DirectoryLocation):
        return f"Check who owns it: ls -ld {location.path}"
    actions = {"list": "s3:ListBucket", "read": "s3:GetObject", "write": "s3:PutObject", "delete": "s3:DeleteObject"}
    wanted = ", ".join(actions[step] for step in steps)
    return f"Allow {wanted} on {location.uri}: infrastructure/policies/aws has the policies."


def _clock(check: str, location: Location) -> list[Finding]:
    """Nothing where the store gives no answer: its own check says why."""
    try:
        skew = _bucket_skew(location) if isinstance(location, S3Location) else _folder_skew(location)
    except VigieError:
        return []
    return [] if skew is None else [of_clock(check, skew, location.uri)]


def _folder_skew(location: DirectoryLocation) -> float | None:
    """Our clock less the disk's, in seconds: on a network's disk its server's."""
    if not location.path.is_dir():
        return None
    store, now = open_store(location), time.time()
    store.put(_CLOCK, _WORDS)
    try:
        return now - (location.path / _CLOCK).stat().st_mtime
    finally:
        store.delete(_CLOCK)


def _bucket_skew(location: S3Location) -> float | None:
    """Our clock less S3's, in seconds: every answer carries the server's, a refusal too."""
    from botocore.exceptions import BotoCoreError, ClientError
    from dagster_aws.s3 import S3Resource

    client = S3Resource(region_name=location.region, endpoint_url=location.endpoint_url).get_client()
    try:
        answer = client.head_bucket(Bucket=location.bucket)
    except ClientError as raised:
        answer = raised.response
    except BotoCoreError:
        return None
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return time.time() - parsedate_to_datetime(date).timestamp() if date else None
