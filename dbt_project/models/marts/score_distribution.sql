{#- Small, and of all days: replaced whole, not by cells. -#}
{{ config(materialized='table', partition_by=none, cluster_by=none) }}
-- How the scores of each client lie, by event type and over all of them ('*'), in the last 7 and in the last 30 days up to
-- the newest day of all clients: built again from the same rows, the answer is the same.
with newest as (
    select max(day) as day from {{ ref('client_daily_activity') }}
),

spans as (
    select 7 as days
    union all
    select 30 as days
),

scored as (
    select
        items.client_id,
        items.event_type,
        items.domains = '' as is_without_domain,
        -- tenths of a point: whole numbers add up the same in any order
        cast(round(items.score * 10) as {{ dbt.type_bigint() }}) as tenths,
        {{ dbt.datediff('items.day', 'newest.day', 'day') }} as age
    from {{ ref('scored_items') }} as items
    cross join newest
),

counted_in as (
    select scored.client_id, scored.event_type, spans.days, scored.is_without_domain, scored.tenths
    from scored
    inner join spans on scored.age < spans.days
    union all
    select scored.client_id, '*' as event_type, spans.days, scored.is_without_domain, scored.tenths
    from scored
    inner join spans on scored.age < spans.days
),

ranked as (
    select
        *,
        row_number() over (partition by client_id, event_type, days, tenths > 0 order by tenths) as place,
        count(*) over (partition by client_id, event_type, days, tenths > 0) as places
    from counted_in
)

select
    client_id,
    event_type,
    days,
    count(*) as items,
    count(case when tenths >= 100 then 1 end) as high,
    count(case when tenths >= 50 and tenths < 100 then 1 end) as medium,
    count(case when tenths > 0 and tenths < 50 then 1 end) as low,
    count(case when tenths <= 0 then 1 end) as zero,
    min(case when tenths > 0 then tenths end) / 10.0 as min_score,
    avg(case when tenths > 0 then tenths end) / 10.0 as average_score,
    -- the one in the middle, or the two around it
    avg(case when tenths > 0 and 2 * place between places and places + 2 then tenths end) / 10.0 as median_score,
    max(case when tenths > 0 then tenths end) / 10.0 as max_score,
    count(case when is_without_domain then 1 end) * 1.0 / count(*) as without_domain_share
from ranked
group by client_id, event_type, days
