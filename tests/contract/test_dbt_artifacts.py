"""The folders of dbt's artifacts: each invocation has its own, and what is over and old goes."""

import os
import time
from pathlib import Path

from resources.dbt_artifacts import held, own_folder, tidy


def a_run(runs: Path, name: str, days_old: float = 0.0) -> Path:
    """The folder of an invocation that is over."""
    with held(own_folder(runs, name)) as folder:
        (folder / "run_results.json").write_text("{}")
    then = time.time() - days_old * 86_400
    os.utime(folder, (then, then))
    return folder


def test_two_invocations_of_one_name_have_two_folders(tmp_path: Path) -> None:
    assert own_folder(tmp_path, "models-1") != own_folder(tmp_path, "models-1")


def test_the_newest_stay_and_the_others_go(tmp_path: Path) -> None:
    folders = [a_run(tmp_path, f"run-{n}", days_old=n / 10) for n in range(5)]
    assert set(tidy(tmp_path, keep=2, days=7)) == set(folders[2:])
    assert [folder for folder in folders if folder.is_dir()] == folders[:2]


def test_what_is_too_old_goes_even_among_the_newest(tmp_path: Path) -> None:
    old, new = a_run(tmp_path, "old", days_old=8), a_run(tmp_path, "new", days_old=6)
    assert tidy(tmp_path, keep=20, days=7) == [old]
    assert new.is_dir()


def test_a_folder_of_a_running_invocation_stays_however_old(tmp_path: Path) -> None:
    with held(own_folder(tmp_path, "running")) as running:
        os.utime(running, (0, 0))
        assert tidy(tmp_path, keep=1, days=1) == []
        assert running.is_dir()
    assert tidy(tmp_path, keep=1, days=1) == [running]


def test_no_folder_yet_is_nothing_to_tidy(tmp_path: Path) -> None:
    assert tidy(tmp_path / "runs") == []
