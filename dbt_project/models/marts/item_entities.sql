{{ config(materialized='view', partition_by=none, cluster_by=none) }}
-- Each entity that an item names, whoever watches it. One term in several scopes of a category is one entity.
with named as (
    select category, term_key, min(term) as entity
    from {{ source('raw', 'terms') }}
    where category <> 'event'
    group by category, term_key
),

found as (
    select
        client_id,
        day,
        item_id,
        term_key,
        count(case when field = 'title' then 1 end) > 0 as in_title,
        count(*) as mentions,
        coalesce(min(case when field = 'title' then start_at end), min(start_at)) as first_at
    from {{ source('raw', 'item_matches') }}
    group by client_id, day, item_id, term_key
)

select
    found.client_id,
    found.day,
    found.item_id,
    named.category,
    named.entity,
    found.in_title,
    found.mentions,
    found.first_at
from found
inner join named on named.term_key = found.term_key
