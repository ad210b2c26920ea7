"""Combinations of named signals, as people write them: `a AND (b OR NOT c)`.

Here: reading one, asking whether some signals satisfy it. Not here: what a signal is (ingestion_profiles).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

MAX_DEPTH = 20
_SIGN = re.compile(r"[()]|[^\s()]+")
_OPERATORS = {"and", "or", "not"}


class CombinationError(ValueError):
    """The text is no combination; its message says why, in words for a person."""


@dataclass(frozen=True, slots=True)
class Combination:
    """A signal (`operator` "" and its `name`), or an operator ("and", "or", "not") over `parts`."""

    operator: str
    parts: tuple["Combination", ...] = ()
    name: str = ""

    @classmethod
    def every(cls, names: Collection[str]) -> "Combination":
        """All of these signals."""
        return cls("and", tuple(cls("", name=name) for name in names))

    @classmethod
    def any_of(cls, names: Collection[str]) -> "Combination":
        """At least one of these signals."""
        return cls("or", tuple(cls("", name=name) for name in names))

    @classmethod
    def read(cls, text: str) -> "Combination":
        """The combination that `text` writes; NOT binds more than AND, AND more than OR. Raises CombinationError."""
        reading = _Reading(_SIGN.findall(text))
        found = reading.alternatives(0)
        if reading.left:
            raise CombinationError(f"`{reading.left[-1]}` is not expected there")
        return found

    @property
    def names(self) -> frozenset[str]:
        """Every signal that it names."""
        return frozenset({self.name} if not self.operator else set()).union(*(part.names for part in self.parts))

    def holds(self, present: Collection[str]) -> bool:
        """Whether the signals `present` satisfy it; those absent from it are absent."""
        match self.operator:
            case "and":
                return all(part.holds(present) for part in self.parts)
            case "or":
                return any(part.holds(present) for part in self.parts)
            case "not":
                return not self.parts[0].holds(present)
            case _:
                return self.name in present


class _Reading:
    """Descends once through the signs, which are kept last first."""

    def __init__(self, signs: list[str]) -> None:
        self.left = signs[::-1]

    def alternatives(self, depth: int) -> Combination:
        return self.joined("or", depth)

    def joined(self, operator: str, depth: int) -> Combination:
        parts = [self.joined("and", depth) if operator == "or" else self.single(depth)]
        while self.left and self.left[-1].lower() == operator:
            self.left.pop()
            parts.append(self.joined("and", depth) if operator == "or" else self.single(depth))
        return Combination(operator, tuple(parts)) if len(parts) > 1 else parts[0]

    def single(self, depth: int) -> Combination:
        if not self.left:
            raise CombinationError("it ends where a signal is expected")
        if depth > MAX_DEPTH:
            raise CombinationError(f"it nests more than {MAX_DEPTH} levels")
        sign = self.left.pop()
        if sign == "(":
            inner = self.alternatives(depth + 1)
            if not self.left or self.left.pop() != ")":
                raise CombinationError("a `(` is not closed")
            return inner
        if sign.lower() == "not":
            return Combination("not", (self.single(depth + 1),))
        if sign == ")" or sign.lower() in _OPERATORS:
            raise CombinationError(f"`{sign}` stands where a signal is expected")
        return Combination("", name=sign)
