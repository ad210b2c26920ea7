"""newsletter_delivery [client x week]: the issues that went out by mail, each once.

Here: which of the run's clients ask, the outcome of each. Not here: what is sent and whether it may be
(resources.delivery), nor when it is due (schedules).
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    ResourceParam,
    multi_asset,
)

from assets.names import NEWSLETTER, NEWSLETTER_DELIVERY
from assets.outcomes import Outcomes
from domain.deliveries import Receipt
from partitions import Partitions, client_week, split
from resources.archive import Archive
from resources.delivery import DeliveryDesk
from resources.object_store import ObjectStoreResource


def delivery_assets(partitions: Partitions) -> list[AssetsDefinition]:
    """The asset, for the given partitionings."""

    @multi_asset(
        name=NEWSLETTER_DELIVERY,
        specs=[
            AssetSpec(
                NEWSLETTER_DELIVERY,
                description="The issue, mailed to a client that asks for it. Off unless the target says how.",
                group_name="newsletters",
                kinds={"email"},
                skippable=True,
                partitions_def=partitions.client_weeks,
                deps=[AssetDep(NEWSLETTER)],
            )
        ],
        backfill_policy=BackfillPolicy.single_run(),
    )
    def newsletter_delivery(
        context: AssetExecutionContext,
        data_store: ObjectStoreResource,
        delivery: ResourceParam[DeliveryDesk],
    ) -> Iterator[AssetMaterialization]:
        if not delivery.is_on:
            context.log.info("this target mails nothing (delivery.kind: none)")
            return
        outcomes, now = Outcomes(context, NEWSLETTER_DELIVERY), datetime.now(UTC)
        cells = split(outcomes.pending())
        configs = Archive(data_store.store()).configs(sorted({client for client, _week in cells}))
        for week in sorted({week for _client, week in cells}):
            wanted = {client for client, of_week in cells if of_week == week}
            for client in delivery.due([configs[name] for name in wanted & configs.keys()], week):
                key = client_week(client, week)
                try:
                    receipt = delivery.send(configs[client], week, now)
                except Exception as error:  # noqa: BLE001 (one client's mail must not stop the others)
                    outcomes.fail(key, error)
                    continue
                if receipt:
                    yield outcomes.record(key, _metadata(receipt))
        outcomes.close()

    return [newsletter_delivery]


def _metadata(receipt: Receipt) -> dict[str, object]:
    return {
        "recipient": receipt.recipient,
        "attempt": receipt.attempt,
        "message_id": receipt.message_id,
        "sent_at": receipt.ended_at,
    }
