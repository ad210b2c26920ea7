"""Which nodes a further attempt of dbt takes up, from what the earlier ones said."""

from domain.dbt_attempts import Attempts, Lineage, NodeResult

# left -> middle -> end, right -> middle; a test on left, one on left and right together
CHILDREN = {
    "model.p.left": ["model.p.middle", "test.p.left_ok", "test.p.both_ok"],
    "model.p.right": ["model.p.middle", "model.p.alone", "test.p.both_ok"],
    "model.p.middle": ["model.p.end"],
}
PARENTS = {
    "model.p.middle": ["model.p.left", "model.p.right"],
    "model.p.alone": ["model.p.right"],
    "model.p.end": ["model.p.middle"],
    "test.p.left_ok": ["model.p.left"],
    "test.p.both_ok": ["model.p.left", "model.p.right"],
}
LINEAGE = Lineage(CHILDREN, PARENTS)


def attempts(*rounds: dict[str, str], message: str = "Runtime Error") -> Attempts:
    """The attempts that ended with these states; nodes without a kind are models."""
    found = Attempts(frozenset(node if "." in node else f"model.p.{node}" for one in rounds for node in one))
    for one in rounds:
        found.record(
            NodeResult(node if "." in node else f"model.p.{node}", status, message if status == "error" else "")
            for node, status in one.items()
        )
    return found


def names(nodes: frozenset[str]) -> set[str]:
    return {node.removeprefix("model.p.").removeprefix("test.p.") for node in nodes}


def test_what_succeeded_is_not_tried_again() -> None:
    done = attempts({"left": "success", "test.p.left_ok": "pass", "right": "warn"})
    assert done.next(LINEAGE) == frozenset()
    assert done.unfinished() == frozenset()


def test_a_failed_model_is_tried_again_with_what_was_skipped_because_of_it() -> None:
    first = {"left": "error", "right": "success", "test.p.left_ok": "skipped", "middle": "skipped", "end": "skipped"}
    assert names(attempts(first).next(LINEAGE)) == {"left", "left_ok", "middle", "end"}


def test_a_skipped_model_is_not_done() -> None:
    assert names(attempts({"left": "error", "middle": "skipped"}).unfinished()) == {"left", "middle"}


def test_a_model_is_tried_three_times_and_no_more() -> None:
    once = {"left": "error", "middle": "skipped"}
    assert names(attempts(once, once).next(LINEAGE)) == {"left", "middle"}
    assert attempts(once, once, once).next(LINEAGE) == frozenset()


def test_a_test_is_tried_twice_and_no_more() -> None:
    once = {"left": "success", "test.p.left_ok": "fail", "middle": "skipped"}
    assert names(attempts(once).next(LINEAGE)) == {"left_ok", "middle"}
    assert attempts(once, {"test.p.left_ok": "fail", "middle": "skipped"}).next(LINEAGE) == frozenset()


def test_being_skipped_costs_no_attempt() -> None:
    waits = {"left": "error", "middle": "skipped"}
    built = {"left": "success", "middle": "error"}
    assert names(attempts(waits, built).next(LINEAGE)) == {"middle"}
    assert names(attempts(waits, built, {"middle": "error"}).next(LINEAGE)) == {"middle"}
    assert attempts(waits, built, {"middle": "error"}, {"middle": "error"}).next(LINEAGE) == frozenset()


def test_what_waits_for_a_model_that_failed_for_good_is_not_built_without_it() -> None:
    failed = {"left": "error", "right": "error", "middle": "skipped", "alone": "skipped", "end": "skipped"}
    done = attempts(failed)
    done.record([NodeResult("model.p.left", "error", "Compilation Error in model left")])
    assert names(done.next(LINEAGE)) == {"right", "alone"}


def test_what_waits_for_a_test_that_failed_for_good_is_not_built_without_it() -> None:
    done = attempts(
        {"right": "error", "test.p.left_ok": "fail", "middle": "skipped", "alone": "skipped"},
        {"right": "error", "test.p.left_ok": "fail", "middle": "skipped", "alone": "skipped"},
    )
    assert names(done.next(LINEAGE)) == {"right", "alone"}


def test_a_test_of_two_models_holds_back_only_what_reads_both() -> None:
    assert LINEAGE.held_back_by("test.p.both_ok") & {"model.p.alone", "model.p.middle", "model.p.end"} == {
        "model.p.middle",
        "model.p.end",
    }


def test_a_text_that_cannot_be_compiled_is_tried_once() -> None:
    done = attempts({"left": "error", "middle": "skipped"}, message="Compilation Error in model left (a.sql)\n  why")
    assert done.next(LINEAGE) == frozenset()
    assert names(done.unfinished()) == {"left", "middle"}
