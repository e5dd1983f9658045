"""Arrays, vectors and texts through Spark: read, fitted, scored and assessed alike in every way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.ml.linalg import Vectors, VectorUDT
from pyspark.sql import functions as F
from pyspark.sql import types as T

from logreg_dist import EvaluateConfig, TrainConfig, fit, load_model
from logreg_dist.assessment.labelled import labelled_scores
from logreg_dist.errors import ConfigError, InputRejected
from logreg_dist.reading.resolve import resolve
from logreg_dist.reading.sources import choose_source
from logreg_dist.scoring.match import match_table
from logreg_dist.scoring.ways import choose_way, lazy_way, observed_scores
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.sparse_file import sparse_path

pytestmark = pytest.mark.spark

ROUNDING = 1e-12
N_ROWS, SIZE, LONG = 600, 4, 1500
WORDS = ["Good", "bad", "the", "a", "film", "plot", "naïve", "2nd"]
SCHEMA = T.StructType(
    [
        T.StructField("id", T.LongType()),
        T.StructField("emb", T.ArrayType(T.FloatType())),
        T.StructField("v", VectorUDT()),
        T.StructField("long", VectorUDT()),
        T.StructField("text", T.StringType()),
        *(T.StructField(f"e{k}", T.FloatType()) for k in range(SIZE)),
        T.StructField("y", T.IntegerType()),
        T.StructField("kind", T.StringType()),
    ]
)


def rows() -> list[tuple]:
    rng = np.random.default_rng(3)
    found = []
    for k in range(N_ROWS):
        numbers = rng.normal(size=SIZE).astype(np.float32).tolist()
        text = ", ".join(WORDS[j] for j in rng.integers(0, len(WORDS), rng.integers(0, 6)))
        at = np.sort(rng.choice(LONG, 5, replace=False)).tolist()
        y = int(rng.random() < 1 / (1 + np.exp(-numbers[0] + 0.5 * ("bad" in text))))
        vector = Vectors.dense(numbers) if k % 2 else Vectors.sparse(SIZE, range(SIZE), numbers)
        long = Vectors.sparse(LONG, at, rng.normal(size=5).tolist())
        kind = "abc"[int(rng.integers(3))] if numbers[1] < 1 else "a"
        found.append((k, numbers, vector, long, text, *numbers, y, kind))
    return found


@pytest.fixture(scope="module")
def path(spark, tmp_path_factory) -> Path:
    where = tmp_path_factory.mktemp("vectors") / "table"
    spark.createDataFrame(rows(), SCHEMA).coalesce(1).write.parquet(str(where))
    return where


@pytest.fixture(scope="module")
def table(spark, path):
    return spark.read.parquet(str(path))


def config(include, *, columns=None, l2=0.1, reader="auto", **more) -> TrainConfig:
    return TrainConfig(
        input={"path": "somewhere", "reader": reader, "splits": 2},
        label=more.pop("label", {"column": "y"}),
        features={"include": include, "columns": columns or {}},
        penalty={"l2": l2},
        **more,
    )


TEXT = {"text": {"type": "text", "buckets": 1024}}
EVERYTHING = {"columns": TEXT | {"v": {"type": "numeric"}}}


@pytest.fixture(scope="module")
def model(table, tmp_path_factory):
    """All kinds together, written and read back."""
    found = fit(table, config(["emb", "v", "long", "text", "e0"], **EVERYTHING))
    assert found.converged
    folder = tmp_path_factory.mktemp("model")
    found.save(folder)
    return load_model(folder)


def staged_bytes(split) -> tuple[bytes, bytes]:
    path = Path(split.path)
    return path.read_bytes(), sparse_path(path).read_bytes()


def test_both_readers_stage_the_same_bytes(spark, table):
    found = {}
    columns = {"text": {"type": "text"}, "v": {"type": "numeric"}}
    for reader in ("spark", "arrow"):
        asked = config(["emb", "v", "long", "text"], columns=columns, reader=reader)
        asked = asked.model_copy(update={"input": asked.input.model_copy(update={"splits": 1})})
        resolved = resolve(table, asked)
        source = choose_source(table, resolved, asked)
        plan = resolved.plan
        with StagedTable(spark, lambda s=source, p=plan: s.stage(p, "vectors"), "vectors") as staged:
            found[source.reader] = (staged.run_pass(staged_bytes), [s.content for s in staged.splits])
    assert found["spark"] == found["arrow"]
    [(dense, sparse)] = found["arrow"][0]
    assert len(dense) == 8 * N_ROWS * (1 + 2 * SIZE)
    assert len(sparse) > 12 * N_ROWS * 5


def test_numbers_in_arrays_and_vectors_are_the_same_numbers_in_columns(table):
    names = [f"e{k}" for k in range(SIZE)]
    apart = fit(table, config(names, l2=0.0))
    for column in ("emb", "v"):
        together = fit(table, config([column], l2=0.0))
        assert [t.name for t in together.design.terms()][1:] == [f"{column}[{k}]" for k in range(SIZE)]
        assert list(together.estimates.values()) == list(apart.estimates.values())
        np.testing.assert_array_equal(together.covariance, apart.covariance)
        assert together.coefficient_rows[2].column == column
        assert together.coefficient_rows[2].level == "1"


def test_several_classes_take_arrays_and_texts(table):
    label = {"column": "kind"}
    names = [f"e{k}" for k in range(SIZE)]
    apart = fit(table, config(names, l2=0.0, label=label, family="multinomial"))
    together = fit(table, config(["emb"], l2=0.0, label=label, family="multinomial"))
    assert list(together.estimates.values()) == list(apart.estimates.values())
    loose = {"label": label, "family": "multinomial", "solver": {"tolerance": 1e-5}}
    by_class = fit(table, config(["emb", "text"], columns=TEXT, **loose))
    assert by_class.converged
    few = {"text": {"type": "text", "vocabulary": 500}}
    listed = fit(table, config(["emb", "text"], columns=few, **loose))
    # Eight words in eight buckets of their own: the same model, by L-BFGS and by Newton's method.
    np.testing.assert_allclose(by_class.deviance, listed.deviance, rtol=1e-9)


def test_all_ways_give_the_same_scores(table, model):
    source = match_table(table, model, keys=["id"], others=[])
    assert lazy_way(source).name == "array"
    found = {}
    for way in ("array", "arrow"):
        scores = observed_scores(source, choose_way(source, way))
        found[way] = scores.rows.toPandas().sort_values("carried_0").linear_predictor.to_numpy()
        assert not any(scores.counts().values())
    lazy = model.score(table, keys=["id"], columns=["linear_predictor"]).toPandas().sort_values("id")
    np.testing.assert_array_equal(found["array"], lazy.linear_predictor)
    np.testing.assert_allclose(found["arrow"], found["array"], rtol=ROUNDING, atol=ROUNDING)
    np.testing.assert_allclose(found["array"], by_hand(model), rtol=ROUNDING, atol=ROUNDING)
    with pytest.raises(ConfigError, match=r"engine is sql, but vectors and texts such as 'emb' have no SQL"):
        choose_way(source, "sql")


def by_hand(model) -> np.ndarray:
    """Each row's terms, one by one."""
    from logreg_dist.staging.words import hashed

    beta = model.estimates
    found = []
    for row in rows():
        eta = beta["intercept"] + beta["e0"] * row[1][0]
        eta += sum((beta[f"emb[{k}]"] + beta[f"v[{k}]"]) * x for k, x in enumerate(row[1]))
        eta += sum(beta[f"long[{k}]"] * x for k, x in zip(row[3].indices, row[3].values, strict=True))
        words = row[4].lower().replace(",", "").split()
        eta += sum(beta[f"text[#{k}]"] for k in hashed(1024)(words))
        found.append(eta)
    return np.array(found)


def test_a_labelled_table_is_assessed_by_the_same_scores(table, model):
    weighted = table.withColumn("w", F.when(F.col("id") < 100, 0.0).otherwise(2.0))
    # A row of weight 0 is as good as absent, even where it could not be scored.
    odd = weighted.withColumn("emb", F.when(F.col("id") >= 5, F.col("emb")))
    ask = EvaluateConfig(model="m", input={"path": "p"}, output={"path": "o"}, weight="w")
    found = labelled_scores(odd, model, ask)
    assert (found.n_read, found.n_unscored) == (N_ROWS, 0)
    frame = found.rows.toPandas()
    assert len(frame) == N_ROWS - 100
    np.testing.assert_allclose(np.sort(frame.linear_predictor), np.sort(by_hand(model)[100:]), rtol=ROUNDING)
    assert frame.weight.unique().tolist() == [2.0]
    assert frame.y.sum() == sum(row[-2] for row in rows()[100:])
    with pytest.raises(InputRejected, match="column 'emb' has 5 missing values"):
        labelled_scores(odd.drop("w").withColumn("w", F.lit(1.0)), model, ask)


def changed(table, column: str, value, ids) -> object:
    return table.withColumn(column, F.when(F.col("id").isin(ids), value).otherwise(F.col(column)))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("emb", "array(1f, 2f)", r"column 'emb' has 2 vectors in 600 rows that are not of the length 4"),
        ("emb", "null", r"column 'emb' has 2 rows of 600 rows with missing values\."),
        ("emb", "array(1f, null, 2f, 3f)", r"with missing values at 1 place, first at \[1\]\."),
        ("emb", "array(1f, float('nan'), 2f, 3f)", r"with missing values at 1 place, first at \[1\]\."),
        ("emb", "array(1f, 1f, 2f, float('inf'))", r"has 2 numbers in its vectors that are not finite"),
        (
            "text",
            "null",
            r"column 'text' has 2 rows .* missing values\.\n.*missing to drop, or constant\(\"\"\)",
        ),
    ],
)
def test_what_no_model_can_take_is_refused_with_its_count(table, column, value, said):
    columns = TEXT if column == "text" else {}
    with pytest.raises(InputRejected, match=said):
        fit(changed(table, column, F.expr(value), [7, 30]), config([column], columns=columns))


def test_rows_without_a_vector_can_be_dropped(table):
    with_gap = changed(table, "emb", F.expr("null"), [7, 30])
    found = fit(with_gap, config(["emb"], columns={"emb": {"missing": "drop"}}))
    assert (found.n_rows, found.n_dropped) == (N_ROWS - 2, 2)
    scored = found.score(with_gap, keys=["id"]).toPandas()
    assert sorted(scored.id[scored.probability.isna()]) == [7, 30]


def test_vectors_of_another_length_are_not_scored(table, model):
    longer = changed(table, "emb", F.expr("array(1f, 2f, 3f, 4f, 5f)"), [7])
    source = match_table(longer, model, keys=["id"], others=[])
    scores = observed_scores(source, choose_way(source))
    assert scores.rows.toPandas().linear_predictor.isna().sum() == 1
    assert {name: n for name, n in scores.counts().items() if n} == {"unscored": 1, "unusable_0": 1}
    with pytest.raises(
        InputRejected, match=r"column 'emb' is string; expected an array of numbers or a vector"
    ):
        match_table(table.withColumn("emb", F.lit("x")), model, keys=["id"], others=[])


def test_words_that_separate_are_found_and_named(table):
    with_word = table.withColumn("text", F.when(F.expr("y = 1 and id < 200"), "always yes").otherwise("a"))
    found = fit(with_word, config(["emb", "text"], columns=TEXT, l2=0.0))
    assert found.status == "separated_quasi"
    assert "text[#" in found.status_text
    assert "Ways out: set solver.on_separation to ridge or drop; " in found.status_text
    empty = [term for term in found.aliased if term.term.startswith("text[#")]
    assert len(empty) == 1024 - 3


@pytest.mark.parametrize(
    ("column", "kind", "said"),
    [
        ("cast(null as array<float>)", None, "column 'odd' holds no vector in any row"),
        ("cast(array() as array<float>)", None, "column 'odd' holds an empty vector in its first row"),
        ("sequence(1, 20001)", None, "column 'odd' holds vectors of 20,001 numbers, more than 20,000"),
        ("array('a')", None, "column 'odd' .array<string>. cannot be a feature"),
        ("array(1.5D)", "vector", "features.columns.odd.type is vector, which is for vectors of pyspark.ml"),
        (
            "1.5D",
            "text",
            "features.columns.odd.type is text, which is for strings, but column 'odd' .double. is",
        ),
    ],
)
def test_columns_that_are_no_vectors_or_texts_are_refused_before_they_are_read(table, column, kind, said):
    columns = {"odd": {"type": kind}} if kind else {}
    with pytest.raises(InputRejected, match=said):
        resolve(table.withColumn("odd", F.expr(column)), config(["odd"], columns=columns))


def test_terms_stand_beside_vectors_and_texts(table):
    words = ["bad", "film", "good"]
    apart = table.withColumns({"z": F.col("id") % 7 + 1, "r": F.col("id") % 11})
    apart = apart.withColumns(
        {w: F.expr(f"size(split(lower(concat(' ', text, ' ')), '{w}')) - 1") for w in words}
    )
    apart = apart.withColumn("text", F.concat_ws(" ", *(F.expr(f"repeat('{w} ', {w})") for w in words)))
    terms = ["log(z)", "z:r"]
    together = ["emb", "text", "r"]
    listed = {"text": {"type": "text", "vocabulary": 10}}
    numbers = [*(f"e{k}" for k in range(SIZE)), *words, "r"]
    models = [
        fit(
            apart,
            TrainConfig(label={"column": "y"}, features={"include": include, "columns": c, "terms": terms}),
        )
        for include, c in ((together, listed), (numbers, {}))
    ]
    assert all(model.converged for model in models)
    found, expected = (np.array(list(model.estimates.values())) for model in models)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    errors = [[row.std_error for row in model.coefficient_rows] for model in models]
    np.testing.assert_allclose(*errors, rtol=1e-7)
    scores = [model.score(apart, keys=["id"]).toPandas().sort_values("id").probability for model in models]
    np.testing.assert_allclose(*scores, rtol=1e-8)
    with pytest.raises(InputRejected, match=r"features.terms has log\(emb\), but column 'emb' holds vectors"):
        resolve(apart, TrainConfig(label={"column": "y"}, features={"include": ["z"], "terms": ["log(emb)"]}))


@pytest.mark.parametrize("setting", [{"reference": "1"}, {"unseen": "other"}, {"min_level_count": 5}])
def test_settings_of_levels_on_numbers_are_refused(table, setting):
    [name] = setting
    with pytest.raises(
        ConfigError, match=f"features.columns.region.{name} is for levels(.|\\n)*type: categorical"
    ):
        resolve(table.selectExpr("y", "1 as region"), config(["region"], columns={"region": setting}))
