"""Which items of a day a client keeps, and why it does not keep the others.

Here: the client's own filters, its period, duplicates within its day. Not here: where the items come from
(client_days) nor what they are worth (the warehouse scores).
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from domain.clients import ClientConfig
from domain.items import Item


@dataclass(frozen=True, slots=True)
class Profile:
    """What a client asks of an item; all of it must hold."""

    period_days: int = 7
    min_word_count: int = 0
    exclude_patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: ClientConfig) -> "Profile":
        """The profile that a client's file describes."""
        return cls(config.period_days, config.min_word_count, config.exclude_patterns)


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


def select(items: Sequence[Item], profile: Profile, day: date) -> Selection:
    """The items of `day` that the profile keeps, in the given order (the first of two equals is kept).

    The period counts back from `day`, inclusive. An item without a date is kept: that it appeared on that day is all
    that is known, and it is enough.
    """
    oldest = day - timedelta(days=profile.period_days)
    excluded = [_plain(pattern) for pattern in profile.exclude_patterns]
    kept: list[Item] = []
    rejected: list[tuple[Item, str]] = []
    duplicates: list[tuple[Item, Item]] = []
    first_by_id: dict[str, Item] = {}
    first_by_content: dict[str, Item] = {}
    for item in items:
        reason = _reason(item, profile, oldest, excluded)
        if reason:
            rejected.append((item, reason))
            continue
        earlier = first_by_id.get(item.item_id) or first_by_content.get(item.content_hash)
        if earlier:
            duplicates.append((item, earlier))
            continue
        first_by_id[item.item_id] = item
        if item.content_hash != "sha256:empty":
            first_by_content[item.content_hash] = item
        kept.append(item)
    return Selection(tuple(kept), tuple(rejected), tuple(duplicates))


def _reason(item: Item, profile: Profile, oldest: date, excluded: Sequence[str]) -> str:
    text = _plain(f"{item.title}\n{item.content}")
    for pattern in excluded:
        if pattern in text:
            return f"contains {pattern!r}"
    if item.word_count < profile.min_word_count:
        return f"under {profile.min_word_count} words"
    if item.published_at and item.published_at < oldest:
        return f"older than {profile.period_days} days"
    return ""


def _plain(text: str) -> str:
    """Without case; an accent written as a sign of its own joins its letter, so that both spellings are one."""
    return unicodedata.normalize("NFC", text).casefold()
