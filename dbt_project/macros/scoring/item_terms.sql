{# Each term that stands in an item, once, and how often it stands there. #}
{% macro item_terms() %}
  select
      {{ item_key('matches') }} as item_key,
      {{ key_of(['matches.client_id']) }} as client_key,
      {{ key_of(['matches.term_key']) }} as term_code,
      max(case when matches.field = 'title' then 1 else 0 end) as in_title,
      max(case when matches.field = 'content' then 1 else 0 end) as in_content,
      count(*) as mentions
  from {{ requested_rows(source('raw', 'item_matches')) }} as matches
  group by 1, 2, 3
{% endmacro %}
