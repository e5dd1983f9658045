"""A plain folder is opened without Spark's SQL as Spark would have opened it, and everything else by Spark."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import logreg_dist
from logreg_dist import TrainConfig, fit
from logreg_dist.config.table_input import TrainInputConfig
from logreg_dist.errors import ConfigError, InputRejected
from logreg_dist.reading.listed_files import listed_files, refuse_rewritten_files
from logreg_dist.reading.locations import locations
from logreg_dist.reading.names import leaf_columns
from logreg_dist.reading.open_table import open_for_fit
from logreg_dist.reading.parquet_files import parquet_files
from logreg_dist.reading.plain_folder import plain_folder, sleeping_settings
from logreg_dist.reading.plain_table import PlainTable

pytestmark = pytest.mark.spark

UTC = dt.UTC


def every_type(n: int) -> pa.Table:
    k = np.arange(n)
    return pa.table(
        {
            "x": pa.array(k / 7),
            "odd `name`.x": pa.array((k / 3).astype(np.float32)),
            "tiny": pa.array((k % 5).astype(np.int8)),
            "small": pa.array((k % 5).astype(np.int16)),
            "code": pa.array((k % 3).astype(np.int32)),
            "count": pa.array([None if j % 4 == 0 else j for j in k.tolist()], pa.int64()),
            "price": pa.array([Decimal(int(v)) / 100 for v in k], pa.decimal128(9, 2)),
            "sum": pa.array([Decimal(int(v)) for v in k], pa.decimal128(38, 0)),
            "flag": pa.array(k % 3 == 0),
            "since": pa.array([dt.date(1969, 12, 1) + dt.timedelta(int(v)) for v in k], pa.date32()),
            "at": pa.array(
                [dt.datetime(2024, 3, 30, tzinfo=UTC) + dt.timedelta(int(v)) for v in k],
                pa.timestamp("us", "UTC"),
            ),
            "in town": pa.array([dt.datetime(2024, 3, 30)] * n, pa.timestamp("ms", "Europe/Berlin")),
            "local": pa.array([dt.datetime(2024, 3, 30)] * n, pa.timestamp("us")),
            "plan": pa.array([f"plan {j % 4}" for j in k], pa.string()),
            "note": pa.array([f"plan {j % 4}" for j in k], pa.large_string()),
        }
    )


def by_arrow(spark, path: Path) -> Path:
    path.mkdir()
    for part in range(3):
        pq.write_table(every_type(10 * part), path / f"part-{part}.parquet", row_group_size=4)
    return path


def by_pandas(spark, path: Path) -> Path:
    path.mkdir()
    frame = every_type(9).select(["x", "tiny", "count", "plan"]).to_pandas()
    frame.to_parquet(path / "a.parquet")
    frame[:5].to_parquet(path / "b of two.parquet")
    return path


def by_spark(spark, path: Path) -> Path:
    kinds = "boolean flag, tinyint tiny, smallint small, int code, bigint count, float ratio, double x"
    named = ", ".join(f"cast(id % 2 as {one.split()[0]}) as {one.split()[1]}" for one in kinds.split(", "))
    more = (
        "cast(id as decimal(12, 3)) as price, cast(id as string) as plan, date'2020-01-01' as since, "
        "timestamp_ntz'2020-01-01 12:00:00' as local"
    )
    spark.sql(f"select {named}, {more} from range(20)").repartition(3).write.parquet(str(path))
    return path


def one_file(spark, path: Path) -> Path:
    pq.write_table(every_type(12), path)
    return path


def with_what_is_hidden(spark, path: Path) -> Path:
    by_arrow(spark, path)
    (path / "_SUCCESS").touch()
    (path / "_temporary").mkdir()
    for name in (".part-9.parquet", "_started", "part-8.parquet._COPYING_"):
        (path / name).write_bytes(b"no Parquet")
    return path


PLAIN = [by_arrow, by_pandas, by_spark, one_file, with_what_is_hidden]


def opened(spark, path: object, **settings: str) -> PlainTable | None:
    return plain_folder(spark, TrainInputConfig(path=str(path)), settings)


@pytest.mark.parametrize("write", PLAIN)
def test_a_plain_folder_is_what_spark_takes_it_for(spark, tmp_path, write):
    path = write(spark, tmp_path / "a table")
    plain, frame = opened(spark, path), spark.read.parquet(str(path))
    assert plain is not None
    assert plain.schema == frame.schema
    assert sorted(plain.files, key=lambda file: file.path) == sorted(
        listed_files(frame), key=lambda file: file.path
    )
    leaves = list(leaf_columns(frame.schema).values())
    assert parquet_files(plain, leaves) == parquet_files(frame, leaves)
    assert locations(plain) == locations(frame)
    assert plain.frame().schema == frame.schema
    refuse_rewritten_files(plain, listed_files(plain))


def test_a_file_that_changes_after_the_table_was_opened_is_told_and_one_that_goes_is_not(spark, tmp_path):
    path = by_arrow(spark, tmp_path / "a table")
    plain = opened(spark, path)
    assert plain is not None
    first, *others = sorted(path.glob("*.parquet"))
    others[0].unlink()
    (path / "came since.parquet").write_bytes(first.read_bytes())
    refuse_rewritten_files(plain, plain.files)
    os.utime(first, ns=(0, first.stat().st_mtime_ns + 1_000_000))
    with pytest.raises(
        InputRejected, match=f"1 of {len(plain.files)} files was rewritten, such as {first.name}"
    ):
        refuse_rewritten_files(plain, plain.files)


@pytest.mark.parametrize("spelling", ["file:{}", "file://{}", "{}/", "{relative}"])
def test_paths_of_every_spelling_are_the_same_place(spark, tmp_path, spelling):
    path = by_arrow(spark, tmp_path / "table")
    given = spelling.format(path, relative=os.path.relpath(path))
    plain = opened(spark, given)
    if spelling == "{relative}":  # `..` in a path is Hadoop's to understand
        assert plain is None
        return
    assert plain is not None
    assert locations(plain) == locations(spark.read.parquet(given)) == (f"file:{path}",)


def test_a_relative_path_begins_where_the_jvm_was_started(spark, tmp_path, monkeypatch):
    path = by_arrow(spark, tmp_path / "table")
    jvm = spark._jvm.java.lang.System
    before = jvm.getProperty("user.dir")
    monkeypatch.chdir("/")
    jvm.setProperty("user.dir", str(tmp_path))
    try:
        plain = opened(spark, "table")
    finally:
        jvm.setProperty("user.dir", before)
    assert plain is not None
    assert plain.root == f"file:{path}"


def partitioned(path: Path) -> None:
    (path / "region=north").mkdir()
    os.replace(path / "part-2.parquet", path / "region=north" / "part-2.parquet")


def rewritten(column: str, kind: pa.DataType) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        table = every_type(20)
        k = table.column_names.index(column)
        pq.write_table(
            table.set_column(k, column, table.column(k).cast(kind, safe=False)), path / "part-2.parquet"
        )

    return rewrite


def all_with(column: pa.Array, **options) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        for part in range(3):
            pq.write_table(pa.table({"x": column}), path / f"part-{part}.parquet", **options)

    return write


def colliding(path: Path) -> None:
    for part in range(3):
        pq.write_table(pa.table({"x": [1.0], "X": [2.0]}), path / f"part-{part}.parquet")


NOT_PLAIN: dict[str, Callable[[Path], object]] = {
    "folders of values": partitioned,
    "a file without bytes": lambda path: (path / "part-2.parquet").write_bytes(b""),
    "a file cut short": lambda path: os.truncate(path / "part-2.parquet", 200),
    "a summary of schemas": lambda path: (path / "_common_metadata").touch(),
    "a name for Hadoop's patterns": lambda path: os.replace(path / "part-2.parquet", path / "{a}.parquet"),
    "a name with a colon": lambda path: os.replace(path / "part-2.parquet", path / "a:b.parquet"),
    "whole numbers in a file": rewritten("x", pa.int32()),
    "smaller numbers in a file": rewritten("count", pa.int32()),
    "a column less in a file": lambda path: pq.write_table(
        every_type(20).drop(["tiny"]), path / "part-2.parquet"
    ),
    "names that differ in case": colliding,
    "times of nanoseconds": all_with(pa.array([0], pa.timestamp("ns")), version="2.6"),
    "times in the old form": all_with(
        pa.array([0], pa.timestamp("us")), use_deprecated_int96_timestamps=True
    ),
    "unsigned numbers": all_with(pa.array([0], pa.uint32())),
    "a dictionary": all_with(pa.array(["a"]).dictionary_encode()),
    "arrays": all_with(pa.array([[1.0]])),
    "a nested column": all_with(pa.array([{"a": 1.0}])),
    "bytes": all_with(pa.array([b"a"])),
    "half precision": all_with(pa.array(np.zeros(1, np.float16))),
}


@pytest.mark.parametrize("what", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_spark(spark, tmp_path, what):
    path = by_arrow(spark, tmp_path / "table")
    assert opened(spark, path) is not None
    NOT_PLAIN[what](path)
    assert opened(spark, path) is None


def test_notes_of_spark_at_a_column_are_left_to_spark(spark, tmp_path):
    for name, notes in [("without", {}), ("with", {"unit": "EUR"})]:
        spark.range(5).withMetadata("id", notes).write.parquet(str(tmp_path / name))
        assert (opened(spark, tmp_path / name) is None) == bool(notes)


@pytest.mark.parametrize(
    "source",
    [
        {"filter": "x > 1"},
        {"options": {"mergeSchema": True}},
        {"format": "orc"},
        {"path": ["{}", "{}/part-0.parquet"]},
        {"path": "{}/*.parquet"},
        {"path": "hdfs://somewhere{}"},
        {"path": "{}/no-such-folder"},
    ],
)
def test_more_than_a_path_is_left_to_spark(spark, tmp_path, source):
    path = str(by_arrow(spark, tmp_path / "table"))
    given = source.get("path", path)
    filled = [one.format(path) for one in given] if isinstance(given, list) else given.format(path)
    assert plain_folder(spark, TrainInputConfig(**{**source, "path": filled}), {}) is None


def test_settings_of_how_files_are_read_are_left_to_spark(spark, tmp_path):
    path = by_arrow(spark, tmp_path / "table")
    assert opened(spark, path, **{"spark.sql.shuffle.partitions": "4"}) is not None
    for name in ("spark.sql.parquet.binaryAsString", "spark.sql.extensions", "spark.sql.caseSensitive"):
        assert opened(spark, path, **{name: "true"}) is None


def test_a_session_in_use_opens_tables_by_spark(spark, tmp_path):
    path = by_arrow(spark, tmp_path / "table")
    spark.conf.get("spark.sql.shuffle.partitions")
    assert sleeping_settings(spark) is None
    assert not isinstance(open_for_fit(spark, TrainInputConfig(path=str(path))), PlainTable)


def labelled(path: Path) -> TrainConfig:
    rng = np.random.default_rng(5)
    path.mkdir()
    for part in range(2):
        x = rng.normal(size=300)
        y = (rng.random(300) < 1 / (1 + np.exp(-x))).astype(int)
        pq.write_table(pa.table({"x": x, "z": rng.normal(size=300), "y": y}), path / f"part-{part}.parquet")
    return TrainConfig(input={"path": str(path)}, label={"column": "y"})


@pytest.mark.parametrize("reader", ["auto", "arrow", "spark"])
def test_the_fit_is_the_same_bit_for_bit(spark, tmp_path, reader):
    config = labelled(tmp_path / "table")
    config = config.model_copy(update={"input": config.input.model_copy(update={"reader": reader})})
    plain = fit(opened(spark, tmp_path / "table"), config)
    framed = fit(spark.read.parquet(str(tmp_path / "table")), config)
    assert plain.fingerprint["reader"] == ("spark" if reader == "spark" else "arrow")
    assert plain.estimates == framed.estimates
    assert np.array_equal(plain.covariance, framed.covariance)


FRESH = """
import sys
from logreg_dist import TrainConfig, fit
from logreg_dist.commands.session import open_session
from logreg_dist.reading.open_table import open_for_fit
from logreg_dist.reading.plain_folder import sleeping_settings

spark = open_session("test")
config = TrainConfig(input={"path": sys.argv[1]}, label={"column": "y"})
asleep = sleeping_settings(spark)
print(asleep["spark.app.name"], asleep["spark.task.maxDirectResultSize"])
model = fit(open_for_fit(spark, config.input), config)
print(sleeping_settings(spark) is not None, model.status, sorted(model.estimates.items()))
spark.conf.get("spark.sql.shuffle.partitions")
print(sleeping_settings(spark))
"""


def test_a_fit_of_a_plain_folder_leaves_sql_asleep(spark, tmp_path):
    config = labelled(tmp_path / "table")
    environment = os.environ | {"PYTHONPATH": str(Path(logreg_dist.__file__).parents[1])}
    ended = subprocess.run(
        [sys.executable, "-c", FRESH, str(tmp_path / "table")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    here = fit(spark.read.parquet(str(tmp_path / "table")), config)
    assert ended.stdout.splitlines() == [
        "logreg_dist test 32m",
        f"True converged {sorted(here.estimates.items())}",
        "None",
    ]


def test_settings_that_lose_rows_are_refused_before_sql_wakes(spark, tmp_path, monkeypatch):
    path = by_arrow(spark, tmp_path / "table")
    asleep = {"spark.files.ignoreCorruptFiles": "true"}
    monkeypatch.setattr("logreg_dist.reading.open_table.sleeping_settings", lambda _: asleep)
    with pytest.raises(ConfigError, match=r"spark\.files\.ignoreCorruptFiles is true"):
        open_for_fit(spark, TrainInputConfig(path=str(path)))
    asleep.clear()
    assert isinstance(open_for_fit(spark, TrainInputConfig(path=str(path))), PlainTable)
