"""A run that ends between two of a sensor's reads: what it did is seen, and nothing is asked for once more."""

from collections.abc import Callable
from typing import Any

import pytest
from dagster import AssetMaterialization, DagsterInstance, DagsterRun, RunRequest

from assets.names import ACCOUNTS_EXPORT, VERSION_TAG
from resources.account_export import fingerprint
from resources.launch_book import LaunchBook
from tests.graph.conftest import Platform
from tests.graph.test_accounts import Fleet
from tests.graph.test_accounts_export import fleet

__all__ = ["fleet"]  # a fixture


def asked(platform: Platform, sensor: str) -> list[RunRequest]:
    return list(platform.evaluate(sensor).run_requests or ())


def at_work(platform: Platform, job: str, partition: str | None = None) -> DagsterRun:
    tags = {"dagster/partition": partition} if partition else {}
    return platform.instance.create_run_for_job(platform.defs.resolve_job_def(job), tags=tags)


def after(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, then: Callable[[], object]) -> None:
    """Has `then` happen once, right after the method was read for the first time."""
    read, happened = getattr(owner, name), list[bool]()

    def read_before(*given: Any, **named: Any) -> Any:
        found = read(*given, **named)
        if not happened:
            happened.append(True)
            then()
        return found

    monkeypatch.setattr(owner, name, read_before)


def test_the_change_of_an_account_is_not_asked_for_once_more(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = fleet.platform
    fleet.register("alpha")
    fleet.settle()
    fleet.demand("alpha")
    (request,) = asked(platform, "account_requests")
    run = at_work(platform, "change_account", "alpha")

    def it_ends() -> None:
        platform.launch(request, "change_account")
        platform.instance.report_run_canceled(run)

    after(monkeypatch, LaunchBook, "unfinished", it_ends)
    assert asked(platform, "account_requests") == []
    assert fleet.of("alpha").status == "UPDATED"
    assert asked(platform, "account_requests") == []


def test_an_export_of_the_accounts_is_not_asked_for_once_more(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    platform, instance = fleet.platform, fleet.platform.instance
    fleet.register("alpha")
    instance.report_runless_asset_event(AssetMaterialization(ACCOUNTS_EXPORT, tags={VERSION_TAG: "an older state"}))
    run = at_work(platform, "export_accounts")

    def it_ends() -> None:
        now = fingerprint(fleet.database)
        instance.report_runless_asset_event(AssetMaterialization(ACCOUNTS_EXPORT, tags={VERSION_TAG: now}))
        instance.report_run_canceled(run)

    after(monkeypatch, DagsterInstance, "fetch_materializations", it_ends)
    assert asked(platform, "accounts_export_due") == []
    assert asked(platform, "accounts_export_due") == []


def test_a_configuration_that_was_just_read_is_not_asked_for_once_more(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.put_client("acme")
    platform.settle()
    platform.put_client("acme", ["another"])
    data = platform.evaluate("client_activation")
    (request,) = data.run_requests or ()
    platform.cursors["client_activation"] = data.cursor
    run = at_work(platform, "read_client_configs")

    def it_ends() -> None:
        platform.launch(request, "read_client_configs")
        platform.instance.report_run_canceled(run)

    after(monkeypatch, type(platform.instance.event_log_storage), "get_latest_tags_by_partition", it_ends)
    assert asked(platform, "client_activation") == []
    assert asked(platform, "client_activation") == []
