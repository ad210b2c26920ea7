"""What is installed: a complete bill of materials, licences that may be used, an audit that says what it looked at.

That all is pinned and hashed: tests/house/test_tree.py.
"""

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from settings import PROJECT_ROOT

BIN = Path(sys.executable).parent
LOCK = PROJECT_ROOT / "requirements.lock"
FLEET_LOCK = PROJECT_ROOT / "requirements-fleet.lock"
FEWEST = 200  # components: fewer would be a bill of something else
# They ask for a notice, or for the source of changes to their own files.
ALLOWED = {
    *("MIT", "MIT-0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Zlib", "CC0-1.0", "MPL-2.0"),
    *("PSF-2.0", "Python-2.0", "CNRI-Python", "Artistic-1.0-Perl"),
    "License :: OSI Approved :: Apache Software License",
    "License :: OSI Approved :: BSD License",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
    "License :: OSI Approved :: GNU Library or Lesser General Public License (LGPL)",  # psycopg2: linked, unchanged
}
# Where the metadata name none, or offer several of which we take one.
TAKEN = {
    "antlr4-python3-runtime": "BSD-3-Clause",
    "google-cloud-aiplatform": "Apache-2.0",
    "google-cloud-bigquery": "Apache-2.0",
    "protobuf": "BSD-3-Clause",
    "text-unidecode": "Artistic-1.0-Perl",
    "uritemplate": "Apache-2.0 OR BSD-3-Clause",
}

# Of the image alone, so not installed here: as their metadata say.
IN_THE_IMAGE = {
    "aiohappyeyeballs": "PSF-2.0",
    "aiohttp": "Apache-2.0 AND MIT",
    "aiosignal": "Apache-2.0",
    "dagster-k8s": "Apache-2.0",
    "durationpy": "MIT",
    "frozenlist": "Apache-2.0",
    "hatchling": "MIT",
    "kubernetes": "Apache-2.0",
    "trove-classifiers": "Apache-2.0",
    "websocket-client": "Apache-2.0",
}


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The bill of materials as `make sbom` writes it."""
    path = tmp_path_factory.mktemp("sbom") / "sbom.json"
    subprocess.run(
        [BIN / "cyclonedx-py", "environment", "--no-validate", "--of", "JSON", "-o", path, sys.executable],
        check=True,
        capture_output=True,
        timeout=120,
    )
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: Path = LOCK) -> set[tuple[str, str]]:
    """Names with their versions: some have several, each for other versions of Python."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ \\;]+)", lock.read_text(), re.MULTILINE)
    return {(plain(name), version) for name, version in lines}


def licences(component: dict[str, Any]) -> list[str]:
    """Every licence that a component names: expressions of SPDX, or a classifier's words."""
    if taken := TAKEN.get(plain(component["name"])):
        return [taken]
    named = component.get("licenses", ())
    return [one.get("expression") or one["license"].get("id") or one["license"]["name"] for one in named]


def is_allowed(licence: str) -> bool:
    """Whether all parts of an expression may be used, or one of them where it is a plain choice."""
    if licence in ALLOWED:
        return True
    parts = [part for part in re.findall(r"[\w.+:-]+", licence) if part not in ("AND", "OR")]
    free = [part in ALLOWED for part in parts]
    return bool(parts) and (all(free) or ("AND" not in licence.split() and "OR" in licence.split() and any(free)))


def test_the_bill_holds_what_is_locked_at_the_version_it_is_locked_at(bill: dict[str, Any]) -> None:
    assert bill["bomFormat"] == "CycloneDX"
    components = {(plain(one["name"]), one["version"]) for one in bill["components"]}
    names = {name for name, _ in locked()}
    assert {one for one in components if one[0] in names - {"pip", "setuptools"}} - locked() == set()
    assert len(components & locked()) > FEWEST
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    direct = {plain(re.split(r"[^\w.-]", one)[0]) for one in project["dependencies"]}
    assert direct - {name for name, _ in components} == set()


def test_every_licence_is_known_and_may_be_used(bill: dict[str, Any]) -> None:
    names = {name for name, _ in locked()}  # what an earlier lock has left behind is nobody's dependency
    wrong = {
        one["name"]: licences(one)
        for one in bill["components"]
        if plain(one["name"]) in names and not (licences(one) and all(map(is_allowed, licences(one))))
    }
    assert wrong == {}


def test_every_licence_of_the_image_is_known_and_may_be_used() -> None:
    more = {name for name, _ in locked(FLEET_LOCK)} - {name for name, _ in locked()}
    assert more == IN_THE_IMAGE.keys()
    assert [name for name, licence in IN_THE_IMAGE.items() if not is_allowed(licence)] == []


def test_the_bill_of_the_image_is_written_offline_and_holds_all_of_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "sbom-fleet.json"
    subprocess.run(
        [BIN / "cyclonedx-py", "requirements", "--no-validate", "--of", "JSON", "-o", path, FLEET_LOCK],
        check=True,
        capture_output=True,
        timeout=120,
    )
    components = {(plain(one["name"]), one["version"]) for one in json.loads(path.read_text())["components"]}
    assert components == locked(FLEET_LOCK)


@pytest.mark.parametrize(
    "licence", ["", "AGPL-3.0-only", "GPL-3.0", "SSPL-1.0", "BUSL-1.1", "Proprietary", "MIT AND AGPL-3.0"]
)
def test_a_licence_that_asks_for_more_would_be_noticed(licence: str) -> None:
    assert not is_allowed(licence)


class Database(BaseHTTPRequestHandler):
    """A vulnerability database that knows what its server says."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.server.known.get(asked["package"]["name"], [])  # type: ignore[attr-defined]
        self.server.asked.append(asked["package"]["name"])  # type: ignore[attr-defined]
        body = json.dumps({"vulns": known} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.mark.e2e
class TestAudit:
    """`.ci/audit` against a database of the test."""

    @pytest.fixture
    def database(self) -> Iterator[ThreadingHTTPServer]:
        with ThreadingHTTPServer(("127.0.0.1", 0), Database) as server:
            server.known, server.asked = {}, []  # type: ignore[attr-defined]
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server
            server.shutdown()

    def audit(self, tmp_path: Path, *words: str, port: int) -> tuple[int, str]:
        lock = tmp_path / "two.lock"
        entries = re.findall(r"^[a-z].*\n(?:    --hash.*\n)+", LOCK.read_text(), re.MULTILINE)
        lock.write_text("".join(entry for entry in entries if entry.startswith(("jinja2==", "pyyaml=="))))
        service = ["--vulnerability-service", "osv", "--osv-url", f"http://127.0.0.1:{port}/v1/query"]
        done = subprocess.run(
            [PROJECT_ROOT / ".ci" / "audit", *words, *service],
            env={"LOCK": str(lock), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    def test_it_says_that_all_is_well_where_the_database_answered_for_all(
        self, database: ThreadingHTTPServer, tmp_path: Path
    ) -> None:
        code, said = self.audit(tmp_path, port=database.server_port)
        assert (code, said.strip()) == (0, f"audit: 2 packages of {tmp_path / 'two.lock'}, no known vulnerability")
        assert set(database.asked) == {"jinja2", "pyyaml"}  # type: ignore[attr-defined]

    def test_a_known_vulnerability_fails_it_by_name(self, database: ThreadingHTTPServer, tmp_path: Path) -> None:
        found = {"id": "GHSA-test", "summary": "x", "affected": [], "modified": "2026-01-01T00:00:00Z"}
        database.known["pyyaml"] = [found]  # type: ignore[attr-defined]
        code, said = self.audit(tmp_path, "--if-it-answers", port=database.server_port)
        assert code == 1
        assert "pyyaml" in said
        assert "GHSA-test" in said

    @pytest.mark.parametrize(("words", "code"), [((), 3), (("--if-it-answers",), 0)])
    def test_offline_it_says_that_nothing_was_audited(self, tmp_path: Path, words: tuple[str, ...], code: int) -> None:
        ended, said = self.audit(tmp_path, *words, port=9)
        assert ended == code
        assert "SKIPPED" in said
        assert "no known vulnerability" not in said
