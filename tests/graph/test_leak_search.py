"""The search for secrets finds what is planted in each kind of place: without this, finding none would mean nothing."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetMaterialization, DagsterInstance, Failure, asset, materialize
from dagster._serdes import serialize_value

from tests.graph.leak_search import Search, planted

PLANTED = "the secret"


@pytest.mark.parametrize("form", ["as it is", "in JSON", "in base64", "half of it"])
def test_the_search_finds_what_is_in_a_file(tmp_path: Path, form: str) -> None:
    secret = planted()
    written = {
        "as it is": secret,
        "in JSON": json.dumps({"said": json.dumps({"key": secret})}),
        "in base64": b64encode(f"user:{secret}".encode()).decode(),
        "half of it": secret[-15:],
    }
    (tmp_path / "kept.log").write_text(f"before {written[form]} after")
    assert Search({PLANTED: secret}).files(tmp_path) == [f"{PLANTED} in {tmp_path / 'kept.log'}"]
    assert Search({PLANTED: planted()}).files(tmp_path) == []


def test_the_search_finds_what_dagster_keeps(tmp_path: Path) -> None:
    """Metadata, a failure's text, a tag of a run, a definition (which is kept compressed): all in SQLite."""
    secrets = {name: planted() for name in ("metadata", "failure", "tag", "definition")}

    @asset(description=secrets["definition"])
    def leaking() -> Iterator[AssetMaterialization]:
        yield AssetMaterialization("else", metadata={"key": secrets["metadata"]})
        raise Failure(description=secrets["failure"])

    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        materialize([leaking], instance=instance, tags={"key": secrets["tag"]}, raise_on_error=False)
        (run,) = instance.get_runs()
        events = " ".join(serialize_value(entry) for entry in instance.all_logs(run.run_id))
    found = " ".join(Search(secrets).files(tmp_path))
    assert all(f"{name} in {tmp_path}" in found for name in secrets)
    assert {"metadata in events", "failure in events"} <= set(Search(secrets).text("events", events))


def test_the_search_finds_what_is_in_a_table() -> None:
    secret = planted()
    assert Search({PLANTED: secret}).rows("audit", [(1, {"reason": secret})])
    assert Search({PLANTED: secret}).rows("account", [(1, f"failed: {secret}")])
