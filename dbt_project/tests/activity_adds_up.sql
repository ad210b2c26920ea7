{{ config(meta={'dagster': {'ref': {'name': 'client_daily_activity'}}}) }}
-- Every requested cell has its row of activity, and the row counts exactly what was staged and kept.
with staged as (
    select client_id, day, count(*) as items
    from {{ requested_rows(ref('stg_items')) }} as items
    group by client_id, day
),

kept as (
    select client_id, day, count(*) as items
    from {{ requested_rows(ref('newsletter_items')) }} as items
    group by client_id, day
)

select asked.client_id, asked.day, activity.items, activity.duplicates
from {{ requested_cells() }} as asked
left join {{ ref('client_daily_activity') }} as activity
    on activity.client_id = asked.client_id and activity.day = asked.day
left join staged on staged.client_id = asked.client_id and staged.day = asked.day
left join kept on kept.client_id = asked.client_id and kept.day = asked.day
where
    activity.client_id is null
    or activity.items <> coalesce(staged.items, 0)
    or activity.items - activity.duplicates <> coalesce(kept.items, 0)
