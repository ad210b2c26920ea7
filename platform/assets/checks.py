"""What people configure, as assets that Vigie does not make: the client files and the source catalog, and checks.

Here: both, and the checks' results for whoever reports them as files change. Not here: dbt's tests, which dagster-dbt
turns into checks by itself.
"""

from collections.abc import Mapping, Sequence

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    AssetSpec,
    MetadataValue,
    asset_check,
)

from assets.names import CATALOG_VALID, CLIENT_FILES, FILES_VALID, SOURCE_CATALOG
from domain.catalog import Catalog
from domain.errors import ConfigError
from resources.config_bucket import ConfigBucket
from resources.object_store import ObjectStoreResource


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
    ]


def config_checks() -> list[AssetChecksDefinition]:
    """Both checks, to be run by hand or with a materialization."""

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

    return [client_files_valid, source_catalog_valid]


def files_valid(invalid: Mapping[str, ConfigError]) -> AssetCheckResult:
    """Passed where no file is invalid; else every error, with file, line and remedy."""
    errors = [str(error) for error in invalid.values()]
    return AssetCheckResult(
        asset_key=CLIENT_FILES,
        check_name=FILES_VALID,
        passed=not errors,
        severity=AssetCheckSeverity.ERROR,
        description="; ".join(errors) or "Every client file can be read.",
        metadata={"invalid_files": len(errors), "errors": MetadataValue.md(listed(errors))},
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
        metadata={"remarks": MetadataValue.md(listed(problems))},
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


def listed(lines: Sequence[str]) -> str:
    """The lines as a Markdown list."""
    return "\n".join(f"- {line}" for line in lines) or "none"
