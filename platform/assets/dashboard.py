"""dashboard: how the watch goes, on one page in the newsletters' store, written anew from the marts.

Here: the queries, the page's place. Not here: what is shown first and how (domain.dashboard), the marts (dbt_project),
when the page is due (sensors).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DagsterInstance,
    MaterializeResult,
    MetadataValue,
    asset,
)

from assets.names import ACCOUNT_COMPLIANCE, DASHBOARD, LAST_MODEL, SEEN_TAG
from assets.outcomes import in_words
from domain.dashboard import PLOTTED_DAYS, render_dashboard
from domain.dashboard_figures import (
    AccountCompliance,
    ClientDay,
    ClientFreshness,
    ClientScores,
    Dashboard,
    Entity,
    ScoreCount,
    SourceHealth,
)
from domain.errors import MissingError
from resources.object_store import ObjectStoreResource
from resources.warehouse import Param, Warehouse
from resources.warehouse_resource import WarehouseResource

KEY = "dashboard/index.html"
_MODELS = (
    "client_daily_activity",
    "scored_items",
    "score_distribution",
    "entity_coverage",
    "client_freshness",
    "source_health",
    ACCOUNT_COMPLIANCE,
)
_NEWEST = "select max(day) as day from client_daily_activity"
_ACTIVITY = "select client_id, day, items from client_daily_activity where day > @before"
_SCORE_COUNTS = """
select case when score > 0 then cast(floor(score) as int64) end as points, count(*) as items
from scored_items
where day > @before
group by 1
"""
_SCORES = """
select client_id, days, items, high, medium, low, zero, average_score, median_score, max_score, without_domain_share
from score_distribution
where event_type = '*'
"""
# The mean over clients is that of their items.
_ENTITIES = """
select
    category,
    entity,
    count(case when items_30 > 0 then 1 end) as clients,
    cast(sum(items_7) as int64) as items_7,
    cast(sum(items_30) as int64) as items_30,
    max(last_day) as last_day,
    sum(average_score * items_30) / nullif(sum(items_30), 0) as average_score
from entity_coverage
group by category, entity
"""
_CLIENTS = """
select client_id, status, newest_cell, newest_item, newest_published, days_since_item, degraded_7, items_7, items_30
from client_freshness
"""
_SOURCES = """
select source_key, status, last_day, last_good_day, failures_in_a_row, items_per_day_7, items_per_day_30, undated_share,
       last_error
from source_health
"""
_ACCOUNTS = """
select account, compliant, desired_version, applied_version, pending_days, drift, last_error
from account_compliance
"""


def dashboard_assets() -> list[AssetsDefinition]:
    """The asset: one page for all clients, so it has no partitions."""

    @asset(
        name=DASHBOARD,
        group_name="warehouse",
        kinds={"html"},
        deps=list(_MODELS),
        pool="warehouse",  # DuckDB lets nobody read while one writes
        description="How the watch goes, on one page: items, scores, coverage, clients, sources, accounts.",
    )
    def dashboard(
        context: AssetExecutionContext, newsletter_store: ObjectStoreResource, warehouse: WarehouseResource
    ) -> MaterializeResult[None]:
        seen = newest_shown(context.instance)
        with in_words():
            figures = read_figures(warehouse.warehouse(), datetime.now(UTC))
            pages = newsletter_store.store()
            pages.put(KEY, render_dashboard(figures).encode(), "text/html; charset=utf-8")
        return MaterializeResult(
            metadata={
                "page": MetadataValue.path(f"{pages.uri}/{KEY}"),
                "newest_day": str(figures.newest_day or "nothing yet"),
                "clients": len(figures.clients),
                "sources": len(figures.sources),
                "entities": len(figures.entities),
                "accounts": len(figures.accounts),
            },
            tags={SEEN_TAG: str(seen)},
        )

    return [dashboard]


def newest_shown(instance: DagsterInstance) -> int:
    """The storage id of the newest event of what the page shows; 0 where nothing was built yet."""
    records = instance.get_asset_records([AssetKey(LAST_MODEL), AssetKey(ACCOUNT_COMPLIANCE)])
    return max((record.asset_entry.last_materialization_storage_id or 0 for record in records), default=0)


def read_figures(warehouse: Warehouse, written_at: datetime) -> Dashboard:
    """The figures of the page as the marts have them; a mart that was never built gives none."""
    newest: date | None = next((row["day"] for row in _rows(warehouse, _NEWEST)), None)
    recent: dict[str, Param] = {"before": newest - timedelta(days=PLOTTED_DAYS)} if newest else {}
    return Dashboard(
        written_at,
        activity=[ClientDay(**row) for row in _rows(warehouse, _ACTIVITY, recent)] if recent else (),
        score_counts=[ScoreCount(**row) for row in _rows(warehouse, _SCORE_COUNTS, recent)] if recent else (),
        scores=[ClientScores(**row) for row in _rows(warehouse, _SCORES)],
        entities=[Entity(**row) for row in _rows(warehouse, _ENTITIES)],
        clients=[ClientFreshness(**row) for row in _rows(warehouse, _CLIENTS)],
        sources=[SourceHealth(**row) for row in _rows(warehouse, _SOURCES)],
        accounts=[AccountCompliance(**row) for row in _rows(warehouse, _ACCOUNTS)],
    )


def _rows(warehouse: Warehouse, sql: str, params: Mapping[str, Param] | None = None) -> list[dict[str, Any]]:
    try:
        return warehouse.query(sql, params)
    except MissingError:  # not built yet: the page says so
        return []
