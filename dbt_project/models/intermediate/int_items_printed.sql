-- The items that speak for their text, with what a newsletter prints of them: one row per text, client and day.
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
),

readings as (
    select content_hash, max_by(summary, read_at) as summary
    from {{ source('raw', 'item_readings') }}
    where summary <> ''
    group by content_hash
)

select
    staged.client_id,
    staged.day,
    staged.item_id,
    staged.source_key,
    staged.source_type,
    staged.title,
    case
        when readings.summary is not null then readings.summary
        when length(staged.content) <= {{ size }} then staged.content
        -- one character more than the summary: a word that ends exactly there stays whole
        else concat(
            regexp_replace(substr(staged.content, 1, {{ size + 1 }}), '[[:space:]]+[^[:space:]]*$', ''), '…'
        )
    end as summary,
    case when readings.summary is not null then 'model' else 'text' end as summary_path,
    staged.url,
    staged.published_at,
    staged.date_source,
    staged.first_seen,
    staged.language,
    staged.word_count,
    coalesce(others.also_in_sources, 0) as also_in_sources,
    staged.duplicate_group
from {{ requested_rows(ref('stg_items')) }} as staged
inner join ranked on {{ same_item('ranked', 'staged') }}
left join others on {{ same_item('others', 'staged') }}
left join readings on readings.content_hash = staged.content_hash
where ranked.is_representative
