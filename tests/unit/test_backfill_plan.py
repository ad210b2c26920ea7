"""A backfill's plan: what a person means, the fewest runs of it, and how many partitions are too many."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.asked_partitions import AskedError, Grid, asked_clients, asked_days, asked_keys, asked_name
from domain.backfills import cell_batches, key_batches, range_batches
from domain.partition_counts import count_of, first_kept_day, leaving, remark_on
from domain.ranges import Range

TODAY = date(2026, 11, 21)
CLIENTS = ["zeta", "alpha", "mid", "beta"]  # in the order in which they came
DAYS = [str(date(2026, 11, 1) + timedelta(days=n)) for n in range(21)]
CELLS = Grid("client x day", CLIENTS, DAYS)
WEEKS = Grid("client x week", CLIENTS, ["2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16"])
BY_DAY = Grid("day", columns=DAYS)
BY_CLIENT = Grid("client", CLIENTS)


def held(span: Range, rows: list[str], columns: list[str]) -> set[str]:
    """What Dagster takes the two tags for: the rectangle between the corners."""
    (row, _, column), (last_row, _, last_column) = span.first.partition("|"), span.last.partition("|")
    some_rows = rows[rows.index(row) : rows.index(last_row) + 1]
    return {f"{r}|{c}" for r in some_rows for c in columns[columns.index(column) : columns.index(last_column) + 1]}


def test_a_fleet_times_its_days_is_one_run_of_a_rectangle() -> None:
    (batch,) = cell_batches(dict.fromkeys(CLIENTS, DAYS), CLIENTS, DAYS)
    assert batch.span == Range(f"zeta|{DAYS[0]}", f"beta|{DAYS[-1]}")
    assert len(batch.keys) == 4 * 21


def test_three_hundred_scattered_cells_are_one_run() -> None:
    rows = [f"client{n:04}" for n in range(1000)]
    columns = [str(date(2026, 9, 1) + timedelta(days=n)) for n in range(90)]
    scattered = {(n * 7919 % 1000, n * 104_729 % 90) for n in range(300)}
    wanted: dict[str, set[str]] = {}
    for row, column in scattered:
        wanted.setdefault(rows[row], set()).add(columns[column])
    (batch,) = cell_batches(wanted, rows, columns)
    assert batch.span is None
    assert Counter(batch.keys) == Counter(f"{rows[row]}|{columns[column]}" for row, column in scattered)


def test_a_large_rectangle_is_cut_between_its_days_so_that_its_parts_are_rectangles() -> None:
    batches = cell_batches(dict.fromkeys(CLIENTS, DAYS), CLIENTS, DAYS, at_most=10)  # two days of four clients are 8
    assert [len(batch.keys) for batch in batches] == [8] * 10 + [4]
    assert all(batch.span for batch in batches)


def test_days_that_dagster_asks_for_by_ranges_only_are_a_run_per_range() -> None:
    assert [batch.span for batch in range_batches({DAYS[0], DAYS[1], DAYS[4]}, DAYS)] == [
        Range(DAYS[0], DAYS[1]),
        Range(DAYS[4], DAYS[4]),
    ]
    assert len(key_batches({DAYS[0], DAYS[1], DAYS[4]}, DAYS)) == 1


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(CLIENTS), st.sets(st.sampled_from(DAYS[:6]))),
    st.integers(min_value=0, max_value=7),
)
def test_batches_hold_every_wanted_cell_once_and_a_span_holds_nothing_else(
    wanted: dict[str, set[str]], at_most: int
) -> None:
    batches = cell_batches(wanted, CLIENTS, DAYS[:6], at_most)
    cells = [f"{row}|{day}" for row, days in wanted.items() for day in days]
    assert Counter(key for batch in batches for key in batch.keys) == Counter(cells)
    for batch in batches:
        assert 0 < len(batch.keys) <= (at_most or len(cells))
        assert batch.span is None or held(batch.span, CLIENTS, DAYS[:6]) == set(batch.keys)
    if not at_most:
        assert len(batches) == bool(cells)


@settings(deadline=None)
@given(st.sets(st.sampled_from(DAYS)), st.integers(min_value=0, max_value=7))
def test_range_batches_hold_every_wanted_day_once(wanted: set[str], at_most: int) -> None:
    batches = range_batches(wanted, DAYS, at_most)
    assert sorted(key for batch in batches for key in batch.keys) == sorted(wanted)
    assert all(batch.span == Range(batch.keys[0], batch.keys[-1]) for batch in batches)


def test_all_clients_and_all_days_are_meant_where_nothing_is_said() -> None:
    rows, columns = asked_clients(None, CELLS), asked_days(None, None, None, CELLS, TODAY)
    assert len(CELLS.keys(set(rows), set(columns))) == CELLS.size == 84


def test_ranges_of_days_and_single_days_add_up() -> None:
    found = asked_days("2026-11-03", "2026-11-04", "2026-11-10, 2026-11-12", CELLS, TODAY)
    assert found == ["2026-11-03", "2026-11-04", "2026-11-10", "2026-11-12"]
    assert asked_days(None, None, "2026-11-10", CELLS, TODAY) == ["2026-11-10"]


def test_a_day_stands_for_its_week_where_partitions_are_weeks() -> None:
    assert asked_days("2026-11-08", "2026-11-09", None, WEEKS, TODAY) == ["2026-11-02", "2026-11-09"]
    assert asked_days(None, None, "2026-11-01", WEEKS, TODAY) == ["2026-10-26"]


@pytest.mark.parametrize(
    ("first", "last", "days", "said"),
    [
        ("2026-10-31", None, None, "--from: 2026-10-31 is before the first partition. It is 2026-11-01."),
        (None, "2026-11-22", None, "--to: 2026-11-22 has not begun (UTC). The last day is 2026-11-21."),
        (None, None, "2026-11-20,2026-12-01", "--days: 2026-12-01 has not begun"),
        ("2026-11-05", "2026-11-04", None, "2026-11-05 is after 2026-11-04."),
        ("5 november", None, None, "--from: '5 november' is no day."),
    ],
)
def test_days_that_cannot_be_done_are_refused_in_words(
    first: str | None, last: str | None, days: str | None, said: str
) -> None:
    with pytest.raises(AskedError) as refused:
        asked_days(first, last, days, CELLS, TODAY)
    assert said in str(refused.value)


def test_unknown_clients_are_refused_all_at_once_with_the_nearest_name() -> None:
    with pytest.raises(AskedError) as refused:
        asked_clients("alfa,beta,nobody", CELLS)
    assert "unknown clients: alfa, nobody. Did you mean alpha?" in str(refused.value)


@pytest.mark.parametrize("said", ["", ",", " , "])
def test_an_option_that_is_given_and_says_nothing_is_refused(said: str) -> None:
    """A script's variable was empty: that is neither all nor none."""
    with pytest.raises(AskedError, match="--clients: says nothing"):
        asked_clients(said, CELLS)
    for option, first, last, days in (
        ("--from", said, None, None),
        ("--to", None, said, None),
        ("--days", None, None, said),
        ("--days", "2026-11-02", "2026-11-03", said),
    ):
        with pytest.raises(AskedError, match=f"{option}: says nothing"):
            asked_days(first, last, days, CELLS, TODAY)


def test_a_question_that_does_not_fit_the_partitions_is_refused() -> None:
    with pytest.raises(AskedError, match="its partitions are days"):
        asked_clients("alpha", BY_DAY)
    with pytest.raises(AskedError, match="its partitions are clients"):
        asked_days("2026-11-02", None, None, BY_CLIENT, TODAY)


def test_an_unknown_asset_is_refused_with_near_names() -> None:
    with pytest.raises(AskedError, match="Did you mean client_items"):
        asked_name("client_itms", {"client_items": 1, "newsletter": 1}, "asset")


def test_keys_of_a_file_are_read_once_each_and_checked() -> None:
    lines = ["# mine", "", "alpha|2026-11-03  # why", "alpha|2026-11-03", "zeta|2026-11-01"]
    assert asked_keys(lines, CELLS, "keys.txt") == ["alpha|2026-11-03", "zeta|2026-11-01"]
    with pytest.raises(AskedError, match=r"keys.txt: no partitions: alpha\|2026-10-01.*zeta\|2026-11-21"):
        asked_keys(["alpha|2026-10-01"], CELLS, "keys.txt")


def fleet(clients: int, days: int) -> Grid:
    return Grid("client x day", [f"c{n}" for n in range(clients)], [str(TODAY - timedelta(n)) for n in range(days)])


def test_a_thousand_clients_and_ninety_days_are_too_many_in_ninety_days_more() -> None:
    count = count_of("client_items", fleet(1000, 90))
    assert (count.now, count.ahead) == (90_000, 180_000)
    assert "client_items has 90,000 partitions; 100,000 is where Dagster becomes slow." in remark_on(count)


def test_a_growing_asset_is_remarked_on_before_it_is_large() -> None:
    assert "will have in 90 days 110,000 partitions" in remark_on(count_of("client_items", fleet(1000, 20)))
    assert remark_on(count_of("client_items", fleet(100, 20))) == ""


def test_days_that_leave_by_themselves_keep_an_asset_small() -> None:
    assert remark_on(count_of("client_items", fleet(900, 45), keep_days=45)) == ""
    assert remark_on(count_of("client_items", fleet(900, 45))) != ""


def test_a_bound_below_the_ceiling_is_nothing_to_warn_of() -> None:
    for days in (90, 97):
        assert remark_on(count_of("client_items", fleet(1000, days), keep_days=90)) == ""


def test_a_bound_above_the_ceiling_names_the_value_that_fits() -> None:
    said = remark_on(count_of("client_items", fleet(1100, 90), keep_days=90))
    assert "keep_days is 90, and with 1,100 clients 83 fit." in said
    assert remark_on(count_of("client_items", fleet(1100, 90), keep_days=83)) == ""
    assert "several targets" in remark_on(count_of("client_items", fleet(20_000, 5), keep_days=90))


def test_days_that_should_have_left_are_said_to_leave_at_a_start() -> None:
    assert "start it anew" in remark_on(count_of("client_items", fleet(1000, 101), keep_days=90))


def test_the_value_that_fits_is_the_largest_one() -> None:
    weeks = Grid("client x week", [f"c{n}" for n in range(9000)], ["2026-11-16"])
    fitting = count_of("newsletter", weeks, keep_days=400).fitting
    assert not count_of("newsletter", weeks, keep_days=fitting).near
    assert count_of("newsletter", weeks, keep_days=fitting + 7).near


def test_the_first_kept_day_moves_at_the_starts_of_weeks_only() -> None:
    first = date(2026, 1, 15)
    assert first_kept_day(first, None, TODAY) == first
    assert first_kept_day(first, 90, TODAY) == date(2026, 8, 17)  # 90 days ago is Sunday, 23 August
    assert first_kept_day(first, 3000, TODAY) == first
    moved = {first_kept_day(first, 60, date(2026, 6, 1) + timedelta(days=n)) for n in range(92)}
    assert all(day.weekday() == 0 for day in moved)
    assert len(moved) == 14  # in 13 weeks and a day


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=400), st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_every_one_of_the_days_to_keep_is_kept(keep: int, today: date) -> None:
    kept = first_kept_day(date(2020, 1, 1), keep, today)
    assert keep <= (today - kept).days <= keep + 6


def test_a_week_stays_until_its_last_day_has_left() -> None:
    assert list(leaving(WEEKS, date(2026, 11, 8))) == ["2026-10-26"]
    assert list(leaving(WEEKS, date(2026, 11, 9))) == ["2026-10-26", "2026-11-02"]
    assert list(leaving(BY_DAY, date(2026, 11, 3))) == ["2026-11-01", "2026-11-02"]
    assert list(leaving(BY_CLIENT, date(2026, 11, 3))) == []
