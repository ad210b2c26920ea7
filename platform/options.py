"""The answers a target may leave out: what is off unless it is asked for.

Here: their fields, their defaults, what fits together. Not here: the answers every target gives, nor reading any
(settings).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.deliveries import is_address


class Option(BaseModel):
    """A block of a target file that may be absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretRef(Option):
    """Where a secret is, never what it is: an environment variable, or a path and key in the vault."""

    env: str | None = None
    vault: str | None = None
    key: str = "value"

    @model_validator(mode="after")
    def _exactly_one_place(self) -> "SecretRef":
        if (self.env is None) == (self.vault is None):
            raise ValueError("name exactly one place: `env: NAME` or `vault: path` with `key: name`")
        return self


class LanguageModel(Option):
    """Whether a language model reads texts, which one, and what it may cost. Times are in seconds.

    `prompt` names a file below canonical/prompts/normalization/ of the config bucket. Credentials, and the region where
    it is not said, come from AWS's own chain.
    """

    kind: Literal["none", "bedrock"] = "none"
    model_id: str = ""
    region: str | None = None
    endpoint_url: str | None = None
    prompt: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")] = "generic_normalization"
    max_calls_per_run: Annotated[int, Field(ge=0, le=100_000)] = 500
    max_tokens_per_day: Annotated[int, Field(ge=0)] = 2_000_000  # questions and answers, by UTC day
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0
    attempts: Annotated[int, Field(ge=1, le=10)] = 3  # of one call, where the model says "later" or nothing

    @model_validator(mode="after")
    def _whole(self) -> "LanguageModel":
        if self.kind != "none" and not self.model_id:
            raise ValueError("a language model needs `model_id`")
        return self


class Delivery(Option):
    """Whether newsletters are mailed to the clients that ask for it, how, and when. Times are in seconds.

    `kind` smtp needs `host`; port 465 is TLS from the first byte, any other one starts with `starttls`. SES takes
    credentials, and the region where it is not said, from AWS's own chain. `preview_to` gets what is previewed. Each
    day at `deliver_at`, in the schedule's timezone, what is due is sent.
    """

    kind: Literal["none", "smtp", "ses"] = "none"
    sender: str = ""
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    starttls: bool = True
    username: str = ""
    password: SecretRef | None = None
    region: str | None = None
    endpoint_url: str | None = None
    preview_to: str = ""
    deliver_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "07:00"
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0

    @field_validator("sender", "preview_to")
    @classmethod
    def _an_address(cls, text: str) -> str:
        if text and not is_address(text):
            raise ValueError(f"{text!r} is no mail address such as news@example.com")
        return text

    @model_validator(mode="after")
    def _whole(self) -> "Delivery":
        if self.kind != "none" and not self.sender:
            raise ValueError("delivery needs `sender`, the address that newsletters come from")
        if self.kind == "smtp" and not self.host:
            raise ValueError("delivery by smtp needs `host`")
        if bool(self.username) != (self.password is not None):
            raise ValueError("`username` and `password` come together")
        if self.password and not self.starttls and self.port != 465 and self.host not in ("127.0.0.1", "localhost"):
            raise ValueError("a password is not sent without TLS: set `starttls`, or port 465")
        return self


class Retention(Option):
    """How long what grows is kept, in days, and when in the night the rest goes (in the schedule's timezone).

    `run_days` is of the detailed logs of runs that are over: no partition's status rests on them. `source_days` is of
    what sources sent; null keeps it for ever, for it cannot be had again.
    """

    nightly: bool = True
    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "04:00"
    run_days: Annotated[int, Field(ge=1)] = 90
    source_days: Annotated[int, Field(ge=30)] | None = None


class Metrics(Option):
    """What `vigie metrics` exports: whether figures carry clients' names, and for how many seconds they are kept."""

    clients: bool = False
    seconds: Annotated[float, Field(ge=0)] = 30.0


class Lineage(Option):
    """Where OpenLineage events go: the server's `url` (none: no events) and the `endpoint` below it. `namespace` is the
    jobs'; `timeout` is in seconds."""

    url: str = ""
    endpoint: str = "api/v1/lineage"
    namespace: str = "vigie"
    api_key: SecretRef | None = None
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("the address of an OpenLineage server begins with http:// or https://")
        return url


class Webhook(Option):
    """An address that takes alerts as JSON. The address is a secret; with `key`, bodies are signed (HMAC-SHA256)."""

    url: SecretRef
    key: SecretRef | None = None


class AlertMail(Option):
    """Who gets alerts by mail; `server` says how where that is not how newsletters go out."""

    to: Annotated[tuple[str, ...], Field(min_length=1)]
    server: Delivery | None = None

    @field_validator("to")
    @classmethod
    def _addresses(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [address for address in addresses if not is_address(address)]:
            raise ValueError(f"{wrong[0]!r} is no mail address such as ops@example.com")
        return addresses


class Alerts(Option):
    """Who is told of troubles, and how much: off without a channel.

    `ui_url` and `runbooks_url` make the links. A trouble is over once it has not been seen for `settle_minutes`; while
    it lasts, `reminders` are sent, one a day. A sensor is silent after `sensor_minutes`, an approval waits too long
    after `approval_hours`. `look_back_days`: how old a failed run may be. `warnings`: also checks that only warn.
    """

    slack: SecretRef | None = None
    webhook: Webhook | None = None
    mail: AlertMail | None = None
    ui_url: Annotated[str, Field(pattern=r"^(https?://[^\s|<>]+)?$")] = ""
    runbooks_url: Annotated[str, Field(pattern=r"^(https?://[^\s|<>#]+)?$")] = ""
    per_look: Annotated[int, Field(ge=1, le=50)] = 5
    per_hour: Annotated[int, Field(ge=1, le=500)] = 20
    reminders: Annotated[int, Field(ge=0, le=90)] = 7
    settle_minutes: Annotated[float, Field(ge=0)] = 10.0
    sensor_minutes: Annotated[float, Field(gt=0)] = 15.0
    approval_hours: Annotated[float, Field(ge=0)] = 4.0
    look_back_days: Annotated[float, Field(gt=0, le=90)] = 7.0
    warnings: bool = False
    timeout: Annotated[float, Field(gt=0, le=30)] = 10.0

    @property
    def is_on(self) -> bool:
        """Whether anybody is told."""
        return bool(self.slack or self.webhook or self.mail)


class Freshness(Option):
    """When a client counts as forgotten: its newest day is more than `stale_days` ago. Looked at each day, `at`."""

    stale_days: Annotated[int, Field(ge=0, le=60)] = 2
    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "09:00"


class Logs(Option):
    """How runs and sensors write their logs: for people, or one JSON object a line."""

    format: Literal["text", "json"] = "text"
