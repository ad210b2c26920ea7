{# The type of event that the keywords of each item speak for most; an item without one is not here.
   A title keyword in the title gives 3 points, a body keyword in the text 1. A title keyword that stands in the text
   alone gives 1 more, but makes no type by itself. A negative keyword in the title rules its type out. As many points:
   the type that is worth more, then by name (place). #}
{% macro item_events() %}
  with keywords as (
      select distinct
          terms.scope as event_type,
          terms.list as place,
          {{ key_of(['terms.term_key']) }} as term_code
      from {{ source('raw', 'terms') }} as terms
      where terms.category = 'event'
  ),

  counted as (
      select
          found.item_key,
          keywords.event_type,
          sum(
              case
                  when keywords.place = 'title' and found.in_title = 1 then 3
                  when keywords.place = 'title' then 1
                  when keywords.place = 'body' and found.in_content = 1 then 1
                  else 0
              end
          ) as points,
          max(
              case keywords.place when 'title' then found.in_title when 'body' then found.in_content else 0 end
          ) as spoken_for,
          max(case when keywords.place = 'negative' then found.in_title else 0 end) as ruled_out
      from item_terms as found
      inner join keywords on keywords.term_code = found.term_code
      group by found.item_key, keywords.event_type
  )

  select
      counted.item_key,
      max_by(counted.event_type, counted.points * 1000 - events.place) as event_type,
      max(counted.points) as points
  from counted
  inner join {{ source('raw', 'scoring_events') }} as events on events.event_type = counted.event_type
  where counted.spoken_for = 1 and counted.ruled_out = 0
  group by counted.item_key
{% endmacro %}
