"""A bad day of Schematics: one call in ten answers 409, 429 or 500, drops, loses its reply, or leaves its lock behind.
Accounts end as desired, nothing runs twice; what cannot end says what to do."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.accounts import Demand, DesiredState
from domain.errors import TransientError, VigieError
from local.schematics_server import SchematicsEmulator
from resources.database import AccountsDatabase
from resources.launch_book import LaunchBook
from resources.schematics import Schematics
from settings import PROJECT_ROOT
from tests.contract.crash_worker import Place, change

pytestmark = pytest.mark.crash
STATE = DesiredState("1.0.0", 3)
INPUTS = {"iam_version": "1.0.0", "subnet_count": "3", "enable_monitoring": "false", "tags": "{}"}
ACCOUNTS = [f"account-{n}" for n in range(10)]
RUNS = 6  # fewer than the sensor asks for


@pytest.fixture
def schematics() -> Iterator[SchematicsEmulator]:
    with SchematicsEmulator(job_seconds=0.05) as emulator:
        yield emulator


@pytest.fixture
def places(url: str, schematics: SchematicsEmulator) -> dict[str, Place]:
    """Accounts that shall all get two more subnets."""
    database = AccountsDatabase(url)
    database.upgrade(PROJECT_ROOT / "migrations")
    found = {}
    for name in ACCOUNTS:
        workspace = schematics.create_workspace(name, INPUTS)
        database.register(name, "1", STATE, "ops", workspace=workspace, mode="auto")
        found[name] = Place(url, schematics.url, schematics.iam_url, name, workspace)
    database.request(Demand(ACCOUNTS, "ann", "CHG-1", subnet_count=5, execution_mode="plan_and_apply"))
    database.close()
    return found


def until_done(place: Place) -> list[str]:
    """Runs one after the other, as the sensor asks for them: what the failed ones said."""
    said = list[str]()
    for _run in range(RUNS):
        try:
            change(place)
        except TransientError as error:
            said.append(str(error))
        else:
            return said
    return said


@pytest.mark.parametrize(
    "faults",
    [
        [("status", {"status": 500}), ("drop", {})],
        [("status", {"status": 409}), ("status", {"status": 429, "retry_after": 1})],
        [("lost_reply", {}), ("stuck_lock", {"seconds": 2.0}), ("unknown_status", {"seconds": 0.3})],
    ],
    ids=["broken", "refused", "lost"],
)
def test_one_call_in_ten_fails_and_every_account_ends_as_desired(
    url: str, schematics: SchematicsEmulator, places: dict[str, Place], faults: list[tuple[str, dict[str, object]]]
) -> None:
    injected = [schematics.fault(kind, share=0.1, seed=n, **options) for n, (kind, options) in enumerate(faults)]
    with ThreadPoolExecutor(4) as pool:
        said = dict(zip(places, pool.map(until_done, places.values()), strict=True))
    assert all(fault.struck for fault in injected), "a bad day without faults proves nothing"
    database = AccountsDatabase(url)
    book = LaunchBook(database)
    assert {name: said[name] for name in places if book.standing(name).status != "UPDATED"} == {}
    database.close()
    seen = Counter((one["workspace_name"], one["kind"]) for one in schematics.report()["launches"])
    assert set(seen.values()) == {1}
    assert len(seen) == 2 * len(places)


def test_what_never_answers_stops_with_what_to_do(
    schematics: SchematicsEmulator, places: dict[str, Place], tmp_path: Path
) -> None:
    place = next(iter(places.values()))
    schematics.fault("stuck_job", workspace=place.account, job="plan")
    with pytest.raises(VigieError) as raised:
        change(place, job_deadline=1.0)
    assert "has not ended after" in str(raised.value)
    assert "stop it there" in str(raised.value)
    schematics.clear_faults()
    assert until_done(place) == []  # followed on, not launched again
    launched = [one["kind"] for one in schematics.report()["launches"] if one["workspace_name"] == place.account]
    assert launched == ["PLAN", "APPLY"]


def test_a_launch_that_arrives_after_it_was_given_up_is_found(
    schematics: SchematicsEmulator, places: dict[str, Place]
) -> None:
    place = next(iter(places.values()))
    schematics.fault("drop", workspace=place.account, job="plan", times=3)
    with pytest.raises(TransientError, match="went unanswered"):
        change(place)
    with Schematics(place.schematics, place.iam, "key", pace=lambda: None, request_timeout=5.0) as late:
        late.workspace(place.workspace).launch("plan")
    assert until_done(place) == []
    launched = [one["kind"] for one in schematics.report()["launches"] if one["workspace_name"] == place.account]
    assert launched == ["PLAN", "APPLY"]


def test_a_lock_that_stays_stops_with_who_holds_it(schematics: SchematicsEmulator, places: dict[str, Place]) -> None:
    place = next(iter(places.values()))
    schematics.fault("stuck_lock", workspace=place.account, job="plan", seconds=60.0)
    with pytest.raises(VigieError, match="stayed so for") as raised:
        change(place, lock_patience=1.0)
    assert "unlock the workspace" in str(raised.value)
