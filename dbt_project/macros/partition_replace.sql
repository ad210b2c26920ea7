{# The table keeps every cell but the requested ones, which become what the model selects: one transaction,
   the same result however often it runs. No built-in strategy does that on both engines. #}

{% materialization partition_replace, default %}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- do refuse_partial_refresh(existing) -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- set slices = sliced(sql) -%}

  {%- if existing is none or existing.is_view or should_full_refresh() -%}
    {%- if existing is not none -%}
      {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
      {{ create_table_as(False, target_relation, slices[0]) }}
    {%- endcall -%}
    {%- do add_slices(target_relation, slices[1:]) -%}
  {%- else -%}
    {%- set incoming = make_temp_relation(target_relation) -%}
    {%- call statement('incoming') -%}
      {{ create_table_as(True, incoming, slices[0]) }}
    {%- endcall -%}
    {%- do add_slices(incoming, slices[1:]) -%}
    {%- set columns = match_columns(incoming, existing) -%}
    {%- call statement('main') -%}
      {{ replace_cells_sql(target_relation, incoming, columns) }}
    {%- endcall -%}
    {%- call statement('tidy') -%}
      drop table {{ incoming }}
    {%- endcall -%}
  {%- endif -%}

  {%- do persist_docs(target_relation, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do adapter.commit() -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization partition_replace, adapter='bigquery' %}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- do refuse_partial_refresh(existing) -%}

  {{ run_hooks(pre_hooks) }}

  {%- if existing is none or existing.is_view or should_full_refresh() -%}
    {#- "create or replace" is atomic for a table; a view, or other partitions, must go first -#}
    {%- set partitions = adapter.parse_partition_by(config.get('partition_by')) -%}
    {%- if existing is not none and (existing.is_view or not adapter.is_replaceable(existing, partitions, config.get('cluster_by'))) -%}
      {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
      {{ create_table_as(False, target_relation, sql) }}
    {%- endcall -%}
  {%- else -%}
    {#- expires by itself after some hours, should this run stop half way -#}
    {%- set incoming = make_temp_relation(target_relation) -%}
    {%- call statement('incoming') -%}
      {{ create_table_as(True, incoming, sql) }}
    {%- endcall -%}
    {%- set columns = match_columns(incoming, existing) -%}
    {%- call statement('main') -%}
      begin transaction;
      {{ replace_cells_sql(target_relation, incoming, columns) }}
      commit transaction;
    {%- endcall -%}
    {%- do adapter.drop_relation(incoming) -%}
  {%- endif -%}

  {%- do persist_docs(target_relation, model) -%}
  {{ run_hooks(post_hooks) }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro add_slices(relation, slices) %}
  {%- for slice in slices -%}
    {%- call statement('slice') -%}
      insert into {{ relation }} {{ slice }}
    {%- endcall -%}
  {%- endfor -%}
{% endmacro %}

{% macro replace_cells_sql(target_relation, incoming, columns) %}
  {#- A row outside the requested cells is not inserted: its cell was not emptied, it would be there twice. -#}
  {%- set names = columns | map(attribute='quoted') | join(', ') -%}
  delete from {{ target_relation }} as kept
  where {{ within_requested_span('kept') }} and exists (
    select 1 from {{ requested_cells() }} as asked
    where asked.client_id = kept.client_id and asked.day = kept.day
  );
  insert into {{ target_relation }} ({{ names }})
  select {{ names }} from {{ incoming }} as made
  where exists (
    select 1 from {{ requested_cells() }} as asked
    where asked.client_id = made.client_id and asked.day = made.day
  );
{% endmacro %}

{% macro match_columns(incoming, existing) %}
  {# The model's columns, the new ones added to the table. Anything else needs every cell built again. #}
  {%- set made = adapter.get_columns_in_relation(incoming) -%}
  {%- set kept = adapter.get_columns_in_relation(existing) -%}
  {%- set gone = diff_columns(kept, made) -%}
  {%- set retyped = diff_column_data_types(made, kept) -%}
  {%- if gone or retyped -%}
    {%- do exceptions.raise_compiler_error(
      existing ~ " cannot take the model's rows. Columns that the model no longer has: "
      ~ (gone | map(attribute='name') | join(', ') or 'none') ~ "; columns of another type: "
      ~ (retyped | map(attribute='column_name') | join(', ') or 'none')
      ~ ". Build every cell again: dbt build --full-refresh --select " ~ model.name ~ "+"
    ) -%}
  {%- endif -%}
  {%- set added = diff_columns(made, kept) -%}
  {%- if added -%}
    {%- do alter_relation_add_remove_columns(existing, added, none) -%}
  {%- endif -%}
  {{ return(made) }}
{% endmacro %}

{% macro refuse_partial_refresh(existing) %}
  {%- if existing is not none and existing.is_table and should_full_refresh() and var('batch_id') -%}
    {%- do exceptions.raise_compiler_error(
      "--full-refresh with a batch_id would leave " ~ existing ~ " with that batch's cells only."
      ~ " Leave out one of the two."
    ) -%}
  {%- endif -%}
{% endmacro %}
