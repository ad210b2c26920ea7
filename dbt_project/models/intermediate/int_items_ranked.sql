-- Items of one client and day that tell the same text, ranked; the first speaks for the others.
-- Near-duplicates were grouped as they were selected (duplicate_group). Beside that, texts alike to the letter count, a
-- short one (a lone "Comments", a teaser, nothing at all) only under the same title.
with items as (
    select
        client_id,
        day,
        item_id,
        source_key,
        published_at,
        duplicate_group,
        case
            when duplicate_group <> '' then duplicate_group
            when word_count >= {{ var('duplicate_min_words') }} then content_hash
            when title <> '' then concat(content_hash, ' ', lower(title))
            else item_id
        end as text_key
    from {{ requested_rows(ref('stg_items')) }} as staged
),

repeated as (
    select client_id, day, text_key
    from items
    group by client_id, day, text_key
    having count(*) > 1
),

ranked as (
    select
        items.client_id,
        items.day,
        items.item_id,
        row_number() over (
            partition by items.client_id, items.day, items.text_key
            order by
                items.item_id <> items.duplicate_group,
                items.published_at is null,
                items.published_at,
                items.source_key,
                items.item_id
        ) as duplicate_rank,
        first_value(items.item_id) over (
            partition by items.client_id, items.day, items.text_key
            order by
                items.item_id <> items.duplicate_group,
                items.published_at is null,
                items.published_at,
                items.source_key,
                items.item_id
        ) as representative_id
    from items
    inner join repeated
        on repeated.client_id = items.client_id and repeated.day = items.day and repeated.text_key = items.text_key
)

select
    items.client_id,
    items.day,
    items.item_id,
    items.source_key,
    items.text_key,
    coalesce(ranked.duplicate_rank, 1) as duplicate_rank,
    coalesce(ranked.duplicate_rank, 1) = 1 as is_representative,
    case when ranked.duplicate_rank > 1 then ranked.representative_id end as duplicate_of
from items
left join ranked on {{ same_item('ranked', 'items') }}
