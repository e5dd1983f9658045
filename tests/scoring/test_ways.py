"""Every way of scoring gives the same scores, counts and refusals."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from chispa.schema_comparer import assert_schema_equality
from pyspark.errors import PySparkException
from pyspark.ml.functions import array_to_vector
from pyspark.sql import functions as F

from logreg_dist.commands.job import Request
from logreg_dist.commands.score import score
from logreg_dist.errors import ConfigError, InputRejected, TemporaryFailure
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.scoring.columns import ScoreColumns
from logreg_dist.scoring.direct import name_files
from logreg_dist.scoring.match import match_table
from logreg_dist.scoring.part_files import PartOutput, PartWritten, write_part
from logreg_dist.scoring.refused import refused_scores, refused_scores_in_batches
from logreg_dist.scoring.tasks import BatchLayout
from logreg_dist.scoring.terms import NumericTerm, ScoreTerms
from logreg_dist.scoring.ways import MAX_SQL_COLUMNS, choose_way, observed_scores
from tests.scoring.models import categorical, model_of, numeric

pytestmark = pytest.mark.spark

# Decimals become doubles in two ways, which differ in the last digit of one in seven; the sums are
# of the order of 10, and everything else is the same multiplications and additions in the same order.
DECIMAL_ROUNDING = 1e-14
UTC = dt.UTC
WAYS = ("sql", "array", "arrow")
N_ROWS = 300

MODEL = model_of(
    numeric("x", "double", "mean", 0.25),
    numeric("odd `name`.x", "float", "indicator", -1.0),
    numeric("price", "decimal(9,2)", "drop"),
    numeric("flag", "boolean"),
    numeric("since", "date", "constant(0)", 0.0),
    numeric("at", "timestamp", "drop"),
    numeric("local", "timestamp_ntz", "drop"),
    numeric("text", "string", "mean", 1.5),
    numeric("count", "bigint", "drop"),
    categorical("plan", "string", ["p1", "p2", "__other__", "__missing__"], missing="level", unseen="other"),
    categorical("region", "string", ["eu", "us"], unseen="reference"),
    categorical("code", "smallint", ["0", "1"], missing="drop", unseen="reference"),
    categorical("ratio", "double", ["1", "2"], missing="level", unseen="null"),
    categorical("day", "date", ["2024-01-01", "2024-01-02"], missing="drop", unseen="null"),
    categorical("many", "string", [f"m{k}" for k in range(70)], unseen="reference"),
    offset="o",
)


def rows(start: int, n: int = N_ROWS) -> pa.Table:
    """Every type, policy and kind of oddness that does not refuse a row."""
    rng = np.random.default_rng(start)
    k = np.arange(start, start + n)

    def some(values, every=7):
        return [None if j % every == 0 else v for j, v in zip(k.tolist(), values, strict=True)]

    days = [dt.date(2024, 1, 1) + dt.timedelta(int(v)) for v in k % 3]
    return pa.table(
        {
            "id": pa.array(k),
            "x": pa.array(some(np.where(k % 11 == 0, np.nan, rng.normal(size=n)).tolist())),
            "odd `name`.x": pa.array(some(rng.normal(size=n).tolist()), pa.float32()),
            "price": pa.array(
                some([Decimal(int(v)) / 100 for v in rng.integers(-9999, 9999, n)], 9), pa.decimal128(9, 2)
            ),
            "flag": pa.array((k % 3 == 0).tolist()),
            "since": pa.array(some(days, 8)),
            "at": pa.array(
                [
                    dt.datetime(2024, 3, 30, tzinfo=UTC) + dt.timedelta(microseconds=7_000_001 * int(v))
                    for v in k
                ],
                pa.timestamp("us", "UTC"),
            ),
            "local": pa.array(
                [dt.datetime(1969, 3, 30) + dt.timedelta(minutes=int(v)) for v in k], pa.timestamp("us")
            ),
            "text": pa.array(some([f" {v:.6e}" for v in rng.normal(size=n)])),
            "count": pa.array(2**53 + k),
            "plan": pa.array(some([f"p{j % 4}" for j in k])),
            "code": pa.array(some((k % 3).tolist(), 13), pa.int16()),
            "ratio": pa.array(np.where(k % 10 == 0, np.nan, 1.0 + k % 3)),
            "day": pa.array(days),
            "many": pa.array([f"m{j % 71}" for j in k]),
            "o": pa.array(rng.normal(size=n)),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two directories of the partition column `region`; one file has several row groups, and no `count`."""
    folder = tmp_path_factory.mktemp("ways") / "table"
    for k, region in enumerate(["eu", "new"]):
        (folder / f"region={region}").mkdir(parents=True)
        table = rows(1000 * k)
        pq.write_table(
            table if k == 0 else table.drop_columns("count"),
            folder / f"region={region}" / "part.parquet",
            row_group_size=100,
        )
    return folder


def found(source, way):
    """Rows by key, and the counts that are not 0."""
    scores = observed_scores(source, choose_way(source, way))
    frame = scores.rows.toPandas().sort_values("carried_0", ignore_index=True)
    return frame, {name: n for name, n in scores.counts().items() if n}


def test_all_ways_give_the_same_scores_and_counts(spark, folder):
    table = spark.read.parquet(str(folder))
    keep = ["plan", "price", "at", "local", "day", "region", "text"]
    source = match_table(table, MODEL, keys=["id"], others=keep)
    frames, counts = zip(*(found(source, way) for way in WAYS), strict=True)
    assert counts[0] == counts[1] == counts[2]
    kinds = {name.split("_")[0] for name in counts[0]}
    assert kinds == {"missing", "unseen", "unscored"}
    assert frames[0].linear_predictor.notna().sum() > N_ROWS / 3
    for frame in frames[1:]:
        assert frame.dtypes.equals(frames[0].dtypes)
        pd.testing.assert_frame_equal(
            frame.drop(columns="linear_predictor"), frames[0].drop(columns="linear_predictor")
        )
    pd.testing.assert_series_equal(frames[1].linear_predictor, frames[0].linear_predictor, check_exact=True)
    np.testing.assert_allclose(
        frames[2].linear_predictor, frames[0].linear_predictor, rtol=0, atol=DECIMAL_ROUNDING * 10
    )


def test_without_decimals_all_ways_give_the_same_bits(spark, folder):
    numbers = ["x", "odd `name`.x", "text", "since"]
    columns = [
        column for column in MODEL.design.columns if column.name in (*numbers, "plan", "many", "ratio")
    ]
    source = match_table(spark.read.parquet(str(folder)), model_of(*columns), keys=["id"], others=[])
    bits = [found(source, way)[0].linear_predictor.to_numpy() for way in WAYS]
    np.testing.assert_array_equal(bits[1], bits[0])
    np.testing.assert_array_equal(bits[2], bits[0])


def test_fields_of_structs_are_scored_by_sql_and_in_batches_alike(spark, folder):
    table = spark.read.parquet(str(folder)).select("id", F.struct("x", "plan").alias("s"))
    model = model_of(
        numeric("s.x", "double", "mean", 0.25),
        categorical("s.plan", "string", ["p1", "p2"], missing="drop", unseen="reference"),
    )
    source = match_table(table, model, keys=["id"], others=["s.plan"])
    (by_sql, counts), (in_batches, others) = found(source, "sql"), found(source, "array")
    pd.testing.assert_frame_equal(in_batches, by_sql, check_exact=True)
    assert counts == others
    assert choose_way(source).name == "sql"
    with pytest.raises(
        ConfigError, match="engine is arrow, but pyarrow cannot read the table as Spark would"
    ):
        choose_way(source, "arrow")


def test_plain_files_are_read_by_pyarrow_and_other_tables_by_their_width(spark, folder):
    table = spark.read.parquet(str(folder))
    narrow = model_of(numeric("x", "double", "mean", 0.0))
    assert choose_way(match_table(table, narrow, keys=["id"], others=[])).name == "arrow"
    filtered = table.filter("id > 3")
    assert choose_way(match_table(filtered, narrow, keys=["id"], others=[])).name == "sql"
    assert choose_way(match_table(filtered, MODEL, keys=["id"], others=[])).name == "array"
    assert len(MODEL.design.columns) > MAX_SQL_COLUMNS


@pytest.mark.parametrize("way", WAYS)
def test_the_job_refuses_the_same_rows_in_the_same_words(spark, tmp_path, way):
    table = rows(1).to_pandas(types_mapper=pd.ArrowDtype).assign(region="eu")
    odd = table.assign(
        flag=[None, *table.flag[1:]],
        id=[None, None, *table.id[2:]],
        text=["x1", *table.text[1:]],
        o=[np.inf, 1e300, *table.o[2:]],
    )
    pq.write_table(pa.Table.from_pandas(odd, preserve_index=False), tmp_path / "odd.parquet")
    with pytest.raises(InputRejected) as error:
        run_job(spark, tmp_path, "odd.parquet", way)
    assert str(error.value) == (
        "input rejected: 4 problems in 300 rows:\n"
        "  key column 'id' has 2 missing values\n"
        "  column 'flag' has 1 missing value (policy missing: error)\n"
        "  column 'text' has 1 value that is no finite number\n"
        "  and 1 more\n"
        "  Mend the rows, leave them out with input.filter, or train with another policy."
    )
    assert not list(tmp_path.glob("scored/run_date=*"))


@pytest.mark.parametrize("way", WAYS)
def test_a_table_without_rows_gives_an_output_without_rows(spark, tmp_path, way):
    empty = rows(1, 1).slice(0, 0).append_column("region", pa.array([], pa.string()))
    pq.write_table(empty, tmp_path / "empty.parquet")
    recorder = run_job(spark, tmp_path, "empty.parquet", way)
    assert (recorder.rows["published"], recorder.details["unscored"]) == (0, 0)
    writer = "arrow" if way == "arrow" else "spark"
    assert recorder.details["engine"] == {"name": way, "why": "as engine says", "writer": writer}


@pytest.mark.parametrize("refused", [refused_scores, refused_scores_in_batches])
def test_a_lazy_table_fails_in_the_same_words_when_it_is_read(spark, folder, refused):
    model = model_of(numeric("x", "double"), categorical("day", "date", ["2024-01-01"], unseen="null"))
    source = match_table(spark.read.parquet(str(folder)), model, keys=["id"], others=[])
    lazy = refused(source, "abc")
    with pytest.raises(PySparkException) as error:
        lazy.collect()
    assert error.value.getMessageParameters()["errorMessage"] == (
        "input rejected: model abc cannot score a value of column 'x': it is missing or unseen and the policy for it "
        "is error, or it is no finite number."
    )


@pytest.mark.parametrize("refused", [refused_scores, refused_scores_in_batches])
def test_a_row_that_must_not_be_scored_is_never_handed_out(spark, folder, refused):
    model = model_of(numeric("x", "double"), categorical("day", "date", ["2024-01-01"], unseen="null"))
    source = match_table(spark.read.parquet(str(folder)), model, keys=["id"], others=[])
    with pytest.raises(PySparkException):
        refused(source, "abc").filter(
            "carried_0 = 7"
        ).collect()  # without x, and not the last one of its batch


KEPT = {
    "an array": ("array(x, 2 * x)", "array<double>"),
    "a vector": (None, "vector"),
    "a collation": ("cast(id % 3 as string) collate UTF8_LCASE", "string collate UTF8_LCASE"),
}
REFUSED = {("a vector", "array"), ("a collation", "array")}


@pytest.mark.parametrize(
    ("kind", "engine"),
    [(kind, engine) for kind in KEPT for engine in ("auto", "sql", "array") if (kind, engine) not in REFUSED],
)
def test_what_only_spark_can_write_is_kept_as_it_is(spark, tmp_path, kind, engine):
    scored, table, name = keeping(spark, tmp_path, kind, engine)
    assert dict(scored.dtypes)["kept"] == name
    kept, expected = (one.orderBy("id").select("kept").collect() for one in (scored, table))
    assert kept == expected


@pytest.mark.parametrize(("kind", "engine"), sorted(REFUSED))
def test_what_does_not_come_back_from_python_is_refused_before_any_row_is_read(spark, tmp_path, kind, engine):
    with pytest.raises(ConfigError, match="cannot carry column 'kept': vectors and collated texts"):
        keeping(spark, tmp_path, kind, engine)


def keeping(spark, tmp_path, kind, engine):
    """Score a table and keep a column of a kind; return the output, the table, and the type of the column."""
    model = model_of(numeric("x", "double"))
    model.save(tmp_path)
    expression, name = KEPT[kind]
    table = spark.range(20).selectExpr(
        "id", "id / 10 as x", *([f"{expression} as kept"] if expression else [])
    )
    if expression is None:
        table = table.withColumn("kept", array_to_vector(F.array("x", "x")))
    table.coalesce(1).write.parquet(str(tmp_path / "rows"))
    values = {
        "model": str(tmp_path / "model.json"),
        "input": {"path": str(tmp_path / "rows")},
        "engine": engine,
        "keys": ["id"],
        "keep": ["kept"],
        "output": {"path": str(tmp_path / "scored"), "run_date": "2026-11-21"},
    }
    (tmp_path / "score.yaml").write_text(yaml.safe_dump(values))
    score(spark, Request("score", str(tmp_path / "score.yaml")), RunRecorder(job="score", run_id="run"))
    return spark.read.parquet(str(tmp_path / "scored")), table, name


def test_a_wide_table_is_scored_lazily_without_an_expression(spark):
    names = [f"x{k}" for k in range(130)]
    model = model_of(*(numeric(name, "double", "mean", 1.0) for name in names))
    table = spark.range(20).select(
        "id", *(F.when(F.col("id") != 3, F.rand(k)).alias(n) for k, n in enumerate(names))
    )
    frame = table.toPandas()
    scored = model.score(table, keys=["id"], columns=["linear_predictor"]).toPandas()
    slopes = np.array([model.estimates[name] for name in names])
    expected = model.estimates["intercept"] + frame[names].fillna(1.0).to_numpy() @ slopes
    np.testing.assert_allclose(scored.linear_predictor, expected, rtol=0, atol=1e-12)


def run_job(spark, folder: Path, name: str, way: str, **output) -> RunRecorder:
    MODEL.save(folder)
    place = {"path": str(folder / "scored"), "run_date": "2026-11-21", "allow_empty": True}
    values = {
        "model": str(folder / "model.json"),
        "input": {"path": str(folder / name)},
        "engine": way,
        "keys": ["id"],
        "keep": ["price", "odd `name`.x", "since", "at", "local", "text", "flag", "code"],
        "output": place | output,
    }
    (folder / "score.yaml").write_text(yaml.safe_dump(values))
    recorder = RunRecorder(job="score", run_id="run")
    score(spark, Request("score", str(folder / "score.yaml")), recorder)
    return recorder


ALL_SCORES = ["probability", "linear_predictor", "predicted_class"]


@pytest.mark.parametrize("partition_by", [["run_date"], []])
def test_pyarrow_writes_the_files_that_spark_writes(spark, folder, tmp_path, partition_by):
    scored, recorders = {}, {}
    for way in ("sql", "arrow"):
        output = {"columns": ALL_SCORES, "partition_by": partition_by, "mode": "replace_all"}
        place = tmp_path / way
        place.mkdir()
        (place / "table").symlink_to(folder)
        recorders[way] = run_job(spark, place, "table", way, **output)
        scored[way] = spark.read.parquet(str(place / "scored"))
    assert [recorders[way].details["engine"]["writer"] for way in scored] == ["spark", "arrow"]
    assert recorders["arrow"].rows == recorders["sql"].rows

    assert_schema_equality(scored["arrow"].schema, scored["sql"].schema)
    by_spark, by_arrow = (scored[way].toPandas().sort_values("id", ignore_index=True) for way in scored)
    eta, expected = by_arrow.pop("linear_predictor"), by_spark.pop("linear_predictor")
    np.testing.assert_allclose(eta, expected, rtol=0, atol=DECIMAL_ROUNDING)
    found, expected = by_arrow.pop("probability"), by_spark.pop("probability")
    np.testing.assert_allclose(found, expected, rtol=0, atol=DECIMAL_ROUNDING)
    assert found.isna().sum() == recorders["arrow"].details["unscored"] > 0
    pd.testing.assert_frame_equal(by_arrow, by_spark)


def test_probabilities_are_right_at_the_ends_of_the_scale(tmp_path):
    layout = BatchLayout(
        terms=ScoreTerms(None, (NumericTerm("x", 1.0, None, missing_is_error=False),), None),
        places=((1, None),),
        carried=(0,),
        n_keys=1,
        types=(pa.int64(),),
    )
    output = PartOutput(
        (("id", pa.int64()),),
        ScoreColumns(("probability", "predicted_class"), ("no", "yes"), ()),
        (),
        "snappy",
    )
    x = [-800.0, 0.0, 800.0, None]
    batch = pa.record_batch({"id": list(range(4)), "x": pa.array(x)})
    written = write_part([batch, batch.slice(0, 0)], layout, output, 7, tmp_path / "part")
    rows = pq.read_table(tmp_path / "part")

    assert rows["probability"].to_pylist() == [0.0, 0.5, 1.0, None]
    assert rows["predicted_class"].to_pylist() == ["no", "yes", "yes", None]
    assert (written.part, written.n_rows, written.sums) == (7, 4, {"probability": 1.5})
    assert written.counts == (1, 1, 0, 0, 0)  # one without a score, for one missing value


def test_only_what_spark_took_of_several_attempts_is_published(tmp_path):
    for name in ("_part-00000-3", "_part-00000-9", "_part-00001-4"):
        (tmp_path / name).write_text(name)
    taken = [
        PartWritten(k, str(tmp_path / name), 1, {}, ())
        for k, name in ((0, "_part-00000-9"), (1, "_part-00001-4"))
    ]
    name_files(taken, tmp_path, "run")

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "part-00000-run.parquet": "_part-00000-9",
        "part-00001-run.parquet": "_part-00001-4",
    }


def test_a_file_that_vanishes_while_it_is_scored_is_named_and_the_old_scores_stay(
    spark, tmp_path, monkeypatch
):
    pq.write_table(rows(0).append_column("region", [["eu"] * N_ROWS]), tmp_path / "t.parquet")
    run_job(spark, tmp_path, "t.parquet", "arrow")
    before = sorted(path.name for path in tmp_path.glob("scored/run_date=*/*"))

    def vanishing(source, asked):
        way = choose_way(source, asked)
        (tmp_path / "t.parquet").unlink()
        return way

    monkeypatch.setattr("logreg_dist.commands.score.choose_way", vanishing)
    with pytest.raises(TemporaryFailure, match=r"t\.parquet vanished while the table was read"):
        run_job(spark, tmp_path, "t.parquet", "arrow")
    assert sorted(path.name for path in tmp_path.glob("scored/run_date=*/*")) == before
    assert not list(tmp_path.glob("scored/_staging*"))
