{{ config(meta={'dagster': {'ref': {'name': 'scored_items'}}}) }}
-- The contributions of each requested item make its score, to the decimal.
with sums as (
    select client_id, day, item_id, round(round(sum(value), 4), 1) as score
    from {{ requested_rows(ref('score_contributions')) }} as parts
    group by client_id, day, item_id
)

select scored.client_id, scored.day, scored.item_id, scored.score, sums.score as sum_of_contributions
from {{ requested_rows(ref('scored_items')) }} as scored
left join sums on {{ same_item('sums', 'scored') }}
where sums.score is null or abs(sums.score - scored.score) > 0.001
