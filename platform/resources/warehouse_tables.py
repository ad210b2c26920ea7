"""The raw tables that the platform itself writes: their columns, and how each of them is replaced.

Here: schemas only, the same for both engines. Not here: rows and statements (warehouse), connections
(duckdb_warehouse, bigquery_warehouse), models (dbt owns those).
"""

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


_CELL = [_required("client_id", pa.string()), _required("day", pa.date32())]
_LOAD = [_required("load_id", pa.string()), _required("loaded_at", INSTANT)]

ITEM_ROWS = pa.schema(
    [
        *_CELL,
        _required("item_id", pa.string()),
        _required("source_key", pa.string()),
        pa.field("source_type", pa.string()),
        pa.field("title", pa.string()),
        pa.field("content", pa.string()),
        pa.field("url", pa.string()),
        pa.field("guid", pa.string()),
        pa.field("published_at", pa.date32()),
        pa.field("date_source", pa.string()),
        pa.field("first_seen", pa.date32()),
        pa.field("ingested_at", INSTANT),
        pa.field("language", pa.string()),
        pa.field("content_hash", pa.string()),
        pa.field("author", pa.string()),
        pa.field("tags", pa.string()),
        pa.field("word_count", pa.int64()),
        # the item that speaks for those of its cell that tell the same text; "" where it stands alone
        pa.field("duplicate_group", pa.string()),
    ]
)
TABLES: dict[str, pa.Schema] = {
    "items": pa.schema([*ITEM_ROWS, *_LOAD]),
    "cells": pa.schema(
        [
            *_CELL,
            _required("outcome", pa.string()),
            _required("items", pa.int64()),
            _required("sources_failed", pa.int64()),
            *_LOAD,
        ]
    ),
    # What each source gave on each day: the snapshots, counted.
    "source_days": pa.schema(
        [
            _required("day", pa.date32()),
            _required("source_key", pa.string()),
            _required("outcome", pa.string()),
            _required("error", pa.string()),
            _required("items", pa.int64()),
            _required("items_new", pa.int64()),
            _required("undated", pa.int64()),
            pa.field("newest_item", pa.date32()),
            _required("fetched_at", INSTANT),
            _required("loaded_at", INSTANT),
        ]
    ),
    "build_cells": pa.schema(
        [_required("batch_id", pa.string()), *_CELL, _required("requested_at", INSTANT)],
    ),
    # Where which term stands in the title or the text of an item: characters, the end excluded.
    "item_matches": pa.schema(
        [
            *_CELL,
            _required("item_id", pa.string()),
            _required("field", pa.string()),
            _required("term_key", pa.string()),
            _required("start_at", pa.int64()),
            _required("end_at", pa.int64()),
        ]
    ),
    # Every phrase of every scope, and the keywords of the event types (category "event", scope its type).
    "terms": pa.schema(
        [
            _required("category", pa.string()),
            _required("scope", pa.string()),
            _required("list", pa.string()),
            _required("term", pa.string()),
            _required("term_key", pa.string()),
        ]
    ),
    # What a language model made of a text, once for all clients and days.
    "item_readings": pa.schema(
        [
            _required("content_hash", pa.string()),
            _required("prompt", pa.string()),
            _required("model", pa.string()),
            _required("summary", pa.string()),
            _required("event_type", pa.string()),
            _required("entities", pa.string()),
            _required("input_tokens", pa.int64()),
            _required("output_tokens", pa.int64()),
            _required("read_at", INSTANT),
        ]
    ),
    # Copies of the accounts' database: what is not named here (leases, fingerprints, workspaces) never gets there.
    "accounts": pa.schema(
        [
            _required("name", pa.string()),
            _required("number", pa.string()),
            _required("type", pa.string()),
            _required("environment_type", pa.string()),
            _required("code_bu", pa.string()),
            _required("mode", pa.string()),
            _required("status", pa.string()),
            _required("status_reason", pa.string()),
            _required("desired_version", pa.int64()),
            pa.field("applied_version", pa.int64()),
            _required("drift_policy", pa.string()),
            pa.field("drift", pa.string()),
            pa.field("drift_seen_at", INSTANT),
            _required("updated_at", INSTANT),
            _required("exported_at", INSTANT),
        ]
    ),
    "account_versions": pa.schema(
        [
            _required("account", pa.string()),
            _required("version", pa.int64()),
            _required("iam_version", pa.string()),
            _required("subnet_count", pa.int64()),
            _required("enable_monitoring", pa.bool_()),
            _required("tags", pa.string()),
            _required("execution_mode", pa.string()),
            _required("origin", pa.string()),
            _required("requested_by", pa.string()),
            _required("reason", pa.string()),
            _required("requested_at", INSTANT),
        ]
    ),
    "account_jobs": pa.schema(
        [
            _required("account", pa.string()),
            _required("version", pa.int64()),
            _required("kind", pa.string()),
            _required("attempt", pa.int64()),
            _required("status", pa.string()),
            pa.field("to_add", pa.int64()),
            pa.field("to_change", pa.int64()),
            pa.field("to_destroy", pa.int64()),
            _required("intended_at", INSTANT),
            pa.field("launched_at", INSTANT),
            pa.field("finished_at", INSTANT),
            _required("error", pa.string()),
        ]
    ),
}
DAY_TABLES = frozenset({"source_days"})  # replaced by whole days
CELL_TABLES = frozenset({"item_matches"})  # replaced by cells, beside the items themselves
GROWING_TABLES = frozenset({"item_readings"})  # rows are added, none is ever taken back
WHOLE_TABLES = frozenset({"accounts", "account_versions", "account_jobs", "terms"})  # replaced whole, never by cells
OUTCOMES = {"cells": ("ok", "degraded"), "source_days": ("ok", "failed")}  # what their column `outcome` may hold
