{#- Small, and of all days: replaced whole, not by cells. -#}
{{ config(materialized='table', partition_by=none, cluster_by=none) }}
{%- set stale_days = 30 %}
-- How each source does, as of the last day on which it was asked: its newest rows, and counts of the days before.
-- Ages are counted up to that day, not to now: built again from the same rows, the answer is the same.
with spans as (
    select
        source_key,
        min(day) as first_day,
        max(day) as last_day,
        max(case when outcome = 'ok' then day end) as last_good_day,
        max(case when items_new > 0 then day end) as last_new_day
    from {{ source('raw', 'source_days') }}
    group by source_key
),

aged as (
    select
        days.*,
        spans.first_day,
        spans.last_day,
        spans.last_good_day,
        spans.last_new_day,
        {{ dbt.datediff('days.day', 'spans.last_day', 'day') }} as age,
        {{ dbt.datediff('spans.first_day', 'spans.last_day', 'day') }} + 1 as known_days
    from {{ source('raw', 'source_days') }} as days
    inner join spans on spans.source_key = days.source_key
),

counted as (
    select
        source_key,
        first_day,
        last_day,
        last_good_day,
        last_new_day,
        -- a day on which nobody asked says nothing about the source
        count(case when outcome = 'failed' and (last_good_day is null or day > last_good_day) then 1 end)
            as failures_in_a_row,
        max(case when day = last_day and outcome = 'failed' then error end) as last_error,
        max(case when day = last_good_day then items end) as items_shown,
        max(case when day = last_good_day then newest_item end) as newest_item,
        -- a source that is known for three days has not had seven to bring its items in
        sum(case when age < 7 then items_new else 0 end) * 1.0 / least(7, known_days) as items_per_day_7,
        sum(case when age < 30 then items_new else 0 end) * 1.0 / least(30, known_days) as items_per_day_30,
        sum(case when age < 30 then undated else 0 end) * 1.0
            / nullif(sum(case when age < 30 then items_new else 0 end), 0) as undated_share
    from aged
    group by source_key, first_day, last_day, last_good_day, last_new_day, known_days
)

select
    source_key,
    case
        when failures_in_a_row > 0 then 'failing'
        when items_shown = 0 then 'silent'
        when {{ dbt.datediff('newest_item', 'last_day', 'day') }} > {{ stale_days }} then 'stale'
        else 'ok'
    end as status,
    first_day,
    last_day,
    last_good_day,
    last_new_day,
    failures_in_a_row,
    last_error,
    items_shown,
    newest_item,
    items_per_day_7,
    items_per_day_30,
    undated_share
from counted
