"""One look from another machine, as `vigie alerts look` has it: it sees also that Dagster's own storage is away.

Here: the instance opened, looked at and told of, what is kept in a file while the book is away. Not here: what is
looked at (alert_signs), how it is told (resources.alert_desk).
"""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from dagster import DagsterInstance, RepositoryDefinition

from domain.alert_causes import KINDS, Sign
from domain.book_away import BookAway
from domain.errors import VigieError
from resources.alert_desk import AlertDesk, Round
from sensors.alert_signs import Lookout, Seen

_STORAGE = "storage"  # the cause where Dagster's own storage is away
_AWAY = "alerts-book-away.json"  # below the target's home


def look_from_outside(desk: AlertDesk, dagster_home: Path, graph: RepositoryDefinition, now: datetime) -> Round:
    """A look and a round of telling. Raises a VigieError where the book cannot be reached: channels hear of that too,
    once it lasts."""
    seen, file = _seen(desk, dagster_home, graph, now), desk.settings.home / _AWAY
    away = BookAway.of(file.read_text(encoding="utf-8")) if file.is_file() else None
    try:
        done = desk.tell(seen.signs, seen.unknown, now)
    except VigieError as error:
        left, _errors = desk.tell_away(away, error, now)
        _keep(file, left)
        raise
    if away:
        still, errors = desk.tell_back(away, now)
        _keep(file, still)
        done.errors |= errors
    done.errors |= {sign.what: sign.why for sign in seen.signs if sign.cause == _STORAGE}
    return done


def _seen(desk: AlertDesk, dagster_home: Path, graph: RepositoryDefinition, now: datetime) -> Seen:
    try:
        with DagsterInstance.from_config(str(dagster_home)) as instance:
            return Lookout(desk).look(instance, graph, now)
    except Exception as error:  # noqa: BLE001 (whatever it was, nobody else tells it: no sensor ticks without storage)
        said = str(error) if isinstance(error, VigieError) else f"{type(error).__name__}: {error}"
        sign = Sign("daemon", "Dagster's storage cannot be read", said, now, cause=_STORAGE)
        return Seen([sign], set(KINDS))


def _keep(file: Path, away: BookAway | None) -> None:
    """Where it cannot be written, nothing of this is told to a channel: the exit code alone says it, at every look."""
    with suppress(OSError):
        if away is None:
            file.unlink(missing_ok=True)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(".partial")
            partial.write_text(away.text(), encoding="utf-8")
            partial.replace(file)
