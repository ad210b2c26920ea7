"""Bars on axes, as numbers: where each bar, each line of the grid and each word of a plot stands.

Here: values -> geometry, in the units of the plot's own box. Not here: what is plotted (dashboard), how it is drawn
(dashboard_page).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

WIDTH, HEIGHT = 520, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 24, 12, 52  # room for the words around the bars
_MOST_LINES = 6
_GAP = 0.22  # of a column: what is left free between two


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a column: its value (0 or more), the kind that colours it, and what it says when pointed at."""

    value: int
    kind: str
    said: str


@dataclass(frozen=True, slots=True)
class Column:
    """Parts on top of each other, the first at the bottom; `label` is under it, "" where there is no room for one."""

    label: str
    parts: tuple[Part, ...]

    @property
    def total(self) -> int:
        """The sum of its parts."""
        return sum(part.value for part in self.parts)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle: its upper left corner, its size."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    said: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word of an axis, and where along the axis it stands."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars in a box of WIDTH x HEIGHT; `rows` are the lines of the grid, `columns` the words under the bars."""

    title: str
    x_label: str
    y_label: str
    bars: tuple[Bar, ...]
    rows: tuple[Mark, ...]
    columns: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def plot_columns(columns: Sequence[Column], *, title: str, x_label: str, y_label: str) -> Plot:
    """The columns side by side, from zero. A part without a value has no bar."""
    ticks = nice_ticks(max((column.total for column in columns), default=0))
    scale = (HEIGHT - _TOP - _BOTTOM) / ticks[-1]
    step = (WIDTH - _LEFT - _RIGHT) / max(len(columns), 1)
    bars, words = [], []
    for place, column in enumerate(columns):
        left, floor = _LEFT + place * step, float(HEIGHT - _BOTTOM)
        for part in column.parts:
            if part.value:
                floor -= part.value * scale
                bars.append(
                    Bar(left + step * _GAP / 2, floor, step * (1 - _GAP), part.value * scale, part.kind, part.said)
                )
        if column.label:
            words.append(Mark(left + step / 2, column.label))
    rows = tuple(Mark(HEIGHT - _BOTTOM - tick * scale, f"{tick:,}") for tick in ticks)
    return Plot(title, x_label, y_label, tuple(bars), rows, tuple(words))


def nice_ticks(most: int) -> list[int]:
    """Whole numbers from 0 to `most` or just above it, at even steps of 1, 2 or 5 times a power of ten."""
    steps = (round_number * 10**power for power in count() for round_number in (1, 2, 5))
    step = next(step for step in steps if step * (_MOST_LINES - 1) >= most)
    return list(range(0, max(-(-most // step), 1) * step + 1, step))
