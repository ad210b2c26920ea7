"""A newsletter and its page of reasons in a real browser: both themes, a telephone, paper; nothing loaded, no error."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from domain.explanations import Contribution, explain, render_explanation
from domain.newsletters import compose, render_html
from domain.selection_policy import Policy
from domain.stories import Newsletter, Section, Story
from tests.unit.newsletter_parts import story

pytestmark = pytest.mark.e2e
MONDAY = date(2026, 11, 16)
POLICY = Policy(
    max_items_total=9,
    sections=(
        Section("reg", "Réglementaire", 3, "score_desc", event_types=("regulatory",)),
        Section("others", "Autres signaux", 9, "score_desc", event_types=("*",)),
    ),
    watched=True,
    min_score=2.0,
    tldr=True,
    shows=frozenset({"metrics", "source", "domain"}),
    remarks=("a remark on " + "newsletter_selection.trimming_policy." * 6,),
)
# The lowest contrast of any text with what is behind it, as WCAG counts it.
_CONTRAST = """(() => {
  const light = c => { const [r, g, b] = c.match(/[0-9.]+/g).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const seen = [...document.body.querySelectorAll('*')].filter(e => e.offsetParent && [...e.childNodes]
    .some(n => n.nodeType === 3 && n.data.trim()));
  return Math.min(...seen.map(e => { const ink = light(getComputedStyle(e).color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); })); })()"""


def issue() -> Newsletter:
    """Long words, hostile text, a critical event, an undated story, and some that are left out."""
    names: dict[str, Any] = {"domains": ("depots",), "companies": ("Orvane", "Teld Pharmaceuticals")}
    stories = [
        story("critical", event_type="regulatory", critical=True, score=21.5, trademarks=("Oncedo",), **names),
        story("long", title="Donaudampfschifffahrtsgesellschaft" * 5, score=9.1, summary="x" * 900, **names),
        story("hostile", title="<script>alert(1)</script>", score=7.0, url="javascript:alert(1)", **names),
        story("undated", title="Sans date connue", published_at=None, score=12.4, also_in_sources=2, **names),
        story("low", title="Too low to be told", score=1.0, **names),
        *(story(f"n{n}", title=f"Dépôt numéro {n} ouvre", score=5.0 + n, **names) for n in range(8)),
    ]
    return compose("acme", "Veille Acme", "fr", MONDAY, stories, POLICY)


def reasons(newsletter: Newsletter) -> str:
    def steps(told: Story) -> list[Contribution]:
        return [Contribution(1, "base", "regulatory", 7.0, "an event of type regulatory, " + "word" * 60)]

    made = {(one.story.item_id, one.story.day): steps(one.story) for one in newsletter.verdicts}
    return render_explanation(newsletter, explain(newsletter, POLICY, made))


@dataclass
class Browser:
    """One tab, spoken to over the DevTools protocol: `events` is what happened in it since it was last emptied."""

    tab: Connection
    events: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self.asked += 1
        self.tab.send(json.dumps({"id": self.asked, "method": method, "params": params}))
        while True:
            said = json.loads(self.tab.recv(timeout=20))
            if said.get("id") == self.asked:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result
            self.events.append(said)

    def look(self, page: Path, theme: str, width: int) -> None:
        """Opens the page anew as that reader would see it, and waits until it stands."""
        self.events.clear()
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=width < 500)
        self.ask("Page.navigate", url=page.as_uri())
        deadline = time.monotonic() + 10
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            assert time.monotonic() < deadline, "the page does not load"
            self.value("document.readyState")

    def value(self, expression: str) -> Any:
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def happened(self, *methods: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") in methods]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium without a window."""
    program = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if program is None:
        pytest.skip("there is no Chromium on this machine: the pages cannot be looked at")
    profile = tmp_path_factory.mktemp("profile")
    command = [
        *(program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
        *("--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", "--remote-debugging-port=0"),
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        opened = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 30
        while not (opened.is_file() and opened.read_text().count("\n")):
            assert process.poll() is None, "the browser ended"
            assert time.monotonic() < deadline, "the browser does not start"
            time.sleep(0.05)
        port, path = opened.read_text().split("\n")[:2]
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as whole:
            target = Browser(whole).ask("Target.createTarget", url="about:blank")["targetId"]
            with connect(f"ws://127.0.0.1:{port}/devtools/page/{target}", max_size=None) as tab:
                made = Browser(tab)
                for domain in ("Page", "Runtime", "Network", "Log"):
                    made.ask(f"{domain}.enable")
                yield made
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, newsletter = tmp_path_factory.mktemp("pages"), issue()
    made = {"newsletter": render_html(newsletter), "explain": reasons(newsletter)}
    for name, html in made.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("name", ["newsletter", "explain"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_fits_the_screen_loads_nothing_and_says_no_error(
    browser: Browser, pages: dict[str, Path], name: str, theme: str, width: int
) -> None:
    browser.look(pages[name], theme, width)
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(_CONTRAST) >= 4.5
    asked = [event["request"]["url"] for event in browser.happened("Network.requestWillBeSent")]
    assert asked == [pages[name].as_uri()]
    said = browser.happened("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert said == []


@pytest.mark.parametrize("name", ["newsletter", "explain"])
def test_the_theme_is_the_reader_s(browser: Browser, pages: dict[str, Path], name: str) -> None:
    seen = []
    for theme in ("light", "dark"):
        browser.look(pages[name], theme, 800)
        seen.append(sum(map(int, browser.value("getComputedStyle(document.body).backgroundColor")[4:-1].split(","))))
    assert seen[0] > 600
    assert seen[1] < 150


def test_what_the_page_says_is_seen(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(pages["newsletter"], "light", 800)
    text = browser.value("document.body.innerText")
    for words in ("Les mieux notés", "Réglementaire", "note 21,5", "<script>alert(1)</script>", "date inconnue"):
        assert words in text
    assert "Too low to be told" not in text
    mark = "getComputedStyle(document.querySelector('.critical h3'), '::before').content"
    assert browser.value(mark) == '"Événement critique"'
    assert browser.value("document.querySelectorAll('.top a').length") == 3
    assert browser.value("[...document.querySelectorAll('.top a')].every(a => document.querySelector(a.hash))")
    browser.look(pages["explain"], "light", 800)
    assert browser.value("document.querySelectorAll('details').length") == 13
    assert "score 1 is under 2" in browser.value("document.body.innerText")


def test_it_can_be_printed(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(pages["newsletter"], "dark", 800)
    browser.ask("Emulation.setEmulatedMedia", media="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    browser.ask("Emulation.setEmulatedMedia", media="")
