"""Delivery in Dagster: the schedule asks for what is due, the run sends it, and nothing is sent twice."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from dagster import (
    DagsterInstance,
    Definitions,
    build_schedule_context,
    define_asset_job,
    in_process_executor,
)

from assets.deliveries import delivery_assets
from assets.names import NEWSLETTER_DELIVERY
from options import Delivery
from partitions import CLIENTS, Partitions
from resources.delivery import DeliveryDesk
from resources.object_store import ObjectStoreResource
from schedules import daily_deliveries
from settings import Settings
from tests.contract.mail_server import MailServer, mail_server
from tests.contract.mailing import READER, WEEK, Office, by_smtp, client, settings_of, told

MONDAY_MORNING = datetime(2026, 11, 16, 7, 0, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def office(server: MailServer, tmp_path: Path) -> Office:
    """Three clients, of whom the first and the last ask for mail."""
    made = Office(settings_of(tmp_path, by_smtp(server)), server.mails)
    for config in (client("acme"), client("middle", "s3"), client("zeta", address="zeta@client.example")):
        made.publish(told(), config=config)
    return made


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "instance").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "instance")) as opened:
        opened.add_dynamic_partitions(CLIENTS, ["acme", "middle", "zeta"])
        yield opened


def definitions(settings: Settings) -> Definitions:
    assets = delivery_assets(Partitions.since(settings.first_day))
    job = define_asset_job("deliver_newsletters", selection=assets)
    return Definitions(
        assets=assets,
        jobs=[job],
        schedules=[daily_deliveries(job, "07:00", "UTC", on=settings.delivery.kind != "none")],
        resources={
            "data_store": ObjectStoreResource.at(settings.stores.data),
            "delivery": DeliveryDesk(settings),
        },
        executor=in_process_executor,
    )


def morning(settings: Settings, instance: DagsterInstance) -> list[str] | str:
    """What the schedule and its run do: the partitions that were sent, or why nothing was asked for."""
    repository = definitions(settings).get_repository_def()
    with time_machine.travel(MONDAY_MORNING, tick=True):
        context = build_schedule_context(
            instance=instance,
            scheduled_execution_time=MONDAY_MORNING,
            repository_def=repository,
            resources={
                "data_store": ObjectStoreResource.at(settings.stores.data),
                "delivery": DeliveryDesk(settings),
            },
        )
        said = repository.get_schedule_def("daily_deliveries").evaluate_tick(context)
        if said.skip_message:
            return said.skip_message
        (request,) = said.run_requests or ()
        done = repository.get_job("deliver_newsletters").execute_in_process(
            instance=instance, tags=request.tags, raise_on_error=False
        )
    return sorted(str(event.partition) for event in done.asset_materializations_for_node(NEWSLETTER_DELIVERY))


def test_on_monday_who_asks_gets_the_week_once(office: Office, server: MailServer, instance: DagsterInstance) -> None:
    assert morning(office.settings, instance) == [f"acme|{WEEK}", f"zeta|{WEEK}"]
    assert [to for _, to, _ in server.received] == [READER, "zeta@client.example"]
    assert morning(office.settings, instance) == f"nothing is due of the week of {WEEK}."
    assert len(server.received) == 2


def test_one_client_s_refusal_holds_back_nobody_and_is_tried_again(
    office: Office, server: MailServer, instance: DagsterInstance
) -> None:
    office.publish(told(), config=client("acme", address="nobody"))
    assert morning(office.settings, instance) == [f"zeta|{WEEK}"]
    office.publish(told(), config=client("acme"))
    assert morning(office.settings, instance) == [f"acme|{WEEK}"]


def test_a_target_that_mails_nothing_asks_for_nothing(office: Office, instance: DagsterInstance) -> None:
    off = office.settings.model_copy(update={"delivery": Delivery()})
    assert morning(off, instance) == "this target mails nothing (delivery.kind: none)."
    schedule = definitions(off).get_repository_def().get_schedule_def("daily_deliveries")
    assert schedule.default_status.value == "STOPPED"
