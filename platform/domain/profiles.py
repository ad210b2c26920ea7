"""Which items of a day a client keeps, and why it does not keep the others.

Here: the client's own filters, its period, duplicates within its day. Not here: where the items come from
(client_days) nor what they are worth (the warehouse scores).
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from domain.clients import ClientConfig
from domain.items import Item, canonical_url

Mode = Literal["strict", "balanced", "broad"]
Undated = Literal["keep", "drop"]

# Clients share their items: what only depends on one is made once. As many as some days of many sources hold.
_once = lru_cache(maxsize=8192)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a client asks of an item; all of it must hold.

    `mode` says which ingestion profiles judge its sources (domain.selection_rules). `published_from` and `published_to`
    are inclusive days; the first takes the place of the period. `undated` says what becomes of an item without a day.
    """

    period_days: int = 7
    min_word_count: int = 0
    exclude_patterns: tuple[str, ...] = ()
    mode: Mode = "balanced"
    published_from: date | None = None
    published_to: date | None = None
    undated: Undated = "keep"

    @classmethod
    def of(
        cls,
        config: ClientConfig,
        *,
        mode: Mode | None = None,
        period_days: int | None = None,
        published_from: date | None = None,
        published_to: date | None = None,
        undated: Undated = "keep",
    ) -> "Profile":
        """The profile that a client's file describes, with what is asked otherwise for once."""
        return cls(
            config.period_days if period_days is None else period_days,
            config.min_word_count,
            config.exclude_patterns,
            mode or config.ingestion_mode,
            published_from,
            published_to,
            undated,
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The items kept, in their order; and for each other one its reason."""

    kept: tuple[Item, ...]
    rejected: tuple[tuple[Item, str], ...]
    duplicates: tuple[tuple[Item, Item], ...]
    """(the item left out, the earlier one that it repeats)"""

    @property
    def reasons(self) -> Counter[str]:
        """How many items each reason rejected."""
        return Counter(reason for _item, reason in self.rejected)


def select(
    items: Sequence[Item], profile: Profile, day: date, *, judge: Callable[[Item], str] | None = None
) -> Selection:
    """The items of `day` that the profile keeps, in the given order (the first of two equals is kept).

    The period counts back from `day`, inclusive. An item without a date is kept unless the profile drops it: that it
    appeared on that day is all that is known, and it is enough. `judge` says why else an item is kept out, or "".
    """
    oldest = profile.published_from or day - timedelta(days=profile.period_days)
    excluded = [_plain(pattern) for pattern in profile.exclude_patterns]
    kept: list[Item] = []
    rejected: list[tuple[Item, str]] = []
    duplicates: list[tuple[Item, Item]] = []
    first: dict[tuple[str, ...], Item] = {}
    for item in items:
        reason = _reason(item, profile, oldest, excluded) or (judge(item) if judge else "")
        if reason:
            rejected.append((item, reason))
            continue
        marks = _marks(item)
        earlier = next((first[mark] for mark in marks if mark in first), None)
        if earlier:
            duplicates.append((item, earlier))
            continue
        first.update(dict.fromkeys(marks, item))
        kept.append(item)
    return Selection(tuple(kept), tuple(rejected), tuple(duplicates))


def _reason(item: Item, profile: Profile, oldest: date, excluded: Sequence[str]) -> str:
    if excluded:
        text = _plain_text(item.title, item.content)
        for pattern in excluded:
            if pattern in text:
                return f"contains {pattern!r}"
    if item.word_count < profile.min_word_count:
        return f"under {profile.min_word_count} words"
    if item.published_at is None:
        return "no date" if profile.undated == "drop" else ""
    if item.published_at < oldest:
        before = profile.published_from
        return f"published before {before}" if before else f"older than {profile.period_days} days"
    if profile.published_to and item.published_at > profile.published_to:
        return f"published after {profile.published_to}"
    return ""


def _marks(item: Item) -> tuple[tuple[str, ...], ...]:
    """What an item shares with an exact duplicate: its identity, its address, its guid in its source, its text."""
    return _marks_of(item.item_id, item.source_key, item.url, item.guid, item.content_hash)


@_once
def _marks_of(item_id: str, source: str, url: str, guid: str, content_hash: str) -> tuple[tuple[str, ...], ...]:
    def marks() -> Iterator[tuple[str, ...]]:
        yield "id", item_id
        if url:
            yield "url", canonical_url(url)
        if guid:
            yield "guid", source, guid
        if content_hash != "sha256:empty":
            yield "text", content_hash

    return tuple(marks())


@_once
def _plain_text(title: str, content: str) -> str:
    return _plain(f"{title}\n{content}")


def _plain(text: str) -> str:
    """Without case; an accent written as a sign of its own joins its letter, so that both spellings are one."""
    return unicodedata.normalize("NFC", text).casefold()
