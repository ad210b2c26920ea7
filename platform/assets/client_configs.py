"""client_config [client]: the last valid configuration of each client, kept for every later stage.

Here: reading the client's file and keeping it. Not here: who is active (sensors.client_activation).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    multi_asset,
)

from assets.lists import listed
from assets.names import CLIENT_CONFIG, CLIENT_FILES, ETAG_TAG
from assets.outcomes import Outcomes
from domain.clients import PREFIX, ClientConfig
from domain.errors import MissingError, VigieError
from partitions import Partitions
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.object_store import PARALLEL, ObjectStoreResource


def client_config_assets(partitions: Partitions) -> list[AssetsDefinition]:
    """The asset, for the given partitionings."""

    @multi_asset(
        name=CLIENT_CONFIG,
        specs=[
            AssetSpec(
                CLIENT_CONFIG,
                description="The last valid configuration of the client, with the sources it asks for.",
                group_name="clients",
                kinds={"yaml"},
                skippable=True,
                partitions_def=partitions.clients,
                deps=[CLIENT_FILES],
            )
        ],
        backfill_policy=BackfillPolicy.single_run(),
        pool="configs",  # of two runs the older could write last
    )
    def client_config(
        context: AssetExecutionContext, config_store: ObjectStoreResource, data_store: ObjectStoreResource
    ) -> Iterator[AssetMaterialization]:
        bucket, archive = ConfigBucket(config_store.store()), Archive(data_store.store())
        outcomes = Outcomes(context, CLIENT_CONFIG, data_store.store())
        keys = {f"{PREFIX}{client}.yaml": client for client in outcomes.pending()}
        read = bucket.read(keys)

        def kept(key: str) -> tuple[str, ClientConfig | VigieError]:
            etag, outcome = read.get(key, ("", MissingError("the file is gone.", where=f"{config_store.uri}/{key}")))
            if isinstance(outcome, ClientConfig):
                archive.keep_config(outcome, etag)
            return etag, outcome

        with ThreadPoolExecutor(PARALLEL) as threads:
            for client, (etag, outcome) in zip(keys.values(), threads.map(kept, keys), strict=True):
                if isinstance(outcome, ClientConfig):
                    yield outcomes.record(client, _metadata(outcome), tags={ETAG_TAG: etag})
                else:
                    outcomes.fail(client, outcome)
        outcomes.close()

    return [client_config]


def _metadata(config: ClientConfig) -> dict[str, object]:
    return {
        "name": config.name,
        "active": config.active,
        "period_days": config.period_days,
        "bouquets": ", ".join(config.bouquets) or "none",
        "extra_sources": ", ".join(config.extra_sources) or "none",
        "fingerprint": config.fingerprint,
        "warnings": listed(map(str, config.warnings)),
    }
