"""Selections of partitions as ranges and rectangles: nothing missing, nothing else, and few of them."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain.ranges import Range, Rectangle, ranges, rectangles

ORDER = [f"k{n}" for n in range(12)]
ROWS = [f"client-{n}" for n in range(8)]
DAYS = [f"2026-11-{n:02}" for n in range(1, 11)]


def held(span: Range, order: list[str]) -> list[str]:
    return order[order.index(span.first) : order.index(span.last) + 1]


def cells(found: list[Rectangle]) -> Counter[tuple[str, str]]:
    return Counter((row, day) for one in found for row in held(one.rows, ROWS) for day in held(one.columns, DAYS))


def test_neighbours_are_one_range() -> None:
    assert ranges({"k1", "k2", "k3", "k7"}, ORDER) == [Range("k1", "k3"), Range("k7", "k7")]


def test_neighbours_are_neighbours_in_the_given_order() -> None:
    assert ranges({"a", "b"}, ["b", "c", "a"]) == [Range("b", "b"), Range("a", "a")]


def test_everything_is_one_range_and_nothing_is_none() -> None:
    assert ranges(ORDER, ORDER) == [Range("k0", "k11")]
    assert ranges([], ORDER) == []


def test_what_the_order_does_not_know_is_no_range() -> None:
    assert ranges({"gone", "k4"}, ORDER) == [Range("k4", "k4")]


@given(st.sets(st.sampled_from(ORDER)))
def test_ranges_hold_what_is_wanted_once_and_nothing_else(wanted: set[str]) -> None:
    found = ranges(wanted, ORDER)
    assert sorted(key for span in found for key in held(span, ORDER)) == sorted(wanted)
    gaps = sum(one in wanted and other not in wanted for one, other in zip(ORDER, [*ORDER[1:], ""], strict=True))
    assert len(found) == gaps


def test_a_new_batch_times_its_history_is_one_rectangle() -> None:
    wanted = dict.fromkeys(ROWS[3:7], DAYS)
    assert rectangles(wanted, ROWS, DAYS) == [Rectangle(Range(ROWS[3], ROWS[6]), Range(DAYS[0], DAYS[-1]))]


def test_a_fleet_times_a_day_is_one_rectangle() -> None:
    assert rectangles({row: [DAYS[-1]] for row in ROWS}, ROWS, DAYS) == [
        Rectangle(Range(ROWS[0], ROWS[-1]), Range(DAYS[-1], DAYS[-1]))
    ]


def test_a_row_that_wants_other_days_stands_apart() -> None:
    wanted = {ROWS[0]: DAYS[:2], ROWS[1]: DAYS[:2], ROWS[2]: DAYS[:3], ROWS[3]: DAYS[:2]}
    assert rectangles(wanted, ROWS, DAYS) == [
        Rectangle(Range(ROWS[0], ROWS[1]), Range(DAYS[0], DAYS[1])),
        Rectangle(Range(ROWS[2], ROWS[2]), Range(DAYS[0], DAYS[2])),
        Rectangle(Range(ROWS[3], ROWS[3]), Range(DAYS[0], DAYS[1])),
    ]


def test_equal_rows_with_another_between_them_are_not_joined() -> None:
    found = rectangles({ROWS[0]: DAYS[:1], ROWS[2]: DAYS[:1]}, ROWS, DAYS)
    assert [one.rows for one in found] == [Range(ROWS[0], ROWS[0]), Range(ROWS[2], ROWS[2])]


@given(st.dictionaries(st.sampled_from(ROWS), st.sets(st.sampled_from(DAYS))))
def test_rectangles_hold_every_wanted_cell_once_and_nothing_else(wanted: dict[str, set[str]]) -> None:
    found = cells(rectangles(wanted, ROWS, DAYS))
    assert found == Counter((row, day) for row, days in wanted.items() for day in days)


@given(st.sets(st.sampled_from(ROWS)), st.sets(st.sampled_from(DAYS)))
def test_a_product_is_as_many_rectangles_as_its_sides_have_ranges(rows: set[str], days: set[str]) -> None:
    found = rectangles(dict.fromkeys(rows, days), ROWS, DAYS)
    assert len(found) == len(ranges(rows, ROWS)) * len(ranges(days, DAYS))
