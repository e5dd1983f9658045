"""One folder as output.path and as that of output.table: no run touches rows that it does not understand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logreg_dist.errors import ConfigError
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.filesystem import local_filesystem
from logreg_dist.publishing.path_sink import path_sink
from logreg_dist.publishing.swap import Swap, swap_in
from tests.publishing.metastore import metastore_in_use, table_sink_of

PART = "run_date=2026-11-20"


def write(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def sink_of_path(path: Path) -> object:
    return path_sink(local_filesystem(), None, Destination(str(path), "parquet", "2026-11-20"))  # type: ignore[arg-type]


def test_a_path_that_is_the_folder_of_a_table_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "_published" / "r1" / PART / "part-0", "live")
    with pytest.raises(ConfigError, match=r"is the folder of a table(.|\n)*Set output.table"):
        sink_of_path(tmp_path)


@pytest.mark.parametrize("planned", [True, False])
def test_a_table_over_a_half_done_run_with_a_path_is_refused_and_the_old_rows_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planned: bool
) -> None:
    metastore_in_use(monkeypatch)
    write(tmp_path / PART / "part-0", "old")
    write(tmp_path / "_staging" / "r1" / PART / "part-0", "new")
    swap_in(local_filesystem(), Swap(str(tmp_path), "r1", new=(PART,), old=(PART,), scope=PART))
    plan = tmp_path / "_replaced" / "r1" / "_swap.json"
    if not planned:
        plan.unlink()
    with pytest.raises(
        ConfigError, match=r"lie in '.*_replaced/r1'(.|\n)*Run once more with that output.path"
    ):
        table_sink_of(local_filesystem(), tmp_path)
    assert (tmp_path / "_replaced" / "r1" / PART / "part-0").read_text() == "old"
    write(plan, json.dumps({"new": [], "old": [], "scope": "", "identities": {}, "finished": True}))
    table_sink_of(local_filesystem(), tmp_path)
    write(tmp_path / "_replaced" / "killed" / "._swap.json.1.tmp", "")  # no more of a plan than that
    table_sink_of(local_filesystem(), tmp_path)
