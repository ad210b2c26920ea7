"""The family of errors: how one reads, and that it survives the way from one process to another."""

import copy
import pickle

import pytest

from domain.clients import ClientConfigError, read_client
from domain.errors import (
    ConfigError,
    MissingError,
    ParseError,
    PermanentError,
    RefusedError,
    SettingsError,
    TransientError,
    VigieError,
)

FAMILY = [
    *(VigieError, PermanentError, TransientError, SettingsError),
    *(ConfigError, ParseError, RefusedError, MissingError),
]


@pytest.mark.parametrize(
    ("where", "remedy", "read"),
    [
        ("clients/acme.yaml:3", "Give it one.", "clients/acme.yaml:3: There is no name. Give it one."),
        ("clients/acme.yaml:3", "", "clients/acme.yaml:3: There is no name."),
        ("", "Give it one.", "There is no name. Give it one."),
        ("", "", "There is no name."),
    ],
)
def test_an_error_reads_as_place_event_and_remedy(where: str, remedy: str, read: str) -> None:
    assert str(VigieError("There is no name.", where=where, remedy=remedy)) == read


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error_of_the_family_survives_pickling(kind: type[VigieError]) -> None:
    error = kind("It rains.", where="outside", remedy="Wait.")
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(back) is kind
        assert (back.message, back.where, back.remedy) == ("It rains.", "outside", "Wait.")
        assert str(back) == str(error) == "outside: It rains. Wait."
        assert back.args == error.args


def test_every_class_of_the_family_is_tested() -> None:
    found, waiting = set[type[VigieError]](), [VigieError]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += kind.__subclasses__()
    assert {kind for kind in found if kind.__module__ == "domain.errors"} == set(FAMILY)


def test_the_wait_that_the_other_side_named_survives_pickling() -> None:
    back = pickle.loads(pickle.dumps(TransientError("Too many requests.", where="https://a.example", retry_after=12.5)))
    assert back.retry_after == 12.5
    assert pickle.loads(pickle.dumps(TransientError("Later."))).retry_after is None


def test_every_problem_of_a_client_file_survives_pickling() -> None:
    with pytest.raises(ClientConfigError) as caught:
        read_client("clients/acme.yaml", b"client_profile: {active: 1, name: 2, nmae: x}")
    back = pickle.loads(pickle.dumps(caught.value))
    assert back.problems == caught.value.problems
    assert len(back.problems) == 3
    assert (str(back), back.where, back.remedy) == (str(caught.value), caught.value.where, caught.value.remedy)


def test_a_note_added_on_the_way_is_kept() -> None:
    error = ParseError("It is not a feed.")
    error.add_note("the source redirects")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["the source redirects"]


@pytest.mark.parametrize("kind", FAMILY)
def test_the_class_says_whether_trying_again_helps(kind: type[VigieError]) -> None:
    assert issubclass(kind, PermanentError) == (kind not in (VigieError, TransientError))
