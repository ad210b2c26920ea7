"""Plans, logs and activities as Schematics gives them: counts that are known, and counts that are not."""

import json
from typing import Any

import pytest

from domain.activities import Activity, PlanCounts, State
from domain.bodies import declared_in, look_of, object_of, same_value
from domain.errors import ParseError
from domain.plans import (
    ACTIVITY_COUNTS,
    JOB_COUNTS,
    activity_of,
    counts_of_log,
    counts_of_summary,
    summary_of_plan,
)


def plan_of(**actions: list[str]) -> str:
    changes = [{"address": f"ibm_is_vpc.{name}", "change": {"actions": what}} for name, what in actions.items()]
    return json.dumps({"format_version": "1.2", "resource_changes": changes})


def test_a_plan_is_counted_as_terraform_counts_it() -> None:
    summary = summary_of_plan(
        plan_of(a=["create"], b=["update"], c=["delete"], d=["delete", "create"], e=["create", "delete"])
    )
    assert summary is not None
    assert summary.counts == PlanCounts(add=3, change=1, destroy=3)
    assert summary.resources == (
        "create ibm_is_vpc.a",
        "update ibm_is_vpc.b",
        "delete ibm_is_vpc.c",
        "replace ibm_is_vpc.d",
        "replace ibm_is_vpc.e",
    )


@pytest.mark.parametrize("plan", [plan_of(), plan_of(a=["no-op"], b=["read"], c=[]), '{"format_version": "1.2"}'])
def test_a_plan_without_changes_does_nothing(plan: str) -> None:
    summary = summary_of_plan(plan)
    assert summary is not None
    assert summary.counts is not None
    assert summary.counts.nothing
    assert summary.resources == ()


def test_an_action_of_a_later_terraform_is_a_change_and_never_nothing() -> None:
    summary = summary_of_plan(plan_of(a=["forget"], b=["create", "forget"]))
    assert summary is not None
    assert summary.counts == PlanCounts(0, 2, 0)
    assert summary.resources == ("forget ibm_is_vpc.a", "create+forget ibm_is_vpc.b")


def test_nothing_of_a_plan_but_counts_and_addresses_is_kept() -> None:
    change = {"actions": ["update"], "before": {"key": "s3cret"}, "after": {"key": "s3cret"}}
    changes = [{"address": 'ibm_kms.a["x y"]', "change": change}]
    plan = {"format_version": "1.2", "variables": {"k": {"value": "s3cret"}}, "resource_changes": changes}
    summary = summary_of_plan(plan)
    assert "s3cret" not in repr(summary)
    assert 'update ibm_kms.a["x y"]' in repr(summary)


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "{",
        "[]",
        "3",
        {},
        '{"format_version": "1.2", "errored": true, "resource_changes": []}',
        '{"format_version": "1.2", "resource_changes": {}}',
        '{"format_version": "1.2", "resource_changes": [{"address": "a"}]}',
        '{"format_version": "1.2", "resource_changes": [{"change": {"actions": "create"}}]}',
    ],
)
def test_what_is_no_whole_plan_is_unknown(body: object) -> None:
    assert summary_of_plan(body) is None


def test_a_summary_has_its_counts_or_none() -> None:
    done = {"resources_added": 1, "resources_modified": 0, "resources_destroyed": 2}
    assert counts_of_summary(done, ACTIVITY_COUNTS) == PlanCounts(1, 0, 2)
    job = {"resources_add": 1.0, "resources_modify": 0.0, "resources_destroy": 2.0}
    assert counts_of_summary(job, JOB_COUNTS) == PlanCounts(1, 0, 2)


@pytest.mark.parametrize(
    "change", [{"resources_added": None}, {"resources_added": "1"}, {"resources_added": True}, {"resources_added": -1}]
)
def test_a_summary_that_lacks_a_count_is_unknown(change: dict[str, Any]) -> None:
    whole = {"resources_added": 1, "resources_modified": 0, "resources_destroyed": 2}
    assert counts_of_summary(whole | change, ACTIVITY_COUNTS) is None
    assert counts_of_summary(None, ACTIVITY_COUNTS) is None
    assert counts_of_summary({"activity_status": "COMPLETED"}, ACTIVITY_COUNTS) is None


@pytest.mark.parametrize(
    ("log", "counts"),
    [
        ("2021/03/03 01:02:03 Terraform plan | Plan: 1 to add, 2 to change, 3 to destroy.", PlanCounts(1, 2, 3)),
        ("Plan: 1 to add, 2 to change, 3 to destroy.\r\n", PlanCounts(1, 2, 3)),
        ("\x1b[1mPlan:\x1b[0m 1 to add, 2 to change, 3 to destroy.", PlanCounts(1, 2, 3)),
        (
            " 2021/03/03 01:02:03 \x1b[0m\x1b[1mPlan: 4 to import, 1 to add, 2 to change, 3 to destroy",
            PlanCounts(1, 2, 3),
        ),
        ("2021/03/03 01:02:03 Terraform plan | No changes. Your infrastructure matches.", PlanCounts(0, 0, 0)),
        ("x\n2021/03/03 01:02:03 Terraform refresh | \x1b[32mNo changes.\x1b[0m Up-to-date\ny", PlanCounts(0, 0, 0)),
        ("2021/03/03 01:02:03 Terraform plan |   + note = 'Plan: 1 to add, 2 to change, 3 to destroy'", None),
        ("2021/03/03 01:02:03 Terraform plan | # there are No changes.", None),
        ("", None),
    ],
)
def test_a_log_is_read_with_and_without_prefixes_and_colours(log: str, counts: PlanCounts | None) -> None:
    assert counts_of_log(log) == counts


def test_an_activity_has_its_messages_once() -> None:
    body = {
        "action_id": "a1",
        "name": "PLAN",
        "status": "IN PROGRESS",
        "message": ["Locked. ", ""],
        "templates": [{"message": "Locked."}, {"message": "Slow."}, None],
    }
    activity = activity_of(body)
    assert activity == Activity("a1", "PLAN", "IN PROGRESS", "Locked.; Slow.")
    assert activity.state is State.RUNNING
    assert activity_of({"action_id": "a1"}) == Activity("a1", "", "")


@pytest.mark.parametrize("body", [None, {}, {"action_id": ""}, []])
def test_an_activity_without_an_id_is_an_error(body: object) -> None:
    with pytest.raises(ParseError):
        activity_of(body)


def test_a_look_survives_every_missing_field() -> None:
    look = look_of({})
    assert (look.status, look.locked, look.frozen, look.template_id, look.template_version) == (
        "",
        False,
        False,
        "",
        "",
    )
    assert (look.variables, look.declared) == ((), None)


def test_a_look_shows_no_secure_value_and_no_token_of_a_url() -> None:
    look = look_of(
        {
            "template_repo": {"repo_url": "https://me:t0ken@git.example.test/x.git", "branch": "main", "release": ""},
            "template_data": [
                {
                    "id": "t1",
                    "type": "terraform_v1.5",
                    "variablestore": [
                        {"name": "key", "value": "s3cret", "secure": True},
                        {"name": "count", "value": 3, "type": "number"},
                        {"name": "none", "value": None},
                        {"value": "nameless"},
                    ],
                }
            ],
        }
    )
    assert look.template_version == "https://git.example.test/x.git main terraform_v1.5"
    assert [(v.name, v.value, v.type, v.secure) for v in look.variables] == [
        ("key", "", "string", True),
        ("count", "3", "number", False),
        ("none", "", "string", False),
    ]


def test_two_spellings_of_one_value_are_the_same() -> None:
    assert same_value('{"a": 1, "b": [2]}', '{"b":[2],"a":1}')
    assert same_value("plain", "plain")
    assert not same_value("plain", "other")
    assert not same_value("true", "1")


def test_a_template_that_declares_nothing_does_not_say() -> None:
    assert declared_in([{"name": "a"}, {"type": "string"}, "b"]) == frozenset({"a"})
    assert declared_in([]) is None
    assert declared_in(None) is None


def test_an_answer_of_another_shape_is_an_error() -> None:
    assert object_of({"a": 1}, "it") == {"a": 1}
    with pytest.raises(ParseError):
        object_of([], "it")
