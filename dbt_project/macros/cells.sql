{# Which (client, day) cells this run is asked for. #}

{% macro control_table(name) %}
  {# Not source(): what is asked for is not lineage, and Dagster would draw it as an asset. #}
  {{- return(api.Relation.create(database=target.database, schema=var('raw_schema'), identifier=name)) -}}
{% endmacro %}

{% macro plain_word(word, what) %}
  {# The word, which is about to stand between quotes in a statement: whoever wrote the row it comes from, it cannot end them. #}
  {%- if not modules.re.fullmatch('[A-Za-z0-9_-]{1,128}', word | string) -%}
    {%- do exceptions.raise_compiler_error(what ~ ' ' ~ tojson((word | string)[:60]) ~ ' is no plain word.') -%}
  {%- endif -%}
  {{- return(word) -}}
{% endmacro %}

{% macro requested_cells() %}
  {# The relation of requested (client_id, day): the batch's, or every loaded cell without a batch. #}
  {%- if var('batch_id') -%}
    (select distinct client_id, day from {{ control_table('build_cells') }}
    where batch_id = '{{ plain_word(var('batch_id'), 'the batch') }}' /*slice*/)
  {%- else -%}
    (select distinct client_id, day from {{ control_table('cells') }} where true /*slice*/)
  {%- endif -%}
{% endmacro %}

{% macro sliced(sql) %}
  {# A model's SQL once per slice of the requested clients, of at most so many items or one client: what one statement takes
     in memory does not grow with the batch. Every model by cells looks at one cell at a time, so slices change no row. #}
  {%- set counted = run_query('select asked.client_id, coalesce(sum(loaded.items), 0) as items from ' ~ requested_cells()
    ~ ' as asked left join ' ~ control_table('cells') ~ ' as loaded'
    ~ ' on loaded.client_id = asked.client_id and loaded.day = asked.day group by asked.client_id order by asked.client_id') -%}
  {%- set slices, open = [], namespace(first=none, last=none, items=0) -%}
  {%- for client_id, items in counted.rows -%}
    {%- do plain_word(client_id, 'the client') -%}
    {%- if open.first is not none and open.items + items > var('items_at_once') -%}
      {%- do slices.append((open.first, open.last)) -%}
      {%- set open.first, open.items = none, 0 -%}
    {%- endif -%}
    {%- set open.first, open.last, open.items = open.first or client_id, client_id, open.items + items -%}
  {%- endfor -%}
  {%- if not slices -%}
    {{- return([sql]) -}}
  {%- endif -%}
  {%- do slices.append((open.first, open.last)) -%}
  {%- set statements = [] -%}
  {%- for first, last in slices -%}
    {%- set clients = "and client_id between '" ~ first ~ "' and '" ~ last ~ "'" -%}
    {%- do statements.append(sql | replace('/*slice*/', clients)) -%}
  {%- endfor -%}
  {{- return(statements) -}}
{% endmacro %}

{% macro requested_rows(relation) %}
  {# The rows of `relation` in the requested cells: what a model or a test selects from. #}
  {%- set alias = 'wanted_' ~ relation.identifier -%}
  (
    select {{ alias }}.*
    from {{ relation }} as {{ alias }}
    inner join {{ requested_cells() }} as asked
      on asked.client_id = {{ alias }}.client_id and asked.day = {{ alias }}.day
    where {{ within_requested_span(alias) }}
  )
{%- endmacro %}

{% macro within_requested_span(alias) %}
  {{- return(adapter.dispatch('within_requested_span', 'vigie')(alias)) -}}
{% endmacro %}

{% macro default__within_requested_span(alias) %}
  {{- return('true') -}}
{% endmacro %}

{% macro bigquery__within_requested_span(alias) %}
  {# BigQuery skips partitions only for constants: a join alone would read the whole table. #}
  {%- if not execute or not flags.INTROSPECT or not var('batch_id') -%}
    {{- return('true') -}}
  {%- endif -%}
  {%- set span = run_query('select min(day) as first_day, max(day) as last_day from ' ~ requested_cells()) -%}
  {%- set first_day, last_day = span.rows[0][0], span.rows[0][1] -%}
  {%- if first_day is none -%}
    {{- return('false') -}}
  {%- endif -%}
  {{- return(alias ~ ".day between date '" ~ first_day ~ "' and date '" ~ last_day ~ "'") -}}
{% endmacro %}
