"""The Lambda handler on a target of its own: buckets on a real S3 server, the demo site as the sources."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from aws_lambda import handler
from local.demo_content import demo_catalog
from local.demo_site import DemoSite
from resources.config_bucket import CATALOG_KEY
from resources.object_store import ObjectStore, open_store
from settings import TARGETS, S3Location, own_targets

SOURCE = "press_corporate__orvane"
CLIENT = f"client_profile: {{active: true}}\nsource_config: {{sources_extra_enabled: [{SOURCE}]}}\n"
SCHEDULED = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


@pytest.fixture
def site() -> Iterator[DemoSite]:
    with DemoSite(datetime.now(UTC).date()) as opened:
        yield opened


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_location: S3Location, site: DemoSite) -> ObjectStore:
    """The one bucket of a target that has a catalog and one client; each test has a part of it."""
    here = s3_location.model_copy(update={"prefix": f"lambda/{tmp_path.name}"})
    install(tmp_path, monkeypatch, here)
    store = open_store(here)
    store.put(CATALOG_KEY, demo_catalog(site.base_url).encode())
    store.put("clients/acme.yaml", CLIENT.encode())
    return store


def install(home: Path, monkeypatch: pytest.MonkeyPatch, location: S3Location) -> None:
    """A target of this machine whose configuration and data are at that location."""
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text(encoding="utf-8"))
    document["stores"]["config"] = document["stores"]["data"] = location.model_dump()
    own_targets(home).mkdir()
    (own_targets(home) / "onaws.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("VIGIE_HOME", str(home))
    monkeypatch.setenv("VIGIE_TARGET", "onaws")


@pytest.mark.parametrize("event", [{}, None, SCHEDULED, {"client_id": "acme"}])
def test_it_answers_v2s_events_and_those_of_a_schedule(bucket: ObjectStore, event: Any) -> None:
    said = handler(event, None)
    assert (said["statusCode"], said["body"]["status"]) == (200, "success")
    (written,) = bucket.list("ingested/")
    path = said["body"].get("s3_output_path") or said["body"]["client_results"][0]["s3_output_path"]
    assert path == f"{bucket.uri}/{written.key}"
    assert path.startswith("s3://")
    assert json.loads(bucket.get(written.key).body)


def test_the_parameters_of_an_event_may_be_in_an_envelope(bucket: ObjectStore) -> None:
    said = handler({**SCHEDULED, "detail": {"client_id": "acme", "dry_run": True}}, None)
    assert (said["body"]["client_id"], said["body"]["dry_run"]) == ("acme", True)
    assert list(bucket.list("ingested/")) == []


def test_an_answer_is_of_json_types_only(bucket: ObjectStore) -> None:
    said = handler({}, None)
    assert json.loads(json.dumps(said)) == said


@pytest.mark.parametrize(("event", "code"), [([], 400), ({"colour": 1}, 400), ({"client_id": "acne"}, 404)])
def test_what_is_refused_is_an_answer(bucket: ObjectStore, event: Any, code: int) -> None:
    assert handler(event, None)["statusCode"] == code


def test_progress_is_logged(bucket: ObjectStore, caplog: pytest.LogCaptureFixture) -> None:
    handler({}, None)
    assert "1 client files: 1 active, 0 invalid" in caplog.messages


def test_an_incomplete_target_is_an_answer_that_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    monkeypatch.setenv("VIGIE_TARGET", "prod")
    monkeypatch.setenv("VIGIE_DATA_BUCKET", "")
    said = handler({}, None)
    assert (said["statusCode"], said["body"]["status"]) == (500, "failed")
    assert "VIGIE_DATA_BUCKET" in said["body"]["error"]
    assert caplog.records[-1].levelno == logging.ERROR


def test_an_error_that_nobody_expected_is_an_answer_and_its_story_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_location: S3Location, caplog: pytest.LogCaptureFixture
) -> None:
    install(tmp_path, monkeypatch, s3_location.model_copy(update={"endpoint_url": "no address"}))
    said = handler({}, None)
    assert (said["statusCode"], said["body"]["status"]) == (500, "failed")
    assert "no address" in said["body"]["error"]
    assert caplog.records[-1].exc_info
