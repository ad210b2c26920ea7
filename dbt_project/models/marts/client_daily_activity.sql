-- How much each client got on each day: a row for every requested cell, one without items included.
with items as (
    select
        staged.client_id,
        staged.day,
        staged.source_key,
        staged.published_at,
        staged.word_count,
        ranked.is_representative
    from {{ requested_rows(ref('stg_items')) }} as staged
    inner join {{ requested_rows(ref('int_items_ranked')) }} as ranked
        on ranked.client_id = staged.client_id and ranked.day = staged.day and ranked.item_id = staged.item_id
)

select
    asked.client_id,
    asked.day,
    count(items.source_key) as items,
    count(case when not items.is_representative then 1 end) as duplicates,
    count(distinct items.source_key) as sources,
    count(case when items.source_key is not null and items.published_at is null then 1 end) as undated_items,
    -- DuckDB sums into a wider type than it counts in
    cast(coalesce(sum(items.word_count), 0) as {{ dbt.type_bigint() }}) as words,
    min(items.published_at) as first_published,
    max(items.published_at) as last_published
from {{ requested_cells() }} as asked
left join items on items.client_id = asked.client_id and items.day = asked.day
group by asked.client_id, asked.day
