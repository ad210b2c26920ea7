"""The judge of the chaos run finds each thing that must not be, and nothing where all is well."""

from dataclasses import replace

import pytest

from tests.chaos.judge import AccountEnd, Evidence, Launch, judge

CELL = ("acme", "2026-11-20")
NEXT = ("acme", "2026-11-21")
ROWS = [(*CELL, "a"), (*CELL, "b"), (*NEXT, "c")]
PLANNED = Launch("hub", "PLAN", 2, started=1.0, ended=2.0, succeeded=True)
APPLIED = Launch("hub", "APPLY", 2, started=3.0, ended=4.0, succeeded=True)
UPDATED = AccountEnd("hub", "UPDATED", 2, 2, open_jobs=0, as_desired=True, wished_subnets=3, subnets=3)
KEYS = {"client_items": frozenset({"acme|2026-11-20", "acme|2026-11-21"})}


def calm() -> Evidence:
    """What is found where nothing went wrong."""
    return Evidence(
        expected={CELL: {"a": "1", "b": "2"}, NEXT: {"c": "3"}},
        stored={CELL: [("a", "1"), ("b", "2")], NEXT: [("c", "3")]},
        warehouse=list(ROWS),
        models=list(ROWS),
        launches=[PLANNED, APPLIED],
        accounts=[UPDATED],
        claimed_slots={"warehouse": 0},
        materialized=KEYS,
        kept=KEYS,
    )


def found(evidence: Evidence) -> dict[str, int]:
    return {name: count for name, count in judge(evidence).figures.items() if count}


def test_where_all_is_well_nothing_is_found() -> None:
    assert judge(calm()).good
    assert found(calm()) == {}


def test_an_item_that_is_nowhere_is_lost_in_each_place() -> None:
    gone = replace(calm(), stored={CELL: [("a", "1")], NEXT: [("c", "3")]}, warehouse=ROWS[:1] + ROWS[2:])
    assert found(replace(gone, models=ROWS[:1] + ROWS[2:])) == {"lost": 3}
    assert found(replace(calm(), warehouse=ROWS[1:])) == {"lost": 1}
    assert found(replace(calm(), models=ROWS[1:])) == {"lost": 1}


@pytest.mark.parametrize("cell", [CELL, NEXT])
def test_an_item_twice_in_a_cell_or_on_two_days_is_a_duplicate(cell: tuple[str, str]) -> None:
    stored = dict(calm().stored)
    stored[cell] = [*stored[cell], ("a", "1")]
    assert found(replace(calm(), stored=stored))["duplicated"] == 1


def test_a_key_twice_in_the_warehouse_is_a_duplicate() -> None:
    assert found(replace(calm(), warehouse=[*ROWS, ROWS[0]])) == {"duplicated": 1}
    assert found(replace(calm(), models=[*ROWS, ROWS[0]])) == {"duplicated": 1}


def test_a_version_is_applied_once() -> None:
    again = replace(APPLIED, started=5.0, ended=6.0)
    assert found(replace(calm(), launches=[PLANNED, APPLIED, again])) == {"applied_twice": 1}
    assert found(replace(calm(), launches=[PLANNED, replace(APPLIED, succeeded=False), again])) == {}
    assert found(replace(calm(), launches=[PLANNED, APPLIED, replace(again, version=3)])) == {}


def test_two_jobs_at_once_and_a_launch_of_nobody_are_found() -> None:
    assert found(replace(calm(), launches=[PLANNED, replace(APPLIED, started=1.5)])) == {"applied_twice": 1}
    assert found(replace(calm(), launches=[PLANNED, replace(APPLIED, version=None)])) == {"applied_twice": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        replace(UPDATED, status="APPLYING"),
        replace(UPDATED, applied_version=1),
        replace(UPDATED, open_jobs=1),
        replace(UPDATED, as_desired=False),
        replace(UPDATED, subnets=4),
    ],
)
def test_an_account_is_what_was_wished_in_the_rows_and_in_its_workspace(wrong: AccountEnd) -> None:
    assert found(replace(calm(), accounts=[wrong])) == {"accounts_wrong": 1}


def test_places_that_are_kept_and_runs_that_never_end_are_found() -> None:
    assert found(replace(calm(), claimed_slots={"warehouse": 2})) == {"slots_leaked": 2}
    assert found(replace(calm(), runs_left=["build_warehouse is STARTED"])) == {"runs_left": 1}


def test_partitions_and_objects_belong_together() -> None:
    one = {"client_items": frozenset({"acme|2026-11-20"})}
    assert found(replace(calm(), kept=one)) == {"inconsistent": 1}
    assert found(replace(calm(), materialized=one)) == {"inconsistent": 1}
    assert found(replace(calm(), broken_objects=["x is empty"])) == {"inconsistent": 1}


def test_what_an_item_says_is_what_it_should_say() -> None:
    other = {CELL: [("a", "1"), ("b", "changed")], NEXT: [("c", "3")]}
    assert found(replace(calm(), stored=other)) == {"inconsistent": 1}
    more = {CELL: [("a", "1"), ("b", "2"), ("x", "9")], NEXT: [("c", "3")]}
    assert found(replace(calm(), stored=more)) == {"inconsistent": 1}
    assert found(replace(calm(), warehouse=[*ROWS, (*CELL, "x")])) == {"inconsistent": 1}
