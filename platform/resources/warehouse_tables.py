"""The raw tables that the platform itself writes: their columns, and how each of them is replaced.

Here: schemas only, the same for both engines. Not here: rows and statements (warehouse), connections
(duckdb_warehouse, bigquery_warehouse), models (dbt owns those).
"""

import pyarrow as pa

from domain.scoring import FIGURES

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
    # The terms whose words stand within a longer term of their category: where that one stands, it counts alone.
    "nested_terms": pa.schema(
        [_required("category", pa.string()), _required("inner_key", pa.string()), _required("outer_key", pa.string())]
    ),
    # The rules of scoring: what a type of event is worth to everybody, and which of two goes first (`place`).
    "scoring_events": pa.schema(
        [
            _required("event_type", pa.string()),
            _required("label", pa.string()),
            _required("place", pa.int64()),
            _required("bonus", pa.float64()),
            _required("is_low", pa.bool_()),
            _required("gives_context", pa.bool_()),
        ]
    ),
    # By age in days: -1 where it is unknown, and the oldest stands for all beyond.
    "scoring_ages": pa.schema(
        [_required("age", pa.int64()), _required("factor", pa.float64()), _required("penalty", pa.float64())]
    ),
    "scoring_figures": pa.schema([_required(name, pa.float64()) for name in FIGURES]),  # one row
    # What each client's file says of matching and scoring. `worst_level`: 1 high, 2 medium, 3 low.
    "client_scoring": pa.schema(
        [
            _required("client_id", pa.string()),
            _required("mode", pa.string()),
            _required("mode_factor", pa.float64()),
            _required("worst_level", pa.int64()),
            _required("max_domains", pa.int64()),
            _required("high_for_several", pa.bool_()),
            pa.field("trademark_from", pa.float64()),
            pa.field("fallback_from", pa.float64()),
            _required("fallback_domains", pa.int64()),
            _required("pure_player_bonus", pa.float64()),
            _required("trademark_bonus", pa.float64()),
            _required("molecule_bonus", pa.float64()),
            _required("hybrid_bonus", pa.float64()),
        ]
    ),
    "client_domains": pa.schema(
        [
            _required("client_id", pa.string()),
            _required("domain_id", pa.string()),
            _required("place", pa.int64()),
            _required("min_score", pa.float64()),
            _required("min_technologies", pa.int64()),
            _required("entity_required", pa.bool_()),
        ]
    ),
    "client_events": pa.schema(
        [
            _required("client_id", pa.string()),
            _required("event_type", pa.string()),
            _required("weight", pa.float64()),
            _required("weight_by", pa.string()),
            _required("critical", pa.bool_()),
        ]
    ),
    # The part that a list of terms plays for a client ("" for domain_id) or for one of its domains; `strength` is 1
    # strong, 2 medium, 3 weak, 4 against, 0 for a part that is no signal.
    "client_scopes": pa.schema(
        [
            _required("client_id", pa.string()),
            _required("domain_id", pa.string()),
            _required("part", pa.string()),
            _required("strength", pa.int64()),
            _required("category", pa.string()),
            _required("scope", pa.string()),
            _required("list", pa.string()),
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
# Replaced by clients: what a client's configuration means for its items.
CLIENT_TABLES = frozenset(
    name for name, fields in TABLES.items() if "client_id" in fields.names and "day" not in fields.names
)
GROWING_TABLES = frozenset({"item_readings"})  # rows are added, none is ever taken back
# Replaced whole, never by cells.
WHOLE_TABLES = frozenset(
    {
        "accounts",
        "account_versions",
        "account_jobs",
        "terms",
        "nested_terms",
        "scoring_events",
        "scoring_ages",
        "scoring_figures",
    }
)
OUTCOMES = {"cells": ("ok", "degraded"), "source_days": ("ok", "failed")}  # what their column `outcome` may hold
