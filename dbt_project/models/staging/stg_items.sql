-- The items as loaded, texts trimmed, an empty text made null where it only says "nothing known".
select
    client_id,
    day,
    item_id,
    source_key,
    source_type,
    trim(title) as title,
    trim(content) as content,
    url,
    nullif(guid, '') as guid,
    published_at,
    date_source,
    first_seen,
    ingested_at,
    nullif(language, '') as language,
    content_hash,
    nullif(trim(author), '') as author,
    tags,
    word_count,
    load_id
from {{ requested_rows(source('raw', 'items')) }} as items
