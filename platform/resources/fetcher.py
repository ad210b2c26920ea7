"""Fetching sources over HTTP: many at once, politely per host, bounded in time and size.

Here: one GET with its retries, and many of them side by side. Not here: which sources are fetched (the assets),
nor what their bodies mean (domain.feeds, pages, apis).
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2
import stamina
from aiolimiter import AsyncLimiter
from dagster import ConfigurableResource

from domain.errors import RefusedError, TransientError, VigieError
from settings import Fetch

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = 5
_LONGEST_WAIT = 60.0  # seconds: a source that asks for more than this is left for the next run


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer: the body as bytes, where it finally came from, and what the server said of it."""

    url: str
    status: int
    body: bytes
    content_type: str
    fetched_at: datetime
    seconds: float
    requests: int


@dataclass
class _Host:
    """What keeps us polite towards one host."""

    slots: asyncio.Semaphore
    pace: AsyncLimiter | None = None


@dataclass
class Fetcher:
    """Fetches by one policy; `requests` counts what was really sent, per host, over the object's life."""

    policy: Fetch
    requests: Counter[str] = field(default_factory=Counter)

    def fetch_all(
        self,
        urls: Mapping[str, str],
        on_done: Callable[[str, Fetched | VigieError], None] = lambda _key, _outcome: None,
    ) -> dict[str, Fetched | VigieError]:
        """Every URL of `urls` (name -> URL), concurrently: name -> answer, or the error that it ended with.

        One failure never touches another. `on_done` hears of each as it ends (progress).
        """
        return asyncio.run(self._fetch_all(urls, on_done))

    async def _fetch_all(
        self, urls: Mapping[str, str], on_done: Callable[[str, Fetched | VigieError], None]
    ) -> dict[str, Fetched | VigieError]:
        hosts: dict[str, _Host] = defaultdict(self._host)
        slots = asyncio.Semaphore(self.policy.concurrency)
        outcomes: dict[str, Fetched | VigieError] = {}
        async with httpx2.AsyncClient(
            headers={"User-Agent": self.policy.user_agent, "Accept": "*/*"},
            follow_redirects=True,
            max_redirects=_REDIRECTS,
            timeout=self.policy.timeout,
            limits=httpx2.Limits(max_connections=self.policy.concurrency),
        ) as client:

            async def one(name: str, url: str) -> None:
                host = hosts[urlsplit(url).netloc]
                async with host.slots, slots:
                    try:
                        outcomes[name] = await self._with_retries(client, url, host)
                    except VigieError as error:
                        outcomes[name] = error
                on_done(name, outcomes[name])

            async with asyncio.TaskGroup() as group:
                for name, url in urls.items():
                    group.create_task(one(name, url))
        return outcomes

    def _host(self) -> _Host:
        interval = self.policy.host_interval
        return _Host(asyncio.Semaphore(self.policy.per_host), AsyncLimiter(1, interval) if interval > 0 else None)

    async def _with_retries(self, client: httpx2.AsyncClient, url: str, host: _Host) -> Fetched:
        sent = 0
        async for attempt in stamina.retry_context(
            on=_wait_for, attempts=self.policy.attempts, timeout=None, wait_initial=0.5, wait_max=10.0
        ):
            with attempt:
                sent += 1
                if host.pace:
                    await host.pace.acquire()
                self.requests[urlsplit(url).netloc] += 1
                return await self._once(client, url, sent)
        raise AssertionError("a retry context ends with a return or an error")

    async def _once(self, client: httpx2.AsyncClient, url: str, sent: int) -> Fetched:
        started = time.monotonic()
        async with (
            _in_words(url, self.policy.timeout),
            asyncio.timeout(self.policy.timeout),
            client.stream("GET", url) as answer,
        ):
            _check_status(answer, url)
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > self.policy.max_bytes:
                    raise RefusedError(
                        f"the body is larger than {self.policy.max_bytes:,} bytes.",
                        where=url,
                        remedy="Raise fetch.max_bytes of the target if this source is worth it.",
                    )
        return Fetched(
            url=str(answer.url),
            status=answer.status_code,
            body=bytes(body),
            content_type=answer.headers.get("content-type", ""),
            fetched_at=datetime.now(UTC),
            seconds=time.monotonic() - started,
            requests=sent,
        )


class FetcherResource(ConfigurableResource[Fetcher]):
    """The thin face of the fetcher in Dagster: its policy, visible in the UI; a fetcher of its own per step."""

    user_agent: str
    concurrency: int
    per_host: int
    host_interval: float
    timeout: float
    attempts: int
    max_bytes: int

    def fetcher(self) -> Fetcher:
        """A fetcher that has sent nothing yet."""
        return Fetcher(Fetch.model_validate(self.model_dump(include=set(Fetch.model_fields))))


def _check_status(answer: httpx2.Response, url: str) -> None:
    status = answer.status_code
    if status in _LATER:
        wait = _retry_after(answer.headers.get("retry-after", ""))
        raise TransientError(f"the source answered {status}.", where=url, retry_after=wait)
    if status != 200:
        raise RefusedError(
            f"the source answered {status}.", where=url, remedy="Open the URL in a browser; mend it in the catalog."
        )


def _retry_after(value: str) -> float | None:
    """Seconds from now, of the header's number or date; None where it says nothing usable."""
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _wait_for(error: Exception) -> bool | float:
    if not isinstance(error, TransientError):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= _LONGEST_WAIT else False


@asynccontextmanager
async def _in_words(url: str, timeout: float) -> AsyncIterator[None]:
    try:
        yield
    except (TimeoutError, httpx2.TimeoutException):
        raise TransientError(f"no whole answer within {timeout:g} s.", where=url) from None
    except httpx2.TooManyRedirects:
        raise RefusedError(
            f"more than {_REDIRECTS} redirects.", where=url, remedy="Write the final address in the catalog."
        ) from None
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        raise RefusedError(f"is not an address to fetch: {error}.", where=url, remedy="Mend the catalog.") from None
    except httpx2.TransportError as error:
        raise TransientError(f"no answer: {error or type(error).__name__}.", where=url) from None
