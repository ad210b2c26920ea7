"""item_matches [day]: every term of every scope, found in the items of the requested cells, with its place.

Here: configuration in, finds out, what people read about them. Not here: the search (domain.matching), the tables
(resources.item_matches), nor what a find is worth (dbt's models).
"""

import time
from collections import Counter
from itertools import islice

from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from assets.batches import requested
from assets.names import CLIENT_ITEMS, ITEM_MATCHES
from assets.outcomes import in_words
from domain.event_types import CATEGORY
from domain.matching import Matcher
from domain.newsletter_templates import markdown
from domain.scoring import configuration
from partitions import Partitions
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.item_matches import match_cells
from resources.object_store import ObjectStoreResource
from resources.warehouse_resource import WarehouseResource

_TOP = 15  # terms shown in the UI
_MOST_REMARKS = 50  # in one line of the log: a thousand clients may share one mistake


def match_assets(partitions: Partitions) -> list[AssetsDefinition]:
    """The asset, for the given partitionings."""

    @multi_asset(
        name=ITEM_MATCHES,
        specs=[
            AssetSpec(
                ITEM_MATCHES,
                description="The companies, molecules, technologies... that each item names, by people's scopes.",
                group_name="warehouse",
                kinds={"python"},
                partitions_def=partitions.days,
                deps=[AssetDep(CLIENT_ITEMS)],
            )
        ],
        backfill_policy=BackfillPolicy.single_run(),
        pool="warehouse",  # DuckDB has one writer
    )
    def item_matches(
        context: AssetExecutionContext,
        config_store: ObjectStoreResource,
        data_store: ObjectStoreResource,
        warehouse: WarehouseResource,
    ) -> MaterializeResult[None]:
        started = time.monotonic()
        with in_words():
            raw, archive = warehouse.warehouse(), Archive(data_store.store())
            raw.prepare()
            batch_id, cells = requested(context, archive, raw)
            clients = sorted({client for client, _day in cells})
            scopes, events, rules, odd = ConfigBucket(config_store.store()).scoring_files()
            scoring = configuration(archive.configs(clients).values(), scopes, events, rules)
            problems = (*odd, *scoring.problems)
            if problems:
                context.log.warning("\n".join(str(problem) for problem in problems[:_MOST_REMARKS]))
            raw.replace_tables(scoring.tables)
            raw.replace_clients(clients, scoring.client_tables)
            texts, matched, terms = 0, 0, Counter[str]()
            for done in match_cells(raw, Matcher(scoring.terms), batch_id, cells):
                texts, matched = texts + done.texts, matched + done.matched
                terms.update(done.terms)
                context.log.info(f"{done.day}: {done.matched} of {done.texts} texts name something, {done.rows} rows")
        names = {term.key for term in scoring.terms if term.category != CATEGORY}  # keywords of events name nobody
        most = ((term, count) for term, count in terms.most_common() if term in names)
        top = "\n".join(f"| {markdown(term)} | {count} |" for term, count in islice(most, _TOP))
        return MaterializeResult(
            metadata={
                "cells": len(cells),
                "texts": texts,
                "texts_matched": matched,
                "terms_looked_for": len(scoring.terms),
                "remarks": len(problems),
                "most_named": MetadataValue.md(f"| term | finds |\n|---|---|\n{top}" if top else "nothing"),
                "seconds": round(time.monotonic() - started, 3),
            }
        )

    return [item_matches]
