{# One schema for each target, whatever folder a model is in: dbt's own rule would append the folder's name. #}
{% macro generate_schema_name(custom_schema_name, node) %}
  {{- target.schema -}}
{% endmacro %}
