"""What people configure, as assets that Vigie does not make: client files, source catalog, selection rules; and checks.

Here: all three, and the checks' results for whoever reports them as files change. Not here: dbt's tests, which
dagster-dbt turns into checks by itself.
"""

from collections.abc import Mapping

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    AssetSpec,
    asset_check,
)

from assets.lists import listed
from assets.names import (
    CATALOG_VALID,
    CLIENT_FILES,
    FILES_VALID,
    RULES_VALID,
    SELECTION_RULES,
    SOURCE_CATALOG,
)
from domain.catalog import Catalog
from domain.errors import ConfigError
from domain.selection_rules import named_profiles
from resources.config_bucket import CATALOG_KEY, ConfigBucket
from resources.object_store import ObjectStoreResource

_LISTED = 100  # remarks in a check's metadata: a thousand clients may share one mistake


def configured_assets() -> list[AssetSpec]:
    """The files, which people write: external assets, so that their checks stand on their own."""
    return [
        AssetSpec(
            CLIENT_FILES,
            description="clients/*.yaml in the config bucket, one file per client. Edited by people, never by Vigie.",
            group_name="configured",
            kinds={"yaml"},
        ),
        AssetSpec(
            SOURCE_CATALOG,
            description="canonical/sources/source_catalog.yaml in the config bucket: the sources and their bouquets.",
            group_name="configured",
            kinds={"yaml"},
        ),
        AssetSpec(
            SELECTION_RULES,
            description="canonical/ingestion/ingestion_profiles.yaml and canonical/scopes/ in the config bucket: "
            "which items each source may bring.",
            group_name="configured",
            kinds={"yaml"},
        ),
    ]


def config_checks() -> list[AssetChecksDefinition]:
    """The checks, to be run by hand; runs and the sensor report them by themselves."""

    @asset_check(asset=CLIENT_FILES, name=FILES_VALID, description="Every file under clients/ can be read.")
    def client_files_valid(config_store: ObjectStoreResource) -> AssetCheckResult:
        _clients, invalid = ConfigBucket(config_store.store()).active_clients()
        return files_valid(invalid)

    @asset_check(asset=SOURCE_CATALOG, name=CATALOG_VALID, description="The source catalog can be read.")
    def source_catalog_valid(config_store: ObjectStoreResource) -> AssetCheckResult:
        try:
            return catalog_valid(ConfigBucket(config_store.store()).catalog())
        except ConfigError as error:
            return catalog_valid(error)

    @asset_check(
        asset=SELECTION_RULES,
        name=RULES_VALID,
        description="The ingestion profiles and the scopes can be read, and every profile that is named exists.",
    )
    def selection_rules_valid(config_store: ObjectStoreResource) -> AssetCheckResult:
        bucket = ConfigBucket(config_store.store())
        try:
            catalog = bucket.catalog()
        except ConfigError:  # which source_catalog_valid says
            catalog = Catalog(CATALOG_KEY, {}, {})
        clients, _invalid = bucket.active_clients()
        return rules_valid(bucket, catalog, {client.client_id: named_profiles(client) for client in clients})

    return [client_files_valid, source_catalog_valid, selection_rules_valid]


def files_valid(invalid: Mapping[str, ConfigError]) -> AssetCheckResult:
    """Passed where no file is invalid; else every error, with file, line and remedy."""
    errors = [str(error) for error in invalid.values()]
    return AssetCheckResult(
        asset_key=CLIENT_FILES,
        check_name=FILES_VALID,
        passed=not errors,
        severity=AssetCheckSeverity.ERROR,
        description="; ".join(errors) or "Every client file can be read.",
        metadata={"invalid_files": len(errors), "errors": listed(errors)},
    )


def catalog_valid(catalog: Catalog | ConfigError) -> AssetCheckResult:
    """Failed as an error where the catalog is broken, as a warning where it only has quirks."""
    problems = [] if isinstance(catalog, ConfigError) else [str(problem) for problem in catalog.problems]
    return AssetCheckResult(
        asset_key=SOURCE_CATALOG,
        check_name=CATALOG_VALID,
        passed=not isinstance(catalog, ConfigError) and not problems,
        severity=AssetCheckSeverity.ERROR if isinstance(catalog, ConfigError) else AssetCheckSeverity.WARN,
        description=str(catalog)
        if isinstance(catalog, ConfigError)
        else f"{len(catalog.sources)} sources, {len(catalog.bouquets)} bouquets, {len(problems)} remarks.",
        metadata={"remarks": listed(problems)},
    )


def rules_valid(bucket: ConfigBucket, catalog: Catalog, named: Mapping[str, Mapping[str, str]]) -> AssetCheckResult:
    """Failed as an error where one of the files is broken as a whole, as a warning where there are only remarks.

    `named` says which profile each client names for which bouquet. The files are read: once per run or look.
    """
    broken: ConfigError | None = None
    remarks: list[str] = []
    try:
        rules = bucket.selection_rules()
        remarks = [str(remark) for remark in rules.remarks_on(catalog, named)]
        said = f"{len(rules.profiles)} profiles, {len(remarks)} remarks."
    except ConfigError as error:
        broken, said = error, str(error)
    more = [f"and {len(remarks) - _LISTED:,} more"] if len(remarks) > _LISTED else []
    return AssetCheckResult(
        asset_key=SELECTION_RULES,
        check_name=RULES_VALID,
        passed=not broken and not remarks,
        severity=AssetCheckSeverity.ERROR if broken else AssetCheckSeverity.WARN,
        description=said,
        metadata={"found": len(remarks), "remarks": listed([*remarks[:_LISTED], *more])},
    )


def evaluation(result: AssetCheckResult) -> AssetCheckEvaluation:
    """The result as the event that a sensor, or another asset's step, may report."""
    if result.asset_key is None or result.check_name is None:
        raise ValueError("a result without its check cannot be reported")
    return AssetCheckEvaluation(
        asset_key=AssetKey(result.asset_key) if isinstance(result.asset_key, str) else result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )
