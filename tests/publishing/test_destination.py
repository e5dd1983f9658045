from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from logreg_dist.errors import ConfigError
from logreg_dist.publishing.destination import (
    Destination,
    check_live_output,
    check_output_folder,
    check_request,
    escape_partition_value,
    live_entries,
)
from logreg_dist.publishing.filesystem import local_filesystem

COLUMNS = ("customer_id", "probability", "run_date")


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    return Destination(path=str(tmp_path / "scored"), format="parquet", run_date="2026-11-20")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "parkay"}, "'parkay' is not one of parquet, orc, json, csv"),
        ({"mode": "append"}, "'append' is not one of replace_partition"),
        ({"path": ""}, "is empty"),
        ({"path": "a[1]"}, "a pattern to Spark"),
        ({"path": "a\\b"}, "a pattern to Spark"),
        ({"run_date": ""}, "output.run_date is empty"),
        ({"partition_by": ("customer_id",)}, "it begins with run_date"),
        ({"partition_by": ()}, "replace_partition needs output.partition_by"),
        ({"partition_by": ("run_date", "segment")}, r"no column \['segment'\]"),
    ],
)
def test_what_is_wrong_with_a_destination_is_named(
    destination: Destination, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        check_request(replace(destination, **changes), COLUMNS, "r1")  # type: ignore[arg-type]


def test_all_problems_of_a_destination_are_reported_together(destination: Destination) -> None:
    with pytest.raises(ConfigError, match=r"append(.|\n)*run_date is empty"):
        check_request(replace(destination, mode="append", run_date=""), COLUMNS, "r1")


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "../../etc", ".hidden", "_lock", "a" * 200, "a\nb"])
def test_a_run_id_that_could_leave_its_folder_is_refused(destination: Destination, run_id: str) -> None:
    with pytest.raises(ConfigError, match="run_id"):
        check_request(destination, COLUMNS, run_id)


def test_a_good_destination_passes(destination: Destination) -> None:
    check_request(destination, COLUMNS, "20261121T0400-ab12")


@pytest.mark.parametrize("below", ["", "/scored", "/deep/scored"])
def test_an_output_path_that_is_or_lies_below_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ConfigError, match=r"file.* (is a file|cannot be made)"):
        check_output_folder(
            local_filesystem(), Destination(path=f"{tmp_path}/file{below}", format="csv", run_date="x")
        )
    assert (tmp_path / "file").read_text() == "kept"


def test_an_output_path_where_nobody_may_write_is_refused() -> None:
    with pytest.raises(ConfigError, match="'/proc/scored' cannot be made"):
        check_output_folder(local_filesystem(), Destination(path="/proc/scored", format="csv", run_date="x"))


@pytest.mark.parametrize(
    "existing",
    ["part-0.parquet", "country=de/part-0.parquet", "run_date=2026-11-19/segment=a/part-0.parquet"],
)
def test_an_output_that_is_laid_out_otherwise_is_refused(destination: Destination, existing: str) -> None:
    file = Path(destination.path, existing)
    file.parent.mkdir(parents=True)
    file.touch()
    with pytest.raises(ConfigError, match="is partitioned by"):
        check_live_output(local_filesystem(), destination)
    check_live_output(local_filesystem(), replace(destination, mode="replace_all"))


def test_the_same_date_may_change_its_further_partition_columns(destination: Destination) -> None:
    file = Path(destination.path, "run_date=2026-11-20/segment=a/part-0.parquet")
    file.parent.mkdir(parents=True)
    file.touch()
    check_live_output(local_filesystem(), destination)


@pytest.mark.parametrize("column", ["_region", "a/b", "größe?", "100%"])
def test_a_partition_column_of_an_odd_name_is_recognised_beside_other_dates(
    destination: Destination, column: str
) -> None:
    file = Path(
        destination.path, "run_date=2026-11-19", f"{escape_partition_value(column)}=1", "part-0.parquet"
    )
    file.parent.mkdir(parents=True)
    file.touch()
    check_live_output(local_filesystem(), replace(destination, partition_by=("run_date", column)))
    with pytest.raises(ConfigError, match="is partitioned by") as caught:
        check_live_output(local_filesystem(), destination)
    assert column in str(caught.value)


@pytest.mark.parametrize("name", ["part-0.csv", "part-0.csv.gz", "part-0.snappy.orc"])
def test_files_of_another_format_beside_the_date_are_refused(destination: Destination, name: str) -> None:
    file = Path(destination.path, "run_date=2026-11-19", name)
    file.parent.mkdir(parents=True)
    file.touch()
    with pytest.raises(ConfigError, match=r"holds files of format (csv|orc), output.format is parquet"):
        check_live_output(local_filesystem(), destination)
    same = "orc" if "orc" in name else "csv"
    check_live_output(local_filesystem(), replace(destination, format=same))
    check_live_output(local_filesystem(), replace(destination, mode="replace_all"))


def test_data_files_and_their_checksums_are_live_and_marks_are_not(tmp_path: Path) -> None:
    names = ["part-0", ".part-0.crc", "run_date=a", "_SUCCESS", "._SUCCESS.crc", "_runs", "_lock", ".x.tmp"]
    for name in names:
        (tmp_path / name).touch()
    assert live_entries(local_filesystem(), str(tmp_path)) == [".part-0.crc", "part-0", "run_date=a"]


@pytest.mark.spark
def test_partition_values_are_escaped_as_spark_does(spark) -> None:
    text = "".join(chr(code) for code in range(1, 0x250)) + "€😀"
    spark_utils = spark._jvm.org.apache.spark.sql.catalyst.catalog.ExternalCatalogUtils
    assert escape_partition_value(text) == spark_utils.escapePathName(text)
