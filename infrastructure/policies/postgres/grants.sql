-- Two roles of the accounts' database, instead of one that owns what it works on.
--   vigie        owns the tables and migrates them: vigie accounts migrate, and nothing else
--   vigie_work   what every process uses: it makes, changes and removes no table, cannot rewrite what was demanded,
--                or who did what, and deletes no row but alerts of long ago
--   vigie_look   for people and reports: reads
-- Run it as vigie, after each migration: psql -v ON_ERROR_STOP=1 -f grants.sql. It may be run again. The roles themselves are
-- made once, by an administrator, with passwords of their own:
--   create role vigie_work login password '...';  create role vigie_look login password '...';
-- Then database.url of the target names vigie_work.
begin;

revoke all on schema public from public;
revoke all on all tables in schema public from public, vigie_work, vigie_look;
revoke all on all sequences in schema public from public, vigie_work, vigie_look;
grant usage on schema public to vigie_work, vigie_look;

grant select on all tables in schema public to vigie_work, vigie_look;
grant insert on account, state_version, schematics_job, approval, audit to vigie_work;
grant update on account, schematics_job, approval, pace to vigie_work;
grant usage on all sequences in schema public to vigie_work;

-- Tables that only some releases have.
do $$
declare one text;
begin
    foreach one in array array['alert', 'alert_note'] loop
        if to_regclass(one) is not null then
            execute format('grant insert, update, delete on %I to vigie_work', one);
        end if;
    end loop;
end $$;

commit;
