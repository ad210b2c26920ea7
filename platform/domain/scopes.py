"""Scopes: the named lists of phrases that people keep in the config bucket, and what a reference to one means.

Here: reading the files, finding the phrases behind a reference. Not here: how a phrase is looked for (vocabulary),
nor who refers to a scope (ingestion_profiles).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from domain.documents import Document, closest, read_mapping, shown

PREFIX = "canonical/scopes/"
ENDING = ".yaml"
NEGATIVE = "negative_terms"


@dataclass(frozen=True, slots=True)
class ScopeList:
    """One list of phrases: its file (`exclusion_scopes`), its place there, what stands in it.

    `path` is `(scope,)` for a plain list and `(scope, list)` for one of several; `oddities` say what of it is left out.
    """

    file: str
    path: tuple[str, ...]
    phrases: tuple[str, ...]
    where: str
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a reference means: its lists, and those of the same scopes that speak against them (`negative_terms`)."""

    lists: tuple[ScopeList, ...] = ()
    against: tuple[ScopeList, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        return tuple(phrase for one in self.lists for phrase in one.phrases)


@dataclass(frozen=True, slots=True)
class Scopes:
    """Every list of every file, in the order of the files' names and of their lines."""

    lists: tuple[ScopeList, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Each way to refer to a list, or to the lists of a scope, without the file's name."""
        ways = (way for one in self.lists for way in (one.path[0], ".".join(one.path)))
        return tuple(dict.fromkeys(ways))

    def find(self, reference: str) -> Found | None:
        """What `scope`, `scope.list`, `file.scope` or `file.scope.list` names; None where there is no such scope.

        A scope of several lists is all of them but `negative_terms`. Of two scopes with one name the first file's is
        meant; the file's name before it tells them apart.
        """
        path = tuple(reference.split("."))
        named = [one for one in self.lists if one.path[: len(path)] == path]
        if not named:
            named = [one for one in self.lists if (one.file, *one.path)[: len(path)] == path and len(path) > 1]
        if not named:
            return None
        first = [one for one in named if one.file == named[0].file]
        meant = tuple(one for one in first if one.path[1:] != (NEGATIVE,) or path[-1] == NEGATIVE)
        scopes = {(one.file, one.path[0]) for one in meant}
        against = tuple(one for one in self.lists if one.path[1:] == (NEGATIVE,) and (one.file, one.path[0]) in scopes)
        return Found(meant, tuple(one for one in against if one not in meant))

    def closest(self, reference: str, said: int = 0) -> str:
        """`Did you mean "x"?`, or nothing."""
        return closest(reference.rpartition("_scopes.")[2], self.names, said)


def read_scopes(files: Mapping[str, bytes]) -> Scopes:
    """The scopes of these files, key -> bytes. Raises ConfigError where one of them is no YAML mapping.

    A file that cannot be read stops everything on purpose: without its phrases a profile would keep what it shall
    leave out, or leave out everything.
    """
    documents = [(_stem(key), read_mapping(body, key)) for key, body in sorted(files.items())]
    return Scopes(tuple(one for stem, document in documents for one in _lists(stem, document)))


def _stem(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(ENDING)


def _lists(stem: str, document: Document) -> Iterator[ScopeList]:
    for scope, value in document.value.items():
        if isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, list) and not name.startswith("_"):
                    yield _list(stem, (scope, name), inner, document)
        elif isinstance(value, list) or value is None:
            yield _list(stem, (scope,), value or [], document)


def _list(stem: str, path: tuple[str, ...], entries: Iterable[Any], document: Document) -> ScopeList:
    phrases, oddities = [], []
    for i, entry in enumerate(entries):
        if isinstance(entry, str) and entry.strip() and "{{" not in entry:
            phrases.append(entry)
        elif isinstance(entry, int | float) and not isinstance(entry, bool):
            phrases.append(str(entry))
        else:
            oddities.append(f"{shown(entry)} on line {document.line((*path, i))}")
    return ScopeList(stem, path, tuple(phrases), document.where(path), tuple(oddities))
