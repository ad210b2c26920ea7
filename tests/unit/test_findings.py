"""When a figure is good, a warning or an error; which logs and objects are old."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.errors import ConfigError
from domain.findings import (
    Finding,
    Heartbeat,
    Tick,
    healthy,
    of_clock,
    of_disk,
    of_error,
    of_event_log,
    of_heartbeats,
    of_pools,
    of_ticks,
    of_versions,
    ok,
    pins,
    silent,
    sized,
    spoken,
    warning,
)
from domain.retention import PRUNED_TAG, expired, is_pruned, pruned_mark, runs_before, sources_before

GB = 1024**3


def level(finding: Finding) -> str:
    return finding.level


def test_warnings_are_healthy_and_errors_are_not() -> None:
    assert healthy([ok("a", "good"), warning("b", "odd", "look")])
    assert not healthy([ok("a", "good"), silent("b", 20)])


def test_an_error_raised_on_purpose_keeps_its_place_and_remedy() -> None:
    finding = of_error("store", ConfigError("is wrong.", where="file.yaml:3", remedy="Mend it."))
    assert (finding.said, finding.remedy) == ("file.yaml:3: is wrong.", "Mend it.")
    assert of_error("store", RuntimeError("first\nsecond")).said == "RuntimeError: first"


@pytest.mark.parametrize(("free", "expected"), [(10 * GB, "ok"), (GB, "warning"), (1024, "error")])
def test_little_room_is_a_warning_and_none_an_error(free: int, expected: str) -> None:
    assert level(of_disk("disk", free, "/somewhere")) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(29, "ok"), (-31, "warning"), (301, "error"), (-86_400, "error")])
def test_a_clock_may_be_off_by_seconds(seconds: float, expected: str) -> None:
    assert level(of_clock("clock", seconds, "the store")) == expected


def test_a_large_event_log_names_the_command_that_shows_what_would_go() -> None:
    assert level(of_event_log("log", GB, "here")) == "ok"
    assert "vigie prune --dry-run" in of_event_log("log", 6 * GB, "here").remedy


def test_a_thread_of_the_daemon_that_died_alone_is_an_error_that_names_it() -> None:
    beats = {"SENSOR": Heartbeat(5, "one"), "SCHEDULER": Heartbeat(500, "one")}
    [finding] = of_heartbeats("daemon", ["SENSOR", "SCHEDULER"], beats)
    assert level(finding) == "error"
    assert "SCHEDULER" in finding.said


def test_a_daemon_that_has_ended_is_an_error_and_one_that_was_never_started_a_warning() -> None:
    [ended] = of_heartbeats("daemon", ["SENSOR"], {"SENSOR": Heartbeat(7200 * 2, "one")})
    assert (level(ended), "last heartbeat was 4 h ago" in ended.said) == ("error", True)
    [never] = of_heartbeats("daemon", ["SENSOR"], {})
    assert level(never) == "warning"


def test_a_heartbeat_of_the_future_is_no_sign_of_life() -> None:
    [finding] = of_heartbeats("daemon", ["SENSOR"], {"SENSOR": Heartbeat(-7200 * 2, "one")})
    assert (level(finding), "4 h in the future" in finding.said) == ("error", True)


def test_what_the_daemon_complains_of_is_a_warning() -> None:
    [finding] = of_heartbeats("daemon", ["SENSOR"], {"SENSOR": Heartbeat(5, "one", ("no code server\nstack",))})
    assert (level(finding), finding.said) == ("warning", "SENSOR: no code server")


def test_a_sensor_may_take_ten_intervals_and_its_failure_is_an_error() -> None:
    assert level(of_ticks("sensors", {"slow": Tick(3000, 600), "quick": Tick(20, 15)})) == "ok"
    assert "quick (last tick 6 min ago)" in of_ticks("sensors", {"quick": Tick(360, 15)}).said
    assert level(of_ticks("sensors", {"quick": Tick(5, 15, "no bucket\nstack")})) == "error"


def test_packages_that_differ_from_the_lock_are_named_with_both_versions() -> None:
    pinned = pins(
        "# comment\ndagster==1.13.27 \\\n    --hash=sha256:00\nsome-thing[extra]==2.0 ; python_version > '3'\n"
    )
    assert pinned == {"dagster": "1.13.27", "some-thing": "2.0"}
    assert level(of_versions("versions", {"dagster": "1.13.27", "other": "9"}, pinned)) == "ok"
    finding = of_versions("versions", {"dagster": "1.12.0", "some-thing": None}, pinned)
    assert "dagster 1.12.0 (the lock: 1.13.27); some-thing is not installed (the lock: 2.0)" in finding.said


def test_a_pool_without_its_limit_is_named() -> None:
    assert level(of_pools("pools", {"a": 1}, {"a": 1, "of-others": 5})) == "ok"
    assert "a has none (wanted: 1)" in of_pools("pools", {"a": 1}, {}).said


def test_sizes_and_times_are_said_in_words() -> None:
    assert [sized(n) for n in (0, 1023, 2048, 3 * 1024**2, GB * 3 // 2)] == ["0 B", "1023 B", "2 KB", "3 MB", "1.5 GB"]
    assert [spoken(n) for n in (40, 600, 7200 * 3, 86_400 * 3)] == ["40 s", "10 min", "6 h", "3 days"]


def test_a_day_of_a_new_clients_history_never_goes() -> None:
    today = date(2026, 11, 21)
    assert sources_before(today, 400, 30) == today - timedelta(days=400)
    assert sources_before(today, 30, 90) == today - timedelta(days=99)
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert runs_before(now, 90) == now - timedelta(days=90)


def test_a_snapshot_goes_after_its_bodies_and_other_objects_never() -> None:
    keys = [f"snapshots/2026-01-01/one.{ending}" for ending in ("json.gz", "body.gz", "articles.gz")]
    others = [
        "snapshots/2026-01-01/two.body.gz",
        "snapshots/2026-03-01/one.body.gz",
        "snapshots/readme",
        "items/a.json.gz",
    ]
    found = expired([*keys, *others], date(2026, 2, 1), {("two", date(2026, 1, 1))})
    assert found == [keys[2], keys[1], keys[0]]


def test_a_run_that_inherited_the_tag_of_its_parent_is_not_pruned_yet() -> None:
    tags = {PRUNED_TAG: pruned_mark("11111111-aaaa", date(2026, 11, 21))}
    assert is_pruned("11111111-aaaa", tags)
    assert not is_pruned("22222222-bbbb", tags)
    assert not is_pruned("22222222-bbbb", {})
