"""Transforms and interactions on Spark: fits against statsmodels on a basis of SciPy's, scores in every way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.interpolate import BSpline, CubicSpline

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.design.derived import DerivedColumn, LevelPart, Transform, all_cells
from logreg_dist.errors import InputRejected
from logreg_dist.scoring.match import match_table
from logreg_dist.scoring.predictors import predictor_names
from logreg_dist.scoring.ways import choose_way, observed_scores
from tests.scoring.models import categorical, model_of, numeric

pytestmark = pytest.mark.spark

SAME_PREDICTION = 1e-8
# Sums of some ten products in another order, of the size of 10.
SAME_SCORE = 1e-12
N, MIN_COUNT = 1500, 20
WAYS = ("sql", "array", "arrow")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    age = np.round(rng.uniform(18, 80, N))
    income = np.exp(rng.normal(10, 0.7, N))
    table = pd.DataFrame(
        {
            "id": np.arange(N),
            "age": age,
            "income": income,
            "odd `x": rng.normal(50, 5, N),
            "plan": rng.choice(["a", "b", "c"], N, p=[0.5, 0.3, 0.2]),
            "region": rng.choice(["n", "s"], N, p=[0.9, 0.1]),
        }
    )
    eta = np.sin(age / 12) + 0.5 * (np.log(income) - 10) * (table.plan == "b") - 0.4 * (table.region == "s")
    table["label"] = (rng.random(N) < 1 / (1 + np.exp(-eta))).astype(int)
    return table


@pytest.fixture(scope="module")
def folder(spark, frame, tmp_path_factory):
    path = tmp_path_factory.mktemp("terms") / "table"
    spark.createDataFrame(frame).repartition(3).write.parquet(str(path))
    return str(path)


def config(*terms: str, **changes) -> TrainConfig:
    features = {
        "exclude": ["id"],
        "terms": list(terms),
        "defaults": {"min_level_count": MIN_COUNT, "reference": "first"},
    }
    return TrainConfig(**{"label": {"column": "label"}, "features": features, **changes})


def halfway(x: np.ndarray, share: float) -> float:
    """Halfway from the quantile (sorted rows counted off) to the next larger value; the minimum itself."""
    ordered = np.sort(x)
    value = ordered[int(np.ceil(share * len(x) - 1e-9)) - 1]
    return float((value + ordered[ordered > value][0]) / 2)


def knots(x: np.ndarray, n_interior: int) -> tuple[np.ndarray, float, float]:
    tail = MIN_COUNT / len(x)
    ordered = np.sort(x)
    low = halfway(x, tail) if (x == ordered[0]).mean() < tail else ordered[0]
    shares = np.arange(1, n_interior + 1) / (n_interior + 1)
    return np.array([halfway(x, share) for share in shares]), float(low), halfway(x, 1 - tail)


def natural_basis(x: np.ndarray, df: int) -> np.ndarray:
    """Cardinal natural splines on the knots, drawn on as lines: another basis of the same functions."""
    interior, low, high = knots(x, df - 1)
    at = np.array([low, *interior, high])
    spline = CubicSpline(at, np.eye(len(at)), bc_type="natural")
    inside = spline(np.clip(x, low, high))
    below, above = np.minimum(x - low, 0)[:, None], np.maximum(x - high, 0)[:, None]
    return (inside + below * spline(low, 1) + above * spline(high, 1))[:, 1:]


def bspline_basis(x: np.ndarray, df: int, degree: int) -> np.ndarray:
    interior, low, high = knots(x, df - degree)
    t = np.array([*[low] * (degree + 1), *interior, *[high] * (degree + 1)])
    return np.column_stack([BSpline(t, one, degree)(x) for one in np.eye(df + 1)[1:]])


def predictions(columns: list[np.ndarray], label) -> np.ndarray:
    X = sm.add_constant(np.column_stack(columns))
    X = X / np.abs(X).max(axis=0)
    return sm.GLM(label, X, family=sm.families.Binomial()).fit(tol=1e-14, maxiter=100).fittedvalues


def dummies(series: pd.Series) -> np.ndarray:
    return pd.get_dummies(series, drop_first=True).to_numpy(dtype=float)


def scores(spark, model, folder: str, way: str, table=None) -> np.ndarray:
    table = spark.read.parquet(folder) if table is None else table
    source = match_table(table, model, keys=["id"], others=[])
    return observed_scores(source, choose_way(source, way)).rows.toPandas().sort_values("carried_0")


def fitted(spark, model, folder: str) -> np.ndarray:
    eta = scores(spark, model, folder, "array").linear_predictor.to_numpy()
    return 1 / (1 + np.exp(-eta))


def test_splines_polynomials_logs_and_bins_are_those_of_other_libraries(spark, frame, folder):
    model = fit(
        spark.read.parquet(folder),
        config("ns(age, 4)", "bs(income, 5)", "poly(`odd ``x`, 3)", "bins(income, 4)", "log(income)"),
    )
    assert model.converged, model.status_text
    x, income = frame.age.to_numpy(), frame.income.to_numpy()
    odd = frame["odd `x"].to_numpy() - 50
    cut = np.searchsorted([halfway(income, k / 4) for k in (1, 2, 3)], income)
    columns = [
        natural_basis(x, 4),
        bspline_basis(income, 5, 3),
        odd,
        odd**2,
        odd**3,
        np.eye(4)[cut][:, 1:],
        np.log(income),
        dummies(frame.plan),
        dummies(frame.region),
    ]
    expected = predictions(columns, frame.label)
    np.testing.assert_allclose(fitted(spark, model, folder), expected, rtol=0, atol=SAME_PREDICTION)
    terms = [row.term for row in model.coefficient_rows]
    assert "age" not in terms
    assert terms[:6] == ["intercept", "plan[b]", "plan[c]", "region[s]", "ns(age, 4)[1]", "ns(age, 4)[2]"]
    assert any("'age' enters as ns(age, 4) and not as it is" in note for note in model.notes)


def test_interactions_are_products_of_columns_and_slopes_of_levels(spark, frame, folder):
    model = fit(
        spark.read.parquet(folder),
        config("age:income", "age*plan", "plan:region", "log(income):plan", "ns(age, 3):region", "age"),
    )
    x, log_income = frame.age.to_numpy(), np.log(frame.income.to_numpy())
    plan, region = dummies(frame.plan), dummies(frame.region)
    every = np.column_stack([1 - plan.sum(axis=1), plan])
    both = np.column_stack([1 - region, region])
    assert (pd.crosstab(frame.plan, frame.region) >= MIN_COUNT).all(axis=None)
    columns = [
        x, frame["odd `x"] - 50, plan, region, x * frame.income,
        plan * x[:, None], plan * region, every * log_income[:, None],
        *(natural_basis(x, 3) * both[:, [k]] for k in (0, 1)),
    ]  # fmt: skip
    # One of the slopes of age is a sum of others: the splines of both regions add up to age.
    expected = predictions([column for k, column in enumerate(columns) if k != 0], frame.label)
    np.testing.assert_allclose(fitted(spark, model, folder), expected, rtol=0, atol=SAME_PREDICTION)
    assert [alias.term for alias in model.aliased] == ["ns(age, 3)[3]:region[s]"]
    assert {"age:income", "age:plan[b]", "plan[b]:region[s]", "log(income):plan[a]"} <= set(model.estimates)


MANY = (
    "ns(age, 4)", "poly(`odd ``x`, 3)", "bins(income, 4)", "log(income)", "age:`odd ``x`", "log1p(income):plan",
    "plan:region", "bins(age, 3):region", "ns(age, 3):bs(income, 3)",
)  # fmt: skip


def assert_same_in_every_way(spark, model, path: str, n_free: int = 0) -> None:
    found = {way: scores(spark, model, path, way) for way in WAYS}
    for way in ("sql", "array"):
        for name in predictor_names(n_free):
            a, b = found[way][name].to_numpy(), found["arrow"][name].to_numpy()
            np.testing.assert_allclose(a, b, rtol=SAME_SCORE, atol=SAME_SCORE)
            assert np.isfinite(a).all()


def test_every_way_of_scoring_means_what_the_fit_meant(spark, frame, folder, tmp_path):
    rng = np.random.default_rng(8)
    model = fit(spark.read.parquet(folder), config(*MANY, penalty={"l2": 0.01, "standardize": True}))
    assert model.converged, model.status_text
    model.save(tmp_path)
    # Values far outside of what was seen, and nothing else that is odd.
    new = frame.assign(
        age=rng.uniform(-50, 150, N),
        income=np.exp(rng.normal(10, 3, N)),
        region=rng.permutation(frame.region),
    )
    # An edge belongs to the bin below it.
    parts = {part.text: part for column in model.design.derived for part in column.parts}
    new.loc[:2, "age"] = [*parts["bins(age, 3)"].knots, parts["ns(age, 4)"].knots[0]]
    new.loc[3:5, "income"] = parts["bins(income, 4)"].knots
    path = str(tmp_path / "new")
    spark.createDataFrame(new).write.parquet(path)
    assert_same_in_every_way(spark, load_model(tmp_path), path)


def test_several_classes_have_terms_as_two_have(spark, frame, folder):
    features = {
        "include": ["region"],
        "terms": ["ns(age, 3)", "log(income)*region"],
        "defaults": {"min_level_count": MIN_COUNT, "reference": "first"},
    }
    label = {"column": "plan", "reference": "a"}
    model = fit(spark.read.parquet(folder), TrainConfig(label=label, family="multinomial", features=features))
    assert model.converged, model.status_text
    assert "b:log(income):region[s]" in model.estimates
    assert_same_in_every_way(spark, model, folder, n_free=2)
    region, log_income = dummies(frame.region), np.log(frame.income.to_numpy())[:, None]
    X = np.column_stack([natural_basis(frame.age.to_numpy(), 3), region, log_income, log_income * region])
    X = sm.add_constant(X / np.abs(X).max(axis=0))
    expected = sm.MNLogit(frame.plan.astype("category").cat.codes, X).fit(tol=1e-13, maxiter=100, disp=0)
    eta = scores(spark, model, folder, "array")[predictor_names(2)].to_numpy()
    odds = np.exp(np.column_stack([np.zeros(N), eta]))
    found = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected.predict(), rtol=0, atol=SAME_PREDICTION)


def test_levels_too_many_for_a_case_are_joined_in_interactions_too(spark, tmp_path):
    levels, others = [f"m{k}" for k in range(70)], ["u", "v", "w"]
    many, few, x = LevelPart("many", tuple(levels)), LevelPart("few", tuple(others)), Transform("x", "x")
    joint = tuple(cell for cell in all_cells((few, many)) if cell[0] and cell[1] % 3)
    slopes = tuple((k, 0) for k in range(1, 70))
    model = model_of(
        numeric("x", "double"),
        categorical("many", "string", levels, unseen="reference"),
        categorical("few", "string", others, unseen="null"),
    )
    design = replace(
        model.design,
        derived=(
            DerivedColumn((few, many), joint),
            DerivedColumn((many, x), slopes, (0.0,) * 69, (1.0,) * 69),
        ),
    )
    rng = np.random.default_rng(2)
    rows = tuple(
        replace(
            model.coefficient_rows[0],
            term=term.name,
            column=term.column,
            level=term.level,
            estimate=rng.normal(),
        )
        for term in design.terms()
    )
    model = replace(model, design=design, coefficient_rows=rows)
    frame = pd.DataFrame(
        {
            "id": np.arange(200),
            "x": rng.normal(size=200),
            "many": rng.choice([*levels, "new"], 200),
            "few": rng.choice([*others, "new"], 200),
        }
    )
    spark.createDataFrame(frame).write.parquet(str(tmp_path / "t"))
    found = [scores(spark, model, str(tmp_path / "t"), way).linear_predictor.to_numpy() for way in WAYS]
    b = model.estimates
    expected = [
        np.nan
        if few == "new"
        else b["intercept"] + b["x"] * x + b.get(f"many[{many}]", 0) + b.get(f"few[{few}]", 0)
        + b.get(f"few[{few}]:many[{many}]", 0) + b.get(f"many[{many}]:x", 0) * x
        for x, many, few in zip(frame.x, frame.many, frame.few, strict=True)
    ]  # fmt: skip
    for values in found:
        np.testing.assert_allclose(values, expected, rtol=0, atol=SAME_SCORE)


def test_a_table_of_bins_and_categories_alone_is_counted_by_cell(spark, frame, folder):
    features = {"include": [], "terms": ["bins(age, 3)*plan"], "defaults": {"reference": "first"}}
    model = fit(spark.read.parquet(folder), TrainConfig(label={"column": "label"}, features=features))
    bins = np.searchsorted([halfway(frame.age.to_numpy(), k / 3) for k in (1, 2)], frame.age)
    rates = frame.groupby([bins, frame.plan]).label.transform("mean")  # saturated: the share of each cell
    np.testing.assert_allclose(fitted(spark, model, folder), rates, rtol=0, atol=SAME_PREDICTION)
    assert model.n_iterations > 0
    assert len(model.estimates) == 9


def test_rows_that_a_logarithm_or_a_policy_cannot_take_are_counted_alike(spark, frame, folder, tmp_path):
    features = {
        "include": ["region"],
        "terms": ["log(income):plan", "bins(age, 3):plan", "log(income)"],
        "columns": {"age": {"missing": "indicator"}, "plan": {"missing": "level", "unseen": "null"}},
        "defaults": {"min_level_count": MIN_COUNT},
    }
    odd = frame.assign(age=frame.age.where(frame.id % 9 > 0), plan=frame.plan.where(frame.id % 13 > 0, None))
    model = fit(spark.createDataFrame(odd), TrainConfig(label={"column": "label"}, features=features))
    assert "age[missing]" in model.estimates
    assert "age" not in model.estimates
    assert "plan[b]" not in model.estimates
    new = odd.assign(
        income=odd.income.where(odd.id % 7 > 0, -odd.income), plan=odd.plan.where(odd.id % 17 > 0, "new")
    )
    path = str(tmp_path / "odd")
    spark.createDataFrame(new).write.parquet(path)
    source = match_table(spark.read.parquet(path), model, keys=["id"], others=[])
    outcomes = {}
    for way in WAYS:
        observed = observed_scores(source, choose_way(source, way))
        rows = observed.rows.toPandas().sort_values("carried_0").linear_predictor.to_numpy()
        outcomes[way] = rows, dict(observed.counts())
    unscored = ((new.id % 7 == 0) | (new.plan == "new")).to_numpy()
    for rows, counts in outcomes.values():
        np.testing.assert_array_equal(np.isnan(rows), unscored)
        np.testing.assert_allclose(rows, outcomes["sql"][0], rtol=0, atol=SAME_SCORE)
        assert counts == outcomes["sql"][1]
    place = [column.name for column in model.design.columns].index("income")
    assert outcomes["sql"][1][f"unusable_{place}"] == (new.id % 7 == 0).sum()


def test_what_a_table_cannot_be_is_refused_with_its_column_and_a_way_out(spark, frame, folder):
    table = spark.read.parquet(folder)
    cases = {
        "log(plan)": "features.terms has log(plan), but column 'plan' is categorical",
        "ns(agee, 3)": "the table has no column 'agee', which features.terms[0] at character 4 names",
        "log(age2)": "log(age2) takes values above 0, and column 'age2' has ",
    }
    table = table.selectExpr("*", "CAST(age > 40 AS INT) AS age2")
    for term, sentence in cases.items():
        with pytest.raises(InputRejected) as error:
            fit(table, config(term))
        assert sentence in str(error.value)
    assert "Use log1p (for counts), ns or bins instead" in str(error.value)


@pytest.mark.spark
def test_combinations_count_by_trials_and_frequency(spark):
    rng = np.random.default_rng(3)
    cells = pd.DataFrame([(g, d) for g in "ab" for d in "uvw"], columns=["g", "d"])
    cells["n"] = rng.integers(40, 90, len(cells))
    cells["k"] = rng.binomial(cells["n"], 0.4)
    asked = TrainConfig(label={"events": "k", "trials": "n"}, features={"terms": ["g*d"]})
    model = fit(spark.createDataFrame(cells), asked)
    assert sum(":" in row.term for row in model.coefficient_rows) == 2
    # As many terms as cells: every cell's rate is met.
    assert model.deviance == pytest.approx(
        -2 * (cells.k * np.log(cells.k / cells.n) + (cells.n - cells.k) * np.log(1 - cells.k / cells.n)).sum()
    )
