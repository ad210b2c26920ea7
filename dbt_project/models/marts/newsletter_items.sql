{{ config(materialized='view', partition_by=none, cluster_by=none) }}
-- What a newsletter may print: one row per text, client and day, with its score where the client's items are scored.
select
    printed.client_id,
    printed.day,
    printed.item_id,
    printed.source_key,
    printed.source_type,
    printed.title,
    printed.summary,
    printed.summary_path,
    printed.url,
    printed.published_at,
    printed.date_source,
    printed.first_seen,
    printed.language,
    printed.word_count,
    printed.also_in_sources,
    printed.duplicate_group,
    scores.event_type,
    scores.event_path,
    scores.critical,
    scores.domains,
    scores.score,
    {{ names_of('scores.entities', 'c') }} as companies,
    {{ names_of('scores.entities', 'm') }} as molecules,
    {{ names_of('scores.entities', 't') }} as technologies,
    {{ names_of('scores.entities', 'b') }} as trademarks
from {{ ref('int_items_printed') }} as printed
left join {{ ref('int_item_scores') }} as scores on {{ same_item('scores', 'printed') }}
