{{ config(materialized='view', partition_by=none, cluster_by=none) }}
-- The items as loaded, texts trimmed, an empty text made null where it only says "nothing known".
-- A view: it copies no text, and what is built from it by cells stays as it was built.
select
    client_id,
    day,
    item_id,
    source_key,
    source_type,
    {{ trimmed('title') }} as title,
    {{ trimmed('content') }} as content,
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
    load_id,
    coalesce(duplicate_group, '') as duplicate_group
from {{ source('raw', 'items') }}
