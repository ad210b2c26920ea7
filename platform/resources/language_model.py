"""A language model that answers one question in a given form: the interface, and the choice by the target.

Here: the protocol, its reply, the thin face in Dagster. Not here: a model's own calls (bedrock), what is asked and
what becomes of it (domain.reading_prompts, domain.readings, reader).
"""

from dataclasses import dataclass
from typing import Any, Protocol

from dagster import ConfigurableResource
from pydantic import PrivateAttr

from domain.reading_prompts import Prompt
from options import LanguageModel as ModelChoice


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: `answer` in JSON types, unchecked, None where there was none in the form asked for."""

    answer: Any
    input_tokens: int
    output_tokens: int


class LanguageModel(Protocol):
    """Answers questions; may be asked from several threads at once."""

    @property
    def name(self) -> str:
        """The model's own id: other models give other answers."""

    def read(self, prompt: Prompt) -> Reply:
        """One answer. TransientError where asking again may work (throttling, a 5xx, no answer in time), else
        PermanentError (no access, no such model, a question that it refuses)."""


class LanguageModelResource(ConfigurableResource[LanguageModel]):
    """Which model reads, and its budget, visible in the UI; `model()` opens nothing by itself."""

    kind: str = "none"
    model_id: str = ""
    region: str = ""
    endpoint_url: str = ""
    prompt: str = ""
    max_calls_per_run: int = 0
    max_tokens_per_day: int = 0
    timeout: float = 30.0
    attempts: int = 1
    _made: Any = PrivateAttr(default=None)

    @classmethod
    def of(cls, choice: ModelChoice) -> "LanguageModelResource":
        """The resource for a target's choice."""
        return cls(**{name: value for name, value in choice.model_dump().items() if value is not None})

    def model(self) -> LanguageModel | None:
        """The model, which knows nothing of Dagster; None where none is to read."""
        if self.kind == "none":
            return None
        if self._made is None:
            from resources.bedrock import BedrockModel  # boto3's import, which only a target with a model pays

            self._made = BedrockModel(
                self.model_id,
                region=self.region or None,
                endpoint_url=self.endpoint_url or None,
                timeout=self.timeout,
                attempts=self.attempts,
            )
        made: LanguageModel = self._made
        return made
