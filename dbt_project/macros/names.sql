{# Several names as one text: "a|b|c", in the order of their letters, '' where there is none. The expression is null for
   rows that give no name. #}
{% macro sorted_names(expression) %}
  {{- return(adapter.dispatch('sorted_names', 'vigie')(expression)) -}}
{% endmacro %}

{% macro default__sorted_names(expression) %}
  {{- return("coalesce(string_agg(" ~ expression ~ ", '|' order by " ~ expression ~ "), '')") -}}
{% endmacro %}

{% macro duckdb__sorted_names(expression) %}
  {# An ordered string_agg sorts each group, ten times slower: here only texts of several names are sorted. #}
  {%- set names = "string_agg(" ~ expression ~ ", '|')" -%}
  {{- return("case when contains(" ~ names ~ ", '|') then array_to_string(list_sort(string_split(" ~ names
    ~ ", '|')), '|') else coalesce(" ~ names ~ ", '') end") -}}
{% endmacro %}

{% macro same_item(left, right) %}
  {{- return(left ~ ".client_id = " ~ right ~ ".client_id and " ~ left ~ ".day = " ~ right ~ ".day and "
    ~ left ~ ".item_id = " ~ right ~ ".item_id") -}}
{% endmacro %}

{# What an entity is to the client, as letters behind its name, tab between: kept as one text, read by names_of. #}
{% macro marked_name(name, marks) %}
  {%- set letters = [] -%}
  {%- for mark, condition in marks -%}
    {%- do letters.append("case when " ~ condition ~ " then '" ~ mark ~ "' else '' end") -%}
  {%- endfor -%}
  {{- return("concat(" ~ name ~ ", chr(9), " ~ letters | join(", ") ~ ")") -}}
{% endmacro %}

{# The names with this mark in a text of marked names, "a|b|c", '' where there is none. #}
{% macro names_of(column, mark) %}
  {{- return(adapter.dispatch('names_of', 'vigie')(column, "'([^|\t]*)\t[a-z]*" ~ mark ~ "'")) -}}
{% endmacro %}

{% macro default__names_of(column, pattern) %}
  {{- return("array_to_string(regexp_extract_all(" ~ column ~ ", " ~ pattern ~ "), '|')") -}}
{% endmacro %}

{% macro duckdb__names_of(column, pattern) %}
  {{- return("array_to_string(regexp_extract_all(" ~ column ~ ", " ~ pattern ~ ", 1), '|')") -}}
{% endmacro %}

{# A number as people write it: 8, not 8.0. #}
{% macro figure(expression) %}
  {{- return("regexp_replace(cast(" ~ expression ~ " as " ~ dbt.type_string() ~ "), '[.]0$', '')") -}}
{% endmacro %}

{# Names for a reader: "a, b, c". #}
{% macro listed(column) %}
  {{- return("replace(" ~ column ~ ", '|', ', ')") -}}
{% endmacro %}
