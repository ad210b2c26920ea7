"""The answers one target gives to every question the platform asks at its start, typed and frozen.

Here: reading `VIGIE_TARGET`, the environment, the answers of set-up, `.env` and `targets/<name>.yaml`; refusing what is
missing, with the remedy. Not here: opening anything. Secrets are named here (`SecretRef`), never read here. The only
module that reads the environment.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import SettingsError
from domain.target_answers import read_answers, references, substituted
from options import Alerts, Delivery, Freshness, LanguageModel, Lineage, Logs, Metrics, Retention, SecretRef

PROJECT_ROOT = Path(__file__).resolve().parent.parent
TARGETS = Path(__file__).resolve().parent / "targets"
STATE = PROJECT_ROOT / ".vigie"  # what this machine keeps, never committed: a folder per target, own targets
_TARGET = re.compile(r"[a-z][a-z0-9_-]*")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DirectoryLocation(_Frozen):
    """A folder that plays the part of a bucket."""

    kind: Literal["directory"]
    path: Path

    @property
    def uri(self) -> str:
        """For people: where the objects are."""
        return str(self.path)


class S3Location(_Frozen):
    """A bucket, or a part of one. Credentials come from AWS's own chain, never from here."""

    kind: Literal["s3"]
    bucket: Annotated[str, Field(min_length=3)]
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = None

    @property
    def uri(self) -> str:
        """For people: where the objects are."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


Location = Annotated[DirectoryLocation | S3Location, Field(discriminator="kind")]


class Stores(_Frozen):
    """The three buckets: what people configure, what the platform keeps, what readers get."""

    config: Location
    data: Location
    newsletters: Location


class Database(_Frozen):
    """The accounts' SQL database; the driver is spelled in the URL, the password is a reference."""

    url: str
    password: SecretRef | None = None

    @field_validator("url")
    @classmethod
    def _without_password(cls, url: str) -> str:
        if re.match(r"[^:]+://[^/@]*:[^/@]+@", url) or re.search(r"[?&](ssl)?password=", url):
            raise ValueError("the URL carries a password: name it in `database.password` as {env: NAME} instead")
        if url.startswith(("postgresql://", "postgres://")):
            raise ValueError("spell the driver: postgresql+psycopg2://")
        return url


class DuckDBWarehouse(_Frozen):
    """One DuckDB file; its models go to `dataset` (a schema)."""

    kind: Literal["duckdb"]
    path: Path
    dataset: str = "vigie"


class BigQueryWarehouse(_Frozen):
    """One BigQuery project; raw tables go to its dataset `raw`, models to `dataset`."""

    kind: Literal["bigquery"]
    project: str
    dataset: str = "vigie"
    location: str = "EU"


class Dbt(_Frozen):
    """Which output of `dbt_project/profiles.yml` this target builds with; how long (seconds) until what failed is tried
    again; artifacts stay of the newest `keep_runs` invocations, for `keep_days`."""

    target: Literal["dev", "prod"]
    retry_seconds: Annotated[float, Field(ge=0)] = 30.0
    keep_runs: Annotated[int, Field(ge=1)] = 20
    keep_days: Annotated[float, Field(gt=0)] = 7.0


class Schematics(_Frozen):
    """Where Terraform runs: IBM Cloud, or the emulator that stands in for it. Times are in seconds."""

    kind: Literal["local", "ibm"]
    url: str
    iam_url: str
    api_key: SecretRef
    secure_inputs: dict[str, SecretRef] = {}  # Terraform variable -> its secret; {name} and {number} are the account's
    pool_slots: Annotated[int, Field(ge=1, le=10)] = 2
    requests_per_minute: Annotated[int, Field(ge=1)] = 45  # over all runs
    poll_seconds: Annotated[float, Field(gt=0)] = 10.0
    request_timeout: Annotated[float, Field(gt=0)] = 30.0
    lock_patience: Annotated[float, Field(ge=0)] = 900.0  # how long a locked workspace is waited for
    lost_reply_seconds: Annotated[float, Field(ge=0)] = 30.0  # how long a launch without a reply is looked for
    lease_seconds: Annotated[float, Field(gt=0)] = 90.0  # a dead worker's account is taken up after that
    job_deadline: Annotated[float, Field(gt=0)] = 7200.0
    approval_hours: Annotated[float, Field(gt=0)] = 24.0
    drift_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "03:00"

    @model_validator(mode="after")
    def _what_ibm_allows(self) -> "Schematics":
        if self.kind == "ibm" and self.requests_per_minute >= 50:
            raise ValueError("requests_per_minute is less than 50: IBM refuses what is more, per user and region")
        if self.lease_seconds <= self.request_timeout:
            raise ValueError("lease_seconds is more than request_timeout: else a launch could outlive its lease")
        return self


class Secrets(_Frozen):
    """Which store answers secret references that are not environment variables."""

    kind: Literal["environment", "vault", "aws"]
    url: str | None = None  # of the vault; of AWS only where it is not AWS itself
    mount: str = "secret"  # the vault's KV v2 engine
    namespace: str | None = None
    token: SecretRef | None = None
    role_id: SecretRef | None = None
    secret_id: SecretRef | None = None
    region: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Secrets":
        if self.kind == "vault" and not self.url:
            raise ValueError("a vault needs `url`")
        if self.kind == "vault" and (self.token is None) == (self.role_id is None):
            raise ValueError("a vault needs `token`, or `role_id` with `secret_id`: exactly one of the two ways in")
        if (self.role_id is None) != (self.secret_id is None):
            raise ValueError("`role_id` and `secret_id` come together")
        if any(ref and ref.env is None for ref in (self.token, self.role_id, self.secret_id)):
            raise ValueError("the way into a vault comes from the environment: {env: NAME}")
        return self


class Fetch(_Frozen):
    """How politely and how patiently sources are fetched, and what is fetched besides. Times are in seconds.

    `robots` "honour" follows each host's robots.txt (RFC 9309). Only addresses of the internet are connected to, unless
    `allow_private_addresses`. Article pages (`content_enrichment: full_article`) are those of new items published up to
    `article_days` before the day, at most `max_articles` of a source and day.
    """

    user_agent: str = "Vigie/0.1 (+https://example.invalid/vigie)"
    concurrency: Annotated[int, Field(ge=1, le=256)] = 32
    per_host: Annotated[int, Field(ge=1, le=16)] = 2
    host_interval: Annotated[float, Field(ge=0)] = 1.0
    timeout: Annotated[float, Field(gt=0)] = 30.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    max_bytes: Annotated[int, Field(ge=1024)] = 8 * 1024 * 1024
    allow_private_addresses: bool = False
    robots: Literal["honour", "ignore"] = "honour"
    article_days: Annotated[int, Field(ge=0)] = 7
    max_articles: Annotated[int, Field(ge=0)] = 50


class Schedule(_Frozen):
    """When the day's work and the night's start (`HH:MM` in `timezone`), and how often sensors look (seconds)."""

    daily_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "05:00"
    nightly_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "02:00"
    timezone: str = "UTC"
    sensor_seconds: Annotated[int, Field(ge=1)] = 30


class Settings(_Frozen):
    """Every answer of one target. Building it opens nothing and needs no credential."""

    target: str
    home: Path
    dagster_home: Path | None = None
    instance: Literal["machine", "fleet", "given"] = "machine"  # Dagster's; given: not ours to write
    project_root: Path
    first_day: date
    history_days: Annotated[int, Field(ge=1, le=366)] = 30
    keep_days: Annotated[int, Field(ge=1)] | None = None  # partitions older than that leave the graph; None: never
    stores: Stores
    database: Database
    warehouse: Annotated[DuckDBWarehouse | BigQueryWarehouse, Field(discriminator="kind")]
    dbt: Dbt
    schematics: Schematics
    secrets: Secrets
    fetch: Fetch = Fetch()
    schedule: Schedule = Schedule()
    language_model: LanguageModel = LanguageModel()
    delivery: Delivery = Delivery()
    alerts: Alerts = Alerts()
    freshness: Freshness = Freshness()
    logs: Logs = Logs()
    retention: Retention = Retention()
    metrics: Metrics = Metrics()
    lineage: Lineage = Lineage()

    @property
    def migrations(self) -> Path:
        """The folder of the database's migrations."""
        return self.project_root / "migrations"

    @property
    def dbt_project(self) -> Path:
        """The folder of the dbt project."""
        return self.project_root / "dbt_project"


class Environment(BaseSettings):
    """The few variables that choose a target; everything else is the target's own answer."""

    model_config = SettingsConfigDict(env_prefix="VIGIE_", extra="ignore")

    target: str = "dev"
    home: Path = STATE
    instance: str = "machine"


def load_settings(environment: Mapping[str, str] | None = None, answers: Mapping[str, str] | None = None) -> Settings:
    """The settings of the target that `VIGIE_TARGET` names (default `dev`).

    `environment` stands in for the process environment and `.env` (tests), `answers` for what set-up has kept. Raises
    SettingsError naming everything that is missing or wrong at once, and the command that mends it.
    """
    process = os.environ if environment is None else environment
    values = _process_environment() if environment is None else dict(environment)
    chosen = choice(values)
    path = target_file(chosen)
    home = chosen.home.resolve() / chosen.target
    document = _read(path)
    kept = kept_answers(chosen) if answers is None else answers
    values |= {name: answer for name, answer in kept.items() if not process.get(name)}
    missing: dict[str, str] = {}
    whole = substituted(document, values | {"TARGET_HOME": str(home)}, missing)
    if missing:
        raise SettingsError(
            f"target {chosen.target!r} is incomplete: "
            + ", ".join(f"{name} ({place})" for name, place in missing.items())
            + ".",
            where=_shown(path),
            remedy=f"Run: vigie setup --terraform-outputs FILE --target {chosen.target}. Or give each a value in .env: "
            + " && ".join(f"echo {name}=... >> .env" for name in missing),
        )
    try:
        return Settings.model_validate(
            {
                **whole,
                "target": chosen.target,
                "home": home,
                "dagster_home": values.get("DAGSTER_HOME") or None,
                "instance": chosen.instance,
                "project_root": PROJECT_ROOT,
            }
        )
    except ValidationError as error:
        raise SettingsError(
            f"target {chosen.target!r} is wrong: " + "; ".join(_in_words(e) for e in error.errors()),
            where=_shown(path),
            remedy=f"Mend the file, then run: VIGIE_TARGET={chosen.target} vigie target check",
        ) from None


def target_names(home: Path = STATE) -> list[str]:
    """The targets there are: one file each, the project's and this machine's own (`{home}/targets/`)."""
    files = (path for folder in (TARGETS, own_targets(home)) for path in folder.glob("*.yaml"))
    return sorted({path.stem for path in files if _TARGET.fullmatch(path.stem)})


def own_targets(home: Path = STATE) -> Path:
    """Where targets are that belong to this machine alone: the demo's, a test's, one that you try out."""
    return home / "targets"


def choice(values: Mapping[str, str] | None = None) -> Environment:
    """Which target is chosen, and where this machine keeps its state; `values` as for `load_settings`."""
    given = _process_environment() if values is None else values
    named = {key: given.get(f"VIGIE_{key.upper()}") for key in Environment.model_fields}
    return Environment.model_validate({key: value for key, value in named.items() if value})


def questions(chosen: Environment) -> set[str]:
    """The variables that the target's file refers to, and that differ between installations."""
    return references(_read(target_file(chosen))) - {"TARGET_HOME"}


def answers_file(chosen: Environment) -> Path:
    """Where set-up keeps the values of the target's variables. The process's win over them, they over those of .env."""
    return own_targets(chosen.home) / f"{chosen.target}.answers.yaml"


def kept_answers(chosen: Environment) -> dict[str, str]:
    """What set-up has kept for the target: nothing before the first."""
    path = answers_file(chosen)
    return read_answers(path.read_bytes(), _shown(path)) if path.is_file() else {}


def _process_environment() -> dict[str, str]:
    stored = {k: v for k, v in dotenv_values(PROJECT_ROOT / ".env").items() if v is not None}
    return {**stored, **os.environ}


def environment_value(name: str) -> str | None:
    """One variable of the process or of `.env`: for `resources.secrets`, which reads secrets when they are used."""
    return _process_environment().get(name)


def child_environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment for a process that shall work on the same target."""
    ours = {"TARGET": settings.target, "HOME": str(settings.home.parent), "INSTANCE": settings.instance}
    return {**os.environ, **{f"VIGIE_{name}": value for name, value in ours.items()}, **more}


@contextmanager
def exported(variables: Mapping[str, str]) -> Iterator[None]:
    """The variables in this process's environment for a while: for libraries that start processes with it."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def target_file(chosen: Environment) -> Path:
    """The file of the chosen target. Raises SettingsError where there is none."""
    for folder in (TARGETS, own_targets(chosen.home)):
        path = folder / f"{chosen.target}.yaml"
        if _TARGET.fullmatch(chosen.target) and path.is_file():
            return path
    known = target_names(chosen.home)
    raise SettingsError(
        f"there is no target {chosen.target!r}; there are: {', '.join(known)}.",
        where="VIGIE_TARGET",
        remedy=f"Choose one (export VIGIE_TARGET={known[0] if known else 'dev'}), or add a target: "
        f"cp platform/targets/dev.yaml platform/targets/{chosen.target}.yaml",
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise SettingsError(f"is not YAML: {error}", where=_shown(path), remedy="Mend the file.") from None
    if not isinstance(document, dict):
        raise SettingsError("is not a mapping of answers.", where=_shown(path), remedy="See platform/targets/dev.yaml.")
    return document


def _in_words(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"] if part not in ("directory", "s3", "duckdb", "bigquery"))
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "extra_forbidden":
        return f"{place} is not a setting"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else str(path)
