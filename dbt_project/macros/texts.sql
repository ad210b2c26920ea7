{# Without spaces around it. Nearly no text has any, and trim() looks at every character of all of them. #}
{% macro trimmed(column) %}
  {{- return("case when starts_with(" ~ column ~ ", ' ') or ends_with(" ~ column ~ ", ' ') then trim(" ~ column
    ~ ") else " ~ column ~ " end") -}}
{% endmacro %}
