{{ config(materialized='view', partition_by=none, cluster_by=none) }}
-- Each contribution to each item's score, as a row: their sum, rounded to one decimal, is the score.
-- What changes nothing is left out, but the base, the relevance and the recency.
{%- set base_because -%}
    concat(
        event_type, ' weighs ', {{ figure('base') }},
        case when weight_by = 'client' then ', as the client says' else '' end,
        case
            when event_path = 'model' then '; read by the language model'
            when event_points = 0 then '; no keyword speaks for a type'
            else concat('; points by its keywords: ', {{ figure('event_points') }})
        end
    )
{%- endset %}
{%- set relevance_because -%}
    concat(
        'times ', {{ figure('relevance') }},
        case when domains = '' then ': no watched domain matches' else concat(': ', replace(domain_levels, '|', '; ')) end
    )
{%- endset %}
{%- set recency_because -%}
    concat(
        'times ', {{ figure('recency') }},
        case
            when age is null then ': the date is unknown'
            when age < 0 then ': dated after its day'
            else concat(': ', {{ figure('age') }}, ' days old')
        end
    )
{%- endset %}
{%- set steps = [
    ('base', 'event_type', 'base', base_because),
    ('relevance', 'domains', 'round(relevant_base - base, 4)', relevance_because),
    ('recency', 'age', 'round(weighed_base - relevant_base, 4)', recency_because),
    ('bonus', 'pure_player', 'pure_player_points', "concat('pure player: ', " ~ listed(names_of('entities', 'p')) ~ ")"),
    ('bonus', 'trademark', 'trademark_points', "concat('trademark: ', " ~ listed(names_of('entities', 'b')) ~ ")"),
    ('bonus', 'key_molecule', 'molecule_points', "concat('molecule: ', " ~ listed(names_of('entities', 'm')) ~ ")"),
    ('bonus', 'hybrid_company', 'hybrid_points', "concat('hybrid company: ', " ~ listed(names_of('entities', 'h')) ~ ")"),
    ('bonus', 'technology', 'technology_points', "concat('technology: ', " ~ listed(names_of('entities', 't')) ~ ")"),
    ('bonus', 'event', 'event_bonus', "concat('the event is ', event_type)"),
    ('bonus', 'deal', 'deal_points', "concat('a partnership of ', " ~ listed(names_of('entities', 'c')) ~ ", ' about ', "
        ~ listed(names_of('entities', 'm')) ~ ")"),
    ('bonus', 'regulated_technology', 'regulation_points', "concat('a regulatory event about ', "
        ~ listed(names_of('entities', 't')) ~ ")"),
    ('bonus', 'pure_player_context', 'context_points', "concat('a pure player and nothing else: ', "
        ~ listed(names_of('entities', 'p')) ~ ")"),
    ('penalty', 'against', '-against_points', "concat('speaks against it: ', " ~ listed(names_of('entities', 'a')) ~ ")"),
    ('penalty', 'exclusion', '-exclusion_points', "concat('excluded: ', " ~ listed(names_of('entities', 'x')) ~ ")"),
    ('penalty', 'no_entity', '-no_entity_points', "'names nothing that the client watches'"),
    ('penalty', 'age', '-age_penalty', "concat(" ~ figure('age') ~ ", ' days old')"),
    ('penalty', 'low_event', '-low_event_points', "concat('the event is ', event_type)"),
    ('limit', 'lowest', 'round(subtotal - (weighed_base + bonus - penalty), 4)', "'no score is under 0'"),
    ('mode', 'mode', 'round(moded - subtotal, 4)', "concat('mode ', mode, ': times ', " ~ figure('mode_factor') ~ ")"),
    ('limit', 'highest', 'round(least(highest_score - moded, 0.0), 4)', "concat('no score is over ', "
        ~ figure('highest_score') ~ ")"),
] %}
{%- for kind, name, value, because in steps %}
select
    client_id,
    day,
    item_id,
    {{ loop.index }} as step,
    '{{ kind }}' as kind,
    '{{ name }}' as name,
    {{ value }} as value,
    {{ because }} as because
from {{ ref('int_item_scores') }}
{%- if kind not in ('base', 'relevance', 'recency') %}
where {{ value }} <> 0
{%- endif %}
{% if not loop.last %}union all{% endif %}
{%- endfor %}
