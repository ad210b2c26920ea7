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
