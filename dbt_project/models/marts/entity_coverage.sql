{#- Small, and of all days: replaced whole, not by cells. -#}
{{ config(materialized='table', partition_by=none, cluster_by=none) }}
-- What each client watches by name, and how often its items name it: also what they never name, with zeros. Days are
-- counted up to the newest day of all clients: built again from the same rows, the answer is the same.
with newest as (
    select max(day) as day from {{ ref('client_daily_activity') }}
),

-- as item_entities names them
names as (
    select category, term_key, min(term) as entity
    from {{ source('raw', 'terms') }}
    group by category, term_key
),

watched as (
    select distinct
        scopes.client_id,
        scopes.category,
        names.entity
    from {{ source('raw', 'client_scopes') }} as scopes
    inner join {{ source('raw', 'terms') }} as terms
        on terms.category = scopes.category and terms.scope = scopes.scope and terms.list = scopes.list
    inner join names on names.category = terms.category and names.term_key = terms.term_key
    where
        scopes.category in ('company', 'molecule', 'technology', 'trademark')
        and scopes.strength < 4
        and scopes.part not in ('exclusion', 'against')
),

named as (
    select
        entities.client_id,
        entities.category,
        entities.entity,
        entities.day,
        items.source_key,
        -- tenths of a point: whole numbers add up the same in any order
        cast(round(scored.score * 10) as {{ dbt.type_bigint() }}) as tenths,
        {{ dbt.datediff('entities.day', 'newest.day', 'day') }} as age
    from {{ ref('item_entities') }} as entities
    cross join newest
    inner join {{ ref('stg_items') }} as items on {{ same_item('items', 'entities') }}
    left join {{ ref('scored_items') }} as scored on {{ same_item('scored', 'entities') }}
),

counted as (
    select
        client_id,
        category,
        entity,
        count(case when age < 7 then 1 end) as items_7,
        count(case when age < 30 then 1 end) as items_30,
        count(distinct case when age < 30 then source_key end) as sources_30,
        avg(case when age < 30 then tenths end) / 10.0 as average_score,
        min(day) as first_day,
        max(day) as last_day
    from named
    group by client_id, category, entity
)

select
    watched.client_id,
    watched.category,
    watched.entity,
    coalesce(counted.items_7, 0) as items_7,
    coalesce(counted.items_30, 0) as items_30,
    coalesce(counted.sources_30, 0) as sources_30,
    counted.average_score,
    counted.first_day,
    counted.last_day
from watched
left join counted
    on counted.client_id = watched.client_id and counted.category = watched.category and counted.entity = watched.entity
