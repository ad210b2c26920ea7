"""The family of errors Vigie raises on purpose, and whether trying again can help.

Here: the classes, what they carry, how they read. Not here: what to do about one (the caller decides),
nor errors of the libraries (each resource turns those into one of these at its own edge).

    VigieError
    |-- PermanentError      the same input gives the same error: mend it, then run again
    |   |-- SettingsError   the target or the environment is incomplete
    |   |-- ConfigError     a client file or the source catalog says something wrong
    |   |-- ParseError      a body is not what its source promises
    |   |-- RefusedError    a source or a store answered "no"
    |   `-- MissingError    a stored object that the work needs is not there
    `-- TransientError      the same input may work later: a time-out, a 503, a lock
"""

from typing import Any

from domain.legible import legible, on_one_line


class VigieError(Exception):
    """What happened (`message`), where (`where`: file:line, URL, key) and what to do (`remedy`).

    All three are legible, whatever of a stranger's text is quoted in them: they go to logs, terminals and the UI.
    """

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        self.message = legible(message)
        self.where = on_one_line(where)
        self.remedy = legible(remedy)
        super().__init__(self.message, self.where, self.remedy)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{cure}"

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args`, which does not fit keyword-only arguments or another signature.
        return _restored, (type(self), self.args, self.__dict__)


class PermanentError(VigieError):
    """Trying again changes nothing until somebody mends the cause."""


class TransientError(VigieError):
    """Trying again later may work; `retry_after` is in seconds where the other side named it."""

    def __init__(self, message: str, *, where: str = "", remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.retry_after = retry_after


class SettingsError(PermanentError):
    """The target or the environment does not answer a question that the start needs."""


class ConfigError(PermanentError):
    """A client file or the source catalog is wrong."""


class ParseError(PermanentError):
    """A body is not what its source promises: not a feed, not JSON, too large, carries a DTD."""


class RefusedError(PermanentError):
    """The other side answered, and the answer is no: 404, 403, a redirect out of bounds."""


class MissingError(PermanentError):
    """A stored object that the work needs is not there."""


def _restored(kind: type[VigieError], args: tuple[Any, ...], carried: dict[str, Any]) -> VigieError:
    """A pickled error as it was, for processes that hand errors to each other."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(carried)
    return error
