from __future__ import annotations

import time
from pathlib import Path

import pytest

from logreg_dist.errors import ConfigError
from logreg_dist.publishing.filesystem import (
    Filesystem,
    filesystem_for,
    hadoop_filesystem,
    is_local,
    join,
    local_filesystem,
)

# Longer than any test, shorter than a wrong unit (milliseconds for seconds).
CLOCK_SECONDS = 600.0


@pytest.fixture(params=["local", pytest.param("hadoop", marks=pytest.mark.spark)])
def files(request: pytest.FixtureRequest) -> Filesystem:
    if request.param == "local":
        return local_filesystem()
    return hadoop_filesystem(request.getfixturevalue("spark"))


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"file:{tmp_path}"


def test_what_is_written_is_read_back_with_every_byte_value(files: Filesystem, folder: str) -> None:
    content = bytes(range(256))
    files.write_atomic(join(folder, "new", "a.bin"), content)
    assert files.read_bytes(join(folder, "new", "a.bin")) == content


def test_an_atomic_write_replaces_the_old_bytes_and_leaves_nothing_beside(
    files: Filesystem, folder: str
) -> None:
    files.write_atomic(join(folder, "run.json"), b"a longer first version")
    files.write_atomic(join(folder, "run.json"), b"second")
    assert files.read_bytes(join(folder, "run.json")) == b"second"
    assert files.list_dir(folder) == ["run.json"]


def test_an_atomic_write_that_fails_keeps_the_old_bytes(files: Filesystem, folder: str) -> None:
    files.write_atomic(join(folder, "run.json"), b"old")
    with pytest.raises((TypeError, AttributeError), match=r"bytes-like|_get_object_id"):
        files.write_atomic(join(folder, "run.json"), object())  # type: ignore[arg-type]
    assert files.read_bytes(join(folder, "run.json")) == b"old"
    assert files.list_dir(folder) == ["run.json"]


def test_only_the_first_of_two_creators_gets_the_file(files: Filesystem, folder: str) -> None:
    assert files.create_new(join(folder, "_lock"), b"one")
    assert not files.create_new(join(folder, "_lock"), b"two")
    assert files.read_bytes(join(folder, "_lock")) == b"one"


def test_a_creation_that_fails_does_not_keep_others_from_creating(files: Filesystem, folder: str) -> None:
    with pytest.raises((TypeError, AttributeError), match=r"bytes-like|_get_object_id"):
        files.create_new(join(folder, "_lock"), object())  # type: ignore[arg-type]
    assert files.list_dir(folder) == []
    assert files.create_new(join(folder, "_lock"), b"two")


def test_a_rename_moves_a_folder_with_what_is_in_it(files: Filesystem, folder: str) -> None:
    files.write_atomic(join(folder, "a", "x"), b"1")
    files.rename(join(folder, "a"), join(folder, "b"))
    assert files.list_dir(folder) == ["b"]
    assert files.read_bytes(join(folder, "b", "x")) == b"1"


@pytest.mark.parametrize("target", ["file", "folder", "empty"])
def test_a_rename_never_replaces_its_target(files: Filesystem, folder: str, target: str) -> None:
    files.write_atomic(join(folder, "a", "x"), b"1")
    files.write_atomic(join(folder, "file"), b"2")
    files.write_atomic(join(folder, "folder", "x"), b"3")
    files.make_dirs(join(folder, "empty"))
    with pytest.raises(FileExistsError, match="exists already"):
        files.rename(join(folder, "a"), join(folder, target))
    assert files.list_dir(folder) == ["a", "empty", "file", "folder"]
    assert files.list_dir(join(folder, "folder")) == ["x"]


def test_a_rename_of_nothing_fails(files: Filesystem, folder: str) -> None:
    with pytest.raises(OSError, match="absent"):
        files.rename(join(folder, "absent"), join(folder, "b"))


def test_delete_tree_removes_folders_files_and_accepts_what_is_missing(
    files: Filesystem, folder: str
) -> None:
    files.write_atomic(join(folder, "a", "b", "x"), b"1")
    files.write_atomic(join(folder, "f"), b"1")
    for name in ("a", "f", "absent"):
        files.delete_tree(join(folder, name))
    assert files.list_dir(folder) == []


def test_files_folders_and_missing_paths_are_told_apart(files: Filesystem, folder: str) -> None:
    files.write_atomic(join(folder, "a", "x"), b"1")
    found = [
        (files.exists(path), files.is_dir(path))
        for path in (join(folder, "a"), join(folder, "a", "x"), join(folder, "z"))
    ]
    assert found == [(True, True), (True, False), (False, False)]


def test_the_time_of_change_is_in_seconds(files: Filesystem, folder: str) -> None:
    files.write_atomic(join(folder, "x"), b"1")
    assert abs(files.modified(join(folder, "x")) - time.time()) < CLOCK_SECONDS


def test_missing_files_and_folders_raise_file_not_found(files: Filesystem, folder: str) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        files.read_bytes(join(folder, "absent"))
    with pytest.raises(FileNotFoundError, match="absent"):
        files.list_dir(join(folder, "absent"))


def test_a_folder_below_a_file_cannot_be_made(files: Filesystem, folder: str) -> None:
    files.write_atomic(join(folder, "f"), b"1")
    with pytest.raises(OSError, match="f"):
        files.make_dirs(join(folder, "f", "below"))


def test_a_local_write_removes_the_checksum_a_hadoop_writer_left(tmp_path: Path) -> None:
    (tmp_path / ".run.json.crc").write_bytes(b"stale")
    local_filesystem().write_atomic(str(tmp_path / "run.json"), b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_percent_signs_in_paths_are_not_decoded(tmp_path: Path) -> None:
    local_filesystem().write_atomic(f"file://{tmp_path}/a%20b", b"1")
    assert (tmp_path / "a%20b").read_bytes() == b"1"


def test_a_remote_path_without_a_session_is_refused() -> None:
    with pytest.raises(ConfigError, match="'hdfs://host/a' can only be reached through a classic Spark"):
        filesystem_for("hdfs://host/a")


@pytest.mark.spark
def test_a_path_without_a_scheme_follows_the_default_filesystem_of_the_session(spark) -> None:
    configuration = spark._jsc.hadoopConfiguration()
    before = configuration.get("fs.defaultFS")
    assert is_local("scored", spark)
    configuration.set("fs.defaultFS", "hdfs://host:8020")
    try:
        assert not is_local("scored", spark)
        assert is_local("file:/scored", spark)
    finally:
        configuration.set("fs.defaultFS", before)
