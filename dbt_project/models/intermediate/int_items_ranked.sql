-- Items of one client and day that carry the same text, ranked; the first speaks for the others.
-- A short text (a lone "Comments", a teaser, nothing at all) is the same only under the same title.
with items as (
    select
        client_id,
        day,
        item_id,
        source_key,
        published_at,
        word_count,
        case
            when word_count >= {{ var('duplicate_min_words') }} then content_hash
            when title <> '' then concat(content_hash, ' ', lower(title))
            else item_id
        end as text_key
    from {{ requested_rows(ref('stg_items')) }} as staged
),

ranked as (
    select
        *,
        row_number() over (
            partition by client_id, day, text_key
            order by published_at is null, published_at, source_key, item_id
        ) as duplicate_rank,
        first_value(item_id) over (
            partition by client_id, day, text_key
            order by published_at is null, published_at, source_key, item_id
        ) as representative_id
    from items
)

select
    client_id,
    day,
    item_id,
    source_key,
    text_key,
    duplicate_rank,
    duplicate_rank = 1 as is_representative,
    case when duplicate_rank > 1 then representative_id end as duplicate_of
from ranked
