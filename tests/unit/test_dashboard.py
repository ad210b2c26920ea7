"""The dashboard: its figures, their order, plots that are to scale, and that no name can get out of its place."""

import random
import re
from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from domain.dashboard import render_dashboard
from domain.dashboard_figures import (
    AccountCompliance,
    ClientDay,
    ClientFreshness,
    ClientScores,
    Dashboard,
    Entity,
    ScoreCount,
    SourceHealth,
)
from domain.dashboard_plots import Column, Part, nice_ticks, plot_columns

NOW = datetime(2026, 11, 21, 6, 12, tzinfo=UTC)
TODAY = date(2026, 11, 21)
SECTIONS = ("days", "points", "clients", "scores", "named", "unseen", "sources", "accounts")
VOID = {"meta", "br"}
CLIENT = ClientFreshness("acme", "ok", TODAY, TODAY, TODAY, 0, 0, 70, 1300)
SCORES = ClientScores("acme", 30, 1300, 200, 300, 500, 300, 6.44, 5.9, 23.5, 0.314)
NAMED = Entity("company", "Orvane", 2, 12, 1240, TODAY, 7.25)
UNSEEN = Entity("molecule", "lentavirine", 0, 0, 0, None, None)
SOURCE = SourceHealth("press__depot", "ok", TODAY, TODAY, 0, 3.44, 2.9, 0.125, None)
ACCOUNT = AccountCompliance("data-lake", False, 4, 3, 2.25, "1 to change", "quota exceeded")


def figures(**changes: Any) -> Dashboard:
    plain = Dashboard(
        NOW,
        activity=(ClientDay("acme", TODAY, 40), ClientDay("acme", TODAY - timedelta(days=1), 30)),
        score_counts=(ScoreCount(None, 300), ScoreCount(3, 500), ScoreCount(7, 300), ScoreCount(12, 200)),
        scores=(SCORES, replace(SCORES, days=7, items=70, high=14)),
        entities=(NAMED, UNSEEN),
        clients=(CLIENT,),
        sources=(SOURCE,),
        accounts=(ACCOUNT,),
    )
    return replace(plain, **changes)


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, the text of each section, rows of cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: Counter[str] = Counter()
        self.text: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.tiles: list[list[str]] = []
        self.unclosed: list[str] = []
        self._section = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.unclosed.append(tag)
        if tag == "section":
            self._section = attributes["aria-labelledby"] or ""
        if tag == "tr":
            self.rows.setdefault(self._section, []).append([])
        if tag in ("th", "td"):
            self.rows[self._section][-1].append("")
        if tag == "li" and not self._section:
            self.tiles.append([])
        if tag in ("span", "strong") and not self._section:
            self.tiles[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text[self._section] = self.text.get(self._section, "") + data
        if {"th", "td"} & set(self.unclosed):
            self.rows[self._section][-1][-1] += data
        elif not self._section and self.unclosed[-1:] in (["span"], ["strong"]):
            self.tiles[-1][-1] += data

    def body(self, section: str) -> list[list[str]]:
        return self.rows[section][1:]

    def bars(self) -> list[dict[str, Any]]:
        return [attributes for tag, attributes in self.tags if tag == "rect"]


def page(**changes: Any) -> Page:
    return Page(render_dashboard(figures(**changes)))


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style><b>",
    "&lt;b&gt; &#x3c;i&#x3e;",
    "{{ 7 * 7 }} {% raw %}",
    "right\u202eleft",
    "null\x00 bell\x07 lone \ud800 surrogate",
]
TEXTS = [
    (name, row, column.name)
    for name, row in (
        ("activity", ClientDay("acme", TODAY, 4)),
        ("clients", CLIENT),
        ("scores", SCORES),
        ("entities", NAMED),
        ("entities", UNSEEN),
        ("sources", replace(SOURCE, last_error="503")),
        ("accounts", ACCOUNT),
    )
    for column in fields(row)
    if isinstance(getattr(row, column.name), str)
]


class TestHostileText:
    @pytest.mark.parametrize(("figure", "row", "column"), TEXTS, ids=lambda value: str(value)[:24])
    def test_a_text_from_the_data_stays_text(self, figure: str, row: Any, column: str) -> None:
        plain = page(**{figure: [replace(row, **{column: "plain"})]})
        for text in HOSTILE:
            seen = page(**{figure: [replace(row, **{column: text})]})
            assert [tag for tag, _ in seen.tags] == [tag for tag, _ in plain.tags]
            assert [sorted(found) for _, found in seen.tags] == [sorted(found) for _, found in plain.tags]
            assert not {"\u202e", "\x00", "\x07"} & set("".join(seen.text.values()))

    def test_a_name_is_still_the_same_text(self) -> None:
        name = "<1 mL & {Depot} | R&D_2"
        seen = page(entities=[replace(NAMED, entity=name), replace(UNSEEN, entity=name)])
        assert seen.body("named")[0][0] == name
        assert name in seen.text["unseen"]

    def test_the_page_can_be_written_as_utf8_whatever_it_is_given(self) -> None:
        assert render_dashboard(figures(sources=[replace(SOURCE, last_error="a\ud800b", status="failing")])).encode()


class TestPage:
    def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(self) -> None:
        html = render_dashboard(figures())
        seen = Page(html)
        assert not {"script", "link", "img", "iframe", "a", "object"} & {tag for tag, _ in seen.tags}
        assert not re.search(r"url\(|@import|https?://", html)
        assert not [name for _, attributes in seen.tags for name in attributes if name.startswith(("on", "src"))]

    def test_every_tag_is_closed(self) -> None:
        assert page().unclosed == []
        assert Page(render_dashboard(Dashboard(NOW))).unclosed == []

    def test_the_same_rows_in_another_order_give_the_same_bytes(self) -> None:
        rows: dict[str, list[Any]] = {
            "activity": [ClientDay(f"c{n % 8}", TODAY - timedelta(days=n % 12), n % 5) for n in range(96)],
            "score_counts": [ScoreCount(n or None, n + 3) for n in range(20)],
            "scores": [replace(SCORES, client_id=f"c{n}", items=n % 3) for n in range(20)],
            "entities": [replace(NAMED, entity=f"e{n}", items_30=n % 3) for n in range(60)],
            "clients": [replace(CLIENT, client_id=f"c{n}", status=("ok", "quiet")[n % 2]) for n in range(20)],
            "sources": [replace(SOURCE, source_key=f"s{n}", failures_in_a_row=n % 2) for n in range(20)],
            "accounts": [replace(ACCOUNT, account=f"a{n}", compliant=n % 2 == 0) for n in range(20)],
        }
        expected = render_dashboard(figures(**rows))
        for seed in range(3):
            for some in rows.values():
                random.Random(seed).shuffle(some)
            assert render_dashboard(figures(**rows)) == expected

    def test_what_is_not_there_yet_is_said_and_never_counted_as_zero(self) -> None:
        seen = Page(render_dashboard(Dashboard(NOW)))
        assert {section for section in SECTIONS if "Nothing yet" in seen.text[section]} == set(SECTIONS)
        assert not {"svg", "table", "li"} & {tag for tag, _ in seen.tags}
        assert "2026-11-21 06:12 UTC" in seen.text[""]

    def test_one_mart_that_is_missing_takes_nothing_from_the_others(self) -> None:
        seen = page(score_counts=(), accounts=())
        said = {section for section in SECTIONS if "Nothing yet" in seen.text[section]}
        assert said == {"points", "accounts"}

    def test_tiles_tell_each_half_in_one_figure(self) -> None:
        clients = [CLIENT, replace(CLIENT, client_id="b", status="quiet"), replace(CLIENT, client_id="c")]
        week_ago = ClientDay("acme", TODAY - timedelta(days=7), 100)
        seen = page(clients=clients, activity=[*figures().activity, week_ago])
        assert seen.tiles == [
            ["Items, 7 days", "70", "−30% on the 7 days before"],
            ["Scores ≥ 10, 7 days", "14", "20% of the items"],
            ["Clients ok", "2 of 3", "1 quiet"],
            ["Sources ok", "1 of 1", "all ok"],
            ["Not named, 30 days", "1", "of 2 that are watched"],
            ["Accounts as desired", "0 of 1", "1 not as desired"],
        ]

    def test_numbers_have_separators_and_stand_to_the_right(self) -> None:
        seen = page()
        assert seen.body("named")[0] == ["Orvane", "company", "1,240", "", "12", "2", "7.2", "2026-11-21"]
        assert seen.body("scores") == [["acme", "1,300", "200", "300", "500", "300", "6.4", "5.9", "23.5", "31%"]]
        assert seen.body("sources")[0][2:5] == ["3.4", "2.9", "12%"]
        html = render_dashboard(figures())
        assert re.findall(r"<td>[\d,.–%]+</td>", html) == []
        assert re.search(r"\.n \{ text-align: right; \}", html)

    def test_what_is_unknown_is_a_dash(self) -> None:
        never = ClientFreshness("new", "never", TODAY, None, None, None, 0, 0, 0)
        failing = replace(SOURCE, status="failing", last_good_day=None, undated_share=None)
        fresh = AccountCompliance("fresh", False, 1, None, None, None, None)
        seen = page(clients=[never], sources=[failing], accounts=[fresh])
        assert seen.body("clients") == [["new", "never", "0", "0", "2026-11-21", "–", "–", "–", "0"]]
        assert [cell for cell in seen.body("sources")[0] if cell == "–"] == ["–"] * 3
        assert seen.body("accounts") == [["fresh", "no", "1", "–", "–", "–", "–"]]

    def test_the_worst_come_first(self) -> None:
        statuses = ["ok", "quiet", "never", "stale"]
        clients = [replace(CLIENT, client_id=f"a{n}", status=status) for n, status in enumerate(statuses)]
        sources = [
            replace(SOURCE, source_key=f"s{n}", status=status, failures_in_a_row=n)
            for n, status in enumerate(["ok", "silent", "failing", "stale", "failing"])
        ]
        seen = page(clients=clients, sources=sources, accounts=[replace(ACCOUNT, account="a", compliant=True), ACCOUNT])
        assert [row[1] for row in seen.body("clients")] == ["never", "stale", "quiet", "ok"]
        assert [row[0] for row in seen.body("sources")] == ["s4", "s2", "s3", "s1", "s0"]
        assert [row[1] for row in seen.body("accounts")] == ["no", "yes"]

    def test_a_long_table_is_cut_and_says_how_much_is_not_shown(self) -> None:
        clients = [replace(CLIENT, client_id=f"c{n:04}") for n in range(1300)]
        unseen = [replace(UNSEEN, entity=f"e{n:03}") for n in range(100)]
        named = [replace(NAMED, entity=f"n{n:03}", items_30=n + 1) for n in range(40)]
        seen = page(clients=clients, entities=[*unseen, *named])
        assert len(seen.body("clients")) == 50
        assert "1,250 more clients are not shown." in seen.text["clients"]
        assert "and 40 more" in seen.text["unseen"]
        assert [row[0] for row in seen.body("named")] == [f"n{n:03}" for n in range(39, 19, -1)]

    def test_what_nothing_ever_named_comes_before_what_was_named_long_ago(self) -> None:
        entities = [
            replace(UNSEEN, entity="recent", last_day=date(2026, 10, 1)),
            replace(UNSEEN, entity="old", last_day=date(2026, 3, 1)),
            UNSEEN,
            replace(UNSEEN, category="company", entity="Depolis"),
        ]
        text = " ".join(page(entities=entities).text["unseen"].split())
        assert "company 1 Depolis molecule 3 lentavirine, old (2026-03-01), recent (2026-10-01)" in text

    def test_a_fleet_without_a_silent_name_says_so(self) -> None:
        assert "Everything that is watched was named." in page(entities=[NAMED]).text["unseen"]


class TestPlots:
    def test_bars_of_a_day_stand_on_each_other_to_scale(self) -> None:
        plot = plot_columns(
            [
                Column("a", (Part(10, "s1", ""), Part(30, "s2", ""))),
                Column("", (Part(0, "s1", ""), Part(20, "s2", ""))),
            ],
            title="t",
            x_label="x",
            y_label="y",
        )
        first, second, third = plot.bars
        assert (first.kind, second.kind, third.kind) == ("s1", "s2", "s2")
        assert second.height == pytest.approx(3 * first.height)
        assert second.y + second.height == pytest.approx(first.y)
        assert first.y + first.height == pytest.approx(third.y + third.height) == pytest.approx(plot.bottom)
        assert [mark.text for mark in plot.rows] == ["0", "10", "20", "30", "40"]
        assert second.y == pytest.approx(plot.rows[-1].at) == pytest.approx(plot.top)

    def test_the_axis_has_a_handful_of_round_numbers_and_holds_the_highest_bar(self) -> None:
        for most in [*range(130), 999, 1000, 1001, 54321, 10**9]:
            ticks = nice_ticks(most)
            step = ticks[1]
            assert ticks == list(range(0, ticks[-1] + 1, step))
            assert ticks[-2] < max(most, 1) <= ticks[-1]
            assert 2 <= len(ticks) <= 6
            assert re.fullmatch("[125]0*", str(step))

    def test_five_clients_have_a_colour_and_the_others_share_one(self) -> None:
        activity = [ClientDay(f"c{n}", TODAY, 100 - n) for n in range(8)]
        seen = page(activity=activity)
        bars = [bar for bar in seen.bars() if bar["class"] in {"s1", "s2", "s3", "s4", "s5", "rest"}]
        assert [bar["class"] for bar in bars] == ["s1", "s2", "s3", "s4", "s5", "rest"]
        text = " ".join(seen.text["days"].split())
        assert "c0 100 c1 99 c2 98 c3 97 c4 96 3 more clients 282" in text
        assert "2026-11-21, c0: 100 items" in text

    def test_days_older_than_the_plot_are_left_out_of_it(self) -> None:
        edge = [ClientDay("acme", TODAY - timedelta(days=age), 1) for age in (0, 29, 30)]
        assert len([bar for bar in page(activity=edge).bars() if bar["class"] == "s1"]) == 2

    def test_a_watch_that_is_young_has_a_plot_of_two_weeks(self) -> None:
        spans = {1: 14, 14: 14, 15: 15, 30: 30, 400: 30}
        for known, shown in spans.items():
            activity = [ClientDay("acme", TODAY, 1), ClientDay("acme", TODAY - timedelta(days=known - 1), 1)]
            assert f"of the {shown} days" in render_dashboard(figures(activity=activity))

    def test_scores_are_coloured_by_their_band_and_zero_stands_apart(self) -> None:
        counts = [ScoreCount(None, 9), *(ScoreCount(points, points + 1) for points in (0, 4, 5, 9, 10, 31))]
        seen = page(activity=(), score_counts=counts)
        assert [bar["class"] for bar in seen.bars()] == ["zero", "low", "low", "medium", "medium", "high", "high"]
        assert "score 31 to under 32: 32 items" in seen.text["points"]
        assert "score 0 to under 1: 1 item" in seen.text["points"]

    def test_a_plot_is_told_in_words(self) -> None:
        (days, scores) = [found for tag, found in page().tags if tag == "svg"]
        assert days["aria-label"] == "Items per day of the 14 days up to 2026-11-21"
        assert scores["aria-label"] == "Items by score"
        words = {*page().text["days"].splitlines()}
        assert {"day first seen (UTC)", "items", "14 Nov", "21 Nov"} <= words


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_and_bars_have_enough_contrast_in_every_theme(theme: str) -> None:
    """WCAG 2: 4.5 for text, 3 for what is drawn."""
    found = re.findall(r":root \{(.*?)\}", render_dashboard(figures()), re.DOTALL)
    blocks = dict(zip(("light", "dark", "print"), found, strict=True))
    colours = {
        name: value if len(value) == 7 else "#" + "".join(2 * digit for digit in value[1:])
        for name, value in re.findall(r"--(\w+): (#\w+);", blocks[theme])
    }
    for ground in ("paper", "raised"):
        for name in ("ink", "soft", "accent", "good", "fair", "bad"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for name in ("s1", "s2", "s3", "s4", "s5", "rest"):
        assert contrast(colours[name], colours["paper"]) >= 3, name
