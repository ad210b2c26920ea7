-- Each item with every part of its score side by side: a row for each item of a client whose configuration is known.
-- The marts show the parts as rows (score_contributions) and their sum (scored_items).
with items as (
    select
        {{ item_key('loaded') }} as item_key,
        loaded.client_id,
        loaded.day,
        loaded.item_id,
        loaded.published_at,
        loaded.content_hash
    from {{ requested_rows(source('raw', 'items')) }} as loaded
),

item_terms as ( {{ item_terms() }} ),

item_events as ( {{ item_events() }} ),

named_entities as ( {{ named_entities() }} ),

item_domains as ( {{ item_domains() }} ),

entities as (
    select
        item_key,
        {{ sorted_names('marked_name') }} as entities,
        {%- for category in ('company', 'molecule', 'technology', 'trademark') %}
        count(case when category = '{{ category }}' and watched = 1 then 1 end) as {{ category }}_count,
        {%- endfor %}
        {%- for part in ('pure_player', 'hybrid', 'exclusion', 'against') %}
        sum({{ part }}) as {{ part }}_count,
        {%- endfor %}
        sum(trademark) as prized_trademarks,
        sum(molecule) as key_molecules,
        max(case when category = 'trademark' and watched = 1 then in_title else 0 end) as trademark_in_title
    from named_entities
    group by item_key
),

domains as (
    select
        matched.item_key,
        count(*) as domain_count,
        {{ sorted_names('matched.domain_id') }} as domains,
        {{ sorted_names('matched.level_in_words') }} as domain_levels,
        min(matched.match_level) as best_level,
        avg(
            case matched.match_level
                when 1 then figures.levels_high_score
                when 2 then figures.levels_medium_score
                when 3 then figures.levels_low_score
                else figures.levels_fallback_score
            end
        ) as domain_score,
        avg(
            case matched.match_level
                when 1 then figures.levels_high_confidence
                when 2 then figures.levels_medium_confidence
                when 3 then figures.levels_low_confidence
                else figures.levels_fallback_confidence
            end
        ) as mean_confidence
    from item_domains as matched
    cross join {{ source('raw', 'scoring_figures') }} as figures
    group by matched.item_key
),

readings as (
    select read_texts.content_hash, max_by(read_texts.event_type, read_texts.read_at) as event_type
    from {{ source('raw', 'item_readings') }} as read_texts
    inner join {{ source('raw', 'scoring_events') }} as known on known.event_type = read_texts.event_type
    group by read_texts.content_hash
),

typed as (
    select
        items.item_key,
        items.client_id,
        items.day,
        items.item_id,
        coalesce(readings.event_type, keyed.event_type, 'other') as event_type,
        case when readings.event_type is null then 'rules' else 'model' end as event_path,
        cast(coalesce(keyed.points, 0) as {{ dbt.type_bigint() }}) as event_points,
        {{ dbt.datediff('items.published_at', 'items.day', 'day') }} as age,
        -- as in scoring_ages: what lies ahead is of today, what is very old is of the oldest age
        case
            when items.published_at is null then -1
            when items.published_at > items.day then 0
            else least(
                {{ dbt.datediff('items.published_at', 'items.day', 'day') }},
                cast(figures.oldest_age as {{ dbt.type_bigint() }})
            )
        end as known_age
    from items
    cross join {{ source('raw', 'scoring_figures') }} as figures
    left join item_events as keyed on keyed.item_key = items.item_key
    left join readings on readings.content_hash = items.content_hash
),

joined as (
    select
        typed.client_id,
        typed.day,
        typed.item_id,
        typed.event_type,
        typed.event_path,
        typed.event_points,
        typed.age,
        weights.weight as base,
        weights.weight_by,
        weights.critical,
        events.bonus as event_bonus,
        events.is_low,
        events.gives_context,
        ages.factor as recency,
        ages.penalty as age_penalty,
        client.mode,
        client.mode_factor,
        client.pure_player_bonus,
        client.trademark_bonus,
        client.molecule_bonus,
        client.hybrid_bonus,
        coalesce(domains.domain_count, 0) as domain_count,
        coalesce(domains.domains, '') as domains,
        coalesce(domains.domain_levels, '') as domain_levels,
        case coalesce(domains.best_level, 5)
            when 1 then 'high' when 2 then 'medium' when 3 then 'low' when 4 then 'fallback' else ''
        end as confidence,
        coalesce(domains.domain_score, 0.0) as domain_score,
        coalesce(domains.mean_confidence, 0.0) as mean_confidence,
        {%- for kind in ('company', 'molecule', 'technology', 'trademark', 'pure_player', 'hybrid', 'exclusion', 'against') %}
        coalesce(entities.{{ kind }}_count, 0) as {{ kind }}_count,
        {%- endfor %}
        coalesce(entities.entities, '') as entities,
        coalesce(entities.prized_trademarks, 0) as prized_trademarks,
        coalesce(entities.key_molecules, 0) as key_molecules,
        coalesce(entities.trademark_in_title, 0) as trademark_in_title
    from typed
    inner join {{ source('raw', 'client_scoring') }} as client on client.client_id = typed.client_id
    inner join {{ source('raw', 'client_events') }} as weights
        on weights.client_id = typed.client_id and weights.event_type = typed.event_type
    inner join {{ source('raw', 'scoring_events') }} as events on events.event_type = typed.event_type
    inner join {{ source('raw', 'scoring_ages') }} as ages on ages.age = typed.known_age
    left join domains on domains.item_key = typed.item_key
    left join entities on entities.item_key = typed.item_key
),

parts as (
    select
        joined.*,
        case
            when joined.domain_count = 0 then figures.relevance_no_domain
            else least(
                1.0,
                round(
                    (
                        figures.relevance_score_weight * joined.domain_score
                        + figures.relevance_confidence_weight * joined.mean_confidence
                        + case
                            when joined.trademark_count = 0 then 0.0
                            when joined.trademark_in_title = 1 then figures.relevance_trademark_in_title
                            else figures.relevance_trademark_elsewhere
                        end
                    ) * case when joined.domain_count > 1 then figures.relevance_several_domains else 1.0 end,
                    4
                )
            )
        end as relevance,
        {%- for part, count in (('pure_player', 'pure_player_count'), ('trademark', 'prized_trademarks')) %}
        case
            when joined.{{ count }} = 0 then 0.0
            when joined.{{ count }} = 1 then joined.{{ part }}_bonus
            else round(joined.{{ part }}_bonus * figures.bonuses_several_{{ part }}s, 4)
        end as {{ part }}_points,
        {%- endfor %}
        case when joined.key_molecules > 0 then joined.molecule_bonus else 0.0 end as molecule_points,
        case when joined.hybrid_count > 0 then joined.hybrid_bonus else 0.0 end as hybrid_points,
        case joined.technology_count
            when 0 then 0.0
            when 1 then figures.bonuses_technologies_1
            when 2 then figures.bonuses_technologies_2
            else figures.bonuses_technologies_3
        end as technology_points,
        case
            when joined.event_type = 'partnership' and joined.company_count > 0 and joined.molecule_count > 0
                then figures.bonuses_deal
            else 0.0
        end as deal_points,
        case
            when joined.event_type = 'regulatory' and joined.technology_count > 0
                then figures.bonuses_regulated_technology
            else 0.0
        end as regulation_points,
        case
            when
                joined.pure_player_count > 0
                and joined.technology_count + joined.trademark_count + joined.molecule_count = 0
                and joined.exclusion_count + joined.against_count = 0
                and joined.gives_context
                then figures.bonuses_pure_player_context
            else 0.0
        end as context_points,
        case when joined.against_count > 0 then figures.penalties_against else 0.0 end as against_points,
        case when joined.exclusion_count > 0 then figures.penalties_exclusion else 0.0 end as exclusion_points,
        case
            when joined.company_count + joined.molecule_count + joined.technology_count + joined.trademark_count = 0
                then figures.penalties_no_entity
            else 0.0
        end as no_entity_points,
        case when joined.is_low then figures.penalties_low_event else 0.0 end as low_event_points,
        figures.highest_score
    from joined
    cross join {{ source('raw', 'scoring_figures') }} as figures
),

weighed as (
    select
        parts.*,
        round(base * relevance, 4) as relevant_base,
        round(base * relevance * recency, 4) as weighed_base,
        round(
            pure_player_points + trademark_points + molecule_points + hybrid_points + technology_points + event_bonus
            + deal_points + regulation_points + context_points, 4
        ) as bonus,
        round(against_points + exclusion_points + no_entity_points + age_penalty + low_event_points, 4) as penalty
    from parts
),

summed as (
    select weighed.*, round(greatest(weighed_base + bonus - penalty, 0.0), 4) as subtotal
    from weighed
)

select
    client_id,
    day,
    item_id,
    event_type,
    event_path,
    event_points,
    critical,
    domains,
    domain_levels,
    confidence,
    domain_score,
    age,
    base,
    weight_by,
    relevance,
    recency,
    relevant_base,
    weighed_base,
    pure_player_points,
    trademark_points,
    molecule_points,
    hybrid_points,
    technology_points,
    event_bonus,
    deal_points,
    regulation_points,
    context_points,
    bonus,
    against_points,
    exclusion_points,
    no_entity_points,
    age_penalty,
    low_event_points,
    penalty,
    subtotal,
    mode,
    mode_factor,
    round(subtotal * mode_factor, 4) as moded,
    highest_score,
    round(least(round(subtotal * mode_factor, 4), highest_score), 1) as score,
    entities
from summed
