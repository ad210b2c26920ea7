"""Demands and desired states as plain values."""

import pytest

from domain.accounts import Demand, DemandError, DesiredState


def a_demand(**changes: object) -> Demand:
    return Demand(**{"account_names": ["a"], "requested_by": "ann", "reason": "CHG-1", "subnet_count": 2, **changes})  # type: ignore[arg-type]


def test_the_fingerprint_ignores_the_order_of_tags_and_nothing_else() -> None:
    one = DesiredState("1", 2, tags={"a": "1", "b": "2"})
    assert one.fingerprint == DesiredState("1", 2, tags={"b": "2", "a": "1"}).fingerprint
    others = (DesiredState("2", 2), DesiredState("1", 3), DesiredState("1", 2, True), DesiredState("1", 2))
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_what_a_demand_does_not_name_stays() -> None:
    state = DesiredState("1", 2, enable_monitoring=True, tags={"a": "1"})
    assert a_demand(subnet_count=5).applied_to(state) == DesiredState("1", 5, True, {"a": "1"})
    assert a_demand(tags={}, enable_monitoring=False).applied_to(state) == DesiredState("1", 2, False, {})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account_names": []}, "no account is named"),
        ({"account_names": ["a", "b", "a"]}, "named twice: a"),
        ({"subnet_count": None}, "no change is asked for"),
        ({"subnet_count": 0}, "1 to 20, not 0"),
        ({"subnet_count": 21}, "1 to 20, not 21"),
        ({"subnet_count": True}, "1 to 20, not True"),
        ({"iam_version": "1.0; rm -rf"}, "is not a version"),
        ({"tags": {"a=b": "c"}}, "holds what a tag cannot"),
        ({"execution_mode": "apply"}, "plan_only, plan_and_apply"),
        ({"requested_by": " "}, "requested_by is empty"),
        ({"reason": ""}, "reason is empty"),
    ],
)
def test_a_demand_that_no_account_can_be_given_is_declined(changes: dict[str, object], said: str) -> None:
    with pytest.raises(DemandError, match=said):
        a_demand(**changes).checked()


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(DemandError, match=r"no account is named; .*1 to 20.*"):
        a_demand(account_names=[], subnet_count=99).checked()
