"""Draws the diagrams of the pages for the site, which loads nothing from elsewhere and so cannot draw them itself.

Here: docs/pictures/diagrams, one SVG per diagram, named after its text. Needs a browser and mermaid's own file:
    npm pack mermaid@11 && tar xzf mermaid-*.tgz package/dist/mermaid.min.js
    .venv/bin/python .ci/draw_diagrams.py package/dist/mermaid.min.js
Not here: what a diagram says (the pages), where it stands on the site (docs_site).
"""

import html
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from docs_site import DIAGRAMS, diagrams_of, picture_of, sources

_PAGE = """<!doctype html><meta charset="utf-8"><body>{places}
<script src="{script}"></script><script>
mermaid.initialize({{startOnLoad: false, theme: "neutral", htmlLabels: false, flowchart: {{htmlLabels: false}}}});
(async () => {{ for (const one of document.querySelectorAll("pre")) {{
  const made = await mermaid.render("d" + one.id, one.textContent);
  one.outerHTML = "<div id='" + one.id + "'>" + made.svg + "</div>";
}} document.body.dataset.done = "yes"; }})();
</script></body>"""


def main(script: Path) -> None:
    """Draws what is missing, takes away what no page shows any more."""
    texts = {picture_of(text): text for page in sources() for text in diagrams_of(page.read_text(encoding="utf-8"))}
    places = "".join(f"<pre id='{path.stem}'>{html.escape(text)}</pre>" for path, text in texts.items())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(_PAGE.format(places=places, script=script.resolve().as_uri()), encoding="utf-8")
        browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        browser += ["--virtual-time-budget=30000", "--allow-file-access-from-files", "--dump-dom", page.as_uri()]
        drawn = subprocess.run(browser, capture_output=True, text=True, check=True, timeout=120).stdout  # noqa: S603 (our own words)
    DIAGRAMS.mkdir(parents=True, exist_ok=True)
    for path in DIAGRAMS.glob("*.svg"):
        if path not in texts:
            path.unlink()
    for path in texts:
        found = re.search(rf"""<div id=["']{path.stem}["']>(<svg.*?</svg>)</div>""", drawn, re.DOTALL)
        if not found:
            sys.exit(f"{path.name} could not be drawn")
        path.write_text(
            found[1].replace("max-width:", "background: white; max-width:", 1).replace("<br>", "<br/>") + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
