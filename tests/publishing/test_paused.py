"""Runs that are paused for longer than their lease lasts, in the middle of a replacement, while another run comes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.filesystem import Filesystem, local_filesystem
from logreg_dist.publishing.lease import Lease, LeaseLost, held
from logreg_dist.publishing.path_sink import path_sink
from logreg_dist.publishing.recover import recover
from logreg_dist.publishing.sink import Sink
from logreg_dist.publishing.switch import begin_published
from tests.publishing.metastore import Metastore, metastore_in_use, table_sink_of

PART = "run_date=2026-11-20"
OTHER = "run_date=2026-11-19/part-0"
FILE = f"{PART}/part-0"


@pytest.fixture(autouse=True)
def nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logreg_dist.publishing.swap.LISTING_SECONDS", 0.0)
    monkeypatch.setattr("logreg_dist.publishing.path_sink._check_live", lambda *arguments: None)


def write(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def sink_of(files: Filesystem, path: Path, mode: str) -> Sink:
    destination = Destination(path=str(path), format="parquet", run_date="2026-11-20", mode=mode)
    return path_sink(files, None, destination)  # type: ignore[arg-type]


def publish(path: Path, run_id: str, mode: str) -> None:
    scope = "" if mode == "replace_all" else PART
    files = local_filesystem()
    with held(files, str(path), run_id, scope=scope) as lease:
        sink = sink_of(files, path, mode)
        recover(lease, sink)
        write(path / "_staging" / run_id / FILE, run_id)
        sink.replace(lease, {"n_rows": 1}, lambda: None)
        files.delete_tree(str(path / "_staging" / run_id))


def expire(path: Path, run_id: str) -> None:
    file = path / "_leases" / f"{run_id}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"expires": "2026-01-01T00:00:00+00:00"}))


def pausing(
    files: Filesystem, operation: str, is_now: Callable[[str], bool], other: Callable[[], None]
) -> Filesystem:
    """Return the operations, before one of which everything stands still until `other` is over."""
    was = []

    def paused(*arguments: object) -> object:
        if not was and is_now(str(arguments[0])):
            was.append(True)
            other()
        return getattr(files, operation)(*arguments)

    return replace(files, **{operation: paused})  # type: ignore[arg-type]


def rows(path: Path) -> dict[str, str]:
    return {str(file.relative_to(path)): file.read_text() for file in path.glob("run_date=*/*")}


@pytest.mark.parametrize("mode", ["replace_partition", "replace_all"])
@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("moment", ["before its plan", "after its plan"])
@pytest.mark.parametrize("first", [True, False])
def test_a_run_that_slept_while_another_published_takes_none_of_its_rows(
    tmp_path: Path, mode: str, exchange: bool, moment: str, first: bool
) -> None:
    if not first:
        write(tmp_path / FILE, "old")
        write(tmp_path / OTHER, "old")
    files = local_filesystem()
    if not exchange:
        files = replace(files, exchange=lambda one, other: False, identity=lambda path: None)

    def another_comes() -> None:
        expire(tmp_path, "sleeper")
        publish(tmp_path, "winner", mode)

    if moment == "before its plan":
        files = pausing(files, "write_atomic", lambda name: name.endswith("_swap.json"), another_comes)
    else:
        files = pausing(files, "exists", lambda name: "_staging/sleeper" in name, another_comes)
    scope = "" if mode == "replace_all" else PART
    with held(local_filesystem(), str(tmp_path), "sleeper", scope=scope) as lease:
        write(tmp_path / "_staging" / "sleeper" / FILE, "sleeper")
        with pytest.raises(LeaseLost, match="run 'sleeper' was silent"):
            sink_of(files, tmp_path, mode).replace(
                Lease(files, lease.path, lease.holder), {"n_rows": 1}, lambda: None
            )
    kept = {OTHER: "old"} if mode == "replace_partition" and not first else {}
    assert rows(tmp_path) == {FILE: "winner", **kept}
    assert not (tmp_path / "_replaced").exists()


@pytest.fixture
def metastore(monkeypatch: pytest.MonkeyPatch) -> Metastore:
    return metastore_in_use(monkeypatch)


def publish_in_table(path: Path, run_id: str, files: Filesystem, *, comes: bool = True) -> None:
    with held(local_filesystem(), str(path), run_id, scope=PART) as lease:
        sink = table_sink_of(files, path)
        if comes:
            recover(lease, sink)
        write(path / "_published" / run_id / FILE, run_id)
        begin_published(local_filesystem(), str(path), run_id)
        sink.replace(Lease(files, lease.path, lease.holder), {"n_rows": 1}, lambda: None)


def much_later(path: Path, run_id: str) -> None:
    for folder, _, names in os.walk(path):
        for name in ("", *names):
            os.utime(os.path.join(folder, name), (0, 0))
    with held(local_filesystem(), str(path), run_id, scope=OTHER.partition("/")[0]) as lease:
        recover(lease, table_sink_of(local_filesystem(), path))


@pytest.mark.parametrize("moment", ["before its plan", "after its plan", "before the catalog"])
@pytest.mark.parametrize("first", [True, False])
def test_a_run_that_slept_while_another_published_in_its_table_leaves_no_date_empty(
    tmp_path: Path, metastore: Metastore, moment: str, first: bool
) -> None:
    files = local_filesystem()
    if not first:
        publish_in_table(tmp_path, "old", files)

    def another_comes() -> None:
        expire(tmp_path, "sleeper")
        publish_in_table(tmp_path, "winner", local_filesystem())
        assert metastore.rows() == {PART: "winner"}

    if moment == "before its plan":
        files = pausing(files, "write_atomic", lambda name: name.endswith("_swap.json"), another_comes)
    elif moment == "after its plan":
        files = pausing(files, "exists", lambda name: "_published/sleeper" in name, another_comes)
    else:
        metastore.stop = another_comes
    with pytest.raises(LeaseLost, match="run 'sleeper' was silent"):
        publish_in_table(tmp_path, "sleeper", files, comes=False)
    if moment != "before the catalog":
        assert metastore.rows() == {PART: "winner"}
    found = metastore.rows()
    assert found in ({PART: "winner"}, {PART: "sleeper" if first else "old"})
    for n in range(3):
        much_later(tmp_path, f"later{n}")
        assert metastore.rows() == found, "nor does any later run delete them"


def test_a_date_that_a_finished_run_could_not_drop_is_dropped_before_its_plan_goes(
    tmp_path: Path, metastore: Metastore
) -> None:
    for run_id in ("old", "new"):
        publish_in_table(tmp_path, run_id, local_filesystem())
    plan = tmp_path / "_replaced" / "new" / "_swap.json"
    ended = OTHER.partition("/")[0]
    found = json.loads(plan.read_text())
    found["old"][ended] = str(tmp_path / "_published" / "gone" / ended)
    plan.write_text(json.dumps(found))
    metastore.parts[ended] = str(tmp_path / "_published" / "new" / "_nothing")
    much_later(tmp_path, "next")
    assert metastore.rows() == {PART: "new"}
    assert not plan.exists()


def test_rows_in_a_table_that_nobody_claims_go_after_an_hour_and_those_that_were_published_stay(
    tmp_path: Path, metastore: Metastore
) -> None:
    publish_in_table(tmp_path, "live", local_filesystem())
    for run_id in (
        "killed",
        "dropped",
    ):  # a run whose lease was deleted, and rows whose partition was dropped
        write(tmp_path / "_published" / run_id / OTHER, run_id)
    begin_published(local_filesystem(), str(tmp_path), "killed")
    with held(local_filesystem(), str(tmp_path), "next", scope=PART) as lease:
        recover(lease, table_sink_of(lease.files, tmp_path))
    assert sorted(os.listdir(tmp_path / "_published")) == ["dropped", "killed", "live"], "an hour is not over"
    much_later(tmp_path, "later")
    assert sorted(os.listdir(tmp_path / "_published")) == ["dropped", "live"]
    assert metastore.rows() == {PART: "live"}


def test_replaced_rows_stay_when_those_that_the_catalog_names_are_gone(
    tmp_path: Path, metastore: Metastore
) -> None:
    for run_id in ("old", "new"):
        publish_in_table(tmp_path, run_id, local_filesystem())
    local_filesystem().delete_tree(metastore.parts[PART])
    much_later(tmp_path, "next")
    assert (tmp_path / "_published" / "old" / FILE).read_text() == "old"
