"""How the watch goes, on one page: what came in, how it was scored, what nothing named, who falls behind.

Here: what of the figures is shown first, what tiles and plots say, and the page as a pure function of them, so the same
rows give the same bytes. Not here: the figures (dashboard_figures), how the page looks (dashboard_page).
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, Template

from domain.dashboard_figures import ClientDay, Dashboard, Entity, ScoreCount
from domain.dashboard_page import PAGE
from domain.dashboard_plots import Column, Part, Plot, plot_columns

PLOTTED_DAYS = 30
HIGH, MEDIUM = 10, 5  # points from which a score is called so; dbt's score_distribution has the same
_SERIES = 5  # clients with a colour of their own; the others share one
_TOP_ENTITIES = 20
_MOST_ROWS = 50
_MOST_NAMES = 60  # of one category that nothing named
_FEWEST_DAYS, _FEWEST_POINTS = 14, 16  # the axes do not shrink further
# Overrides and isolates of writing direction: in a name they can turn the text around it.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_WORST_FIRST = ("never", "failing", "stale", "silent", "quiet", "ok")


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure: what it is, the figure, and a line that says more; `alarming` where somebody should look."""

    label: str
    figure: str
    more: str
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """A colour of the plot of days, whose it is, and how many items it has."""

    kind: str
    name: str
    items: int


def render_dashboard(figures: Dashboard) -> str:
    """One self-contained page: nothing is loaded from elsewhere, nothing runs, every text is escaped."""
    series, days = _plot_days(figures)
    named = sorted(
        (row for row in figures.entities if row.items_30),
        key=lambda row: (-row.items_30, -row.items_7, row.category, row.entity),
    )
    return _page().render(
        figures=figures,
        tiles=_tiles(figures),
        series=series,
        days=days,
        histogram=_plot_scores(figures.score_counts),
        scores=sorted(
            (row for row in figures.scores if row.days == PLOTTED_DAYS), key=lambda row: (-row.items, row.client_id)
        ),
        named=named[:_TOP_ENTITIES],
        most_named=max((row.items_30 for row in named), default=0),
        unseen=_unseen(figures.entities),
        clients=sorted(figures.clients, key=lambda row: (_badness(row.status), row.client_id)),
        sources=sorted(figures.sources, key=lambda row: (_badness(row.status), -row.failures_in_a_row, row.source_key)),
        accounts=sorted(figures.accounts, key=lambda row: (row.compliant, row.account)),
        most_rows=_MOST_ROWS,
        most_names=_MOST_NAMES,
        plotted_days=PLOTTED_DAYS,
    )


@cache
def _page() -> Template:
    pages = Environment(
        loader=DictLoader({"page": PAGE}), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    pages.filters |= {
        "count": lambda value: f"{value:,}",
        "decimal": lambda value: "–" if value is None else f"{value:,.1f}",
        "share": lambda value: "–" if value is None else f"{value:.0%}",
        "day": lambda value: "–" if value is None else value.isoformat(),
        "clean": _clean,
    }
    return pages.get_template("page")


def _tiles(figures: Dashboard) -> list[Tile]:
    """A tile for each part of the watch that has figures."""
    tiles = []
    if figures.newest_day is not None:
        tiles.append(_items_tile(figures.activity, figures.newest_day))
    week = [row for row in figures.scores if row.days == 7]
    if items := sum(row.items for row in week):
        high = sum(row.high for row in week)
        tiles.append(Tile(f"Scores ≥ {HIGH}, 7 days", f"{high:,}", f"{high / items:.0%} of the items"))
    if figures.clients:
        tiles.append(_status_tile("Clients", [row.status for row in figures.clients]))
    if figures.sources:
        tiles.append(_status_tile("Sources", [row.status for row in figures.sources]))
    if figures.entities:
        unseen = sum(not row.items_30 for row in figures.entities)
        tiles.append(
            Tile(f"Not named, {PLOTTED_DAYS} days", f"{unseen:,}", f"of {len(figures.entities):,} that are watched")
        )
    if figures.accounts:
        good = sum(row.compliant for row in figures.accounts)
        bad = len(figures.accounts) - good
        more = f"{bad:,} not as desired" if bad else "all as desired"
        tiles.append(Tile("Accounts as desired", f"{good:,} of {len(figures.accounts):,}", more, bad > 0))
    return tiles


def _items_tile(activity: Sequence[ClientDay], newest: date) -> Tile:
    last = sum(row.items for row in activity if (newest - row.day).days < 7)
    before = sum(row.items for row in activity if 7 <= (newest - row.day).days < 14)
    more = f"{last / before - 1:+.0%} on the 7 days before" if before else "none in the 7 days before"
    return Tile("Items, 7 days", f"{last:,}", more.replace("-", "−"))


def _status_tile(label: str, statuses: Sequence[str]) -> Tile:
    counts = Counter(statuses)
    bad = [f"{counts[status]:,} {status}" for status in sorted(counts, key=_badness) if status != "ok"]
    return Tile(f"{label} ok", f"{counts['ok']:,} of {len(statuses):,}", ", ".join(bad) or "all ok", bool(bad))


def _plot_days(figures: Dashboard) -> tuple[list[Series], Plot | None]:
    """Items per day, in the colours of the clients that have most; a day that nobody built is an empty place."""
    newest = figures.newest_day
    if newest is None:
        return [], None
    known = (newest - min(row.day for row in figures.activity)).days + 1
    shown = min(max(known, _FEWEST_DAYS), PLOTTED_DAYS)
    days = [newest - timedelta(days=age) for age in reversed(range(shown))]
    by_client: defaultdict[str, Counter[date]] = defaultdict(Counter)
    for row in figures.activity:
        if row.day >= days[0]:
            by_client[row.client_id][row.day] += row.items
    ranked = sorted(by_client, key=lambda client: (-by_client[client].total(), client))
    own, shared = ranked[:_SERIES], ranked[_SERIES:]
    groups = [(f"s{place}", _clean(client), by_client[client]) for place, client in enumerate(own, start=1)]
    if shared:
        rest: Counter[date] = Counter()
        for client in shared:
            rest.update(by_client[client])
        groups.append(("rest", f"{len(shared):,} more clients", rest))
    columns = [
        Column(
            f"{day.day} {day:%b}" if (newest - day).days % 7 == 0 else "",
            tuple(Part(counts[day], kind, f"{day}, {name}: {_items(counts[day])}") for kind, name, counts in groups),
        )
        for day in days
    ]
    title = f"Items per day of the {shown} days up to {newest}"
    plot = plot_columns(columns, title=title, x_label="day first seen (UTC)", y_label="items")
    return [Series(kind, name, counts.total()) for kind, name, counts in groups], plot


def _plot_scores(counts: Iterable[ScoreCount]) -> Plot | None:
    """Items by whole points of their score, those of zero apart."""
    by_points: Counter[int | None] = Counter()
    for row in counts:
        by_points[row.points] += row.items
    if not by_points:
        return None
    last = max(_FEWEST_POINTS, *(points or 0 for points in by_points))
    columns = [Column("zero", (Part(by_points[None], "zero", f"score 0: {_items(by_points[None])}"),)), Column("", ())]
    for points in range(last + 1):
        band = "high" if points >= HIGH else "medium" if points >= MEDIUM else "low"
        said = f"score {points} to under {points + 1}: {_items(by_points[points])}"
        label = str(points) if points and points % 5 == 0 else ""
        columns.append(Column(label, (Part(by_points[points], band, said),)))
    return plot_columns(columns, title="Items by score", x_label="score, in whole points", y_label="items")


def _items(count: int) -> str:
    return f"{count:,} item{'' if count == 1 else 's'}"


def _unseen(entities: Iterable[Entity]) -> list[tuple[str, list[Entity]]]:
    """Category -> what nothing named in the last 30 days: what nothing ever named first, then the longest silent."""
    groups: defaultdict[str, list[Entity]] = defaultdict(list)
    for row in sorted(entities, key=lambda row: (row.last_day or date.min, row.entity.casefold(), row.entity)):
        if not row.items_30:
            groups[row.category].append(row)
    return sorted(groups.items())


def _badness(status: str) -> int:
    return _WORST_FIRST.index(status) if status in _WORST_FIRST else 0


def _clean(value: Any) -> str:
    """One line of text: no control character, no lone surrogate, no override of direction."""
    spaced = " ".join(str(value).split())
    return "".join(sign for sign in spaced if sign not in _DIRECTION and unicodedata.category(sign) not in ("Cc", "Cs"))
