{# Each entity that an item names and its client's configuration knows, with the parts that it plays for the client.
   A term whose every mention lies within a longer one of its category, which the client knows too, is left out, and so
   is a technology that is a trademark. #}
{% macro named_entities() %}
  with played as (
      select
          {{ key_of(['scopes.client_id']) }} as client_key,
          {{ key_of(['terms.term_key']) }} as term_code,
          terms.category,
          min(terms.term) as name,
          max(case when scopes.strength < 4 and scopes.part not in ('exclusion', 'against') then 1 else 0 end) as watched,
          {%- for part in ('pure_player', 'hybrid', 'trademark', 'molecule', 'fallback', 'exclusion') %}
          max(case when scopes.part = '{{ part }}' then 1 else 0 end) as {{ part }},
          {%- endfor %}
          max(case when scopes.part = 'against' or scopes.strength = 4 then 1 else 0 end) as against
      from {{ source('raw', 'client_scopes') }} as scopes
      inner join (select distinct client_id from {{ requested_cells() }} as cells) as asked
          on asked.client_id = scopes.client_id
      inner join {{ source('raw', 'terms') }} as terms
          on terms.category = scopes.category and terms.scope = scopes.scope and terms.list = scopes.list
      group by 1, 2, 3
  ),

  brands as (
      select client_key, term_code
      from played
      where category = 'trademark'
  ),

  parts as (
      select
          played.*,
          {{ marked_name('played.name', [
              ('c', "played.watched = 1 and played.category = 'company'"),
              ('m', "played.watched = 1 and played.category = 'molecule'"),
              ('t', "played.watched = 1 and played.category = 'technology'"),
              ('b', "played.watched = 1 and played.category = 'trademark'"),
              ('p', 'played.pure_player = 1'),
              ('h', 'played.hybrid = 1'),
              ('x', 'played.exclusion = 1'),
              ('a', 'played.against = 1'),
          ]) }} as marked_name
      from played
      left join brands on brands.client_key = played.client_key and brands.term_code = played.term_code
      where played.category <> 'technology' or brands.term_code is null
  ),

  -- One row per place where a term lies within a longer one.
  inner_places as (
      select distinct
          {{ item_key('shorter') }} as item_key,
          {{ key_of(['shorter.term_key']) }} as term_code,
          nested.category,
          shorter.field,
          shorter.start_at
      from {{ requested_rows(source('raw', 'item_matches')) }} as shorter
      inner join {{ source('raw', 'nested_terms') }} as nested on nested.inner_key = shorter.term_key
      inner join {{ requested_rows(source('raw', 'item_matches')) }} as longer
          on {{ same_item('longer', 'shorter') }}
          and longer.field = shorter.field
          and longer.term_key = nested.outer_key
          and longer.start_at <= shorter.start_at
          and longer.end_at >= shorter.end_at
      inner join parts
          on parts.client_key = {{ key_of(['shorter.client_id']) }}
          and parts.term_code = {{ key_of(['nested.outer_key']) }}
          and parts.category = nested.category
  ),

  covered as (
      select item_key, category, term_code, count(*) as mentions
      from inner_places
      group by item_key, category, term_code
  )

  select
      found.item_key,
      found.client_key,
      found.term_code,
      found.in_title,
      parts.category,
      parts.marked_name,
      parts.watched,
      parts.pure_player,
      parts.hybrid,
      parts.trademark,
      parts.molecule,
      parts.fallback,
      parts.exclusion,
      parts.against
  from item_terms as found
  inner join parts on parts.client_key = found.client_key and parts.term_code = found.term_code
  left join covered
      on covered.item_key = found.item_key
      and covered.category = parts.category
      and covered.term_code = found.term_code
  where covered.mentions is null or covered.mentions < found.mentions
{% endmacro %}
