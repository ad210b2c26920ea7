"""From YAML bytes to plain values whose lines are known, and how a problem in a file is said.

Here: reading one mapping safely (encoding, limits, duplicate keys), `Document`, `Problem`, the words for a
found value, and what of it may be shown. Not here: what a client file or the catalog may contain (clients,
catalog), nor where bytes lie.
"""

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import yaml

from domain.errors import ConfigError

MAX_BYTES = 1024 * 1024
MAX_NODES = 50_000
MAX_DEPTH = 40
MAX_HINTS = 50
MAX_SHOWN = 60  # characters of a value
MAX_SAID = 1_000  # characters of a message, and of a remedy

Path = Sequence[str | int]

_CORE = "tag:yaml.org,2002:"
_KINDS = ("null", "bool", "int", "float", "str", "timestamp", "seq", "map", "merge")
_KNOWN_TAGS = {_CORE + kind for kind in _KINDS}
# What libyaml's reader refuses; asked beforehand because its own answer names no line.
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_YAML_REMEDIES = {
    "mapping values are not allowed": "Put a value that contains `: ` between quotes, or mend the indentation.",
    "alphabetic or numeric": "Put a value that starts with `*` or `&` between quotes.",
    "a single document": "Keep one document: remove the second `---`.",
    "undefined alias": "Put a value that starts with `*` between quotes, or define the anchor above it.",
    "cannot start any token": "Put a value that starts with this character between quotes.",
    "unexpected end of stream": "Close the quote that was opened above.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: an "error" makes its part unusable, a "warning" only wants attention.

    Message and remedy are printable and bounded, whatever of the file is quoted in them.
    """

    severity: Literal["error", "warning"]
    where: str
    message: str
    remedy: str = ""

    def __post_init__(self) -> None:
        for name in ("message", "remedy"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    def __str__(self) -> str:
        cure = f" {self.remedy}" if self.remedy else ""
        return f"{self.severity}: {self.where}: {self.message}{cure}"


@dataclass(frozen=True, slots=True)
class Document:
    """A mapping of JSON types (dates stay text) and the lines of its parts.

    A path is a sequence of keys and list indexes: `("sources", 3, "rss_url")`.
    """

    name: str
    value: dict[str, Any]
    _root: yaml.Node = field(repr=False, compare=False)
    _keys: dict[int, dict[str | int, tuple[Any, yaml.Node]]] = field(default_factory=dict, repr=False, compare=False)

    def line(self, path: Path = ()) -> int:
        """The line (from 1) of a key or list element; of its nearest existing parent where it is absent."""
        node, mark = self._root, self._root.start_mark
        for step in path:
            if isinstance(node, yaml.MappingNode):
                if id(node) not in self._keys:
                    # A merged (`<<`) key stands before the mapping's own, which wins here as in the value.
                    self._keys[id(node)] = {key.value: (key.start_mark, value) for key, value in node.value}
                if step not in self._keys[id(node)]:
                    break
                mark, node = self._keys[id(node)][step]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                mark = node.start_mark
            else:
                break
        return int(mark.line) + 1

    def where(self, path: Path = ()) -> str:
        return f"{self.name}:{self.line(path)}"

    def error(self, path: Path, message: str, remedy: str = "") -> Problem:
        return Problem("error", self.where(path), message, remedy)

    def warning(self, path: Path, message: str, remedy: str = "") -> Problem:
        return Problem("warning", self.where(path), message, remedy)


def read_mapping(body: bytes, name: str) -> Document:
    """The one mapping that `body` holds. Raises ConfigError: one clear reason, its line, what to do.

    Refused: over 1 MiB, not UTF-8, control characters, invalid YAML, nothing at all, a list or a scalar,
    duplicate keys, keys that are not text, custom tags, endless numbers, more than 50,000 values or 40
    levels once aliases are followed. Merge keys (`<<`) and a byte-order mark are read.
    """
    text = _text(body, name)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None or _is_null(root):
            raise ConfigError("The file is empty.", where=f"{name}:1", remedy="Write the configuration in it.")
        if not isinstance(root, yaml.MappingNode):
            kind = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
            raise _RefusedError(
                root.start_mark, f"The file holds {kind}.", "Write `key: value` lines at the top level."
            )
        _measure(root, {})
        value = cast(dict[str, Any], loader.construct_document(root))
    except _RefusedError as refused:
        where = f"{name}:{refused.mark.line + 1}"
        raise ConfigError(printable(refused.message), where=where, remedy=refused.remedy) from None
    except yaml.MarkedYAMLError as error:
        raise _invalid_yaml(error, text, name) from None
    except yaml.YAMLError as error:
        raise ConfigError(printable(f"The file is not valid YAML: {error}."), where=name) from None
    finally:
        loader.dispose()
    return Document(name, value, root)


def closest(word: str, known: Iterable[str], said: int = 0) -> str:
    """`Did you mean "x"?`, or nothing where no known word is near.

    `said` is how many problems the caller already has: the search is slow, so only the first 50 get a hint.
    """
    found = difflib.get_close_matches(word, list(known), n=1) if said < MAX_HINTS else []
    return f'Did you mean "{found[0]}"?' if found else ""


def printable(text: str, most: int = MAX_SAID) -> str:
    """The text in at most `most` characters, with an escape for what does not show or reorders what stands around it
    (control characters, line ends, directions of writing, lone surrogates)."""
    start = text[: most + 1]
    if not start.isprintable():
        start = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in start)
    return start if len(start) <= most else start[: most - 3] + "..."


def shown(value: object) -> str:
    """A found value in words, printable and bounded: `the text "false"`, `the number 1`, `a list`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f'the text "{printable(value, MAX_SHOWN)}"'
        case int() | float():
            return f"the number {value}"
        case dict():
            return "a block of `key: value` lines"
        case _:
            return "a list"


class _RefusedError(Exception):
    """Well-formed YAML that Vigie does not accept, with its place."""

    def __init__(self, mark: yaml.Mark, message: str, remedy: str) -> None:
        self.mark, self.message, self.remedy = mark, message, remedy
        super().__init__(message)


class _Loader(yaml.CSafeLoader):
    """libyaml's loader, stopped while it composes: nothing large or deep is ever built."""

    depth = 0
    nodes = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self.depth += 1
        self.nodes += 1
        if self.depth > MAX_DEPTH:
            raise _too_deep(current_node.start_mark)
        if self.nodes > MAX_NODES:
            raise _too_many(current_node.start_mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1


def _plain(loader: _Loader, node: yaml.ScalarNode) -> bool | int | float:
    """A bool, int or float that JSON can carry; under an explicit tag such as `!!int x` it may be none."""
    kind = node.tag.removeprefix(_CORE)
    try:
        value: bool | int | float = getattr(loader, f"construct_yaml_{kind}")(node)
    except (ValueError, KeyError, IndexError, OverflowError):
        value = math.inf
    if not abs(value) < 2**63:
        message = f"`{node.value[:40]}` cannot be read as {'true or false' if kind == 'bool' else 'a number'}."
        raise _RefusedError(node.start_mark, message, "Write another value, or put text between quotes.")
    return value


def _date(loader: _Loader, node: yaml.ScalarNode) -> str:
    """No field is a date, and a date is not JSON: `created: 2026-01-30` is the text that it looks like."""
    return str(loader.construct_scalar(node))


for _kind in ("bool", "int", "float"):
    _Loader.add_constructor(_CORE + _kind, _plain)
_Loader.add_constructor(_CORE + "timestamp", _date)


def _text(body: bytes, name: str) -> str:
    if len(body) > MAX_BYTES:
        raise ConfigError(
            f"The file has {len(body):,} bytes; the limit is {MAX_BYTES:,}.", where=name, remedy="Split it."
        )
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        likely = "UTF-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "Latin-1 or Windows-1252"
        line = body.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"The file is not UTF-8 (byte {body[error.start]:#04x} at offset {error.start}); {likely} is likely.",
            where=f"{name}:{line}",
            remedy="Save it as UTF-8.",
        ) from None
    if control := _CONTROL.search(text):
        raise ConfigError(
            f"The file holds a control character (U+{ord(control[0]):04X}).",
            where=f"{name}:{text.count(chr(10), 0, control.start()) + 1}",
            remedy="Remove it, and save the file as UTF-8 text.",
        )
    return text


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _CORE + "null"


def _too_deep(mark: yaml.Mark) -> _RefusedError:
    return _RefusedError(mark, f"The file nests deeper than {MAX_DEPTH} levels.", "Flatten it.")


def _too_many(mark: yaml.Mark) -> _RefusedError:
    message = f"The file holds more than {MAX_NODES:,} values or {MAX_BYTES:,} characters once aliases are followed."
    return _RefusedError(mark, message, "Split it, or repeat less with `*alias`.")


def _measure(node: yaml.Node, sizes: dict[int, tuple[int, int, int] | None]) -> tuple[int, int, int]:
    """(values, characters, depth) of `node` with its aliases followed; refuses what must not be built.

    An alias stands after its anchor, so its size is known (or still None: it holds itself) when it is met;
    the recursion is therefore never deeper than the text, which the loader has bounded.
    """
    if node.tag not in _KNOWN_TAGS:
        tag = node.tag.replace(_CORE, "!!")
        raise _RefusedError(node.start_mark, f"The tag `{tag}` is not accepted.", "Remove the tag.")
    if isinstance(node, yaml.ScalarNode):
        return 1, len(node.value), 1
    key = id(node)
    if key in sizes:
        known = sizes[key]
        if known is None:
            raise _RefusedError(node.start_mark, "An alias holds itself.", "Remove the alias.")
        return known
    sizes[key] = None
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
        parts = [part for pair in node.value for part in pair]
    else:
        parts = node.value
    values, characters, depth = 1, 0, 0
    for part in parts:
        more, longer, deeper = _measure(part, sizes)
        values, characters, depth = values + more, characters + longer, max(depth, deeper)
    if depth + 1 > MAX_DEPTH:
        raise _too_deep(node.start_mark)
    if values > MAX_NODES or characters > MAX_BYTES:
        raise _too_many(node.start_mark)
    sizes[key] = size = (values, characters, depth + 1)
    return size


def _check_keys(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if key.tag not in (_CORE + "str", _CORE + "merge") or not isinstance(key, yaml.ScalarNode):
            found = f"`{key.value}`" if isinstance(key, yaml.ScalarNode) else "a list or a block"
            raise _RefusedError(
                key.start_mark, f"A key must be text; {found} is not.", "Put the key (or `{{...}}`) between quotes."
            )
        line = int(key.start_mark.line) + 1
        if key.value in lines:
            message = f"The key `{key.value}` stands twice, on lines {lines[key.value]} and {line}."
            raise _RefusedError(key.start_mark, message, "Keep one of them.")
        lines[key.value] = line


def _invalid_yaml(error: yaml.MarkedYAMLError, text: str, name: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return ConfigError(printable(f"The file is not valid YAML: {error}."), where=name)
    lines = text.splitlines()
    indent = re.match(r"\s*", lines[mark.line])[0] if mark.line < len(lines) else ""  # type: ignore[index]
    what = ", ".join(part for part in (error.problem, error.context) if part)
    remedy = next((cure for sign, cure in _YAML_REMEDIES.items() if sign in what), "Mend the YAML near this line.")
    if "\t" in indent:
        what, remedy = "the line is indented with a tab", "Indent with spaces."
    return ConfigError(
        printable(f"The file is not valid YAML at column {mark.column + 1}: {what}."),
        where=f"{name}:{mark.line + 1}",
        remedy=remedy,
    )
