"""The thin face of the warehouse in Dagster, and the choice of engine by the target.

Here: settings -> a Warehouse. Not here: what a warehouse does (warehouse and its two engines).
"""

from pathlib import Path
from typing import Any

from dagster import ConfigurableResource
from pydantic import PrivateAttr

from resources.bigquery_warehouse import BigqueryWarehouse
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.warehouse import Warehouse
from settings import BigQueryWarehouse as BigQuerySettings
from settings import DuckDBWarehouse as DuckDBSettings


class WarehouseResource(ConfigurableResource[Warehouse]):
    """Where the warehouse is, visible in the UI; `warehouse()` opens nothing by itself."""

    kind: str
    dataset: str
    path: str = ""
    project: str = ""
    location: str = ""
    _made: Any = PrivateAttr(default=None)

    @classmethod
    def of(cls, settings: DuckDBSettings | BigQuerySettings) -> "WarehouseResource":
        """The resource for a target's warehouse."""
        if isinstance(settings, DuckDBSettings):
            return cls(kind="duckdb", dataset=settings.dataset, path=str(settings.path))
        return cls(kind="bigquery", dataset=settings.dataset, project=settings.project, location=settings.location)

    def warehouse(self) -> Warehouse:
        """The warehouse itself, which knows nothing of Dagster."""
        if self._made is None:
            if self.kind == "duckdb":
                self._made = DuckdbWarehouse(Path(self.path), models_schema=self.dataset)
            else:
                self._made = BigqueryWarehouse(self.project, models_dataset=self.dataset, location=self.location)
        made: Warehouse = self._made
        return made
