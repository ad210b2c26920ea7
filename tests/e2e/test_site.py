"""The documentation as a site: it builds strictly, its links lead somewhere, its pages load nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from settings import PROJECT_ROOT

pytestmark = pytest.mark.e2e
_LOADED = re.compile(
    r"<(?:script|img|iframe|source)[^>]*?\ssrc=\"?([^\">\s]+)|<link(?![^>]*canonical)[^>]*?href=\"?([^\">\s]+)"
)
_STYLED = re.compile(r"(?:@import|url\()\s*[\"']?(https?:)?//")
_FOLLOWED = re.compile(r"<a[^>]*?\shref=\"?([^\">\s]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command: list[str | Path] = [Path(sys.executable).parent / "mkdocs", "build", "--quiet", "--strict", "--site-dir"]
    built = subprocess.run(
        [*command, folder], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loaded = {
        f"{page.name}: {one}"
        for page in site.rglob("*.html")
        for pair in _LOADED.findall(page.read_text(encoding="utf-8"))
        for one in pair
        if one.startswith(("http:", "https:", "//"))
    }
    assert loaded == set()
    assert [style.name for style in site.rglob("*.css") if _STYLED.search(style.read_text(encoding="utf-8"))] == []


def test_every_link_of_the_site_leads_to_a_file_of_it(site: Path) -> None:
    broken = []
    for page in site.rglob("*.html"):
        for link in _FOLLOWED.findall(page.read_text(encoding="utf-8")):
            name = unquote(link.partition("#")[0])
            if page.name == "404.html" or not name or re.match(r"[a-z]+:", name):
                continue
            if not (page.parent / name).exists():
                broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []


def test_a_link_out_of_the_documentation_works_on_the_site_too(site: Path) -> None:
    targets = (site / "targets.html").read_text(encoding="utf-8")
    assert re.search(r"href=\"?infrastructure\.html", targets)
    assert re.search(r"href=\"?add-a-client\.html", (site / "start.html").read_text(encoding="utf-8"))
    assert re.search(r"href=\"?adr/0001-", (site / "architecture.html").read_text(encoding="utf-8"))
