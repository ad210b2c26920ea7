"""The defects of V2's ingest, each by its mark (d3, d4, ...): what it did, an ingest event does not."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local.demo_site import DemoSite
from resources.config_bucket import CATALOG_KEY
from tests.contract.ingest_platform import DISPATCH, DOWN, ORVANE, PATHS, TODAY, Platform, days, results


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with DemoSite(TODAY) as site:
        yield Platform(tmp_path, site)


def test_d3_the_work_at_the_sources_does_not_grow_with_the_clients(platform: Platform) -> None:
    for number in range(40):
        platform.client(f"client-{number:02}")
    answer = platform.ingest()
    assert answer.body["clients_succeeded"] == 40
    assert platform.site.requests == {PATHS[ORVANE]: 1, PATHS[DISPATCH]: 1}


def test_d4_each_file_is_read_once_whatever_the_number_of_clients(platform: Platform) -> None:
    for number in range(40):
        platform.client(f"client-{number:02}")
    platform.config.asked.clear()
    platform.ingest()
    assert platform.config.count("list", "clients/") == 1
    assert platform.config.count("get", "clients/") == 40
    assert platform.config.count("get", CATALOG_KEY) == 1
    assert platform.data.count("put", "ingested/") == 40
    assert platform.data.count("get", "ingested/") == platform.data.count("get", "client_configs/") == 0
    assert platform.data.count("get", "snapshots/") <= 2 * 10  # by source, for what earlier days may have shown


def test_d8_a_file_that_cannot_be_read_is_discovered_and_failed_with_its_reason(platform: Platform) -> None:
    platform.client("acme")
    for name, text in {
        "list": b"- a\n",
        "empty": b"",
        "tab": b"a:\n\tb: 1\n",
        "null": b"client_profile: [1]\n",
    }.items():
        platform.config.put(f"clients/{name}.yaml", text)
    body = platform.ingest().body
    assert (body["clients_discovered"], body["clients_active"], body["clients_invalid"]) == (5, 1, 4)
    assert (body["clients_succeeded"], body["clients_failed"], body["status"]) == (1, 4, "partial_success")
    reasons = {line["client_id"]: line["error"] for line in body["client_results"] if line["status"] == "failed"}
    assert reasons.keys() == {"list", "empty", "tab", "null"}
    assert all(reason.startswith(f"clients/{name}.yaml:") for name, reason in reasons.items())


def test_d8_where_no_file_can_be_read_the_event_failed(platform: Platform) -> None:
    platform.config.put("clients/empty.yaml", b"")
    answer = platform.ingest()
    assert (answer.status_code, answer.body["status"]) == (500, "failed")


@pytest.mark.parametrize("asked", [{}, {"client_id": "acme"}, {"client_id": "acme", "period_days": 5}])
def test_d9_where_every_source_is_down_it_failed_and_nothing_is_written(
    platform: Platform, asked: dict[str, Any]
) -> None:
    platform.client("acme")
    platform.site.down.update(PATHS.values())
    answer = platform.ingest(**asked)
    assert (answer.status_code, answer.exit_code, answer.body["status"]) == (502, 1, "failed")
    assert "503" in answer.body["error"]
    assert {source["status"] for source in answer.body["sources_detail"]} == {"failed"}
    assert platform.written("ingested/") == platform.written("selections/") == {}


def test_d9_one_source_down_is_told_and_costs_only_its_own_items(platform: Platform) -> None:
    platform.client("acme", f"[{ORVANE}, {DOWN}]")
    platform.client("beta", f"[{ORVANE}]")
    platform.client("gamma", f"[{DOWN}]")
    answer = platform.ingest()
    assert results(answer) == {"acme": "degraded", "beta": "ok", "gamma": "failed"}
    assert (answer.body["status"], answer.exit_code) == ("partial_success", 3)
    (detail,) = (source for source in answer.body["sources_detail"] if source["status"] == "failed")
    assert (detail["source_key"], "503" in detail["error"]) == (DOWN, True)


def test_d10_an_outage_on_the_same_day_takes_nothing_away(platform: Platform) -> None:
    platform.client("acme")
    platform.ingest()
    platform.ingest(client_id="acme", period_days=7)
    before = {**platform.written("ingested/"), **platform.written("selections/")}
    platform.site.down.update(PATHS.values())
    for asked in ({}, {"client_id": "acme", "period_days": 7}):
        answer = platform.ingest(**asked, force_refresh=True)
        assert platform.site.requests == {PATHS[ORVANE]: 1, PATHS[DISPATCH]: 1}
        assert (answer.body["status"], answer.body["sources_failed"]) == ("partial_success", 2)
        assert {source["status"] for source in answer.body["sources_detail"]} == {"stale"}
    assert {**platform.written("ingested/"), **platform.written("selections/")} == before


def test_d19_both_dates_filter_and_each_alone(platform: Platform) -> None:
    platform.client("acme", bouquets="[depot_press]")
    first, last = date(2026, 11, 10), date(2026, 11, 16)
    asked = {"from_date": str(first), "to_date": str(last)}
    every = platform.ingest(client_id="acme", from_date="2000-01-01", temporal_mode="strict")
    published = [date.fromisoformat(item["published_at"]) for item in platform.items(every)]
    assert min(published) < first < last < max(published)
    for named in (("from_date",), ("to_date",), ("from_date", "to_date")):
        found = platform.ingest(client_id="acme", temporal_mode="strict", **{name: asked[name] for name in named})
        kept = [date.fromisoformat(item["published_at"]) for item in platform.items(found)]
        assert all(first <= day for day in kept) or "from_date" not in named
        assert all(day <= last for day in kept) or "to_date" not in named
        assert 0 < len(kept) < len(published)
        assert found.body["period_days_used"] is None
        assert found.body["items_filtered_out"] > 0


def test_d19_flexible_keeps_undated_items_and_no_old_ones_strict_neither(platform: Platform) -> None:
    platform.client("acme", bouquets="[depot_press, depot_corporate]")
    flexible = platform.items(platform.ingest(client_id="acme", period_days=3, temporal_mode="flexible"))
    strict = platform.items(platform.ingest(client_id="acme", period_days=3, temporal_mode="strict"))
    assert None in days(flexible)
    assert None not in days(strict)
    for items in (flexible, strict):
        assert min(day for day in days(items) if day) >= "2026-11-18"


def test_d19_a_forced_refresh_asks_sources_again(platform: Platform) -> None:
    platform.client("acme")
    platform.ingest()
    answer = platform.ingest(client_id="acme", force_refresh=True)
    assert platform.site.requests == {PATHS[ORVANE]: 1, PATHS[DISPATCH]: 1}
    assert (answer.body["status"], answer.body["force_refresh"]) == ("success", True)
    assert all(source["requested"] for source in answer.body["sources_detail"])


def test_d19_an_inactive_client_is_refused(platform: Platform) -> None:
    platform.client("asleep", active=False)
    answer = platform.ingest(client_id="asleep")
    assert (answer.status_code, platform.site.requests.total()) == (400, 0)
    assert answer.body["errors"] == [
        '"asleep" is not active. Set client_profile.active to true in clients/asleep.yaml.'
    ]
