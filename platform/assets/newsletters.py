"""newsletter [client x week]: the pages of a client's week, in V2's place, and why each story is in or out.

Here: reading the models, writing the files, recording each page. Not here: selection, composition and rendering
(domain.newsletters, domain.explanations), nor when a page is due (sensors.chaining).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

import orjson
from dagster import (
    AllPartitionMapping,
    AssetDep,
    AssetExecutionContext,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    MetadataValue,
    multi_asset,
)

from assets.names import CLIENT_CONFIG, LAST_MODEL, NEWSLETTER
from assets.outcomes import Outcomes
from domain.clients import ClientConfig
from domain.errors import MissingError
from domain.explanations import Contribution, explain, render_explanation
from domain.newsletters import compose, manifest, render_html, render_markdown, to_json
from domain.selection_policy import EVENT_TYPES, Policy, read_policy
from domain.stories import Newsletter, Story
from partitions import Partitions, client_week, split
from resources.archive import Archive
from resources.object_store import PARALLEL, ObjectStore, ObjectStoreResource
from resources.warehouse import Param, Warehouse
from resources.warehouse_resource import WarehouseResource

Metadata = dict[str, Any]

_PREVIEW = 4000  # characters of Markdown shown in the UI
_AT_ONCE = 100  # clients whose rows are held at the same time
_STORIES = """
select client_id, item_id, source_key, source_type, title, summary, url, day, published_at, date_source, language,
       also_in_sources, score, duplicate_group, event_type, event_path, critical, domains, companies, molecules,
       technologies, trademarks, summary_path
from newsletter_items
where day between @first and @last and client_id between @from_client and @to_client
"""
_EVENTS = "select event_type from raw.scoring_events"
_CONTRIBUTIONS = """
select client_id, day, item_id, step, kind, name, value, because
from score_contributions
where day between @first and @last and client_id between @from_client and @to_client
"""


@dataclass
class Candidates:
    """What one client's week is chosen from, and what its scores are made of, by (item, day)."""

    stories: list[Story] = field(default_factory=list)
    contributions: defaultdict[tuple[str, date], list[Contribution]] = field(default_factory=lambda: defaultdict(list))


def newsletter_assets(partitions: Partitions) -> list[AssetsDefinition]:
    """The asset, for the given partitionings."""

    @multi_asset(
        name=NEWSLETTER,
        specs=[
            AssetSpec(
                NEWSLETTER,
                description="The client's week as a page to read. The running week's page grows day by day.",
                group_name="newsletters",
                kinds={"html"},
                skippable=True,
                partitions_def=partitions.client_weeks,
                deps=[
                    # Dagster maps no days to one dimension of client x week; the sensor knows the exact days.
                    AssetDep(LAST_MODEL, partition_mapping=AllPartitionMapping()),
                    AssetDep(CLIENT_CONFIG),
                ],
            )
        ],
        backfill_policy=BackfillPolicy.single_run(),
        pool="warehouse",  # DuckDB lets nobody read while one writes
    )
    def newsletter(
        context: AssetExecutionContext,
        data_store: ObjectStoreResource,
        newsletter_store: ObjectStoreResource,
        warehouse: WarehouseResource,
    ) -> Iterator[AssetMaterialization]:
        outcomes = Outcomes(context, NEWSLETTER, data_store.store())
        wanted = sorted((week, client) for client, week in split(outcomes.pending()))
        configs = Archive(data_store.store()).configs(sorted({client for _week, client in wanted}))
        pages, events = newsletter_store.store(), known_events(warehouse.warehouse())
        for week, group in groupby(wanted, key=lambda cell: cell[0]):
            for some in _candidates(warehouse.warehouse(), [client for _week, client in group], week):
                with ThreadPoolExecutor(PARALLEL) as threads:  # each page is six objects to wait for
                    write = partial(_written, pages, week, events)
                    written = threads.map(write, some, map(configs.get, some), some.values())
                    for client, done in zip(some, written, strict=True):
                        if isinstance(done, Exception):
                            outcomes.fail(client_week(client, week), done)
                        else:
                            yield outcomes.record(client_week(client, week), done)
        outcomes.close()

    return [newsletter]


def known_events(warehouse: Warehouse) -> frozenset[str]:
    """The types of event that the items were scored by; Vigie's own where none was scored yet."""
    return frozenset(row["event_type"] for row in warehouse.query(_EVENTS)) or EVENT_TYPES


def _written(
    pages: ObjectStore,
    week: date,
    events: frozenset[str],
    client: str,
    config: ClientConfig | None,
    found: Candidates,
) -> Metadata | Exception:
    """Writes one client's page; what people read about it, or the error that it ended with, which stops no other."""
    try:
        config = _known(config, client)
        policy = read_policy(config, events)
        page = compose(client, config.name, config.language, week, found.stories, policy)
        return _metadata(page, policy, pages.uri, _write(pages, page, policy, found))
    except Exception as error:  # noqa: BLE001 (whatever one client's data does must not stop the others)
        return error


def _candidates(warehouse: Warehouse, clients: Sequence[str], week: date) -> Iterator[dict[str, Candidates]]:
    """Some clients at a time, each with what its week is chosen from: two queries for them all."""
    for start in range(0, len(clients), _AT_ONCE):
        some = clients[start : start + _AT_ONCE]
        cells: dict[str, Param] = {
            "first": week,
            "last": week + timedelta(days=6),
            "from_client": some[0],
            "to_client": some[-1],
        }
        found: defaultdict[str, Candidates] = defaultdict(Candidates)
        for row in warehouse.query(_STORIES, cells):
            found[row.pop("client_id")].stories.append(Story.of_row(row))
        for row in warehouse.query(_CONTRIBUTIONS, cells):
            of_client = found[row.pop("client_id")].contributions
            of_client[row.pop("item_id"), row.pop("day")].append(Contribution.of_row(row))
        yield {client: found[client] for client in some}


def _known(config: ClientConfig | None, client: str) -> ClientConfig:
    if config is None:
        raise MissingError(
            "the client has no valid configuration yet.",
            where=client,
            remedy=f"Materialize client_config of {client} first.",
        )
    return config


def _write(store: ObjectStore, page: Newsletter, policy: Policy, found: Candidates) -> dict[str, str]:
    """Writes the page's files, the manifest last: who finds it finds everything. Format -> key."""
    folder, now = f"{page.client_id}/{page.week_start:%Y/%m/%d}", datetime.now(UTC)
    html, reasons = "text/html; charset=utf-8", explain(page, policy, found.contributions, now)
    bodies = {
        "explanation_html": ("explain.html", render_explanation(page, reasons).encode(), html),
        "explanation_json": ("explain.json", _json(reasons), "application/json"),
        "html": ("newsletter.html", render_html(page).encode(), html),
        "markdown": ("newsletter.md", render_markdown(page).encode(), "text/markdown; charset=utf-8"),
        "json": ("newsletter.json", _json(to_json(page, now)), "application/json"),
    }
    files = {name: f"{folder}/{file}" for name, (file, _body, _type) in bodies.items()}
    for name, (_file, body, content_type) in bodies.items():
        store.put(files[name], body, content_type)
    store.put(f"{folder}/manifest.json", _json(manifest(page, files, now)), "application/json")
    return files


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def _metadata(page: Newsletter, policy: Policy, uri: str, files: dict[str, str]) -> Metadata:
    return {
        "stories": page.total,
        "sections": len(page.sections),
        "left_out": sum(page.left_out.values()),
        "reasons": MetadataValue.json(page.left_out),
        "remarks": MetadataValue.json(list(policy.remarks)),
        "page": MetadataValue.path(f"{uri}/{files['html']}"),
        "explanation": MetadataValue.path(f"{uri}/{files['explanation_html']}"),
        "preview": MetadataValue.md(render_markdown(page)[:_PREVIEW]),
    }
