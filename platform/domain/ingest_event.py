"""The ingest event: what one request to ingest asks for, under V2's names, and every reason to refuse it at once.

Here: reading an event, the window that it means for one client, the name of its selection. Not here: doing what it
asks (resources.ingest), nor what it came to (ingest_result).
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, get_args

from domain.clients import PREFIX, client_id_of
from domain.documents import closest, shown
from domain.errors import ConfigError, PermanentError

IngestionMode = Literal["strict", "balanced", "broad"]
TemporalMode = Literal["strict", "flexible"]
LONGEST_PERIOD = 3650  # days, as in a client file
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class EventError(PermanentError):
    """The event is refused and nothing was done; `problems` holds every reason, `status_code` how HTTP would say it."""

    def __init__(self, problems: Sequence[str], status_code: int = 400) -> None:
        more = f" ({len(problems) - 1} more reasons.)" if len(problems) > 1 else ""
        super().__init__(problems[0] + more, where="event")
        self.problems = tuple(problems)
        self.status_code = status_code


@dataclass(frozen=True, slots=True)
class Window:
    """The days of publication that a selection keeps, both ends inclusive; None leaves an end open.

    `period_days` is set where the window counts back from today.
    """

    period_days: int | None
    published_from: date | None
    published_to: date | None


OPEN = Window(None, None, None)


@dataclass(frozen=True, slots=True)
class IngestEvent:
    """A valid event. What it does not say is empty or None."""

    client_id: str = ""
    sources: tuple[str, ...] = ()
    period_days: int | None = None
    from_date: date | None = None
    to_date: date | None = None
    ingestion_mode: IngestionMode | None = None
    temporal_mode: TemporalMode | None = None
    force_refresh: bool = False
    dry_run: bool = False

    @property
    def selects(self) -> bool:
        """Whether it names sources, a window or a mode: a selection of its own, rather than the day's cell."""
        dated = self.period_days is not None or self.from_date or self.to_date
        return bool(self.sources or dated or self.ingestion_mode or self.temporal_mode)

    @property
    def applied_temporal_mode(self) -> TemporalMode:
        """What becomes of undated items: kept (flexible) unless it says strict."""
        return self.temporal_mode or "flexible"

    def window(self, configured_days: int, today: date) -> Window:
        """The window for a client whose file says `configured_days`: the dates, else the period, else the file's."""
        if self.from_date or self.to_date:
            return Window(None, self.from_date, self.to_date)
        days = configured_days if self.period_days is None else self.period_days
        return Window(days, today - timedelta(days=days), None)

    def selection_name(self, window: Window) -> str:
        """16 hex: the same for every event that selects the same of a client's day, whatever way it is written."""
        said = [
            sorted(self.sources),
            *(str(end or "") for end in (window.published_from, window.published_to)),
            self.ingestion_mode or "",
            self.temporal_mode or "",
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def selection_key(client_id: str, day: date, name: str) -> str:
    """`selections/{client}/{YYYY}/{MM}/{DD}/{name}.json`: beside the cells, never in their place."""
    return f"selections/{client_id}/{day:%Y/%m/%d}/{name}.json"


def read_event_text(text: str) -> dict[str, Any]:
    """The event that JSON holds. Raises EventError where it is no JSON object, or says one thing twice."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise EventError([f"The event is not JSON: {error}."]) from None
    if not isinstance(found, dict):
        raise EventError([f"The event must be a JSON object such as {{}}; found {shown(found)}."])
    return found


def read_event(asked: Mapping[str, Any]) -> IngestEvent:
    """The event that V2's parameters describe. Raises EventError with every problem at once.

    A parameter that is null is absent, as is an empty `client_id` or list of `sources`.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in asked.items():
        reader = _READERS.get(name)
        if reader is None:
            hint = closest(str(name), _READERS, len(problems)) or f"There are: {', '.join(_READERS)}."
            problems.append(f"`{name}` is not a parameter of an event. {hint}")
        elif value is not None:
            try:
                values[name] = reader(value)
            except ValueError as error:
                problems.append(f"`{name}` {error}")
    problems += _contradictions(values)
    if problems:
        raise EventError(problems)
    return IngestEvent(**values)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for position, (name, _value) in enumerate(pairs) if name in dict(pairs[:position]))
        raise EventError([f"`{twice}` stands twice in the event. Keep one."])
    return found


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    problems = []
    first, last = values.get("from_date"), values.get("to_date")
    if first and last and first > last:
        problems.append(f"`from_date` ({first}) is after `to_date` ({last}). Exchange them.")
    if values.get("period_days") is not None and (first or last):
        named = " and ".join(f"`{name}`" for name in ("from_date", "to_date") if values.get(name))
        problems.append(f"`period_days` counts back from today and contradicts {named}. Keep the one or the other.")
    return problems


def _client_id(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be the name of a client; found {shown(value)}.")
    if value:
        try:
            client_id_of(f"{PREFIX}{value}.yaml")
        except ConfigError:
            rule = '1 to 100 of a-z, 0-9, "_" and "-", a letter or digit first'
            raise ValueError(f"must be the name of a client, {rule}; found {shown(value)}.") from None
    return value


def _sources(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list of source keys; found {shown(value)}.")
    for one in value:
        if not isinstance(one, str) or not one:
            raise ValueError(f"must hold source keys; found {shown(one)} in it.")
    return tuple(dict.fromkeys(value))


def _period(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LONGEST_PERIOD:
        raise ValueError(f"must be a whole number from 0 to {LONGEST_PERIOD}; found {shown(value)}.")
    return value


def _day(value: object) -> date:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # the 31st of a shorter month: told below like any other
    raise ValueError(f"must be a day written YYYY-MM-DD; found {shown(value)}.")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false; found {shown(value)}.")
    return value


def _one_of(known: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in known:
            hint = closest(value, known) if isinstance(value, str) else ""
            raise ValueError(f"must be one of {', '.join(known)}; found {shown(value)}. {hint}".rstrip())
        return value

    return read


_READERS: dict[str, Callable[[object], object]] = {
    "client_id": _client_id,
    "sources": _sources,
    "period_days": _period,
    "from_date": _day,
    "to_date": _day,
    "ingestion_mode": _one_of(get_args(IngestionMode)),
    "temporal_mode": _one_of(get_args(TemporalMode)),
    "force_refresh": _flag,
    "dry_run": _flag,
}
