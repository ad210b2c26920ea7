"""The names under which assets, checks and tags are known, to each other and to what asks for them."""

CLIENT_FILES = "client_files"
SOURCE_CATALOG = "source_catalog"
SELECTION_RULES = "selection_rules"
CLIENT_CONFIG = "client_config"
SOURCE_SNAPSHOTS = "source_snapshots"
CLIENT_ITEMS = "client_items"
LAST_MODEL = "newsletter_items"  # the model that the newsletters read
NEWSLETTER = "newsletter"
NEWSLETTER_DELIVERY = "newsletter_delivery"

FILES_VALID = "client_files_valid"
CATALOG_VALID = "source_catalog_valid"
RULES_VALID = "selection_rules_valid"
SOURCE_HEALTH = "source_health"
STALE_SOURCE = "stale_source"
DATES_UNKNOWN = "dates_mostly_unknown"
DUPLICATES_SHARE = "duplicates_share"
NO_ITEMS = "no_items_for_days"
PARTITIONS_FEW = "partitions_few_enough"
CLIENT_FRESHNESS = "clients_have_new_days"
FINDINGS = "findings_by_name"  # metadata of a check: what it found, by source or client

GOOD_SOURCES = "sources_good"  # metadata of source_snapshots: the sources whose snapshot is good

ETAG_TAG = "dagster/data_version"  # of client_config: the ETag of the file is the version of the data
REBUILT_UP_TO = (
    "rebuilt_up_to"  # metadata of client_items: the newest cell that the models had when history was rebuilt
)
BATCH_TAG = "vigie/batch"  # of a dbt run: the batch whose cells it replaces
KEYS_TAG = "vigie/partitions"  # of a run of partitions that are no range: the kept list of their keys
BACKFILL_TAG = "vigie/backfill"  # of the runs that one `vigie backfill` has asked for

DESIRED_STATE = "desired_state"
PLAN = "plan"
APPLY = "apply"
DRIFT = "drift"
NO_DRIFT = "no_drift"
SCHEMATICS_POOL = "schematics"  # its slots bound the jobs in Schematics over all runs
STEP_TAG = "vigie/account_step"  # of an account's run: the step that the sensor asked for
ACCOUNTS_EXPORT = "accounts_export"
ITEM_MATCHES = "item_matches"
ITEM_READINGS = "item_readings"
ACCOUNT_COMPLIANCE = "account_compliance"  # the last model about accounts
DASHBOARD = "dashboard"
SEEN_TAG = "vigie/seen"  # of the dashboard: the newest event of what it shows
ACCOUNT_MODELS = "tag:accounts"  # dbt's selection of the models about accounts
SNAPSHOTS = "resource_type:snapshot"  # dbt's selection of what keeps history
DBT_DOCS = "warehouse_docs"
TARGET_TAG = "vigie/target"  # of every run of dbt: the target whose warehouse it builds
VERSION_TAG = "dagster/data_version"  # of accounts_export: the fingerprint of what was exported
STAGE_TAG = "vigie/stage"  # of every account's run: dagster.yaml bounds how many run at once
