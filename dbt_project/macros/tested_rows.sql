{# A generic test of a batch looks at the cells that were just built, not at years of history. #}
{% macro default__get_where_subquery(relation) %}
  {%- set where = config.get('where', '') -%}
  {%- set tested = graph.nodes.get(model.attached_node) if execute and model.attached_node else none -%}
  {%- if tested and tested.config.materialized in ('partition_replace', 'view') and var('batch_id') -%}
    {%- set rows = requested_rows(relation) -%}
    {{- return('(select * from ' ~ rows ~ ' as tested' ~ (' where ' ~ where if where else '') ~ ') as dbt_subquery') -}}
  {%- elif where -%}
    {{- return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') as dbt_subquery') -}}
  {%- endif -%}
  {{- return(relation) -}}
{% endmacro %}
