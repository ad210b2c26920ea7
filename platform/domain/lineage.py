"""What a run read and wrote, as lineage: datasets with the names of their stores, moments of a run.

Here: names, and which datasets a run's moment speaks of. Not here: OpenLineage's wire form and its server
(resources.lineage), finding moments (sensors.lineage).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

State = Literal["START", "COMPLETE", "FAIL", "ABORT"]


@dataclass(frozen=True, slots=True, order=True)
class Dataset:
    """A dataset as other tools name it: where it is, and its name there."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the assets of a group are kept; `prefix` stands before an asset's name."""

    namespace: str
    prefix: str = ""

    def dataset(self, asset: str) -> Dataset:
        """The asset in that place."""
        return Dataset(self.namespace, f"{self.prefix}{asset}")


@dataclass(frozen=True, slots=True)
class Moment:
    """A run of a job begins or ends, at an instant with its zone; what it reads and writes; why it failed."""

    run_id: str
    job: str
    state: State
    at: datetime
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    error: str = ""


def read_and_written(
    written: Collection[str], parents: Mapping[str, Collection[str]], places: Mapping[str, Place]
) -> tuple[tuple[Dataset, ...], tuple[Dataset, ...]]:
    """The inputs and outputs of a run that writes these assets; `places` says of every asset where it is.

    What the run writes itself is no input, though other assets of the run read it.
    """
    read = {parent for asset in written for parent in parents.get(asset, ())} - set(written)
    inputs = {places[asset].dataset(asset) for asset in read if asset in places}
    outputs = {places[asset].dataset(asset) for asset in written if asset in places}
    return tuple(sorted(inputs)), tuple(sorted(outputs))
