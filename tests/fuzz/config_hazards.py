"""Hazards of the files that people write: YAML itself, client files, the catalog."""

from collections.abc import Iterator

from tests.fuzz.bodies import CATALOG, CLIENT
from tests.fuzz.hazards import Hazard, hazard

_YAML = {
    "a bomb of aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "a bomb of merges": "a: &a {x: 1}\n"
    + "".join(f"{b}: &{b} {{<<: [{','.join([f'*{a}'] * 9)}]}}\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "a list that holds itself": "sources: &a [*a]\nclient_profile: *a\n",
    "a mapping that holds itself": "sources: &a {b: *a}\nclient_profile: &c {d: *c}\n",
    "a merge of itself": "client_profile: &a\n  <<: *a\n",
    "an object of python": "client_profile: !!python/object/apply:os.system ['true']\n",
    "a name of python": "sources: !!python/name:os.system\n",
    "a tag of its own": "sources: !secret abc\n",
    "a binary": "sources: !!binary aGVsbG8=\n",
    "a set": "sources: !!set {a, b}\n",
    "two documents": "sources: []\n---\nsources: []\n",
    "a directive": "%YAML 9.9\n---\nsources: []\n",
    "an unknown directive": "%FOO bar\n---\nsources: []\n",
    "tabs": "sources:\n\t- a\n",
    "a key twice": "sources: []\nsources: [1]\n",
    "a key that is a list": "? [a, b]\n: c\n",
    "a key that is a mapping": "{{a: b}: c}\n",
    "a key that is null": "~: a\nsources: []\n",
    "a key that is a number": "1: a\n1.0: b\ntrue: c\n",
    "a key that is a date": "2025-12-09: a\n",
    "an anchor undefined": "sources: *nowhere\n",
    "an integer of 5,000 digits": "sources: " + "1" * 5_000 + "\n",
    "an octal": "sources: 0o17\nclient_profile: 017\n",
    "sixty": "sources: 1:30:00\n",
    "not a number": "sources: .nan\nclient_profile: .inf\n",
    "a float beyond floats": "sources: 1e999\n",
    "a date that is none": "sources: 2025-13-45\nclient_profile: 2025-02-30T99:99:99Z\n",
    "lists 5,000 deep": "sources: " + "[" * 5_000 + "]" * 5_000,
    "mappings 5,000 deep": "sources: " + "{a: " * 5_000 + "}" * 5_000,
    "indentation 1,000 deep": "".join(f"{' ' * n}a:\n" for n in range(1_000)),
    "100,000 nodes": "sources: [" + "a," * 100_000 + "]\n",
    "a scalar of a million characters": "sources: '" + "x" * 1_000_000 + "'\n",
    "a block never closed": "sources: |\n  a",
    "a quote never closed": 'sources: "a',
    "a comment only": "# nothing\n",
    "only a scalar": "hello",
    "only null": "~",
    "only a list": "- a\n- b\n",
    "json": '{"sources": [], "client_profile": {"name": "x"}}',
    "two megabytes": "# " + "x" * 2_000_000,
    "a bad escape": 'sources: "\\q"\n',
    "an escape of nul": 'sources: "\\0"\nclient_profile: {name: "\\0", client_id: "\\e"}\n',
    "an escape of half a pair": 'sources: "\\ud800"\n',
    "a next line": "sources: a\x85client_profile: b\n",
    "a nul": "sources: a\x00b\n",
    "a control character": "sources: a\x07b\n",
    "a turned text": "sources: a\u202eb\n",
    "carriage returns": "sources: []\rclient_profile: {}\r",
}
_SCALARS = (
    *("null", "true", "0", "-1", "1.5", "''", "' '", "[]", "{}", "[null]", "[[a]]", "{a: b}", "2025-12-09", "'\\0'"),
    *('"\\0"', "yes", "'" + "x" * 5_000 + "'", "'../../etc/passwd'", "'*'", "<<", ".nan", "!!str 1", "|\n      a\n"),
)
_ADDRESSES = ("javascript:x", "file:///etc/passwd", "http://[", "http://127.0.0.1/", "ftp://x.test", "//x", "a b", "")
_PATTERNS = (
    "(",
    "(a+)+$",
    "[",
    "(?P<a>x)(?P<a>y)",
    "x" * 5_000,
    'r"(\\d+)"',
    "(?i",
    "\\",
    "(a|a)*b",
    "()",
    "(?R)",
    "[[a]",
    "(" * 3_000 + ")" * 3_000,
    "(?:" * 3_000 + "a" + ")" * 3_000,
    "a{99999999999}",
)


def yaml_files() -> Iterator[Hazard]:
    for name, text in _YAML.items():
        yield hazard(f"yaml with {name}", text)
    for charset in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp037"):
        yield hazard(f"a client file in {charset}", CLIENT.replace("Acme", "Émile").encode(charset))
        yield hazard(f"a catalog in {charset}", CATALOG.encode(charset))


def client_files() -> Iterator[Hazard]:
    yield from _each_value_replaced("client", CLIENT)
    yield from _cut("client", CLIENT, 15)


def catalogs() -> Iterator[Hazard]:
    yield from _each_value_replaced("catalog", CATALOG)
    yield from _cut("catalog", CATALOG, 15)
    for address in _ADDRESSES:
        yield hazard(f"a source at {address!r}", CATALOG.replace("'https://wire.example/rss'", repr(address)))
    for pattern in _PATTERNS:
        quoted = pattern.replace("'", "''")
        yield hazard(
            f"a source with the pattern {pattern[:30]!r} of {len(pattern)}", CATALOG.replace("([0-9-]{10})", quoted)
        )


def _each_value_replaced(kind: str, text: str) -> Iterator[Hazard]:
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        name, colon, _ = line.partition(":")
        if colon:
            for scalar in _SCALARS[number % 3 :: 3]:  # a third each: all of them meet every kind of field
                changed = [*lines[:number], f"{name}: {scalar}\n", *lines[number + 1 :]]
                shown = ascii(scalar)[:30]
                yield hazard(f"{kind} line {number + 1}, {name.strip(' -{')} is {shown}", "".join(changed))


def _cut(kind: str, text: str, count: int) -> Iterator[Hazard]:
    for part in range(1, count):
        yield hazard(f"{kind} file cut at {part} of {count}", text[: len(text) * part // count])
