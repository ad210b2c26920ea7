{{ config(materialized='view', partition_by=none, cluster_by=none) }}
-- The score of each item with what it is made of. Each contribution has its row in score_contributions.
select
    client_id,
    day,
    item_id,
    event_type,
    event_path,
    critical,
    domains,
    confidence,
    domain_score,
    relevance,
    recency,
    base,
    bonus,
    penalty,
    score,
    {{ names_of('entities', 'c') }} as companies,
    {{ names_of('entities', 'm') }} as molecules,
    {{ names_of('entities', 't') }} as technologies,
    {{ names_of('entities', 'b') }} as trademarks,
    {{ names_of('entities', 'x') }} as exclusions
from {{ ref('int_item_scores') }}
