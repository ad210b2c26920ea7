"""The page of the environment: the variables that Vigie reads, from where they are asked for.

Here: the variables of `.env.example` with the remarks above them, and which target asks for which. Not here: reading
them (settings).
"""

import re

from settings import PROJECT_ROOT, TARGETS, choice, questions

_VARIABLE = re.compile(r"(?:# )?(VIGIE_[A-Z_]+)=(.*)")


def environment_page() -> str:
    """Markdown; variables in the order of `.env.example`."""
    asked = {
        path.stem: questions(choice({"VIGIE_TARGET": path.stem, "VIGIE_HOME": str(PROJECT_ROOT / ".vigie")}))
        for path in sorted(TARGETS.glob("*.yaml"))
    }
    parts = [
        "# Environment",
        "The variables that Vigie reads. They come from the process, else from what `vigie setup` has kept, else from\n"
        "`.env`. [Targets](../targets.md) says more.",
    ]
    for remark, variables in blocks():
        parts.append(remark)
        rows = [
            f"| `{name}` | {f'`{example}`' if example else ''} | {_by(name, asked)} |" for name, example in variables
        ]
        parts.append("\n".join(("| Variable | For instance | Asked for by |", "|---|---|---|", *rows)))
    return "\n\n".join(parts)


def blocks() -> list[tuple[str, list[tuple[str, str]]]]:
    """The variables of `.env.example` under the remark above them."""
    found: list[tuple[str, list[tuple[str, str]]]] = []
    remark: list[str] = []
    for line in (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if match := _VARIABLE.fullmatch(line.strip()):
            if remark or not found:
                found.append((" ".join(remark), []))
                remark = []
            found[-1][1].append((match[1], match[2]))
        elif line.startswith("#"):
            remark.append(line.lstrip("# "))
        else:
            remark = []
    return found


def _by(name: str, asked: dict[str, set[str]]) -> str:
    return ", ".join(f"`{target}`" for target, names in asked.items() if name in names)
