"""What is read already, what is left to read and what it cost so far, as the warehouse knows it; and the prompt.

Here: queries on raw.item_readings and the items of requested cells, the prompt's file. Not here: asking a model
(reader), what an answer is worth (domain.readings).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from domain.errors import ConfigError, MissingError
from domain.reading_prompts import DEFAULT, ENDING, EVENT_TYPES, PREFIX, ReadingPrompt, own_prompt, read_prompt, refers
from domain.readings import Text
from domain.scopes import Scopes
from resources.config_bucket import ConfigBucket
from resources.object_store import ObjectStore
from resources.warehouse import Param, Row, Warehouse

SHORTEST = 120  # characters: a shorter text is summary enough, and often the same under many titles

# Each text once, by its newest item, whichever clients and days hold it; `matched`: a term was found in one of them.
_ASKED = """
    asked as (
        select
            items.client_id,
            items.day,
            items.item_id,
            items.content_hash,
            length(items.content) as characters,
            max(case when matches.item_id is null then 0 else 1 end) over (partition by items.content_hash) as matched,
            count(*) over (partition by items.content_hash) as items,
            row_number() over (
                partition by items.content_hash order by items.day desc, items.item_id, items.client_id
            ) as nth
        from raw.items as items
        inner join raw.build_cells as cells
            on cells.client_id = items.client_id and cells.day = items.day
        left join (
            select distinct client_id, day, item_id
            from raw.item_matches
            where day between @first and @last
        ) as matches
            on matches.client_id = items.client_id and matches.day = items.day and matches.item_id = items.item_id
        where cells.batch_id = @batch_id
            and items.day between @first and @last
            and items.content_hash is not null
            and items.content is not null
    ),
    known as (
        select content_hash, max(case when event_type = '' then 0 else 1 end) as usable
        from raw.item_readings
        where prompt = @prompt and model = @model
        group by content_hash
    )
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """The distinct texts of the cells: read earlier, asked about in vain earlier, too short, left to read."""

    cached: int = 0
    refused: int = 0
    short: int = 0
    unread: int = 0
    items: int = 0

    @property
    def texts(self) -> int:
        return self.cached + self.refused + self.short + self.unread


class ItemReadings:
    """The readings of one prompt and one model, for these cells, which `batch_id` names in raw.build_cells."""

    def __init__(
        self,
        warehouse: Warehouse,
        batch_id: str,
        cells: Collection[tuple[str, date]],
        prompt: ReadingPrompt,
        model: str,
    ) -> None:
        self._warehouse = warehouse
        days = [day for _client, day in cells] or [date.min]
        # The span of days changes no result: it lets BigQuery read a few partitions rather than all.
        span: dict[str, Param] = {"first": min(days), "last": max(days)}
        self._params = {"batch_id": batch_id, "prompt": prompt.fingerprint, "model": model, **span}

    def standing(self) -> Standing:
        """How the cells' texts stand now."""
        rows = self._warehouse.query(
            f"""
            with {_ASKED}
            select
                case
                    when known.usable = 1 then 'cached'
                    when known.usable = 0 then 'refused'
                    when asked.characters < {SHORTEST} then 'short'
                    else 'unread'
                end as state,
                count(*) as texts,
                sum(asked.items) as items
            from asked
            left join known on known.content_hash = asked.content_hash
            where asked.nth = 1
            group by state
            """,  # noqa: S608 - our own names and figures
            self._params,
        )
        counts = {row["state"]: int(row["texts"]) for row in rows}
        return Standing(**counts, items=sum(int(row["items"]) for row in rows))

    def unread(self, most: int) -> list[Text]:
        """The texts to read, the most valuable first: those with a match, of them the newest day."""
        rows = self._warehouse.query(
            f"""
            with {_ASKED},
            chosen as (
                select asked.*
                from asked
                left join known on known.content_hash = asked.content_hash
                where asked.nth = 1 and known.content_hash is null and asked.characters >= {SHORTEST}
                order by asked.matched desc, asked.day desc, asked.content_hash
                limit {int(most)}
            )
            select chosen.content_hash, items.title, items.content
            from chosen
            inner join raw.items as items
                on items.client_id = chosen.client_id and items.day = chosen.day and items.item_id = chosen.item_id
            where items.day between @first and @last
            order by chosen.matched desc, chosen.day desc, chosen.content_hash
            """,  # noqa: S608 - our own names and figures
            self._params,
        )
        return [Text(row["content_hash"], row["title"] or "", row["content"]) for row in rows]

    def tokens_of(self, now: datetime) -> int:
        """What was spent on the UTC day of `now`, by whatever model and prompt."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        (row,) = self._warehouse.query(
            """
            select coalesce(sum(input_tokens + output_tokens), 0) as tokens
            from raw.item_readings
            where read_at >= @midnight and read_at < @next
            """,
            {"midnight": midnight, "next": midnight + timedelta(days=1)},
        )
        return int(row["tokens"])

    def keep(self, rows: Sequence[Row]) -> None:
        """Adds readings; none is ever taken back."""
        self._warehouse.add_rows("item_readings", rows)


def stored_prompt(store: ObjectStore, name: str) -> ReadingPrompt:
    """The prompt of that name in the config bucket, for the event types that the bucket knows; our own prompt where the
    usual one is not there.

    Raises ConfigError where another one is not there, or where one of the files is wrong.
    """
    bucket = ConfigBucket(store)
    named = bucket.event_types().names
    events = named if len(named) > 1 else EVENT_TYPES  # `other` alone: the bucket says nothing of events
    key = f"{PREFIX}{name}{ENDING}"
    try:
        body = store.get(key).body
    except MissingError:
        if name == DEFAULT:
            return own_prompt(events)
        raise ConfigError(
            "there is no such prompt.",
            where=key,
            remedy="Put it there, or name another in language_model.prompt of the target.",
        ) from None
    return read_prompt(key, body, bucket.scopes() if refers(body) else Scopes(), events)
