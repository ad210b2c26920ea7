-- Whether each account is as it shall be, since when it is not, and how its last jobs went.
-- Ages are counted up to the export, not to now: built again from the same rows, the answer is the same.
with pending as (
    select
        accounts.account,
        min(versions.requested_at) as pending_since
    from {{ ref('dim_accounts') }} as accounts
    inner join {{ source('raw', 'account_versions') }} as versions
        on versions.account = accounts.account
        and versions.version > coalesce(accounts.applied_version, 0)
        and versions.version <= accounts.desired_version
    group by accounts.account
),

finished as (
    select
        account,
        kind,
        error,
        finished_at,
        -- a stale plan ended well; a lost launch never was a job
        status in ('COMPLETED', 'STALE') as succeeded,
        {{ dbt.datediff('launched_at', 'finished_at', 'millisecond') }} / 1000.0 as seconds,
        row_number() over (
            partition by account, status in ('COMPLETED', 'STALE')
            order by finished_at desc, version desc, attempt desc, kind
        ) as recent,
        row_number() over (
            partition by account, kind, status in ('COMPLETED', 'STALE')
            order by finished_at desc, version desc, attempt desc
        ) as recent_of_kind
    from {{ source('raw', 'account_jobs') }}
    where finished_at is not null and status in ('COMPLETED', 'STALE', 'FAILED', 'STOPPED')
),

jobs as (
    select
        account,
        max(case when succeeded then finished_at end) as succeeded_at,
        max(case when not succeeded and recent = 1 then finished_at end) as failed_at,
        max(case when not succeeded and recent = 1 then error end) as error,
        max(case when succeeded and kind = 'plan' and recent_of_kind = 1 then seconds end) as plan_seconds,
        max(case when succeeded and kind = 'apply' and recent_of_kind = 1 then seconds end) as apply_seconds,
        max(case when succeeded and kind = 'apply' then finished_at end) as applied_at
    from finished
    group by account
)

select
    accounts.account,
    coalesce(accounts.applied_version = accounts.desired_version, false) and accounts.drift is null as compliant,
    accounts.desired_version,
    accounts.applied_version,
    accounts.desired_version - coalesce(accounts.applied_version, 0) as versions_behind,
    pending.pending_since,
    {{ dbt.datediff('pending.pending_since', 'accounts.exported_at', 'millisecond') }} / 86400000.0 as pending_days,
    accounts.drift,
    case when jobs.succeeded_at is null or jobs.failed_at > jobs.succeeded_at then jobs.error end as last_error,
    case when jobs.succeeded_at is null or jobs.failed_at > jobs.succeeded_at then jobs.failed_at end as last_error_at,
    jobs.plan_seconds as last_plan_seconds,
    jobs.apply_seconds as last_apply_seconds,
    jobs.applied_at as last_applied_at,
    accounts.exported_at
from {{ ref('dim_accounts') }} as accounts
left join pending on pending.account = accounts.account
left join jobs on jobs.account = accounts.account
