"""Mail by Amazon SES, through boto3.

Here: its call, and what its errors mean. Not here: the interface (delivery), the message (domain.deliveries).
"""

from email.message import EmailMessage
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from domain.deliveries import UnsureError
from domain.errors import RefusedError, SettingsError, TransientError, VigieError

_SURELY_NOT = (EndpointConnectionError, ConnectTimeoutError)
_OF_NOTHING_SENT = ("NoCredentialsError", "PartialCredentialsError", "NoRegionError", "ProfileNotFound", "SSLError")


@lru_cache(maxsize=4)
def _client(region: str | None, endpoint_url: str | None, timeout: float) -> Any:
    """One client per process and place: making one costs a third of a second."""
    config = Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1})
    return boto3.session.Session().client("sesv2", region_name=region, endpoint_url=endpoint_url, config=config)


class SesMailer:
    """SES v2 in one region. Credentials come from AWS's own chain. A call is made once: boto's retries are off."""

    def __init__(self, region: str | None, endpoint_url: str | None, timeout: float) -> None:
        self._place = (region, endpoint_url, timeout)

    def send(self, mail: EmailMessage) -> None:
        """See Mailer."""
        try:
            _client(*self._place).send_email(
                FromEmailAddress=str(mail["From"]),
                Destination={"ToAddresses": [str(mail["To"])]},
                Content={"Raw": {"Data": mail.as_bytes()}},
            )
        except ClientError as error:
            raise self._answered(error) from error
        except BotoCoreError as error:
            raise self._without_answer(error) from error

    def _answered(self, error: ClientError) -> VigieError:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        said = f"SES answered {status} {error.response['Error'].get('Code', '')}"
        if status == 429:
            return TransientError(f"{said}.", where="ses")
        if status < 500:
            return RefusedError(
                f"{said}: {error.response['Error'].get('Message', '')}",
                where="ses",
                remedy="Verify delivery.sender in SES, and allow the role ses:SendEmail.",
            )
        return UnsureError(f"{said}: it may have taken the message.", where="ses")

    def _without_answer(self, error: BotoCoreError) -> VigieError:
        name = type(error).__name__
        if isinstance(error, _SURELY_NOT):
            return TransientError(f"SES cannot be reached ({name}).", where="ses")
        if name == "NoRegionError":
            return SettingsError("no region is named.", where="ses", remedy="Set delivery.region of the target.")
        if name in _OF_NOTHING_SENT:
            return RefusedError(
                f"SES cannot be asked: {name}.", where="ses", remedy="Check AWS's credentials of this process."
            )
        return UnsureError(f"SES gave no answer ({name}): it may have taken the message.", where="ses")
