"""The fields of a model as rows: path, type in words, default, meaning, example.

Here: reading pydantic models and dataclasses, nothing but what they say themselves. Not here: what fields mean
(client_words, source_words, target_words), the pages (pages).
"""

import dataclasses
import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

Meaning = str | tuple[str, Any]  # or with an example, as YAML would read it
REQUIRED = "required"
_PLAIN = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    date: "day",
    type(None): "null",
}
_UNSAID = object()


@dataclass(frozen=True, slots=True)
class Row:
    """One field; `default` and `example` are YAML on one line, `example` empty where there is none to give."""

    name: str
    kind: str
    default: str
    meaning: str
    example: str


@dataclass(frozen=True, slots=True)
class Part:
    """A block of a file: the places where it stands, its model, what it is, its fields."""

    places: tuple[str, ...]
    model: type
    about: str
    rows: tuple[Row, ...]


def parts_of(root: type, meanings: Mapping[str, Meaning], top: str = "") -> list[Part]:
    """The block and every block in it, each once, in the order in which a reader meets them.

    `meanings` by `Model.field`. Raises KeyError for a field without one.
    """
    places: dict[type, list[str]] = {}
    _walk(root, top, places)
    return [Part(tuple(where), model, _about(model), tuple(_rows(model, meanings))) for model, where in places.items()]


def field_names(root: type) -> list[str]:
    """`Model.field` of every field, of the blocks inside too."""
    places: dict[type, list[str]] = {}
    _walk(root, "", places)
    return [f"{model.__name__}.{name}" for model in places for name, _kind, _default in _fields(model)]


def accepts(root: type, name: str, value: Any) -> bool:
    """Whether the field `Model.field` takes the value, as a file gives it. Raises KeyError where there is none."""
    places: dict[type, list[str]] = {}
    _walk(root, "", places)
    model = next(one for one in places if one.__name__ == name.partition(".")[0])
    kind = {field: kind for field, kind, _default in _fields(model)}[name.partition(".")[2]]
    try:
        TypeAdapter(kind).validate_json(json.dumps(value))
    except ValueError:
        return False
    return True


def _walk(model: type, place: str, places: dict[type, list[str]]) -> None:
    known = model in places
    places.setdefault(model, []).append(place)
    if known:
        return
    for name, kind, _default in _fields(model):
        for inner, more in _blocks(kind):
            _walk(inner, f"{place}.{name}{more}".lstrip("."), places)


def _fields(model: type) -> Iterator[tuple[str, Any, Any]]:
    """Name, annotation with its limits, default (_UNSAID: required)."""
    if issubclass(model, BaseModel):
        for name, info in model.model_fields.items():
            yield name, _annotated(info), _UNSAID if info.is_required() else info.get_default(call_default_factory=True)
        return
    if dataclasses.is_dataclass(model):
        for one in dataclasses.fields(model):
            made = one.default_factory() if one.default_factory is not dataclasses.MISSING else one.default
            yield one.name, one.type, _UNSAID if made is dataclasses.MISSING else made


def _annotated(info: FieldInfo) -> Any:
    kind: Any = info.annotation
    for limit in info.metadata:
        kind = Annotated[kind, limit]
    return kind


def _blocks(kind: Any, more: str = "") -> Iterator[tuple[type, str]]:
    """The models inside an annotation, each with what its place has after the field's name."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _blocks(get_args(kind)[0], more)
    elif origin in (Union, types.UnionType):
        for one in get_args(kind):
            yield from _blocks(one, more)
    elif origin is tuple:
        for one in dict.fromkeys(get_args(kind)):
            if one is not Ellipsis:
                yield from _blocks(one, f"{more}[]")
    elif origin is dict:
        yield from _blocks(get_args(kind)[1], f"{more}.*")
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind, more


def _rows(model: type, meanings: Mapping[str, Meaning]) -> Iterator[Row]:
    for name, kind, default in _fields(model):
        said = meanings[f"{model.__name__}.{name}"]
        meaning, example = said if isinstance(said, tuple) else (said, _example(kind, default))
        blocks = list(_blocks(kind))
        shown = (
            "" if default is _UNSAID else ("see below" if blocks and default not in (None, (), {}) else yaml(default))
        )
        yield Row(
            name,
            _words(kind),
            REQUIRED if default is _UNSAID else shown,
            meaning,
            "" if example is _UNSAID or blocks else yaml(example),
        )


def _example(kind: Any, default: Any) -> Any:
    """A value of its own kind where the kind says enough: another than the default."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(inner) is Literal:
        return next((one for one in get_args(inner) if one != default), default)
    if isinstance(default, bool):
        return not default
    return _UNSAID if default in (None, "", (), {}) else default


def _words(kind: Any) -> str:
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner, limits = kind, _limits(kind)
        while get_origin(inner) is Annotated:
            inner = get_args(inner)[0]
        return _words(inner) + (f" ({limits})" if limits else "")
    if origin is Literal:
        return "one of " + ", ".join(f"`{one}`" for one in inside)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(one) for one in inside))
    if origin is tuple:
        many = inside[-1] is Ellipsis
        return f"list of {_words(inside[0])}" if many else f"list of {len(inside)} x {_words(inside[0])}"
    if origin is dict or origin is Mapping:
        return "block" if inside[1] is Any else f"block of name: {_words(inside[1])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "block"
    return _PLAIN[kind]


def _limits(kind: Any) -> str:
    said = []
    while get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        flat = [limit for one in more for limit in (one.metadata if isinstance(one, FieldInfo) else (one,))]
        for limit in flat:
            match limit:
                case Ge():
                    said.append(f"{limit.ge} or more")
                case Gt():
                    said.append(f"more than {limit.gt}")
                case Le():
                    said.append(f"{limit.le} at most")
                case Lt():
                    said.append(f"less than {limit.lt}")
    return ", ".join(said)


def yaml(value: Any) -> str:
    """The value as YAML on one line; a model by its fields."""
    if isinstance(value, Path | date):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def _about(model: type) -> str:
    """The model's docstring, the blank line kept; '' where it has none of its own."""
    text = model.__doc__ or ""
    return (
        "" if text.startswith(f"{model.__name__}(") else "\n".join(line.strip() for line in text.strip().splitlines())
    )
