{# A hook after each model: says how many rows it wrote, of a model by cells those of the cells asked for. It is what
   Dagster shows beside the materialization: neither engine counts them where several statements make one model. #}
{% macro tell_rows() %}
  {%- if execute and model.config.materialized != 'view' -%}  {# a view writes nothing #}
    {%- set rows = requested_rows(this) if model.config.materialized == 'partition_replace' else this -%}
    {%- set counted = run_query('select count(*) from ' ~ rows ~ ' as written') -%}
    {%- do log(tojson({'vigie_rows': counted.rows[0][0] | int})) -%}
  {%- endif -%}
{% endmacro %}
