"""client_config [client]: the last valid configuration of each client, kept for every later stage.

Here: reading the client's file and keeping it. Not here: who is active (sensors.client_activation).
"""

from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    MetadataValue,
    multi_asset,
)

from assets.names import CLIENT_CONFIG, CLIENT_FILES, ETAG_TAG
from assets.outcomes import Outcomes
from domain.clients import PREFIX, ClientConfig
from domain.errors import MissingError
from partitions import Partitions
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.object_store import ObjectStoreResource


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
        outcomes = Outcomes(context, CLIENT_CONFIG)
        keys = {f"{PREFIX}{client}.yaml": client for client in outcomes.pending()}
        read = bucket.read(keys)
        for key, client in keys.items():
            etag, outcome = read.get(key, ("", MissingError("the file is gone.", where=f"{config_store.uri}/{key}")))
            if not isinstance(outcome, ClientConfig):
                outcomes.fail(client, outcome)
                continue
            archive.keep_config(outcome, etag)
            yield outcomes.record(client, _metadata(outcome), tags={ETAG_TAG: etag})
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
        "warnings": MetadataValue.md("\n".join(f"- {problem}" for problem in config.warnings) or "none"),
    }
