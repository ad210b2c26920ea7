"""Secrets in AWS Secrets Manager.

Here: its calls, through boto3, and what its errors mean. Not here: the interface (secrets).

As in vault_secrets, an error is raised after its `except` block: botocore's may hold what the server sent.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from domain.errors import MissingError, ParseError, RefusedError, SettingsError, TransientError, VigieError
from resources.secrets import TIMEOUT, as_text, checked_path, parsed, patiently

# At DEBUG these log whole answers and session tokens.
_TALKATIVE = ("botocore.auth", "botocore.endpoint", "botocore.parsers")


class AwsSecrets:
    """AWS Secrets Manager: a JSON object is its keys and values, any other text is `value`.

    Credentials come from AWS's own chain.
    """

    def __init__(self, region: str | None = None, endpoint_url: str | None = None, timeout: float = TIMEOUT) -> None:
        self._region = region
        self._endpoint_url = endpoint_url
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: Any = None

    def get(self, path: str) -> Mapping[str, str]:
        """See Secrets."""
        checked_path(path)
        return patiently(lambda: self._read(path))

    def _read(self, path: str) -> Mapping[str, str]:
        where = f"aws: {path}"
        try:
            text = self._opened().get_secret_value(SecretId=path).get("SecretString")
        except ClientError as error:
            problem = self._in_words(error.response, path, where)
        except BotoCoreError as error:
            problem = self._without_answer(type(error).__name__, where)
        except (ValueError, TypeError, AttributeError):  # botocore's, of an answer in another shape
            problem = SettingsError(
                "this is no address of Secrets Manager.", where=where, remedy="Check secrets.url of the target."
            )
        else:
            if text is None:
                raise ParseError("the secret holds bytes, not text.", where=where, remedy="Store it as a text.")
            values = parsed(text)
            return as_text(values) if isinstance(values, dict) else {"value": text}
        raise problem

    def _opened(self) -> Any:
        with self._lock:
            if self._client is None:
                for name in _TALKATIVE:
                    logging.getLogger(name).setLevel(logging.INFO)
                self._client = boto3.session.Session().client(
                    "secretsmanager",
                    region_name=self._region,
                    endpoint_url=self._endpoint_url,
                    config=Config(
                        connect_timeout=self._timeout, read_timeout=self._timeout, retries={"total_max_attempts": 1}
                    ),
                )
            return self._client

    def _in_words(self, response: Mapping[str, Any], path: str, where: str) -> VigieError:
        code, status = response["Error"].get("Code", ""), response["ResponseMetadata"]["HTTPStatusCode"]
        if code == "ResourceNotFoundException":
            return MissingError(
                "there is no such secret.",
                where=where,
                remedy=f"Write it: aws secretsmanager create-secret --name {path} ... "
                "If it is there, check secrets.region.",
            )
        if code == "InvalidRequestException":
            return MissingError(
                "the secret is marked for deletion.",
                where=where,
                remedy=f"Bring it back: aws secretsmanager restore-secret --secret-id {path}",
            )
        if status >= 500 or status == 429 or code in ("ThrottlingException", "RequestTimeout", "InternalServiceError"):
            return TransientError(f"AWS Secrets Manager answered {status}.", where=where)
        return RefusedError(
            f"AWS Secrets Manager answered {status} {code}.",
            where=where,
            remedy=f"Allow the role secretsmanager:GetSecretValue on {path} (and kms:Decrypt on its key), "
            "and check the credentials.",
        )

    def _without_answer(self, name: str, where: str) -> VigieError:
        if name in ("NoCredentialsError", "PartialCredentialsError"):
            return RefusedError("there are no AWS credentials.", where=where, remedy="Run: aws configure")
        if name == "NoRegionError":
            return SettingsError("no region is named.", where=where, remedy="Set secrets.region of the target.")
        if name in ("SSLError", "ParamValidationError", "InvalidRegionError", "ProfileNotFound"):
            return RefusedError(
                f"AWS Secrets Manager cannot be asked: {name}.", where=where, remedy="Check secrets of the target."
            )
        return TransientError(f"AWS Secrets Manager gave no answer: {name}.", where=where)
