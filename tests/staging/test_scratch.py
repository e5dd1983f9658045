from __future__ import annotations

import errno
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from logreg_dist.staging.scratch import OWNER, claimed_scratch, mark_owner, remove_leftovers

SECRET = "rows.rows"


@pytest.fixture
def someone():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def staged(place: Path, owner: int | None) -> Path:
    folder = place / "logreg_dist-run"
    folder.mkdir(parents=True)
    (folder / SECRET).write_text("personal")
    mark_owner(folder, owner)
    return folder


@pytest.mark.parametrize("place", ["blockmgr-1", "spark-1/executor-0/blockmgr-1"])
def test_what_a_killed_executor_left_is_removed_and_what_a_living_one_has_is_not(tmp_path, someone, place):
    other = place.replace("-1", "-2")
    living, own = staged(tmp_path / place, someone.pid), tmp_path / other
    own.mkdir(parents=True)

    remove_leftovers(own)
    assert (living / SECRET).exists()

    someone.kill()
    someone.wait()
    remove_leftovers(own)
    assert not living.exists()
    assert living.parent.exists()  # which is Spark's


def test_a_process_number_that_is_used_again_is_another_process(tmp_path, someone):
    folder = staged(tmp_path / "blockmgr-1", someone.pid)
    owner = json.loads((folder / OWNER).read_text())
    (folder / OWNER).write_text(json.dumps(owner | {"started": "1"}))

    remove_leftovers(folder.parent)

    assert not folder.exists()


@pytest.mark.parametrize(
    "content", [None, "", "[]", '{"machine": "another boot", "process": 1, "started": "1"}']
)
def test_folders_of_which_nothing_is_known_are_left_alone(tmp_path, content):
    folder = staged(tmp_path / "blockmgr-1", None)
    if content is not None:
        (folder / OWNER).write_text(content)

    remove_leftovers(folder.parent)

    assert (folder / SECRET).exists()


def test_a_process_that_cannot_be_looked_at_is_not_taken_for_dead(tmp_path, monkeypatch, someone):
    folder = staged(tmp_path / "blockmgr-1", someone.pid)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    read = Path.read_text

    def starved(path: Path, *args, **settings) -> str:
        """Read without a file handle to spare where it is a process that is asked for."""
        if path.name != "stat":
            return read(path, *args, **settings)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
        try:
            return read(path, *args, **settings)
        except OSError as error:
            refusals.append(error.errno)
            raise
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    refusals: list[int | None] = []
    monkeypatch.setattr(Path, "read_text", starved)
    remove_leftovers(folder.parent)

    assert set(refusals) == {errno.EMFILE}
    assert (folder / SECRET).exists()


def test_a_mark_without_a_start_is_nobodys(tmp_path, someone):
    folder = staged(tmp_path / "blockmgr-1", someone.pid)
    owner = json.loads((folder / OWNER).read_text())
    (folder / OWNER).write_text(json.dumps(owner | {"started": None}))

    remove_leftovers(folder.parent)

    assert (folder / SECRET).exists()


def test_the_first_split_of_a_fit_makes_the_folder_and_the_others_find_it(tmp_path, monkeypatch, someone):
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path / "blockmgr-2"))
    left = staged(tmp_path / "blockmgr-1", someone.pid)
    (tmp_path / "blockmgr-2").mkdir()  # as Spark does
    someone.kill()
    someone.wait()

    folder = claimed_scratch("now")
    (folder / SECRET).write_text("ours")

    assert claimed_scratch("now") == folder == tmp_path / "blockmgr-2" / "logreg_dist-now"
    assert (folder / SECRET).exists()
    assert not left.exists()
