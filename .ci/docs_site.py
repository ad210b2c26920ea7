"""What mkdocs does not do by itself: pages of other folders, links out of docs/, the list of decisions, diagrams.

Here: the hooks of mkdocs.yml. A page is written once, with links that work where the repository is read; on the site
the same links lead to the page made of it, or to a copy of the file. Not here: what a page says.
"""

import hashlib
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
# Pages that stand elsewhere in the repository: path there -> page of the site.
ELSEWHERE = {
    "README.md": "start.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "infrastructure/README.md": "infrastructure.md",
}
COPIES = "repository"  # the folder of the site for files that pages link to
DIAGRAMS = ROOT / "docs" / "pictures" / "diagrams"
_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"(^[ ]*```.*?^[ ]*```[ ]*$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")


def on_config(config: Any) -> Any:
    """Fills the list of decisions: one entry per ADR, in the order of their numbers."""
    found = sorted((ROOT / "docs" / "adr").glob("*.md"))
    explanations = next(one["Explanations"] for one in config.nav if isinstance(one, dict) and "Explanations" in one)
    next(one for one in explanations if "Decisions" in one)["Decisions"] = [f"adr/{path.name}" for path in found]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages of other folders, and a copy of every file that a page links to."""
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for file in [one for one in files if one.is_documentation_page()]:
        here = Path(file.abs_src_path).relative_to(ROOT).as_posix()
        for aim in {aim for _link, aim in linked((ROOT / here).read_text(encoding="utf-8"), here)}:
            copy = f"{COPIES}/{aim}"
            if page_of(aim) is None and (ROOT / aim).is_file() and not files.get_file_from_path(copy):
                if aim.startswith("docs/"):
                    continue
                files.append(File.generated(config, copy, abs_src_path=str(ROOT / aim)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """The page with its links as the site has them, and its diagrams as pictures."""
    here = Path(page.file.abs_src_path).relative_to(ROOT).as_posix()

    def rewritten(match: re.Match[str]) -> str:
        aim, anchor = resolved(match[2], here)
        if aim is None:
            return match[0]
        on_site = page_of(aim) or (aim.removeprefix("docs/") if aim.startswith("docs/") else f"{COPIES}/{aim}")
        return f"{match[1]}{posixpath.relpath(on_site, posixpath.dirname(page.file.src_uri) or '.')}{anchor}{match[3]}"

    def drawn(match: re.Match[str]) -> str:
        picture = picture_of(match[1])
        if not picture.is_file():
            return match[0]
        on_site = picture.relative_to(ROOT / "docs").as_posix()
        return f"![A diagram]({posixpath.relpath(on_site, posixpath.dirname(page.file.src_uri) or '.')})"

    pieces = _FENCE.split(markdown)
    linked_up = "".join(piece if i % 2 else _LINK.sub(rewritten, piece) for i, piece in enumerate(pieces))
    return _DIAGRAM.sub(drawn, linked_up)


def sources() -> list[Path]:
    """Every page of the site, where it is written."""
    return [*(ROOT / name for name in ELSEWHERE), *sorted((ROOT / "docs").rglob("*.md"))]


def diagrams_of(text: str) -> list[str]:
    """The diagrams of a page, as they are written."""
    return _DIAGRAM.findall(text)


def picture_of(diagram: str) -> Path:
    """Where the picture of a diagram is: another text is another picture."""
    return DIAGRAMS / f"d{hashlib.sha256(diagram.encode()).hexdigest()[:12]}.svg"


def linked(text: str, here: str) -> list[tuple[str, str]]:
    """Every relative link of a page, with the path in the repository that it leads to."""
    links = (match[2] for piece in _FENCE.split(text)[::2] for match in _LINK.finditer(piece))
    return [(link, aim) for link in links if (aim := resolved(link, here)[0]) is not None]


def resolved(link: str, here: str) -> tuple[str | None, str]:
    """The path in the repository that a link of the page `here` leads to, and its anchor; None: it leads elsewhere."""
    name, mark, anchor = link.partition("#")
    if not name or re.match(r"[a-z]+:", link):
        return None, ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(here), name)), mark + anchor


def page_of(aim: str) -> str | None:
    """The page of the site that is made of this file; None where none is."""
    if aim in ELSEWHERE:
        return ELSEWHERE[aim]
    return aim.removeprefix("docs/") if aim.startswith("docs/") and aim.endswith(".md") else None
