"""Regular expressions that people write in the catalog: which ones could search without end.

Here: judging a pattern by its form, since `re` has no time limit. Not here: what patterns are for (catalog, dates).
"""

from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]  # only the parser knows a pattern's structure; private, yet stable
from typing import Any

_FEW_TIMES = 4  # so often a part of variable length may be repeated: the cost stays bounded


def may_search_for_hours(pattern: str) -> bool:
    """Whether a part that can match in several ways is repeated at will: each turn multiplies the ways to try.

    Judged by form alone, so harmless cases are refused too. Raises re.error where the pattern is not one.
    """
    return _may_hang(_parser.parse(pattern))


def _may_hang(parsed: Any, repeated: bool = False) -> bool:
    for operation, value in parsed:
        if str(operation).endswith("_REPEAT"):
            least, most, body = value
            if (repeated and least != most) or _may_hang(body, repeated or most > _FEW_TIMES):
                return True
        elif (repeated and str(operation) == "BRANCH") or any(_may_hang(part, repeated) for part in _parts_of(value)):
            return True
    return False


def _parts_of(value: Any) -> Iterator[Any]:
    if isinstance(value, _parser.SubPattern):
        yield value
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _parts_of(inner)
