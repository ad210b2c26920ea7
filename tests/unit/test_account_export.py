"""When an export is due: once after a change, paced while changes go on, ever later where it cannot be done."""

import re
from dataclasses import replace

import pytest

from domain.account_export import Look, reason_to_wait

CHANGED = Look(current="new", exported="old", since_export=5.0, since_change=5.0, exporting=False, busy=False)


def test_a_change_is_exported_at_once_where_nothing_is_under_way() -> None:
    assert reason_to_wait(CHANGED) == ""


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (replace(CHANGED, current="old"), "as they are"),
        (replace(CHANGED, current="", exported=""), "as they are"),
        (replace(CHANGED, exporting=True), "in progress"),
        (replace(CHANGED, busy=True, since_export=59.0, since_change=59.0), "one export in 60 seconds"),
        (replace(CHANGED, busy=True, since_export=9e9), "one export in 60 seconds"),  # what follows joins it
        (replace(CHANGED, tries=3, since_try=100.0), "3 runs could not .* in 20 seconds"),
    ],
)
def test_it_waits_and_says_why(look: Look, said: str) -> None:
    assert re.search(said, reason_to_wait(look))


@pytest.mark.parametrize(
    "look",
    [
        replace(CHANGED, busy=True, since_export=90.0, since_change=60.0),
        replace(CHANGED, exported="", since_export=9e9, since_change=0.0),
        replace(CHANGED, current=""),  # the last account is gone: the tables are emptied
        replace(CHANGED, tries=1),
        replace(CHANGED, tries=9, since_try=3600.0),  # an outage of hours is outlived
    ],
)
def test_it_is_due(look: Look) -> None:
    assert reason_to_wait(look) == ""
