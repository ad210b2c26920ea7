"""What people configure: client files, source catalog, rules of selection and scoring, read from the config bucket.

Here: which keys they have, reading many at once. Not here: what they mean (domain.clients, domain.catalog,
domain.selection_rules, domain.scoring).
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from domain.catalog import Catalog, read_catalog
from domain.clients import PREFIX, ClientConfig, client_id_of, is_config_key, read_client
from domain.documents import MAX_BYTES, Problem
from domain.errors import ConfigError, MissingError
from domain.event_types import PREFIX as EVENTS_PREFIX
from domain.event_types import EventTypes, read_event_types
from domain.scopes import ENDING as SCOPES_ENDING
from domain.scopes import PREFIX as SCOPES_PREFIX
from domain.scopes import Scopes, read_scopes
from domain.scoring_rules import KEY as SCORING_KEY
from domain.scoring_rules import ScoringRules, read_scoring_rules
from domain.selection_rules import KEY as PROFILES_KEY
from domain.selection_rules import SelectionRules, read_rules
from resources.object_store import PARALLEL, ObjectInfo, ObjectStore

CATALOG_KEY = "canonical/sources/source_catalog.yaml"


class ConfigBucket:
    """Reads a config bucket through any object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._listed: dict[str, ObjectInfo] = {}

    def listing(self) -> dict[str, str]:
        """Every client file, key -> ETag: 1 request per 1,000 objects, no object read. Raises where it cannot list."""
        self._listed = {info.key: info for info in self._store.list(PREFIX) if is_config_key(info.key)}
        return {key: info.etag for key, info in self._listed.items()}

    def read(self, keys: Iterable[str]) -> dict[str, tuple[str, ClientConfig | ConfigError]]:
        """Those files, read side by side: key -> (ETag read, configuration or its error).

        A file that vanished since the listing is left out. Only a store that fails raises.
        """
        with ThreadPoolExecutor(PARALLEL) as threads:
            found = threads.map(self._read, keys)
        return {key: (etag, outcome) for key, etag, outcome in found if outcome is not None}

    def active_clients(self) -> tuple[list[ClientConfig], dict[str, ConfigError]]:
        """The active clients, by id; and the files that cannot be read, key -> error."""
        clients, invalid = [], {}
        for key, (_etag, outcome) in self.read(self.listing()).items():
            if isinstance(outcome, ConfigError):
                invalid[key] = outcome
            elif outcome.active:
                clients.append(outcome)
        return sorted(clients, key=lambda client: client.client_id), invalid

    def catalog(self) -> Catalog:
        """The source catalog. Raises ConfigError where it is absent or broken as a whole."""
        try:
            stored = self._store.get(CATALOG_KEY)
        except MissingError:
            raise ConfigError(
                "there is no source catalog.",
                where=f"{self._store.uri}/{CATALOG_KEY}",
                remedy="Put it there; docs/add-a-source.md shows one.",
            ) from None
        return read_catalog(CATALOG_KEY, stored.body)

    def selection_rules(self) -> SelectionRules:
        """The ingestion profiles and the scopes they refer to; no rule where there is no file of profiles.

        Raises ConfigError where one of the files is broken as a whole. Ask once per run: it is a listing and a request
        per file.
        """
        try:
            profiles = self._store.get(PROFILES_KEY)
        except MissingError:
            return SelectionRules()
        return read_rules(profiles.body, self._bodies(SCOPES_PREFIX))

    def scoring_files(self) -> tuple[Scopes, EventTypes, ScoringRules, tuple[Problem, ...]]:
        """The scopes, the event types and the rules of scoring, and what is odd about the rules' file.

        What has no file is empty or the default. Raises ConfigError where a file is broken as a whole. Ask once per
        run: it is two listings and a request per file.
        """
        try:
            body = self._store.get(SCORING_KEY).body
        except MissingError:
            body = None
        rules, problems = read_scoring_rules(body)
        return self.scopes(), self.event_types(), rules, problems

    def scopes(self) -> Scopes:
        """Every scope; none where there is no file. Raises ConfigError where a file is broken as a whole."""
        return read_scopes(self._bodies(SCOPES_PREFIX))

    def event_types(self) -> EventTypes:
        """The types of events; `other` alone where there is no file. Raises ConfigError where a file is broken."""
        return read_event_types(self._bodies(EVENTS_PREFIX))

    def _bodies(self, prefix: str) -> dict[str, bytes]:
        """Every YAML file under `prefix`, key -> bytes, read side by side."""
        keys = [info.key for info in self._store.list(prefix) if info.key.endswith(SCOPES_ENDING)]
        with ThreadPoolExecutor(PARALLEL) as threads:
            stored = threads.map(self._store.get, keys)
            return {key: one.body for key, one in zip(keys, stored, strict=True)}

    def _read(self, key: str) -> tuple[str, str, ClientConfig | ConfigError | None]:
        listed = self._listed.get(key)
        if listed and listed.size > MAX_BYTES:  # not even fetched: the listing has said enough
            message = f"The file has {listed.size:,} bytes; the limit is {MAX_BYTES:,}."
            return key, listed.etag, ConfigError(message, where=key, remedy="Split it.")
        try:
            client_id_of(
                key
            )  # a bucket may hold names that no store of ours asks for: they cost nobody else their file
        except ConfigError as error:
            return key, listed.etag if listed else "", error
        try:
            stored = self._store.get(key)
        except MissingError:
            return key, "", None
        try:
            return key, stored.etag, read_client(key, stored.body)
        except ConfigError as error:
            return key, stored.etag, error
