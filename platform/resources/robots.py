"""What a host's robots.txt allows us, read as RFC 9309 says, and the pace that it asks for, which no RFC has.

Here: the rules of a file, and the one request per host that gets it. Not here: when a URL is fetched (fetcher).
"""

import asyncio
import re
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from domain.errors import PermanentError, RefusedError

MOST = 512_000  # bytes that are read, a little more than the 500 KiB that RFC 9309 asks for at least
LONGEST_DELAY = 30.0  # seconds: a host that asks for more between two requests is asked this often all the same
_LINE = re.compile(r"\s*([a-z-]+)\s*:\s*([^#]*)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_PRODUCT = re.compile(r"\*|[a-z_-]*", re.IGNORECASE)
_ESCAPED = re.compile(r"%([0-9a-f]{2})", re.IGNORECASE)
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")


@dataclass(frozen=True, slots=True)
class Rules:
    """One file's rules for us: (allowed, pattern). The longest pattern that fits decides; of two as long, allow.

    `delay` is its Crawl-delay, the seconds between two requests, at most LONGEST_DELAY; 0 where it asks for none.
    """

    lines: tuple[tuple[bool, str], ...] = ()
    delay: float = 0.0

    def allow(self, url: str) -> bool:
        """Whether the URL's path and query may be fetched; what no rule speaks of may."""
        parts = urlsplit(url)
        path = _normal(f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}")
        fitting = [(len(pattern), allowed) for allowed, pattern in self.lines if _fits(pattern, path)]
        return max(fitting, default=(0, True))[1]


def read_rules(text: str, user_agent: str) -> Rules:
    """The rules of the groups that name our product (`Vigie/0.1 ...` is "vigie"), or else of those for `*`."""
    groups: dict[str, list[tuple[bool, str]]] = {}
    delays: dict[str, float] = {}
    names: list[str] = []
    in_names = False
    for line in text.removeprefix("\ufeff").splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        key, value = found[1].lower(), found[2].strip()
        if key == "user-agent":
            names = [*names, _product(value)] if in_names else [_product(value)]
            in_names = True
            for name in names:
                groups.setdefault(name, [])
        elif key in ("allow", "disallow"):
            in_names = False
            if value:
                for name in names:
                    groups[name].append((key == "allow", _normal(value)))
        elif key == "crawl-delay":
            for name in names:
                delays[name] = max(_seconds(value), delays.get(name, 0.0))
    ours = _product(user_agent) if _product(user_agent) in groups else "*"
    return Rules(tuple(groups.get(ours, [])), delays.get(ours, 0.0))


@dataclass
class Robots:
    """The rules of every host that was asked about, each file asked for once: `known` may outlive this object.

    `ask` gets a robots.txt: its text, or "" where there is none (4xx: everything is allowed). Where it raises
    TransientError (5xx, no answer) RFC 9309 assumes that nothing is allowed: the source fails as one that may be tried
    again, and so is its robots.txt.
    """

    user_agent: str
    ask: Callable[[str], Awaitable[str]]
    known: dict[str, Rules | PermanentError] = field(default_factory=dict)
    _asking: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def check(self, url: str) -> float:
        """The host's Crawl-delay in seconds, 0 where it has none.

        Raises RefusedError where its robots.txt disallows the URL; TransientError where it is unknown.
        """
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        async with self._asking.setdefault(host, asyncio.Lock()):
            if host not in self.known:
                try:
                    self.known[host] = read_rules(await self.ask(f"{host}/robots.txt"), self.user_agent)
                except PermanentError as error:
                    self.known[host] = error
        rules = self.known[host]
        if isinstance(rules, PermanentError):
            raise RefusedError(rules.message, where=rules.where, remedy=rules.remedy)
        if not rules.allow(url):
            raise RefusedError(
                "the host's robots.txt does not allow it.",
                where=url,
                remedy="Ask the site for its leave, or take the source out of the catalog.",
            )
        return rules.delay


def _product(user_agent: str) -> str:
    found = _PRODUCT.match(user_agent)
    return found[0].lower() if found else ""


def _seconds(value: str) -> float:
    return min(float(value), LONGEST_DELAY) if _NUMBER.fullmatch(value) else 0.0


def _normal(path: str) -> str:
    """Percent-encoding made one, as RFC 9309 asks: `/%7ea` is `/~a`, but `/%2f` is not `//`."""

    def plain(escaped: re.Match[str]) -> str:
        character = chr(int(escaped[1], 16))
        return character if character in _UNRESERVED else escaped[0].upper()

    return quote(_ESCAPED.sub(plain, path), safe=string.punctuation, errors="replace")


def _fits(pattern: str, path: str) -> bool:
    """Whether the pattern fits from the path's start; `*` is any run of characters, a last `$` the path's end."""
    to_the_end = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    for number, piece in enumerate(others, start=1):
        if to_the_end and number == len(others):
            return path.endswith(piece) and len(path) - len(piece) >= at
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return not to_the_end or at == len(path)
