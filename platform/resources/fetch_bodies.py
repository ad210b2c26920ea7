"""What one HTTP answer says and holds: its status, its body under two bounds, its caching headers, its errors in words.

Here: reading an answer. Not here: asking for it, waiting, trying again (fetcher).
"""

import socket
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from domain.errors import RefusedError, TransientError, VigieError

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


def check_status(answer: httpx2.Response, url: str) -> None:
    """Passes 200, and 304 to a conditional request. Raises TransientError where asking later may help, else
    RefusedError."""
    status = answer.status_code
    if status in _LATER:
        wait = retry_after(answer.headers.get("retry-after", ""))
        raise TransientError(f"the source answered {status}.", where=url, retry_after=wait)
    conditional = "if-none-match" in answer.request.headers or "if-modified-since" in answer.request.headers
    if status != 200 and not (status == 304 and conditional):
        raise RefusedError(
            f"the source answered {status}.", where=url, remedy="Open the URL in a browser; mend it in the catalog."
        )


def check_type(answer: httpx2.Response, url: str, only: Collection[str]) -> None:
    """Raises RefusedError where the media type is none of `only`, before any of the body is read."""
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in only:
        raise RefusedError(f"the answer is {media_type}, which is not read.", where=url)


async def read_body(answer: httpx2.Response, url: str, most: int) -> bytes:
    """The decompressed body. Raises RefusedError above `most` bytes, as they were sent or as they unpack.

    Only what was announced is unpacked, and only once: a coding inside a coding multiplies what a few bytes become.
    """
    announced = {one.strip() for one in answer.request.headers.get("accept-encoding", "").split(",")}
    codings = [one.strip().lower() for one in answer.headers.get("content-encoding", "").split(",") if one.strip()]
    if len(codings) > 1 or not announced | {"identity"} >= set(codings):
        raise RefusedError(f"the body is packed as {', '.join(codings)}, which was not asked for.", where=url)
    # httpx2 hands on unpacked pieces only: the raw ones are counted below it, or empty blocks could come for ever.
    if isinstance(answer.stream, httpx2.AsyncByteStream):
        answer.stream = _Counted(answer.stream, url, most)
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > most:
            raise _too_large(url, most)
    return bytes(body)


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, url: str, most: int) -> None:
        self._stream = stream
        self._url = url
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise _too_large(self._url, self._most)
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def _too_large(url: str, most: int) -> RefusedError:
    return RefusedError(
        f"the body is larger than {most:,} bytes.",
        where=url,
        remedy="Raise fetch.max_bytes of the target if this source is worth it.",
    )


def retry_after(value: str) -> float | None:
    """Seconds from now, of the header's number or date; None where it says nothing usable."""
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def max_age(answer: httpx2.Response) -> float:
    """For how many seconds the server says that its answer needs no second look; 0 where it does not say."""
    directives: dict[str, str] = {}
    for one in answer.headers.get("cache-control", "").lower().split(","):
        name, _, value = one.partition("=")
        directives[name.strip()] = value.strip().strip('"')
    seconds = _seconds(directives.get("max-age", ""))
    if "no-cache" in directives or "no-store" in directives:
        return 0.0
    return max(0.0, seconds - _seconds(answer.headers.get("age", "")))


def _seconds(value: str) -> float:
    return float(value[:12]) if value.isascii() and value.isdigit() else 0.0


@asynccontextmanager
async def in_words(url: str, timeout: float) -> AsyncIterator[None]:
    """Turns what the HTTP client raises into the family of errors that says whether trying again can help."""
    try:
        yield
    except (TimeoutError, httpx2.TimeoutException):
        raise TransientError(f"no whole answer within {timeout:g} s.", where=url) from None
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise RefusedError(f"is not an address to fetch: {error}.", where=url, remedy="Mend the catalog.") from None
    except httpx2.DecodingError as error:
        raise TransientError(f"the body is not packed as it says: {error}.", where=url) from None
    except httpx2.TransportError as error:
        raise _of_transport(error, url) from None


def _of_transport(error: httpx2.TransportError, url: str) -> VigieError:
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return RefusedError(
                f"its TLS certificate is not to be trusted: {cause.verify_message}.",
                where=url,
                remedy="Tell the site, or add its authority to this machine's certificates.",
            )
        if isinstance(cause, socket.gaierror):
            return TransientError(f"its name has no address: {cause.strerror}.", where=url)
        cause = cause.__cause__ or cause.__context__
    return TransientError(f"no answer: {error or type(error).__name__}.", where=url)
