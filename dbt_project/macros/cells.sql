{# Which (client, day) cells this run is asked for. #}

{% macro control_table(name) %}
  {# Not source(): what is asked for is not lineage, and Dagster would draw it as an asset. #}
  {{- return(api.Relation.create(database=target.database, schema=var('raw_schema'), identifier=name)) -}}
{% endmacro %}

{% macro requested_cells() %}
  {# The relation of requested (client_id, day): the batch's, or every loaded cell without a batch. #}
  {%- if var('batch_id') -%}
    (select distinct client_id, day from {{ control_table('build_cells') }} where batch_id = '{{ var('batch_id') }}')
  {%- else -%}
    (select distinct client_id, day from {{ control_table('cells') }})
  {%- endif -%}
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
