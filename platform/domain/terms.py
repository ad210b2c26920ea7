"""Terms: what the scopes' phrases are looked for as, and when two spellings are one.

Here: a term's key, its plurals, its acronyms and gaps. Not here: finding terms in texts (matching), nor what a find
is worth.
"""

import re
from dataclasses import dataclass

from domain.scopes import Scopes
from domain.term_folding import fold, is_word

GAP = ".*"
_SCOPES = "_scopes"
_EDGES = ' .,;:!?…"'  # punctuation around a phrase belongs to the list that it was copied from
_LONGEST_ACRONYM = 4
_HISSING = ("s", "x", "z", "ch", "sh")
_CONSONANT_Y = re.compile(r"[b-df-hj-np-tv-z]y$")


@dataclass(frozen=True, slots=True)
class Term:
    """A phrase of a scope: `written` as people wrote it, `list` the list's name inside its scope or ""."""

    category: str
    scope: str
    list: str
    written: str
    key: str

    @classmethod
    def of(cls, category: str, scope: str, list: str, written: str) -> "Term":
        """The term with its key."""
        return cls(category, scope, list, written, term_key(written))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a key is looked for as: parts in this order within one sentence, each in any of its folded spellings.

    An acronym has one part, whose spellings are in the case that they must have.
    """

    parts: tuple[tuple[str, ...], ...]
    is_acronym: bool = False


def terms_of(scopes: Scopes) -> tuple[Term, ...]:
    """Every phrase of every scope, in their order; the category is the file's name: `company_scopes` is `company`."""
    return tuple(
        Term.of(one.file.removesuffix(_SCOPES), one.path[0], ".".join(one.path[1:]), phrase)
        for one in scopes.lists
        for phrase in one.phrases
    )


def term_key(written: str) -> str:
    """The form that all spellings of a term share: "Long-Acting" is "long acting", "PharmaShell®" is "pharmashell".

    An acronym keeps its capitals, so that "NICE" and "nice" are two keys; "" where there is no word.
    """
    if _is_acronym(cased := _cased(written)):
        return cased
    return GAP.join(_parts(written))


def wanted(key: str) -> Wanted:
    """What `key`, which `term_key` made and which is not "", is looked for as."""
    if _is_acronym(key):
        return Wanted(((key, f"{key}s"),), is_acronym=True)
    *first, last = key.split(GAP)
    return Wanted((*((part,) for part in first), (last, *_plurals(last))))


def _cased(written: str) -> str:
    return fold(written, keep_case=True).strip(_EDGES)


def _is_acronym(cased: str) -> bool:
    return (
        2 <= len(cased) <= _LONGEST_ACRONYM
        and all(character.isupper() or character.isdecimal() for character in cased)
        and any(character.isupper() for character in cased)
    )


def _parts(written: str) -> list[str]:
    parts = (part.strip(_EDGES) for part in fold(written).split(GAP))
    return [part for part in parts if any(is_word(character) for character in part)]


def _plurals(part: str) -> tuple[str, ...]:
    if not "a" <= part[-1] <= "z":
        return ()
    if part.endswith(_HISSING):
        return (f"{part}es",)
    if _CONSONANT_Y.search(part):
        return (f"{part[:-1]}ies",)
    return (f"{part}s",)
