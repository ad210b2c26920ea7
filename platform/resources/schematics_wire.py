"""How Schematics and IAM are asked, through IBM's SDK: tokens, pace, retries, and failures as Vigie's errors.

Here: one request, and one request with its retries. Not here: which requests there are (resources.schematics).
Importing this loads IBM's SDK, a fifth of a second: only a process that asks does.
"""

import logging
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import IAMAuthenticator
from ibm_schematics.schematics_v1 import SchematicsV1
from jwt import PyJWTError
from urllib3.exceptions import MaxRetryError, NewConnectionError

from domain.activities import BusyError, LostReplyError
from domain.errors import MissingError, PermanentError, RefusedError, TransientError, VigieError
from domain.masking import masked

Call = Callable[[SchematicsV1], Any]  # one request: the SDK's DetailedResponse

_LATER = frozenset({408, 409, 425, 429})  # and 5xx
_UNKNOWN = frozenset({408})  # a launch answered so may have begun; and 5xx
_LONGEST_WAIT = 120.0  # seconds, whatever Retry-After asks for
_LONGEST_BACKOFF = 30.0
_LONGEST_MESSAGE = 300  # characters of what the server says

_KEY = "Check the API key that `schematics.api_key` of the target names: it must be alive, and of the right account."
_ACCESS = "Give the API key that `schematics.api_key` of the target names the Writer role on the Schematics service."
_REGION = "Check the id, and `schematics.url` of the target: the first word of a workspace's id is its region's{here}."
_PATIENCE = "Run again later; https://cloud.ibm.com/status says how IBM Cloud is."


class _Failure(Exception):  # noqa: N818 - never leaves this module: it becomes one of Vigie's errors
    """What went wrong with one request. No status: no answer. `unsent`: it is certain that nothing was sent."""

    def __init__(
        self, status: int | None, said: str, *, retry_after: float | None = None, unsent: bool = False
    ) -> None:
        super().__init__(status, said)
        self.status = status
        self.said = said
        self.retry_after = retry_after
        self.unsent = unsent

    @property
    def passing(self) -> bool:
        """Whether the same request may work later."""
        return self.status is None or self.status < 300 or self.status >= 500 or self.status in _LATER

    def __str__(self) -> str:
        if self.status is None:
            return f"no answer ({self.said})"
        answer = f"the answer was {self.status}" if self.status >= 300 else "the answer cannot be read"
        return f"{answer} ({self.said})" if self.said else answer


class Wire:
    """One client of Schematics and of IAM: every request is paced, none is retried by the SDK or redirected."""

    def __init__(
        self,
        url: str,
        iam_url: str,
        api_key: str,
        *,
        hidden: Iterable[str] = (),
        pace: Callable[[], None],
        request_timeout: float,
        attempts: int,
        sleep: Callable[[float], None],
    ) -> None:
        _keep_the_sdk_quiet()
        self.url = url
        self._iam_url = iam_url.rstrip("/").removesuffix("/identity/token")
        self._hidden = (api_key, *hidden)
        self._pace = pace
        self._attempts = attempts
        self._sleep = sleep
        try:
            authenticator = IAMAuthenticator(api_key, url=self._iam_url, client_id="bx", client_secret="bx")  # noqa: S106
        except ValueError:
            raise RefusedError("the API key is empty or in quotes.", where=self._iam_url, remedy=_KEY) from None
        self._tokens = authenticator.token_manager
        self._sdk = SchematicsV1(authenticator=authenticator)
        self._sdk.set_service_url(url)
        # A redirect would carry the refresh token to another host, and send a launch twice.
        self._sdk.set_http_config({"timeout": request_timeout, "allow_redirects": False})

    def read(self, what: str, where: str, call: Call, *, hidden: Iterable[str] = ()) -> Any:
        """The result of a request that may be repeated, tried until it answers or `attempts` are used up."""
        failure = None
        for attempt in range(self._attempts):
            if failure:
                self._sleep(_wait(attempt, failure.retry_after))
            try:
                self._access_token()
                self._pace()
                return self._result(lambda: call(self._sdk).get_result(), hidden)
            except _Failure as error:
                failure = error
            except TransientError as error:  # IAM's
                failure = _Failure(None, error.message, retry_after=error.retry_after)
            if not failure.passing:
                raise _refusal(what, self._at(where), failure) from None
        raise TransientError(
            f"{what} failed {self._attempts} times: at last, {failure}.",
            where=self._at(where),
            remedy=_PATIENCE,
            retry_after=failure.retry_after if failure else None,
        )

    def launch(self, what: str, where: str, call: Callable[[SchematicsV1, str], Any]) -> Any:
        """The result of a request that is sent once, with a refresh token of its own."""
        fresh = self._iam(self._tokens.request_token)
        token = fresh.get("refresh_token") if isinstance(fresh, dict) else None
        if not isinstance(token, str) or token in ("", "not_supported"):
            raise RefusedError(f"IAM gave no refresh token: {what} needs one.", where=self._iam_url, remedy=_KEY)
        return self.once(what, where, lambda sdk: call(sdk, token), hidden=(token,))

    def once(self, what: str, where: str, call: Call, *, hidden: Iterable[str] = ()) -> Any:
        """The result of a request that is sent once, whatever comes of it."""
        self._access_token()
        self._pace()
        try:
            return self._result(lambda: call(self._sdk).get_result(), hidden)
        except _Failure as failure:
            raise _outcome(what, self._at(where), failure) from None

    def close(self) -> None:
        """Closes the connections."""
        self._sdk.get_http_client().close()

    def _at(self, where: str) -> str:
        return f"{self.url} {where}".strip()

    def _access_token(self) -> None:
        """Sees to it that the SDK has an access token: what IAM refuses is never taken for Schematics' answer."""
        self._iam(self._tokens.get_token)

    def _iam(self, ask: Callable[[], Any]) -> Any:
        try:
            try:
                return self._result(ask, ())
            except (PyJWTError, AttributeError, TypeError):
                raise _Failure(None, "what came is no token") from None
        except _Failure as failure:
            self._tokens.request_time = 0  # else the SDK waits a minute for a request that is over
            if failure.passing:
                raise TransientError(
                    f"IAM gave no token: {failure}.",
                    where=self._iam_url,
                    remedy=_PATIENCE,
                    retry_after=failure.retry_after,
                ) from None
            raise RefusedError(f"IAM gave no token: {failure}.", where=self._iam_url, remedy=_KEY) from None

    def _result(self, ask: Callable[[], Any], hidden: Iterable[str]) -> Any:
        try:
            return ask()
        except ApiException as error:
            answer = error.http_response
            headers = answer.headers if answer is not None else {}
            said = _said(answer, (*self._hidden, *hidden))
            raise _Failure(error.status_code, said, retry_after=_retry_after(headers.get("Retry-After", ""))) from None
        except requests.RequestException as error:
            raise _Failure(None, _why(error), unsent=_unsent(error)) from None


def _keep_the_sdk_quiet() -> None:
    """A client made while the SDK's logger is at DEBUG logs whole requests: inputs and refresh tokens in clear."""
    logger = logging.getLogger("ibm-cloud-sdk-core")
    if logger.getEffectiveLevel() < logging.INFO:
        logger.setLevel(logging.INFO)


def _refusal(what: str, where: str, failure: _Failure) -> VigieError:
    """A failure of a read that does not pass, as an error."""
    message = f"{what}: {failure}."
    match failure.status:
        case 401 | 403:
            return RefusedError(message, where=where, remedy=_ACCESS)
        case 404:
            return MissingError(message, where=where, remedy=_region(where))
    return PermanentError(message, where=where, remedy="Mend what the answer names, then run again.")


def _outcome(what: str, where: str, failure: _Failure) -> VigieError:
    """A failure of a request that was sent once, as an error that says whether it took effect."""
    status, message = failure.status, f"{what}: {failure}."
    if status in (409, 429):
        return BusyError(message, where=where, remedy=_PATIENCE, retry_after=failure.retry_after)
    if failure.unsent:
        return TransientError(f"{what}: not sent, {failure.said}.", where=where, remedy=_PATIENCE)
    if status is None or status < 300 or status >= 500 or status in _UNKNOWN:
        return LostReplyError(message, where=where, remedy="Look in the workspace's activities before trying again.")
    if status in (401, 403):
        return RefusedError(message, where=where, remedy=_ACCESS)
    if status == 404:
        return RefusedError(message, where=where, remedy=_region(where))
    return RefusedError(message, where=where, remedy="Mend what the answer names, then run again.")


def _region(where: str) -> str:
    region, dot, _rest = where.rpartition(" ")[2].partition(".workspace.")
    return _REGION.format(here=f", here {region}" if dot else "")


def _said(answer: requests.Response | None, hidden: Iterable[str]) -> str:
    """The message in an error's body, where the API keeps it. A body that is no JSON is not quoted."""
    try:
        body = answer.json() if answer is not None else None
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    for text in (first.get("message"), body.get("error"), body.get("message"), body.get("errorMessage")):
        if isinstance(text, str) and text.strip():
            # Masked before it is cut, and in every form: IAM is sent the key URL-encoded, Schematics inputs in JSON.
            return " ".join(masked(text, hidden).split())[:_LONGEST_MESSAGE].rstrip(".")
    return ""


def _why(error: requests.RequestException) -> str:
    """In words, without the library's own text, which may quote what was sent."""
    if isinstance(error, requests.Timeout):
        return "time-out"
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate or the encryption was refused"
    return "no connection" if _unsent(error) else f"the connection broke: {type(error).__name__}"


def _unsent(error: requests.RequestException) -> bool:
    """Whether no connection was made at all: the only failures after which nothing can have been launched."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, NewConnectionError)


def _wait(attempt: int, asked: float | None) -> float:
    """Seconds before try number `attempt` (from 1): what the server asks, else doubling, with jitter."""
    if asked is not None:
        return min(asked, _LONGEST_WAIT)
    return min(2.0 ** (attempt - 1), _LONGEST_BACKOFF) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _retry_after(value: str) -> float | None:
    """Seconds from now, of the header's number or date; None where it says nothing usable."""
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
