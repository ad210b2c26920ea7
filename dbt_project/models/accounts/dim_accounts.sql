-- One row per account: who it is, what it shall be and what it is, side by side.
select
    accounts.name as account,
    accounts.number,
    accounts.type,
    accounts.environment_type,
    accounts.code_bu,
    accounts.mode,
    accounts.drift_policy,
    accounts.status,
    accounts.status_reason,
    accounts.desired_version,
    desired.iam_version as desired_iam_version,
    desired.subnet_count as desired_subnet_count,
    desired.enable_monitoring as desired_enable_monitoring,
    desired.tags as desired_tags,
    desired.origin as desired_origin,
    desired.requested_by as desired_by,
    desired.requested_at as desired_at,
    accounts.applied_version,
    applied.iam_version as applied_iam_version,
    applied.subnet_count as applied_subnet_count,
    applied.enable_monitoring as applied_enable_monitoring,
    applied.tags as applied_tags,
    nullif(accounts.drift, '') as drift,
    accounts.drift_seen_at,
    accounts.updated_at,
    accounts.exported_at
from {{ source('raw', 'accounts') }} as accounts
left join {{ source('raw', 'account_versions') }} as desired
    on desired.account = accounts.name and desired.version = accounts.desired_version
left join {{ source('raw', 'account_versions') }} as applied
    on applied.account = accounts.name and applied.version = accounts.applied_version
