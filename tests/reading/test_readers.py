"""pyarrow and Spark read the same rows, and pyarrow is taken only where that is so."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.errors import PythonException

from logreg_dist import TrainConfig, fit
from logreg_dist.errors import ConfigError, InputRejected
from logreg_dist.reading.failures import explain_spark_error
from logreg_dist.reading.names import leaf_columns
from logreg_dist.reading.parquet_columns import NotPlain
from logreg_dist.reading.parquet_files import parquet_files
from logreg_dist.reading.resolve import resolve
from logreg_dist.reading.sources import choose_source
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.profile import merge_profiles, profile_from_dict, profile_to_dict
from logreg_dist.staging.staged_split import StagedSplit, read_sidecar

pytestmark = pytest.mark.spark

ROUNDING = 1e-12  # sums over the same rows in another order
SQUARES = 1e-9  # sums of squared deviations lose some digits when two of them merge
N_ROWS = 400
UTC = dt.UTC


def rows(start: int, n: int) -> pa.Table:
    """Every type that a feature may have, with nulls; one label of two has no pattern in it."""
    rng = np.random.default_rng(start)
    k = np.arange(start, start + n)
    some = lambda values: [None if j % 7 == 0 else v for j, v in zip(k.tolist(), values, strict=True)]  # noqa: E731
    x = rng.normal(size=n)
    return pa.table(
        {
            "x": pa.array(np.where(k % 11 == 0, np.nan, x)),
            "odd `name`.x": pa.array(some(rng.normal(size=n).tolist()), pa.float32()),
            "tiny": pa.array((k % 5).astype(np.int8)),
            "count": pa.array(some((k % 13).tolist()), pa.int64()),
            "price": pa.array(
                some([Decimal(int(v)) / 100 for v in rng.integers(0, 9999, n)]), pa.decimal128(9, 2)
            ),
            "flag": pa.array(some((k % 3 == 0).tolist()), pa.bool_()),
            "since": pa.array(some([dt.date(1969, 12, 1) + dt.timedelta(int(v)) for v in k]), pa.date32()),
            "at": pa.array(
                [dt.datetime(2024, 3, 30, tzinfo=UTC) + dt.timedelta(minutes=7 * int(v)) for v in k],
                pa.timestamp("us", "UTC"),
            ),
            "local": pa.array(
                [dt.datetime(2024, 3, 30) + dt.timedelta(minutes=int(v) % 17) for v in k], pa.timestamp("us")
            ),
            "text": pa.array(some([f" {v:.3f}" for v in rng.normal(size=n)])),
            "plan": pa.array(some([f"plan {j % 4}" for j in k])),
            "code": pa.array((k % 3).astype(np.int16)),
            "weight": pa.array(rng.uniform(0.5, 2, n)),
            "y": pa.array(["yes" if v else "no" for v in rng.random(n) < 0.4]),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Directories of partition values; several row groups, other orders of columns, a column less."""
    root = tmp_path_factory.mktemp("readers") / "a table"
    table = rows(0, N_ROWS)
    parts = {
        "region=north%20west/year=2023": table.slice(0, 150),
        "region=south/year=2023": table.slice(150, 100).select(table.column_names[::-1]),
        "region=__HIVE_DEFAULT_PARTITION__/year=2024": table.slice(250, 100).drop(["tiny"]),
        "region=south/year=2024": table.slice(350, 50),
        "region=east/year=2024": table.slice(0, 0),
    }
    for place, part in parts.items():
        (root / place).mkdir(parents=True)
        pq.write_table(part, root / place / "part-0.parquet", row_group_size=40)
    (root / "_SUCCESS").touch()
    return root


def config(path: Path, reader: str, **more) -> TrainConfig:
    features = {
        "columns": {
            "since": {"type": "numeric"},
            "at": {"type": "numeric"},
            "local": {"type": "numeric"},
            "text": {"type": "numeric"},
            "code": {"type": "categorical"},
            "plan": {"missing": "level"},
            "region": {"missing": "level"},
            "year": {"type": "categorical"},
        },
        "defaults": {"missing": "mean", "min_level_count": 5},
    }
    return TrainConfig(
        input={"path": str(path), "reader": reader} | more,
        label={"column": "y", "positive": "yes"},
        weight="weight",
        features=features,
    )


@dataclass(frozen=True)
class Read:
    """What staging found, in a form that does not depend on how the rows were cut."""

    reader: str
    why: str
    content: int
    profile: dict
    splits: list[StagedSplit]
    files: list[bytes]


def file_task(split: StagedSplit) -> tuple[dict, bytes]:
    return read_sidecar(split.path)["profile"], Path(split.path).read_bytes()


def read(spark, path: Path, reader: str, *, table=None, **more) -> Read:
    asked = config(path, reader, **more)
    table = spark.read.parquet(str(path)) if table is None else table
    resolved = resolve(table, asked)
    source = choose_source(table, resolved, asked)
    plan = resolved.plan
    with StagedTable(spark, lambda: source.stage(plan, "readers"), "readers") as staged:
        found = staged.run_pass(file_task)
        profile = merge_profiles(
            (profile_from_dict(part) for part, _ in found), len(plan.numeric), len(plan.categorical)
        )
        return Read(
            source.reader,
            source.why,
            sum(split.content for split in staged.splits) % 2**64,
            profile_to_dict(profile),
            staged.splits,
            [content for _, content in found],
        )


def test_both_readers_stage_the_same_rows(spark, folder):
    through_spark, by_arrow = read(spark, folder, "spark"), read(spark, folder, "auto")

    assert (through_spark.reader, by_arrow.reader) == ("spark", "arrow")
    assert by_arrow.content == through_spark.content  # every value of every row, whatever their order
    assert sum(split.n_rows for split in by_arrow.splits) == N_ROWS
    for key in ("problems", "label_levels", "categorical"):
        found, expected = by_arrow.profile[key], through_spark.profile[key]
        assert found == expected, key
    for found, expected in zip(by_arrow.profile["numeric"], through_spark.profile["numeric"], strict=True):
        np.testing.assert_allclose(found, expected, rtol=SQUARES, atol=ROUNDING)
    missing = [column[1][0] for column in by_arrow.profile["categorical"]]
    assert any(count > 60 for count in missing)  # the weight of 100 rows without a region


def test_of_one_file_both_readers_stage_the_same_bytes(spark, tmp_path):
    pq.write_table(
        rows(0, 300).append_column("region", [["a", "b", "c"] * 100]).append_column("year", [[1] * 300]),
        tmp_path / "t.parquet",
        row_group_size=90,
    )
    through_spark, by_arrow = (read(spark, tmp_path, reader, splits=1) for reader in ("spark", "arrow"))

    assert by_arrow.files == through_spark.files
    assert [split.content for split in by_arrow.splits] == [split.content for split in through_spark.splits]


def test_both_readers_give_the_same_model(spark, folder):
    models = [
        fit(spark.read.parquet(str(folder)), config(folder, reader, splits=3))
        for reader in ("spark", "arrow")
    ]
    assert [model.fingerprint["reader"] for model in models] == ["spark", "arrow"]
    through_spark, by_arrow = ([row.estimate for row in model.coefficient_rows] for model in models)
    assert models[0].converged
    np.testing.assert_allclose(by_arrow, through_spark, rtol=1e-9, atol=ROUNDING)


def test_a_table_of_the_catalog_is_its_files_too(spark, folder):
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    try:
        table = spark.read.parquet(str(folder))
        table.write.mode("overwrite").partitionBy("year").saveAsTable("readers_table")
        by_arrow = read(spark, folder, "auto", table=spark.table("readers_table"))
    finally:
        spark.sql("drop table if exists readers_table")
        spark.conf.unset("spark.sql.parquet.outputTimestampType")
    assert by_arrow.reader == "arrow", by_arrow.why
    assert by_arrow.content == read(spark, folder, "spark").content


def reason(spark, table, path: Path) -> str:
    asked = config(path, "auto")
    source = choose_source(table, resolve(table, asked), asked)
    assert source.reader == "spark"
    return source.why


def test_what_is_more_than_files_goes_through_spark(spark, folder):
    table = spark.read.parquet(str(folder))
    for other in (table.filter("x > 0"), table.withColumn("z", table["x"] + 1), table.repartition(2)):
        assert reason(spark, other, folder) == "it is more than files: Spark has to work on its rows first"


def test_what_spark_has_cached_is_not_read_from_files(spark, folder):
    table = spark.read.parquet(str(folder)).cache()
    try:
        assert reason(spark, table, folder) == "it is cached, and the files may be newer"
    finally:
        table.unpersist()


def test_a_file_that_holds_a_column_in_another_type_goes_through_spark(spark, tmp_path):
    table = rows(0, 60).append_column("region", [["a"] * 60]).append_column("year", [[1] * 60])
    pq.write_table(table, tmp_path / "a.parquet")
    wider = table.set_column(3, "count", table["count"].cast(pa.float64()))
    pq.write_table(wider, tmp_path / "b.parquet")
    found = spark.read.schema(spark.read.parquet(str(tmp_path / "a.parquet")).schema).parquet(str(tmp_path))
    assert reason(spark, found, tmp_path) == "column count is double in a file"


def test_a_column_that_older_files_lack_and_a_table_has_a_default_for_goes_through_spark(spark):
    spark.sql("CREATE TABLE with_default (y INT) USING parquet")
    try:
        spark.sql("INSERT INTO with_default VALUES (1)")
        spark.sql("ALTER TABLE with_default ADD COLUMN b INT DEFAULT 5")
        spark.sql("INSERT INTO with_default VALUES (0, 7)")
        table = spark.table("with_default")
        assert sorted(row.b for row in table.collect()) == [5, 7]
        with pytest.raises(NotPlain, match="column b was added with a default value"):
            parquet_files(table, list(leaf_columns(table.schema).values()))
        assert parquet_files(table, [leaf_columns(table.schema)["y"]]).files
    finally:
        spark.sql("DROP TABLE with_default")


@pytest.mark.parametrize("reader", ["arrow", "spark"])
def test_texts_that_are_not_utf8_are_refused_in_words(spark, tmp_path, reader):
    broken = pa.array([b"caf\xe9", b"tea"] * 30)
    texts = pa.Array.from_buffers(pa.string(), len(broken), broken.buffers())
    table = pa.table({"drink": texts, "y": pa.array(["yes", "no", "no"] * 20)})
    pq.write_table(table, tmp_path / "a.parquet")
    asked = TrainConfig(
        input={"path": str(tmp_path), "reader": reader},
        label={"column": "y", "positive": "yes"},
        output={"path": "o"},
    )
    with pytest.raises(PythonException) as caught:
        fit(spark.read.parquet(str(tmp_path)), asked)
    told = explain_spark_error(caught.value)
    assert isinstance(told, InputRejected)
    assert "a text of the table is not UTF-8" in str(told)
    assert "leave that column out" in str(told)


def test_times_in_the_old_form_go_through_spark(spark, tmp_path):
    table = rows(0, 60).append_column("region", [["a"] * 60]).append_column("year", [[1] * 60])
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    assert "column at is timestamp" in reason(spark, spark.read.parquet(str(tmp_path)), tmp_path)


def test_readers_options_and_fields_of_nested_columns_go_through_spark(spark, folder, tmp_path):
    with_option = spark.read.option("pathGlobFilter", "*.parquet").parquet(str(folder))
    assert reason(spark, with_option, folder) == "input.options sets pathglobfilter"
    pq.write_table(pa.table({"s": [{"x": 1.0}] * 4, "y": [0, 1, 0, 1]}), tmp_path / "a.parquet")
    nested = spark.read.parquet(str(tmp_path))
    plain = TrainConfig(label={"column": "y"})
    assert "fields of nested ones" in choose_source(nested, resolve(nested, plain), plain).why


def test_asking_for_pyarrow_where_it_cannot_be_is_refused_with_the_reason(spark, folder):
    table = spark.read.parquet(str(folder)).filter("x > 0")
    with pytest.raises(ConfigError, match=r"input\.reader is arrow, but .*it is more than files"):
        fit(table, config(folder, "arrow"))
