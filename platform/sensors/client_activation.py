"""The client_activation sensor: the client files as they are now -> partitions and runs.

Here: listing, reading what changed, turning the decision into Dagster's requests. Not here: the decision
(domain.activation), nor the cells of a new client (client_items_due asks for them).
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from dagster import (
    AddDynamicPartitionsRequest,
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    AssetObservation,
    DagsterEventType,
    DagsterInstance,
    DefaultSensorStatus,
    DeleteDynamicPartitionsRequest,
    DynamicPartitionsDefinition,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.batched import batch_tags
from assets.checks import catalog_valid, evaluation, files_valid, rules_valid
from assets.names import CLIENT_CONFIG, CLIENT_FILES, ETAG_TAG
from domain.activation import ACTIVE, INACTIVE, INVALID, Cursor, Decision, behind, decide, still_arriving, to_read
from domain.backfills import key_batches
from domain.catalog import Catalog
from domain.clients import ClientConfig, client_id_of
from domain.errors import ConfigError
from jobs import Stages
from partitions import CLIENTS, Partitions, today
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.kept_cursor import KeptCursor
from resources.object_store import ObjectStore, ObjectStoreResource


def client_activation_sensor(partitions: Partitions, stages: Stages, seconds: int) -> SensorDefinition:
    """The sensor, looking every `seconds`. If the listing itself fails, the tick fails: nothing is decided blindly."""

    @sensor(
        name="client_activation",
        jobs=[stages.configs.job, stages.sources.job],
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Picks up client files as they are added, changed, switched off or removed.",
    )
    def client_activation(
        context: SensorEvaluationContext, config_store: ObjectStoreResource, data_store: ObjectStoreResource
    ) -> SensorResult | SkipReason:
        instance, bucket = context.instance, ConfigBucket(config_store.store())
        kept = KeptCursor(data_store.store(), context.sensor_name, context.cursor)
        listing, cursor = bucket.listing(), Cursor.load(kept.text)
        present = instance.get_dynamic_partitions(CLIENTS)
        reading = stages.configs.under_way(instance)  # before what runs have built: one may end between the two
        built = _built(instance)
        # A run that failed left its clients behind: they are asked for again, once an hour (the run key sees to it).
        again = set() if reading else behind(cursor, built)
        waiting = still_arriving(listing, cursor, frozenset(present))
        read = bucket.read(key for key in to_read(listing, cursor, present, again) if key not in waiting)
        decision = decide(listing, cursor, read, present, built)
        decision.cursor.files.update(waiting)
        events: list[AssetCheckEvaluation | AssetObservation] = []
        if decision.newly_invalid:
            events.append(evaluation(files_valid(_all_invalid(bucket, decision))))
        activated, requests = decision.activated, list[RunRequest]()
        doing_nothing = f"{len(listing)} client files, {len(present)} active; nothing to do."
        if waiting:
            doing_nothing = f"{len(waiting)} new client files, and more may come: they wait for the next look."
        if activated:
            catalog = _catalog(bucket)
            if isinstance(catalog, ConfigError):
                doing_nothing = f"{', '.join(activated)} cannot be activated: {catalog}"
                if any(decision.cursor.files[key] != cursor.files.get(key) for key in read):  # said once
                    context.log.error(doing_nothing)
                    events.append(evaluation(catalog_valid(catalog)))
                activated = ()
            else:
                configs = [c for _etag, c in read.values() if isinstance(c, ClientConfig) and c.client_id in activated]
                requests += _snapshot_request(partitions, stages, Archive(data_store.store()), catalog, configs)
                rules = rules_valid(bucket, catalog, {})
                if rules.severity is AssetCheckSeverity.ERROR:  # what all clients name, the day's run looks at
                    context.log.error(f"their items cannot be selected: {rules.description}")
                    events.append(evaluation(rules))
        if decision.cursor.files != cursor.files:
            events.append(_observation(decision.cursor))
        gone = {*decision.deactivated, *decision.removed}
        if gone and any(stage.under_way(instance) for stage in (stages.configs, stages.items, stages.newsletters)):
            context.log.info(f"{', '.join(sorted(gone))} leave later: the range of a run under way may end with one")
            gone = set()
        order = [client for client in present if client not in gone] + list(activated)
        changed = set() if reading else set(decision.changed)  # else they are found behind at a later look
        requests += _config_requests(instance, stages, order, {*activated, *changed}, listing, data_store.store())
        _say(context, decision, activated)
        if not (requests or gone or events):
            context.update_cursor(kept.keep(decision.cursor.dump()))
            return SkipReason(doing_nothing)
        return SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=_partition_requests(partitions.clients, activated, sorted(gone)),
            asset_events=events,
            skip_reason=doing_nothing if waiting and not requests else None,
            cursor=kept.keep(decision.cursor.dump()),
        )

    return client_activation


def _observation(cursor: Cursor) -> AssetObservation:
    """What the UI shows of the client files: how many there are, and in which state."""
    counts = {"active": cursor.count(ACTIVE), "inactive": cursor.count(INACTIVE), "invalid": cursor.count(INVALID)}
    return AssetObservation(CLIENT_FILES, metadata={"files": len(cursor.files), **counts})


def _catalog(bucket: ConfigBucket) -> Catalog | ConfigError:
    try:
        return bucket.catalog()
    except ConfigError as error:
        return error


def _built(instance: DagsterInstance) -> Mapping[str, str]:
    """Client -> the ETag of the file from which its configuration was last materialized: one query."""
    tags = instance.event_log_storage.get_latest_tags_by_partition(
        AssetKey(CLIENT_CONFIG), DagsterEventType.ASSET_MATERIALIZATION, [ETAG_TAG]
    )
    return {client: found[ETAG_TAG] for client, found in tags.items() if ETAG_TAG in found}


def _all_invalid(bucket: ConfigBucket, decision: Decision) -> dict[str, ConfigError]:
    """Every unreadable file, those read at an earlier look included: the check names them all."""
    earlier = bucket.read(key for key in decision.cursor.unreadable() if key not in decision.invalid)
    errors = dict(decision.invalid)
    errors.update({key: outcome for key, (_etag, outcome) in earlier.items() if isinstance(outcome, ConfigError)})
    return dict(sorted(errors.items()))


def _snapshot_request(
    partitions: Partitions, stages: Stages, archive: Archive, catalog: Catalog, configs: Sequence[ClientConfig]
) -> list[RunRequest]:
    """One run of today's snapshots where a new client needs a source that nobody has fetched today."""
    day = today()
    needed = {
        source.source_key
        for config in configs
        for source in catalog.resolve(config.bouquets, config.extra_sources).sources
    }
    missing = sorted(needed - archive.snapshot_sources(day))
    if not missing or day < partitions.first_day:
        return []
    return [
        RunRequest(
            run_key=f"snapshots-{day}-{_short(missing)}",
            job_name=stages.sources.job.name,
            partition_key=day.isoformat(),
        )
    ]


def _config_requests(
    instance: DagsterInstance,
    stages: Stages,
    order: Sequence[str],
    clients: set[str],
    listing: Mapping[str, str],
    store: ObjectStore,
) -> list[RunRequest]:
    """One run of the clients whose configuration is to be read, whichever they are."""
    if not clients:
        return []
    # The last materialization is part of the run key: the same content may come back and must run again, while a
    # second look before the run ends (a lost cursor) asks with the same key and is not run twice. The hour is part of
    # it so that what failed is tried again, and not at every look.
    hour = f"{datetime.now(UTC):%Y-%m-%dT%H}"
    last = instance.event_log_storage.get_latest_storage_id_by_partition(
        AssetKey(CLIENT_CONFIG), DagsterEventType.ASSET_MATERIALIZATION
    )
    etags = {client_id_of(key): etag for key, etag in listing.items() if _is_of(key, clients)}
    requests = []
    for batch in key_batches(clients, order):
        marks = [f"{client}:{etags.get(client, '')}:{last.get(client, 0)}" for client in batch.keys]
        run_key = f"configs-{hour}-{_short(marks)}"
        requests.append(RunRequest(run_key=run_key, job_name=stages.configs.job.name, tags=batch_tags(store, batch)))
    return requests


def _is_of(key: str, clients: set[str]) -> bool:
    try:
        return client_id_of(key) in clients
    except ConfigError:
        return False


def _partition_requests(
    clients: DynamicPartitionsDefinition, added: Sequence[str], gone: Sequence[str]
) -> list[AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest]:
    requests: list[AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest] = []
    if gone:
        requests.append(clients.build_delete_request(list(gone)))
    if added:
        requests.append(clients.build_add_request(list(added)))
    return requests


def _say(context: SensorEvaluationContext, decision: Decision, activated: Sequence[str]) -> None:
    for what, clients in (
        ("activated", activated),
        ("changed", decision.changed),
        ("switched off", decision.deactivated),
        ("removed", decision.removed),
    ):
        if clients:
            context.log.info(f"{what}: {', '.join(clients)}")
    for error in decision.invalid.values():
        context.log.warning(str(error))


def _short(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
