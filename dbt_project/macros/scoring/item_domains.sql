{# The domains of its client that each item matches, with the level of the match and the signals that make it. #}
{% macro item_domains() %}
  with signals as (
      select
          {{ key_of(['scopes.client_id']) }} as client_key,
          {{ key_of(['terms.term_key']) }} as term_code,
          terms.category,
          scopes.domain_id,
          min(scopes.strength) as strength
      from {{ source('raw', 'client_scopes') }} as scopes
      inner join (select distinct client_id from {{ requested_cells() }} as cells) as asked
          on asked.client_id = scopes.client_id
      inner join {{ source('raw', 'terms') }} as terms
          on terms.category = scopes.category and terms.scope = scopes.scope and terms.list = scopes.list
      where scopes.domain_id <> ''
      group by 1, 2, 3, 4
  ),

  counted as (
      select
          named.item_key,
          named.client_key,
          signals.domain_id,
          count(case when signals.strength = 1 then 1 end) as strong,
          count(case when signals.strength = 2 then 1 end) as medium,
          count(case when signals.strength = 3 then 1 end) as weak,
          count(case when signals.strength = 4 then 1 end) as against,
          count(case when signals.strength < 4 and named.category = 'technology' then 1 end) as technologies,
          count(case when signals.strength < 4 and named.category <> 'technology' then 1 end) as others,
          count(case when signals.strength < 4 and named.category = 'trademark' then 1 end) as trademarks,
          count(case when named.fallback = 1 then 1 end) as fallback_companies
      from named_entities as named
      inner join signals
          on signals.client_key = named.client_key
          and signals.term_code = named.term_code
          and signals.category = named.category
      group by named.item_key, named.client_key, signals.domain_id
  ),

  levelled as (
      select
          counted.*,
          domains.place,
          domains.min_score,
          case
              when counted.strong >= figures.levels_high_signals then 1
              when counted.against > 0 then null
              when counted.technologies < domains.min_technologies then null
              when domains.entity_required and counted.others = 0 then null
              when counted.medium >= figures.levels_medium_signals then 2
              when counted.weak >= figures.levels_low_signals then 3
          end as level
      from counted
      inner join {{ source('raw', 'client_domains') }} as domains
          on {{ key_of(['domains.client_id']) }} = counted.client_key and domains.domain_id = counted.domain_id
      cross join {{ source('raw', 'scoring_figures') }} as figures
  ),

  valued as (
      select
          levelled.*,
          case levelled.level
              when 1 then figures.levels_high_score
              when 2 then figures.levels_medium_score
              when 3 then figures.levels_low_score
          end as score,
          figures.levels_fallback_signals,
          figures.levels_fallback_score
      from levelled
      cross join {{ source('raw', 'scoring_figures') }} as figures
  ),

  accepted as (
      select
          valued.*,
          case
              when valued.score >= valued.min_score and valued.level <= client.worst_level then valued.level
              when valued.trademarks > 0 and valued.score >= client.trademark_from then valued.level
              when
                  valued.against = 0
                  and valued.fallback_companies >= valued.levels_fallback_signals
                  and valued.levels_fallback_score >= client.fallback_from
                  and client.worst_level >= 3
                  then 4
          end as match_level,
          client.max_domains,
          client.fallback_domains,
          client.high_for_several
      from valued
      inner join {{ source('raw', 'client_scoring') }} as client
          on {{ key_of(['client.client_id']) }} = valued.client_key
  ),

  watching as (
      select {{ key_of(['client_id']) }} as client_key, count(*) as domains
      from {{ source('raw', 'client_domains') }}
      group by 1
  ),

  -- Where there is one domain, there is nothing to rank.
  alone as (
      select accepted.*, 1 as match_rank, 1 as matches, accepted.match_level as best_level
      from accepted
      inner join watching on watching.client_key = accepted.client_key and watching.domains = 1
      where accepted.match_level is not null
  ),

  ranked as (
      select
          accepted.*,
          row_number() over (
              partition by accepted.item_key order by accepted.match_level, accepted.place
          ) as match_rank,
          count(*) over (partition by accepted.item_key) as matches,
          min(accepted.match_level) over (partition by accepted.item_key) as best_level
      from accepted
      inner join watching on watching.client_key = accepted.client_key and watching.domains > 1
      where accepted.match_level is not null
  ),

  together as (
      select * from alone
      union all
      select * from ranked
  )

  select
      item_key,
      domain_id,
      match_level,
      concat(
          domain_id, ': ',
          case match_level when 1 then 'high' when 2 then 'medium' when 3 then 'low' else 'fallback' end,
          ' by ', cast(strong as {{ dbt.type_string() }}), ' strong, ',
          cast(medium as {{ dbt.type_string() }}), ' medium, ',
          cast(weak as {{ dbt.type_string() }}), ' weak signals'
      ) as level_in_words
  from together
  where
      case when best_level = 4 then match_rank <= fallback_domains else match_level < 4 and match_rank <= max_domains end
      and (not high_for_several or matches = 1 or match_level = 1 or match_rank = 1)
{% endmacro %}
