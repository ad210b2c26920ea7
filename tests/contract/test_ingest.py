"""Ingest events from end to end: real answers of the demo site, folders as buckets; no Dagster, no network."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.clients import read_client
from local.demo_content import demo_catalog
from local.demo_site import DemoSite
from resources.archive import Archive
from resources.cells import Cells
from resources.config_bucket import CATALOG_KEY, ConfigBucket
from tests.contract.ingest_platform import DISPATCH, DOWN, NOW, ORVANE, PATHS, TODAY, Platform, days, results

RULES = """
profiles:
  strict:
    signal_requirements:
      mode: require_signals
      required_signal_groups: [{group_id: implants, scopes: [technology_scopes.implants]}]
"""
SCOPES = "implants: [implant, implants]\n"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with DemoSite(TODAY) as site:
        yield Platform(tmp_path, site)


class TestTheDaysCell:
    def test_an_empty_event_writes_the_cell_of_every_active_client_in_v2s_place(self, platform: Platform) -> None:
        platform.client("acme")
        platform.client("beta", f"[{ORVANE}]")
        platform.client("asleep", active=False)
        answer = platform.ingest()
        assert (answer.status_code, answer.body["status"], results(answer)) == (
            200,
            "success",
            {"acme": "ok", "beta": "ok"},
        )
        assert sorted(platform.written("ingested/")) == [
            "ingested/acme/2026/11/21/items.json",
            "ingested/beta/2026/11/21/items.json",
        ]
        items = sum(len(json.loads(body)) for body in platform.written("ingested/").values())
        assert answer.body["total_items_ingested"] == items > 0
        assert answer.body["clients_discovered"] == 3

    def test_it_is_the_cell_that_the_graph_builds_byte_for_byte(self, platform: Platform) -> None:
        platform.client("acme", pipeline="{default_period_days: 3}")
        platform.ingest()
        before = platform.written("ingested/")
        archive, bucket = Archive(platform.data), ConfigBucket(platform.config)
        archive.keep_config(read_client("clients/acme.yaml", platform.config.get("clients/acme.yaml").body), "etag")
        Cells(archive, bucket.catalog(), ["acme"], TODAY, rules=bucket.selection_rules()).build_day(TODAY, ["acme"])
        assert platform.written("ingested/") == before

    def test_the_figures_of_one_client_add_up(self, platform: Platform) -> None:
        platform.client(
            "acme", bouquets="[depot_press]", filters="{exclude_patterns: [trial]}", pipeline="{default_period_days: 5}"
        )
        body = platform.ingest(client_id="acme").body
        shown = sum(source["items"] for source in body["sources_detail"])
        old = sum(n for reason, n in body["rejected_because"].items() if reason == "older than 5 days")
        other = sum(body["rejected_because"].values()) - old
        assert body["items_filtered_out"] == old > 0
        assert body["items_ingested"] == shown - other < shown
        assert body["items_final"] == body["items_ingested"] - old - body["items_deduplicated"] > 0
        assert (body["period_days_used"], body["published_from"]) == (5, "2026-11-16")

    def test_a_second_event_of_the_day_sends_nothing_and_writes_the_same(self, platform: Platform) -> None:
        platform.client("acme")
        platform.ingest()
        before = platform.written("ingested/")
        answer = platform.ingest()
        assert platform.site.requests.total() == 0
        assert platform.written("ingested/") == before
        assert not any(source["requested"] for source in answer.body["sources_detail"])

    def test_a_body_that_cannot_be_read_anymore_is_told_and_the_days_answer_stands(self, platform: Platform) -> None:
        platform.client("acme", f"[{DISPATCH}]")
        platform.ingest()
        before = platform.written("ingested/")
        page = demo_catalog(platform.site.base_url).replace(PATHS[DISPATCH], "/pharma-pulse/rss.xml")
        platform.config.put(CATALOG_KEY, page.encode())
        answer = platform.ingest(client_id="acme", force_refresh=True)
        (source,) = answer.body["sources_detail"]
        assert (source["status"], answer.body["status"]) == ("stale", "partial_success")
        assert "could not be read" in source["error"]
        assert platform.written("ingested/") == before

    def test_no_active_client_asks_no_source_and_says_so(self, platform: Platform) -> None:
        platform.client("asleep", active=False)
        answer = platform.ingest()
        assert (answer.status_code, answer.exit_code, answer.body["status"]) == (200, 0, "no_active_clients")
        assert (answer.body["clients_discovered"], platform.site.requests.total()) == (1, 0)
        assert platform.written() == {}


class TestSelections:
    def test_a_window_selects_of_all_that_sources_show_and_leaves_the_cell_alone(self, platform: Platform) -> None:
        platform.client("acme")
        platform.site.as_of = TODAY - timedelta(days=1)
        platform.now = NOW - timedelta(days=1)
        platform.ingest()
        platform.site.as_of, platform.now = None, NOW
        platform.ingest()
        cells = platform.written("ingested/")
        cell = platform.ingest(client_id="acme")
        week = platform.ingest(client_id="acme", period_days=7)
        assert {item["first_seen"] for item in platform.items(cell)} == {"2026-11-21"}
        assert {item["first_seen"] for item in platform.items(week)} == {"2026-11-20", "2026-11-21"}
        assert week.body["s3_output_path"].startswith(f"{platform.data.uri}/selections/acme/2026/11/21/")
        assert platform.written("ingested/") == cells

    def test_the_same_selection_twice_is_one_file_and_another_one_another(self, platform: Platform) -> None:
        platform.client("acme")
        paths = [
            platform.ingest(client_id="acme", period_days=n, dry_run=False).body["s3_output_path"] for n in (2, 2, 3)
        ]
        assert paths[0] == paths[1] != paths[2]
        assert len(platform.written("selections/")) == 2

    def test_zero_days_is_today_only(self, platform: Platform) -> None:
        platform.client("acme", bouquets="[depot_press]")
        found = platform.ingest(client_id="acme", period_days=0, temporal_mode="strict")
        assert days(platform.items(found)) == {"2026-11-21"}
        assert found.body["period_days_used"] == 0

    def test_named_sources_are_the_only_ones_asked(self, platform: Platform) -> None:
        platform.client("acme")
        found = platform.ingest(client_id="acme", sources=[ORVANE])
        assert dict(platform.site.requests) == {PATHS[ORVANE]: 1}
        assert {item["source_key"] for item in platform.items(found)} == {ORVANE}

    def test_of_all_clients_those_who_follow_none_of_the_named_sources_are_skipped(self, platform: Platform) -> None:
        platform.client("acme", f"[{ORVANE}]")
        platform.client("beta", f"[{DISPATCH}]")
        answer = platform.ingest(sources=[ORVANE])
        assert results(answer) == {"acme": "ok", "beta": "skipped"}
        assert (answer.body["clients_processed"], answer.body["clients_skipped"]) == (1, 1)
        assert answer.body["status"] == "success"

    def test_a_source_that_one_client_does_not_follow_is_a_warning(self, platform: Platform) -> None:
        platform.client("acme", f"[{ORVANE}]")
        body = platform.ingest(client_id="acme", sources=[ORVANE, DISPATCH]).body
        assert body["warnings"] == [f"It does not follow {DISPATCH}, which the event names."]

    def test_a_mode_of_ingestion_is_applied_by_the_platforms_rules(self, platform: Platform) -> None:
        platform.config.put("canonical/ingestion/ingestion_profiles.yaml", RULES.encode())
        platform.config.put("canonical/scopes/technology_scopes.yaml", SCOPES.encode())
        platform.client("acme", bouquets="[depot_press]", pipeline="{ingestion_mode: broad}")
        broad = platform.ingest(client_id="acme", period_days=30)
        strict = platform.ingest(client_id="acme", period_days=30, ingestion_mode="strict")
        assert (broad.body["ingestion_mode"], strict.body["ingestion_mode"]) == ("broad", "strict")
        assert 0 < strict.body["items_final"] < broad.body["items_final"]
        assert strict.body["items_ingested"] < broad.body["items_ingested"]
        assert all("implant" in f"{item['title']} {item['content']}".lower() for item in platform.items(strict))


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "code", "said"),
        [
            ({"client_id": "acne"}, 404, 'There is no client "acne". Did you mean "acme"?'),
            ({"client_id": "broken"}, 400, "clients/broken.yaml:1"),
            ({"sources": ["press_sector__depot_dispach"]}, 400, f'Did you mean "{DISPATCH}"?'),
            ({"client_id": "acme", "sources": [DOWN]}, 400, '"acme" does not follow any of the named `sources`'),
            ({"sources": [DOWN]}, 400, "No active client follows any of the named `sources`"),
            ({"ingestion_mode": "strict"}, 400, "`ingestion_mode` strict needs ingestion profiles"),
            ({"client_id": "acme", "period_days": -1, "dry": True}, 400, "`period_days` must be"),
        ],
    )
    def test_what_cannot_be_honoured_is_refused_before_anything_is_done(
        self, platform: Platform, asked: dict[str, Any], code: int, said: str
    ) -> None:
        platform.client("acme")
        platform.config.put("clients/broken.yaml", b"client_profile: 3\n")
        answer = platform.ingest(**asked)
        assert (answer.status_code, answer.exit_code, answer.body["status"]) == (code, 1, "failed")
        assert said in answer.body["errors"][0]
        assert platform.site.requests.total() == 0
        assert platform.written() == {}

    def test_a_broken_catalog_is_one_error_said_early(self, platform: Platform) -> None:
        platform.client("acme")
        platform.client("beta")
        platform.config.put(CATALOG_KEY, b"sources: 3\n")
        answer = platform.ingest()
        assert (answer.status_code, answer.body["status"]) == (500, "failed")
        assert "`sources` must be a list" in answer.body["error"]
        assert platform.site.requests.total() == 0

    def test_a_bucket_that_is_not_there_is_an_answer_with_the_remedy(self, platform: Platform, tmp_path: Path) -> None:
        shutil.rmtree(tmp_path / "config")
        answer = platform.ingest()
        assert (answer.status_code, answer.exit_code, answer.body["status"]) == (500, 1, "failed")
        assert "mkdir -p" in answer.body["error"]


class TestDryRuns:
    @pytest.mark.parametrize("asked", [{}, {"client_id": "acme"}, {"client_id": "acme", "period_days": 5}])
    def test_a_dry_run_sends_the_same_requests_gives_the_same_figures_and_writes_nothing(
        self, platform: Platform, asked: dict[str, Any]
    ) -> None:
        platform.client("acme", f"[{ORVANE}, {DISPATCH}, {DOWN}]")
        dry, sent = platform.ingest(**asked, dry_run=True), platform.site.requests.copy()
        assert platform.written() == {}
        assert platform.data.count("put", "") == 0
        wet = platform.ingest(**asked)
        assert platform.site.requests == sent
        assert platform.written("snapshots/")
        different = {name for name in wet.body if wet.body[name] != dry.body[name]}
        assert different <= {"dry_run", "execution_time_seconds", "client_results"}
        assert dry.body["status"] == "partial_success"
