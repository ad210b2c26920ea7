"""Lineage events on their way to an OpenLineage server, and the names of this target's stores there.

Here: a moment of a run -> an event on the wire. Not here: which moments (sensors.lineage), what they hold
(domain.lineage). Needs the extra `lineage`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from sqlalchemy import make_url

from domain.errors import RefusedError, SettingsError, TransientError
from domain.lineage import Moment, Place
from resources.secrets import read_secret
from settings import DuckDBWarehouse, Location, S3Location, Settings

PRODUCER = "https://example.invalid/vigie"
_LONGEST = 2000  # characters of an error
_NOT_THIS_ONE = frozenset({400, 413, 422})  # the event is refused, not the sender


class LineageDesk:
    """Where one target's events go. Making it opens nothing and reads no secret."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def is_on(self) -> bool:
        """Whether the target names a server."""
        return bool(self.settings.lineage.url)

    @contextmanager
    def sender(self) -> Iterator["Sender"]:
        """Open for the length of a tick. Raises SettingsError where the extra is not installed."""
        with Sender(self.settings) as sender:
            yield sender

    def place(self, asset: str, group: str) -> Place:
        """Where an asset of that group is kept, in OpenLineage's naming."""
        stores = self.settings.stores
        if asset == "dashboard" or group == "newsletters":
            return _store(stores.newsletters)
        if asset == "accounts_export" or group == "warehouse":
            return self._warehouse(raw=asset in ("accounts_export", "item_matches", "item_readings"))
        if group == "accounts":
            return self._database()
        return _store(stores.config if group == "configured" else stores.data)

    def _warehouse(self, *, raw: bool) -> Place:
        warehouse = self.settings.warehouse
        schema = "raw" if raw else warehouse.dataset
        if isinstance(warehouse, DuckDBWarehouse):
            return Place(f"duckdb://{warehouse.path}", f"{schema}.")
        return Place("bigquery", f"{warehouse.project}.{schema}.")

    def _database(self) -> Place:
        url = make_url(self.settings.database.url)
        if url.get_backend_name() == "sqlite":
            return Place(f"sqlite://{url.database}", "main.")
        return Place(f"postgres://{url.host}:{url.port or 5432}", f"{url.database}.public.")


def _store(location: Location) -> Place:
    if isinstance(location, S3Location):
        prefix = location.prefix.strip("/")
        return Place(f"s3://{location.bucket}", f"{prefix}/" if prefix else "")
    return Place("file", f"{location.path}/")


class Sender:
    """One HTTP session with the OpenLineage server."""

    def __init__(self, settings: Settings) -> None:
        answers = settings.lineage
        self._where = f"{answers.url.rstrip('/')}/{answers.endpoint}"
        self._namespace = answers.namespace
        try:
            from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider
        except ImportError:
            raise SettingsError(
                "the package openlineage-python is not installed.",
                where="lineage.url",
                remedy="Install the extra: pip install 'vigie[lineage]' (with a checkout: make setup)",
            ) from None
        key = read_secret(settings, answers.api_key)
        self._transport = HttpTransport(
            HttpConfig(
                url=answers.url,
                endpoint=answers.endpoint,
                timeout=answers.timeout,
                auth=ApiKeyTokenProvider({"api_key": key}) if key else TokenProvider({}),
                retry={"total": 0},  # the next tick tries again
            )
        )

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_raised: object) -> None:
        self._transport.close()

    def send(self, moment: Moment) -> None:
        """Sends one event. Raises RefusedError where the server will never take this one, else TransientError."""
        import requests

        try:
            self._transport.emit(self._event(moment))
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            kind = RefusedError if status in _NOT_THIS_ONE else TransientError
            raise kind(f"the OpenLineage server answered {status}.", where=self._where) from None
        except requests.RequestException as error:
            raise TransientError(
                f"the OpenLineage server gave no answer ({type(error).__name__}).",
                where=self._where,
                remedy="Nothing is lost: the next tick sends it.",
            ) from None

    def _event(self, moment: Moment) -> Any:
        from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
        from openlineage.client.facet_v2 import error_message_run, job_type_job, processing_engine_run

        engine = processing_engine_run.ProcessingEngineRunFacet(
            version=version("dagster"), name="dagster", openlineageAdapterVersion=version("vigie"), producer=PRODUCER
        )
        facets: dict[str, Any] = {"processing_engine": engine}
        if moment.error:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                message=moment.error[:_LONGEST], programmingLanguage="PYTHON", producer=PRODUCER
            )
        kind = job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="DAGSTER", jobType="JOB", producer=PRODUCER
        )
        return RunEvent(
            eventType=RunState[moment.state],
            eventTime=moment.at.isoformat(),
            run=Run(runId=moment.run_id, facets=facets),
            job=Job(namespace=self._namespace, name=moment.job, facets={"jobType": kind}),
            inputs=[InputDataset(namespace=one.namespace, name=one.name) for one in moment.inputs],
            outputs=[OutputDataset(namespace=one.namespace, name=one.name) for one in moment.outputs],
            producer=PRODUCER,
        )
