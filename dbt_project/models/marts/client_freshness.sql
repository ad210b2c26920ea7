{#- Small, and of all days: replaced whole, not by cells. -#}
{{ config(materialized='table', partition_by=none, cluster_by=none) }}
{%- set quiet_days = 7 %}
{%- set stale_days = 2 %}
-- What each client has, and how old it is. Ages are counted up to the newest day of all clients, not to now: built again
-- from the same rows, the answer is the same.
with newest as (
    select max(day) as day from {{ ref('client_daily_activity') }}
),

cells as (
    select
        activity.client_id,
        activity.day,
        activity.items,
        cells.outcome,
        newest.day as newest_day,
        {{ dbt.datediff('activity.day', 'newest.day', 'day') }} as age
    from {{ ref('client_daily_activity') }} as activity
    cross join newest
    left join {{ control_table('cells') }} as cells
        on cells.client_id = activity.client_id and cells.day = activity.day
),

built as (
    select
        client_id,
        newest_day,
        max(day) as newest_cell,
        max(case when items > 0 then day end) as newest_item,
        count(case when outcome = 'degraded' and age < 7 then 1 end) as degraded_7,
        cast(sum(case when age < 7 then items else 0 end) as {{ dbt.type_bigint() }}) as items_7,
        cast(sum(case when age < 30 then items else 0 end) as {{ dbt.type_bigint() }}) as items_30
    from cells
    group by client_id, newest_day
),

published as (
    select
        client_id,
        -- an announced day says nothing about how fresh the item is
        max(case when published_at <= day then published_at end) as newest_published
    from {{ ref('stg_items') }}
    group by client_id
),

aged as (
    select
        built.*,
        published.newest_published,
        {{ dbt.datediff('built.newest_cell', 'built.newest_day', 'day') }} as days_since_cell,
        {{ dbt.datediff('built.newest_item', 'built.newest_day', 'day') }} as days_since_item,
        {{ dbt.datediff('published.newest_published', 'built.newest_day', 'day') }} as days_since_published
    from built
    left join published on published.client_id = built.client_id
)

select
    client_id,
    case
        when newest_item is null then 'never'
        when days_since_cell > {{ stale_days }} then 'stale'
        when days_since_item >= {{ quiet_days }} then 'quiet'
        else 'ok'
    end as status,
    newest_cell,
    newest_item,
    newest_published,
    days_since_cell,
    days_since_item,
    days_since_published,
    degraded_7,
    items_7,
    items_30
from aged
