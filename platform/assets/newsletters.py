"""newsletter [client x week]: a page, a Markdown file, JSON and a manifest per client and week, in V2's place.

Here: reading the mart, writing the files, recording each page. Not here: composition and rendering
(domain.newsletters), nor when a page is due (sensors.chaining).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

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
from domain.newsletters import Newsletter, Section, Story, compose, manifest, render_html, render_markdown, to_json
from partitions import Partitions, client_week, split
from resources.archive import Archive
from resources.object_store import ObjectStore, ObjectStoreResource
from resources.warehouse import Warehouse
from resources.warehouse_resource import WarehouseResource

_PREVIEW = 4000  # characters of Markdown shown in the UI


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
        outcomes = Outcomes(context, NEWSLETTER)
        wanted = sorted((week, client) for client, week in split(outcomes.pending()))
        configs = Archive(data_store.store()).configs(sorted({client for _week, client in wanted}))
        pages = newsletter_store.store()
        for week, group in groupby(wanted, key=lambda cell: cell[0]):
            clients = [client for _week, client in group]
            stories = _stories(warehouse.warehouse(), clients, week)
            for client in clients:
                key = client_week(client, week)
                try:
                    page = _page(configs.get(client), client, week, stories[client])
                    files = _write(pages, page)
                except Exception as error:  # noqa: BLE001 (one client's page must not stop the others)
                    outcomes.fail(key, error)
                    continue
                yield outcomes.record(key, _metadata(page, pages.uri, files))
        outcomes.close()

    return [newsletter]


def _stories(warehouse: Warehouse, clients: Sequence[str], week: date) -> dict[str, list[Story]]:
    """Client -> its stories of the week; one query for all of them."""
    rows = warehouse.query(
        """
        select client_id, item_id, source_key, source_type, title, summary, url, day, published_at, date_source,
               language, also_in_sources
        from newsletter_items
        where day between @first and @last and client_id between @from_client and @to_client
        """,
        {"first": week, "last": week + timedelta(days=6), "from_client": clients[0], "to_client": clients[-1]},
    )
    stories: dict[str, list[Story]] = defaultdict(list)
    for row in rows:
        stories[row.pop("client_id")].append(Story(**row))
    return stories


def _page(config: ClientConfig | None, client: str, week: date, stories: Sequence[Story]) -> Newsletter:
    if config is None:
        raise MissingError(
            "the client has no valid configuration yet.",
            where=client,
            remedy=f"Materialize client_config of {client} first.",
        )
    sections = [
        Section(section.id, section.title, section.max_items, section.sort_by)
        for section in sorted(config.sections, key=lambda section: section.priority)
    ]
    return compose(client, config.name, week, stories, sections, config.max_items_total, config.language)


def _write(store: ObjectStore, page: Newsletter) -> dict[str, str]:
    """Writes the page's files, the manifest last: who finds it finds everything. Format -> key."""
    folder, now = f"{page.client_id}/{page.week_start:%Y/%m/%d}", datetime.now(UTC)
    bodies = {
        "html": ("newsletter.html", render_html(page).encode(), "text/html; charset=utf-8"),
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


def _metadata(page: Newsletter, uri: str, files: dict[str, str]) -> dict[str, object]:
    return {
        "stories": page.total,
        "sections": len(page.sections),
        "left_out": sum(page.left_out.values()),
        "page": MetadataValue.path(f"{uri}/{files['html']}"),
        "preview": MetadataValue.md(render_markdown(page)[:_PREVIEW]),
    }
