"""A train job that is killed goes on where it was, and its checkpoint is refused by any other fit."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import zipfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import logreg_dist
from logreg_dist.cli import main
from logreg_dist.commands.checkpoint import NAME, Checkpoint, origin_of
from logreg_dist.commands.job import Request
from logreg_dist.commands.outputs import folder_held
from logreg_dist.commands.train import fit_configured, train
from logreg_dist.config import load_train_config
from logreg_dist.errors import (
    CheckpointDamaged,
    CheckpointMisfit,
    ConfigError,
    FitNotUsable,
    OutputNotVerified,
    TemporaryFailure,
)
from logreg_dist.fitting.journal import TableMark
from logreg_dist.model.strict_json import content_hash
from logreg_dist.publishing.filesystem import hadoop_filesystem, local_filesystem
from logreg_dist.publishing.lease import LEASES
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.reading import sources
from logreg_dist.solver.bookmarks import NewtonBookmark
from logreg_dist.staging.passes import StagedTable
from tests.faults.killed_job import bits_of, kill_after, progress, run_job, write_config
from tests.faults.rows import frame, write_files

pytestmark = [pytest.mark.spark, pytest.mark.slow]

N_ROWS = 6_000
PACKAGE = Path(logreg_dist.__file__).parent
KILLED_AFTER = 2
SECRET, LEVEL = "hunter2-passphrase", "far away"


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A folder with a table, a configuration, and ``out/_checkpoint.json`` of a job that was killed."""
    folder = tmp_path_factory.mktemp("killed")
    write_files(frame(N_ROWS), folder / "table", 3)
    columns = {"region": {"reference": LEVEL}}
    config = write_config(folder, features={"columns": columns})
    assert kill_after(config, KILLED_AFTER) >= KILLED_AFTER
    assert sorted(path.name for path in (folder / "out").iterdir()) == [NAME, LEASES]
    return folder


@pytest.fixture
def left(killed, tmp_path) -> Path:
    """An output folder with that checkpoint, and nothing else."""
    shutil.copy(killed / "out" / NAME, tmp_path / NAME)
    return tmp_path


def train_again(spark, killed: Path, folder: Path, *overrides: str, resume: str = "auto") -> RunRecorder:
    """Run the work of the train job in this process, with `folder` for its output."""
    recorder = RunRecorder(job="train", run_id="r1")
    config = str(killed / "train.yaml")
    train(spark, Request("train", config, (f"output.path={folder}", *overrides), resume=resume), recorder)
    return recorder


@pytest.fixture(scope="module")
def undisturbed(spark, killed, tmp_path_factory) -> tuple[dict, int]:
    folder = tmp_path_factory.mktemp("undisturbed")
    recorder = train_again(spark, killed, folder)
    assert not (folder / NAME).exists()
    return bits_of(folder / "model.json"), len(recorder.details["passes"])


def test_a_killed_job_goes_on_at_the_next_iteration_and_ends_in_the_same_bits(killed, left, undisturbed):
    expected, n_passes = undisturbed
    iteration = progress(left / NAME)
    assert iteration < expected["n_iterations"] - 1, "it was killed too late for this to say anything"

    job = run_job(
        killed / "train.yaml",
        *("--resume", "require"),
        *("--set", f"output.path={left}"),
        *("--set", "output.overwrite=true"),
    )

    assert job.returncode == 0, job.stderr
    written = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"
    assert re.search(
        rf"going on from iteration {iteration} of the checkpoint written at {written}\n", job.stderr
    )
    assert bits_of(left / "model.json") == expected
    # Of the passes of all iterations so far only that of the last one is made again.
    model = json.loads((left / "model.json").read_text())
    assert model["n_passes"] == n_passes - iteration
    assert len(re.findall(r"pass \d+:", job.stderr)) == model["n_passes"]
    assert json.loads((left / "run.json").read_text())["details"]["resumed"]["iteration"] == iteration
    assert not (left / NAME).exists()


def test_without_resuming_the_checkpoint_is_deleted_and_the_fit_begins_anew(spark, killed, left, undisturbed):
    recorder = train_again(spark, killed, left, resume="never")
    assert len(recorder.details["passes"]) == undisturbed[1]
    assert "resumed" not in recorder.details
    assert bits_of(left / "model.json") == undisturbed[0]


def test_the_checkpoint_of_a_run_that_is_alive_is_not_deleted(spark, killed, left):
    before = (left / NAME).read_bytes()
    with (
        folder_held(local_filesystem(), str(left), "alive"),
        pytest.raises(TemporaryFailure, match="run 'alive' is writing"),
    ):
        train_again(spark, killed, left, resume="never")
    assert (left / NAME).read_bytes() == before


def test_a_checkpoint_of_another_configuration_is_refused_before_anything_is_read(killed, left):
    before = (left / NAME).read_bytes()
    # Without a session: nothing can be asked of Spark.
    with pytest.raises(CheckpointMisfit) as refused:
        train_again(None, killed, left, "solver.tolerance=1e-6", "penalty.l2=0.1", "weight=null")
    lines = str(refused.value).splitlines()
    assert lines[0].startswith(f"checkpoint does not fit: {left / NAME}, written at ")
    assert lines[1:] == [
        "  configuration: 'penalty.l2', 'solver.tolerance', 'weight'",
        "  Run with --resume never to delete it and start anew.",
    ]
    assert refused.value.exit_code == 6
    assert (left / NAME).read_bytes() == before


def test_a_checkpoint_of_other_versions_is_refused(killed, left, monkeypatch):
    monkeypatch.setattr(np, "__version__", "1.99.0")
    content = json.loads((left / NAME).read_text())
    with pytest.raises(CheckpointMisfit, match=f"it was written with numpy {content['versions']['numpy']}"):
        train_again(None, killed, left)


def rows_more(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows.iloc[:1]])


def another_value(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(x1=rows.x1.where(rows.index != 17, 0.25))


def another_reference(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(tariff=rows.tariff.map({"flat": "metered", "metered": "flat"}))


CHANGES = {
    rows_more: [
        "data: 6,000 rows then and 6,001 now",
        "encoding: 'x1', 'x2'",
    ],
    another_value: ["data: 6,000 rows then and now, with other values", "encoding: 'x1'"],
    another_reference: ["data: 6,000 rows then and now, with other values", "encoding: 'tariff'"],
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("resume", ["auto", "require"])
def test_a_checkpoint_of_other_rows_or_another_encoding_is_refused(
    spark, killed, left, tmp_path, change, resume
):
    original, kept = killed / "table", killed / "kept"
    original.rename(kept)
    try:
        write_files(change(frame(N_ROWS)), original, 3)
        with pytest.raises(CheckpointMisfit) as refused:
            train_again(spark, killed, left, resume=resume)
    finally:
        shutil.rmtree(original)
        kept.rename(original)
    lines = str(refused.value).splitlines()
    assert lines[1:-1] == [f"  {line}" for line in CHANGES[change]]
    assert (left / NAME).exists()
    assert not (left / "model.json").exists()


def test_a_checkpoint_of_other_splits_says_what_to_set(spark, killed, left):
    kept = json.loads((left / NAME).read_text())
    forged(left, table={**kept["table"], "n_splits": 7})
    with pytest.raises(CheckpointMisfit, match=r"splits: 7 then and 3 now; input\.splits sets them"):
        train_again(spark, killed, left)


def test_one_that_is_required_must_be_there(killed, tmp_path):
    with pytest.raises(ConfigError, match=r"--resume require: there is no checkpoint in '.*' to go on from"):
        train_again(None, killed, tmp_path, resume="require")


def forged(folder: Path, **changes: object) -> None:
    """Write the checkpoint with other content and the hash that this gives it."""
    data = json.loads((folder / NAME).read_text()) | changes
    del data["content_hash"]
    data["content_hash"] = content_hash(data)
    (folder / NAME).write_text(json.dumps(data))


DAMAGES = {
    "cut short": lambda text: text[:-100],
    "empty": lambda text: b"",
    "NaN": lambda text: text.replace(b'"schema_version": 1', b'"schema_version": NaN'),
    "changed": lambda text: text.replace(b'"n_splits": 3', b'"n_splits": 4'),
    "no hash": lambda text: text.replace(b'"content_hash"', b'"__class__"'),
    "brackets": lambda text: b"[" * 2_000_000,
    "objects": lambda text: b'{"a":' * 400_000,
    "no text": lambda text: b"\xff\xfe\x00" * 1_000,
    "another version": lambda text: text.replace(b'"schema_version": 1', b'"schema_version": 2'),
    "a key twice": lambda text: text.replace(b'"latest"', b'"latest": "main", "latest"'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_and_never_a_crash(killed, left, damage):
    changed = DAMAGES[damage]((left / NAME).read_bytes())
    (left / NAME).write_bytes(changed)
    with pytest.raises(CheckpointDamaged, match="--resume never") as refused:
        train_again(None, killed, left)
    assert str(refused.value).startswith(f"checkpoint damaged: {left / NAME}: ")
    assert refused.value.exit_code == 6
    assert len(str(refused.value)) < 500


def test_a_forged_checkpoint_with_the_right_hash_is_refused_too(spark, killed, left):
    whole = (left / NAME).read_bytes()
    search = json.loads(whole)["searches"]["main"]
    wrong = {
        "__class__": {"__class__": "os.system"},
        "another kind": {"searches": {"main": {**search, "kind": "path"}}},
        "nowhere": {"latest": "__import__('os')"},
        "no search": {"searches": {}},
        "text for a number": {"searches": {"main": {**search, "numbers": {"halvings": "0"}}}},
    }
    for changes in wrong.values():
        (left / NAME).write_bytes(whole)
        forged(left, **changes)
        with pytest.raises(CheckpointDamaged):
            train_again(None, killed, left)
    shorter = {**search["arrays"]["beta"], "shape": [1], "data": "AAAAAAAAAAA="}
    arrays = {**search["arrays"], "beta": shorter, "direction": shorter}
    (left / NAME).write_bytes(whole)
    forged(left, searches={"main": {**search, "arrays": arrays}})
    with pytest.raises(CheckpointDamaged, match="a search of another kind or size"):
        train_again(spark, killed, left)


def test_the_command_exits_6_for_a_damaged_checkpoint(killed, left, monkeypatch):
    # Without a session: nothing can be asked of Spark, and nothing has to be cancelled.
    monkeypatch.setattr("logreg_dist.commands.job.open_session", lambda job: None)
    monkeypatch.setattr("logreg_dist.commands.job.cancelled_on_error", lambda *_: nullcontext())
    (left / NAME).write_bytes(b"{")
    code = main(["train", "--config", str(killed / "train.yaml"), "--set", f"output.path={left}"])
    assert code == 6
    assert json.loads((left / "run.json").read_text())["exit_code"] == 6
    assert (left / NAME).read_bytes() == b"{"


def test_a_checkpoint_holds_no_level_no_value_and_no_secret(killed, tmp_path):
    text = (killed / "out" / NAME).read_text()
    for level in [*frame(10).region.unique(), "metered", "flat", LEVEL]:
        assert level not in text
    options = f"input.options={{password: {SECRET}, header: {LEVEL}}}"
    checkpoint = opened(killed, tmp_path, options)
    tell(checkpoint, NewtonBookmark(np.zeros(2), np.zeros(2)))
    text = (tmp_path / NAME).read_text()
    assert '"input.options.password"' in text
    assert SECRET not in text
    assert LEVEL not in text
    # Another password is the same fit.
    opened(killed, tmp_path, options.replace(SECRET, "another"))


def opened(killed: Path, folder: Path, *overrides: str):
    """Return the journal of a checkpoint in a folder, as the job opens it."""
    config = load_train_config(str(killed / "train.yaml"), overrides)
    return Checkpoint(local_filesystem(), str(folder), config, None).open("auto")


def tell(journal, bookmark: NewtonBookmark) -> None:
    journal.recognise(TableMark(2, 1, "", {}))
    journal.page("main", NewtonBookmark, len(bookmark.beta)).keep(bookmark)


def test_a_folder_that_takes_no_checkpoint_ends_no_fit_and_is_told_once(killed, tmp_path, caplog):
    journal = opened(killed, tmp_path)
    (tmp_path / NAME / "in the way").mkdir(parents=True)
    tell(journal, NewtonBookmark(np.zeros(2), np.zeros(2)))
    tell(journal, NewtonBookmark(np.ones(2), np.zeros(2)))
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert "could not be written" in told[0]
    assert "the fit goes on without" in told[0]


def test_a_failure_that_a_retry_helps_keeps_the_checkpoint_and_the_retry_goes_on(
    spark, killed, tmp_path, undisturbed, monkeypatch
):
    run_pass = StagedTable.run_pass

    def vanishing(self, task):
        # From pass 6 on the files are gone before each task, on all attempts.
        return run_pass(self, task if self.n_passes < 5 else lambda split: task(deleted(split)))

    def deleted(split):
        shutil.rmtree(Path(split.path).parent, ignore_errors=True)
        return split

    monkeypatch.setattr(StagedTable, "run_pass", vanishing)
    with pytest.raises(TemporaryFailure, match="staged splits were lost") as failed:
        train_again(spark, killed, tmp_path)
    assert failed.value.exit_code == 75
    assert not (tmp_path / "model.json").exists()
    assert progress(tmp_path / NAME) == 2

    monkeypatch.setattr(StagedTable, "run_pass", run_pass)
    recorder = train_again(spark, killed, tmp_path, resume="require")
    assert recorder.details["resumed"]["iteration"] == 2
    assert bits_of(tmp_path / "model.json") == undisturbed[0]


def test_a_fit_that_is_not_usable_leaves_its_model_and_no_checkpoint(spark, killed, tmp_path):
    with pytest.raises(FitNotUsable):
        train_again(spark, killed, tmp_path, "solver.max_iterations=1")
    assert json.loads((tmp_path / "model.json").read_text())["status"] == "not_converged"
    assert not (tmp_path / NAME).exists()


def test_what_a_kill_left_of_the_next_checkpoint_is_removed_with_it(killed, tmp_path):
    (tmp_path / f".{NAME}.0123.tmp").write_text("{")
    (tmp_path / "another.tmp").write_text("")
    config = load_train_config(str(killed / "train.yaml"), ())
    Checkpoint(local_filesystem(), str(tmp_path), config, None).remove()
    assert [path.name for path in tmp_path.iterdir()] == ["another.tmp"]


def test_checkpoints_go_through_hadoop_where_the_output_does(spark, killed, tmp_path):
    config = load_train_config(str(killed / "train.yaml"), ())
    checkpoint = Checkpoint(hadoop_filesystem(spark), f"file:{tmp_path}", config, None)
    bookmark = NewtonBookmark(np.array([1 / 3, -0.0]), np.zeros(2))
    for _ in range(2):  # the second replaces the first
        tell(checkpoint.open("never"), bookmark)
    read = checkpoint.open("require").page("main", NewtonBookmark, 2).resume
    assert read is not None
    assert read.beta.tobytes() == bookmark.beta.tobytes()
    checkpoint.remove()
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".crc")] == []


@pytest.fixture(scope="module")
def separating(tmp_path_factory) -> Path:
    """A folder with a configuration that a cross-validation gives up: a column without a penalty separates."""
    folder = tmp_path_factory.mktemp("separating")
    rows = frame(600)
    write_files(rows.assign(s=rows.y + 0.0, id=range(600)), folder / "table", 2)
    features = {"exclude": ["id", "region", "tariff"], "columns": {"s": {"penalty_factor": 0}}}
    penalty = {"path": {"points": 2, "l1_share": 1.0}}
    write_config(folder, features=features, penalty=penalty, cross_validation={"folds": 2, "by": "id"})
    return folder


def test_a_fit_that_ends_without_a_model_leaves_no_checkpoint_in_the_way_of_its_advice(
    spark, separating, tmp_path
):
    with pytest.raises(FitNotUsable, match="give them a penalty, or name strengths"):
        train_again(spark, separating, tmp_path)
    assert list(tmp_path.iterdir()) == []


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_model_that_cannot_be_written_keeps_the_old_one_and_all_files_beside_it(spark, killed, tmp_path):
    train_again(spark, killed, tmp_path)
    (tmp_path / "cv.json").write_text("of the old model")
    before = contents(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before["model.json"]) - 2_000, limits[1]))
    try:
        with pytest.raises(OutputNotVerified, match=f"'{tmp_path}' could not be written: File too large"):
            train_again(spark, killed, tmp_path, "output.overwrite=true", "solver.max_iterations=90")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {NAME}, "the retry goes on from it"


def test_of_two_runs_into_one_folder_the_second_is_refused_and_changes_nothing(spark, killed, left):
    before = contents(left)
    told = f"run 'first' is writing '{left}'"
    with folder_held(local_filesystem(), str(left), "first"), pytest.raises(TemporaryFailure, match=told):
        train_again(spark, killed, left)
    assert contents(left) == before
    assert not (left / LEASES).exists()


def test_a_model_that_came_during_the_fit_is_not_replaced_unasked(spark, killed, tmp_path, monkeypatch):
    def meanwhile(*arguments, **named):
        model = fit_configured(*arguments, **named)
        (tmp_path / "model.json").write_text("of another program")
        return model

    monkeypatch.setattr("logreg_dist.commands.train.fit_configured", meanwhile)
    with pytest.raises(ConfigError, match=r"there is a model in '.*' already"):
        train_again(spark, killed, tmp_path)
    assert (tmp_path / "model.json").read_text() == "of another program"
    assert not (tmp_path / "summary.txt").exists()


def test_a_job_that_was_killed_when_its_model_was_written_can_be_repeated(spark, killed, left, undisturbed):
    train_again(spark, killed, left)
    shutil.copy(killed / "out" / NAME, left / NAME)
    written = (left / "model.json").stat().st_mtime
    os.utime(left / NAME, (written, written + 60))
    with pytest.raises(ConfigError, match=r"there is a model in '.*' already"):  # of the run before
        train_again(None, killed, left)
    os.utime(left / NAME, (written, written - 60))
    with pytest.raises(ConfigError, match=r"there is a model in '.*' already"):
        train_again(None, killed, left, resume="never")
    assert (left / NAME).exists()

    recorder = train_again(spark, killed, left)
    assert recorder.details["resumed"]["iteration"] == progress(killed / "out" / NAME)
    assert bits_of(left / "model.json") == undisturbed[0]
    assert not (left / NAME).exists()


def test_a_run_on_other_cores_goes_on_with_the_splits_of_the_one_before(spark, killed, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_enough_splits", lambda table, files: 2)
    undisturbed = tmp_path / "undisturbed"
    train_again(spark, killed, undisturbed, "input.splits=null")

    keep = Checkpoint._write

    def then_stopped(self, journal):
        keep(self, journal)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "_write", then_stopped)
    with pytest.raises(KeyboardInterrupt):
        train_again(spark, killed, tmp_path / "out", "input.splits=null")
    monkeypatch.setattr(Checkpoint, "_write", keep)
    monkeypatch.setattr(sources, "_enough_splits", lambda table, files: 5)
    train_again(spark, killed, tmp_path / "out", "input.splits=null", resume="require")
    assert bits_of(tmp_path / "out" / "model.json") == bits_of(undisturbed / "model.json")


def test_code_without_a_version_is_known_by_what_it_says(killed, monkeypatch, tmp_path):
    config = load_train_config(str(killed / "train.yaml"), ())
    with_version = origin_of(config, None).versions["logreg_dist"]
    monkeypatch.setattr("logreg_dist.commands.checkpoint.package_version", lambda package: None)
    of_folder = origin_of(config, None).versions["logreg_dist"]
    assert re.fullmatch("code [0-9a-f]{16}", of_folder)
    assert of_folder != with_version

    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in sorted(PACKAGE.rglob("*.py"), reverse=True):
            zipped.write(path, f"logreg_dist/{path.relative_to(PACKAGE)}")
    monkeypatch.setattr("importlib.resources.files", lambda package: zipfile.Path(archive, "logreg_dist/"))
    assert origin_of(config, None).versions["logreg_dist"] == of_folder
    with zipfile.ZipFile(archive, "a") as zipped:
        zipped.writestr("logreg_dist/solver/new.py", "")
    assert origin_of(config, None).versions["logreg_dist"] != of_folder
