"""Language models of Amazon Bedrock.

Here: its Converse call, with a tool whose input is the answer, and what its errors mean. Not here: the interface
(language_model).
"""

import threading
from collections.abc import Mapping
from typing import Any

import boto3
import stamina
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from domain.errors import RefusedError, SettingsError, TransientError, VigieError
from domain.reading_prompts import Prompt, harmless
from resources.language_model import Reply

_TOOL = "record_reading"
_LATER = {
    *("ThrottlingException", "TooManyRequestsException", "ServiceUnavailableException", "InternalServerException"),
    *("ModelTimeoutException", "ModelNotReadyException", "ModelErrorException", "RequestTimeout"),
}
_LONGEST_SAID = 300  # characters of what Bedrock says of an error


class BedrockModel:
    """One model of Bedrock, by its id or the id of an inference profile. Credentials come from AWS's own chain.

    `timeout` is in seconds, for each of the `attempts` of a call; between them it waits up to eight seconds.
    """

    def __init__(
        self,
        model_id: str,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = 30.0,
        attempts: int = 3,
    ) -> None:
        self._model_id = model_id
        self._region = region
        self._endpoint_url = endpoint_url
        self._timeout = timeout
        self._attempts = attempts
        self._lock = threading.Lock()
        self._client: Any = None

    @property
    def name(self) -> str:
        """See LanguageModel."""
        return self._model_id

    def read(self, prompt: Prompt) -> Reply:
        """See LanguageModel."""
        for attempt in stamina.retry_context(
            on=TransientError, attempts=self._attempts, timeout=None, wait_initial=0.5, wait_max=8.0
        ):
            with attempt:
                return self._asked(prompt)
        raise AssertionError("a retry context ends with a return or an error")

    def _asked(self, prompt: Prompt) -> Reply:
        tool = {"name": _TOOL, "description": "Records the reading.", "inputSchema": {"json": dict(prompt.schema)}}
        try:
            said = self._opened().converse(
                modelId=self._model_id,
                system=[{"text": prompt.system}],
                messages=[{"role": "user", "content": [{"text": prompt.user}]}],
                inferenceConfig={"maxTokens": prompt.max_tokens, "temperature": 0.0},
                toolConfig={"tools": [{"toolSpec": tool}], "toolChoice": {"any": {}}},
            )
            return _reply(said)
        except ClientError as error:
            raise self._in_words(error.response) from None
        except BotoCoreError as error:
            raise self._without_answer(type(error).__name__) from None
        except (ResponseParserError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise TransientError(
                f"Bedrock answered in another shape: {type(error).__name__}.", where=self._where
            ) from None

    @property
    def _where(self) -> str:
        return f"bedrock: {self._model_id}"

    def _opened(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = boto3.session.Session().client(
                    "bedrock-runtime",
                    region_name=self._region,
                    endpoint_url=self._endpoint_url,
                    config=Config(
                        connect_timeout=self._timeout, read_timeout=self._timeout, retries={"total_max_attempts": 1}
                    ),
                )
            return self._client

    def _in_words(self, response: Mapping[str, Any]) -> VigieError:
        code, status = response["Error"].get("Code", ""), response["ResponseMetadata"]["HTTPStatusCode"]
        if status >= 500 or status == 429 or code in _LATER:
            return TransientError(f"Bedrock answered {status} {code}.", where=self._where)
        said = harmless(str(response["Error"].get("Message", "")))[:_LONGEST_SAID]
        return RefusedError(
            f"Bedrock answered {status} {code}: {said}",
            where=self._where,
            remedy="Allow the role bedrock:InvokeModel on the model, ask for access to it, and check the credentials."
            if status in (401, 403)
            else "Check language_model.model_id and language_model.region of the target.",
        )

    def _without_answer(self, name: str) -> VigieError:
        if name in ("NoCredentialsError", "PartialCredentialsError"):
            return RefusedError("there are no AWS credentials.", where=self._where, remedy="Run: aws configure")
        if name == "NoRegionError":
            return SettingsError(
                "no region is named.", where=self._where, remedy="Set language_model.region of the target."
            )
        if name in ("SSLError", "ParamValidationError", "InvalidRegionError", "ProfileNotFound"):
            return RefusedError(
                f"Bedrock cannot be asked: {name}.", where=self._where, remedy="Check language_model of the target."
            )
        return TransientError(f"Bedrock gave no answer: {name}.", where=self._where)


def _reply(said: Mapping[str, Any]) -> Reply:
    """The first input of the tool, if there is one. KeyError and the like where this is no answer of Converse."""
    uses = [part["toolUse"] for part in said["output"]["message"]["content"] if "toolUse" in part]
    answer = next((use["input"] for use in uses if use["name"] == _TOOL), None)
    tokens = said["usage"]["inputTokens"], said["usage"]["outputTokens"]
    if min(tokens) < 0:
        raise ValueError("a count of tokens is negative")
    return Reply(answer, *tokens)
