"""What both sides of a benchmark ask of an item: terms that it must have, terms that it must not have.

Here: as many terms as V2 had in its code, and the same as files for Vigie. Not here: how either side looks for them.
"""

from collections.abc import Iterator
from typing import Any

import yaml

# The one that occurs stands last, as if it had to be looked for.
WANTED = [*(f"term number {n}" for n in range(35)), "long-acting"]
NOISE = [f"noise number {n}" for n in range(29)]
BROAD, FOCUSED = "corporate_pure_player_broad", "press_technology_focused"


def rule_files() -> Iterator[tuple[str, bytes]]:
    """Profiles and scopes by their keys: companies' own pages lose the noise, papers must have a term as well."""
    exclusions = {"exclusion_scopes": ["exclusion_scopes.noise"]}
    group = {"group_id": "technology", "scopes": ["technology_scopes.depot_keywords"], "min_matches": 1, "weight": 1.0}
    signals = {"required_signal_groups": [group], "combination_logic": "technology", "minimum_total_weight": 1.0}
    profiles = {
        BROAD: {"signal_requirements": {"mode": "exclude_only", **exclusions}},
        FOCUSED: {"signal_requirements": {"mode": "require_signals", **exclusions, **signals}},
    }
    yield "canonical/ingestion/ingestion_profiles.yaml", _yaml({"profiles": profiles})
    yield "canonical/scopes/exclusion_scopes.yaml", _yaml({"noise": NOISE})
    yield "canonical/scopes/technology_scopes.yaml", _yaml({"depot_keywords": WANTED})


def _yaml(document: dict[str, Any]) -> bytes:
    return yaml.safe_dump(document, sort_keys=False).encode()
