-- What a newsletter may print: one row per text, client and day.
{%- set size = var('summary_characters') %}
with ranked as (
    select * from {{ requested_rows(ref('int_items_ranked')) }} as items
),

others as (
    select
        copies.client_id,
        copies.day,
        copies.duplicate_of as item_id,
        count(distinct copies.source_key) as also_in_sources
    from ranked as copies
    inner join ranked as firsts
        on firsts.client_id = copies.client_id
        and firsts.day = copies.day
        and firsts.item_id = copies.duplicate_of
        and firsts.source_key <> copies.source_key
    group by copies.client_id, copies.day, copies.duplicate_of
)

select
    staged.client_id,
    staged.day,
    staged.item_id,
    staged.source_key,
    staged.source_type,
    staged.title,
    case
        when length(staged.content) <= {{ size }} then staged.content
        -- one character more than the summary: a word that ends exactly there stays whole
        else concat(
            regexp_replace(substr(staged.content, 1, {{ size + 1 }}), '[[:space:]]+[^[:space:]]*$', ''), '…'
        )
    end as summary,
    staged.url,
    staged.published_at,
    staged.date_source,
    staged.first_seen,
    staged.language,
    staged.word_count,
    coalesce(others.also_in_sources, 0) as also_in_sources
from {{ requested_rows(ref('stg_items')) }} as staged
inner join ranked
    on ranked.client_id = staged.client_id and ranked.day = staged.day and ranked.item_id = staged.item_id
left join others
    on others.client_id = staged.client_id and others.day = staged.day and others.item_id = staged.item_id
where ranked.is_representative
