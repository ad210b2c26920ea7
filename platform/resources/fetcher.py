"""Fetching sources over HTTP: many at once, politely per host, bounded in time and size.

Here: one GET with its redirects and retries, and many of them side by side. Not here: which sources are fetched (the
assets), what an answer says (fetch_bodies), nor what a body means (domain.feeds, pages, apis).
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2
import stamina
from dagster import ConfigurableResource

from domain.errors import PermanentError, RefusedError, TransientError, VigieError
from resources import robots
from resources.fetch_bodies import check_status, check_type, in_words, max_age, read_body
from resources.robots import Robots, Rules
from resources.safe_addresses import Addresses, CheckedTransport, anywhere
from settings import Fetch

_REDIRECTS = 5
_LONGEST_WAIT = 60.0  # seconds: a source that asks for more than this is left for the next run


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes a request conditional: the answer at `url` is sent only where it is no longer this one."""

    url: str
    etag: str = ""
    last_modified: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The request headers that say so."""
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer: the body as bytes, where it finally came from, and what the server said of it.

    `status` is 200, or 304 with an empty body: nothing changed since the validators. `max_age` is in seconds.
    """

    url: str
    status: int
    body: bytes
    content_type: str
    fetched_at: datetime
    seconds: float
    requests: int
    etag: str = ""
    last_modified: str = ""
    max_age: float = 0.0

    @property
    def not_modified(self) -> bool:
        """Whether the body that is kept already is still what the source shows."""
        return self.status == 304


@dataclass
class _Pace:
    """When each host may be asked next. Apart from any event loop: it outlives one `fetch_all`."""

    interval: float
    _next: dict[str, float] = field(default_factory=dict)

    async def wait(self, host: str, interval: float = 0.0) -> None:
        """Takes the host's next turn; the one after it comes `interval` seconds later, or the policy's, the longer."""
        now = time.monotonic()
        turn = max(now, self._next.get(host, now))
        self._next[host] = turn + max(self.interval, interval)
        await asyncio.sleep(turn - now)


@dataclass(frozen=True)
class _Round:
    """What the requests of one `fetch_all` share."""

    client: httpx2.AsyncClient
    only: Collection[str]
    slots: asyncio.Semaphore
    hosts: dict[str, asyncio.Semaphore]
    robots: Robots | None


class Fetcher:
    """Fetches by one policy. Over the object's life, `requests` counts what was really sent, per host; what it took to
    read robots.txt is counted apart, in `robots_requests`.

    With the policy's `robots` "honour" (RFC 9309) each host's robots.txt is read once; what it disallows is refused,
    and where it cannot be read (5xx, no answer) the host's sources fail for now. Its Crawl-delay, up to 30 s, is the
    host's interval where it is longer than the policy's. `addresses` overrules which addresses the policy permits.
    """

    def __init__(self, policy: Fetch, addresses: Addresses | None = None) -> None:
        self.policy = policy
        self.requests: Counter[str] = Counter()
        self.robots_requests: Counter[str] = Counter()
        self._addresses = addresses or (Addresses(anywhere) if policy.allow_private_addresses else Addresses())
        self._pace = _Pace(policy.host_interval)
        self._rules: dict[str, Rules | PermanentError] = {}

    def fetch_all(
        self,
        urls: Mapping[str, str],
        on_done: Callable[[str, Fetched | VigieError], None] = lambda _key, _outcome: None,
        *,
        known: Mapping[str, Validators] | None = None,
        only: Collection[str] = (),
    ) -> dict[str, Fetched | VigieError]:
        """Every URL of `urls` (name -> URL), concurrently: name -> answer, or the error that it ended with.

        One failure never touches another. `on_done` hears of each as it ends (progress). `known` (by name) makes
        requests conditional; `only` names the media types whose bodies are read, where not all are.
        """
        return asyncio.run(self._fetch_all(urls, on_done, known or {}, only))

    async def _fetch_all(
        self,
        urls: Mapping[str, str],
        on_done: Callable[[str, Fetched | VigieError], None],
        known: Mapping[str, Validators],
        only: Collection[str],
    ) -> dict[str, Fetched | VigieError]:
        policy = self.policy
        outcomes: dict[str, Fetched | VigieError] = {}
        async with httpx2.AsyncClient(
            transport=CheckedTransport(self._addresses, policy.concurrency),
            headers={"User-Agent": policy.user_agent, "Accept": "*/*"},
            timeout=policy.timeout,
            trust_env=False,
        ) as client:

            async def ask(url: str) -> str:
                return await self._robots_text(client, url)

            together = _Round(
                client=client,
                only=only,
                slots=asyncio.Semaphore(policy.concurrency),
                hosts=defaultdict(lambda: asyncio.Semaphore(policy.per_host)),
                robots=Robots(policy.user_agent, ask, self._rules) if policy.robots == "honour" else None,
            )

            async def one(name: str, url: str) -> None:
                outcomes[name] = await self._outcome(together, url, known.get(name))
                on_done(name, outcomes[name])

            async with asyncio.TaskGroup() as group:
                for name, url in urls.items():
                    group.create_task(one(name, url))
        return outcomes

    async def _outcome(self, together: _Round, url: str, known: Validators | None) -> Fetched | VigieError:
        try:
            host = _host_of(url)
            async with together.hosts[host], together.slots:
                return await self._with_retries(together, url, known)
        except VigieError as error:
            return error
        except Exception as error:  # noqa: BLE001 (an answer that breaks the HTTP client must not stop the others)
            return PermanentError(f"its answer broke the fetcher: {type(error).__name__}: {error}", where=url)

    async def _with_retries(self, together: _Round, url: str, known: Validators | None) -> Fetched:
        sent = 0
        async for attempt in stamina.retry_context(
            on=_wait_for, attempts=self.policy.attempts, timeout=None, wait_initial=0.5, wait_max=10.0
        ):
            with attempt:
                sent += 1
                return await self._follow(together, url, known, sent)
        raise AssertionError("a retry context ends with a return or an error")

    async def _follow(self, together: _Round, url: str, known: Validators | None, sent: int) -> Fetched:
        """The answer after redirects: each is checked, paced and counted like a request of its own."""
        asked = url
        for _hop in range(_REDIRECTS + 1):
            host = _host_of(url)
            delay = await together.robots.check(url) if together.robots else 0.0
            await self._pace.wait(host, delay)
            self.requests[host] += 1
            answer = await self._once(together, url, known if known and known.url == url else None, sent)
            if isinstance(answer, Fetched):
                return answer
            url = answer
        raise RefusedError(
            f"more than {_REDIRECTS} redirects.", where=asked, remedy="Write the final address in the catalog."
        )

    async def _once(self, together: _Round, url: str, known: Validators | None, sent: int) -> Fetched | str:
        """One request: its answer, or where it redirects to."""
        started = time.monotonic()
        async with (
            in_words(url, self.policy.timeout),
            asyncio.timeout(self.policy.timeout),
            together.client.stream("GET", url, headers=known.headers if known else None) as answer,
        ):
            # By hand: the client would read the body of a redirect, however large it is.
            if answer.next_request:
                return str(answer.next_request.url)
            check_status(answer, url)
            if together.only and answer.status_code != 304:
                check_type(answer, url, together.only)
            body = b"" if answer.status_code == 304 else await read_body(answer, url, self.policy.max_bytes)
        return Fetched(
            url=str(answer.url),
            status=answer.status_code,
            body=body,
            content_type=answer.headers.get("content-type", ""),
            fetched_at=datetime.now(UTC),
            seconds=time.monotonic() - started,
            requests=sent,
            etag=answer.headers.get("etag", ""),
            last_modified=answer.headers.get("last-modified", ""),
            max_age=max_age(answer),
        )

    async def _robots_text(self, client: httpx2.AsyncClient, url: str) -> str:
        """A robots.txt, or "" where the host has none (any 4xx but 429, as RFC 9309 says)."""
        for _hop in range(_REDIRECTS + 1):
            host = _host_of(url)
            await self._pace.wait(host)
            self.robots_requests[host] += 1
            async with (
                in_words(url, self.policy.timeout),
                asyncio.timeout(self.policy.timeout),
                client.stream("GET", url) as answer,
            ):
                if answer.next_request:
                    url = str(answer.next_request.url)
                    continue
                if 400 <= answer.status_code < 500 and answer.status_code != 429:
                    return ""
                check_status(answer, url)
                return (await read_body(answer, url, robots.MOST)).decode("utf-8", "replace")
        return ""  # RFC 9309: as if there were none


class FetcherResource(ConfigurableResource[Fetcher]):
    """The thin face of the fetcher in Dagster: its policy, visible in the UI; a fetcher of its own per step."""

    user_agent: str
    concurrency: int
    per_host: int
    host_interval: float
    timeout: float
    attempts: int
    max_bytes: int
    allow_private_addresses: bool
    robots: str
    article_days: int
    max_articles: int

    def fetcher(self) -> Fetcher:
        """A fetcher that has sent nothing yet."""
        return Fetcher(Fetch.model_validate(self.model_dump(include=set(Fetch.model_fields))))


def _host_of(url: str) -> str:
    """The host and port of an http(s) URL. Raises RefusedError where it is none."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts.netloc.rpartition("@")[2]
    except ValueError:
        pass
    raise RefusedError("is not an http(s) address to fetch.", where=url, remedy="Mend the catalog.")


def _wait_for(error: Exception) -> bool | float:
    if not isinstance(error, TransientError):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= _LONGEST_WAIT else False
