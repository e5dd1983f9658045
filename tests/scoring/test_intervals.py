"""Intervals of scored rows: against R, 50 digits and rows of the design made one term at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.design.spec import DesignSpec, NumericColumn
from logreg_dist.errors import ConfigError
from logreg_dist.inference.covariance import uncentred_covariance
from logreg_dist.inference.records import CovarianceRecord
from logreg_dist.model.file import model_from_json, model_to_json
from logreg_dist.model.model import Coefficient, LogisticModel
from logreg_dist.scoring.intervals import asked_intervals
from logreg_dist.scoring.predictors import HALF_WIDTH
from logreg_dist.scoring.rows import score_rows
from logreg_dist.scoring.tasks import BatchLayout, output_names, score_batch
from logreg_dist.scoring.terms import score_terms
from tests.fitting.local_passes import fitted_locally
from tests.in_process import Fitted, learned_spec, policy, stage
from tests.oracles.effects import effects_table
from tests.scoring.models import class_model_of, model_of, numeric

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "effects.json").read_text())
INTERVALS = ("conf_low", "conf_high")
R_DIGITS = (
    1e-8  # its standard errors are off by 1e-9 where columns are correlated; ours, beside 30 digits, by 1e-13
)
SAME = 1e-12


def model_with(fit: Fitted, centred: np.ndarray | None = None, confidence: float = 0.95) -> LogisticModel:
    """A model of a fit in this process; `centred` is the covariance on the centred columns."""
    rows = tuple(
        Coefficient(term, None if term == "intercept" else "x", None, float(value), *[None] * 8)
        for term, value in zip(fit.terms, fit.estimate, strict=True)
    )
    return replace(
        model_of(),
        design=fit.spec,
        coefficient_rows=rows,
        covariance=fit.covariance,
        covariance_at_centres=None if centred is None else centred[0],
        config={"inference": {"confidence": confidence}},
    )


def scored(model: LogisticModel, rows: pa.Table) -> pd.DataFrame:
    """Linear predictors and half widths of rows in one batch."""
    terms = score_terms(model.design, model.estimates, None)
    names = rows.column_names
    layout = BatchLayout(
        terms=terms,
        places=tuple((names.index(term.name), None) for term in terms.columns),
        carried=(),
        n_keys=0,
        intervals=asked_intervals(model, INTERVALS),
    )
    [batch] = rows.combine_chunks().to_batches()
    arrays, _ = score_batch(batch, layout)
    named = dict(zip(output_names(0, with_intervals=True), arrays, strict=False))
    return pd.DataFrame({name: array.to_pandas() for name, array in named.items()})


@pytest.mark.parametrize("name", ["plain", "crossed"])
def test_intervals_are_those_of_r(tmp_path, name):
    # R: predict(fit, se.fit = TRUE), then plogis(fit +- qnorm(0.95) * se.fit), in oracles/effects.R
    features = {"terms": ["x*g", "g*h", "poly(z, 2)", "log(z)"], "exclude": ["m"]}
    columns = ["x", "z", "g", "h", "weight", "label"] + (["m"] if name == "plain" else [])
    rows = pa.Table.from_pandas(effects_table()[columns], preserve_index=False)
    fit, fitted = fitted_locally(
        rows, tmp_path, features=None if name == "plain" else features, policies={"m": policy("indicator")}
    )
    found = scored(model_with(fit, fitted.covariance, 0.9), rows.slice(0, 40))
    for end, sign in (("low", -1), ("high", 1)):
        conf = 1 / (1 + np.exp(-(found.linear_predictor + sign * found[HALF_WIDTH])))
        np.testing.assert_allclose(conf, ORACLE[name]["intervals"][end], rtol=R_DIGITS)


def test_the_variance_of_a_row_has_its_digits_far_from_zero(tmp_path):
    rng = np.random.default_rng(1)
    day = 20261120.0 + np.round(rng.uniform(-30, 30, 80))
    y = (rng.random(80) < 1 / (1 + np.exp(-0.03 * (day - 20261120.0)))).astype(float)
    rows = pa.table({"day": day, "label": y})
    fit, fitted = fitted_locally(rows, tmp_path)
    model = model_with(fit, fitted.covariance)
    kept = model_from_json(model_to_json(model))
    with mpmath.workdps(50):
        expected = _standard_errors(day, y, slope=fit["day"])
    z = asked_intervals(model, INTERVALS).quantile
    np.testing.assert_allclose(scored(kept, rows)[HALF_WIDTH] / z, expected, rtol=1e-11)
    # Without the row at the centres the intercept's variance, 5e11 times as large, leaves few digits.
    older = replace(model, covariance_at_centres=None)
    np.testing.assert_allclose(scored(older, rows)[HALF_WIDTH] / z, expected, rtol=1e-3)


def _standard_errors(day: np.ndarray, y: np.ndarray, *, slope: float) -> list[float]:
    """Of the linear predictors, by Newton's method on the column as it is."""
    X = [mpmath.matrix([1, mpmath.mpf(value)]) for value in day]
    beta = mpmath.matrix([-mpmath.mpf(slope) * 20261120, slope])
    for _ in range(30):
        mu = [1 / (1 + mpmath.exp(-(x.T * beta)[0])) for x in X]
        information, score = mpmath.zeros(2), mpmath.zeros(2, 1)
        for x, m, label in zip(X, mu, y, strict=True):
            information += m * (1 - m) * x * x.T
            score += (int(label) - m) * x
        beta += information**-1 * score
    return [float(mpmath.sqrt((x.T * information**-1 * x)[0])) for x in X]


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> tuple[LogisticModel, pa.Table]:
    """A model with every kind of column and policy under a covariance drawn by a seed, and odd rows to score."""
    frame = effects_table().drop(columns=["weight", "day"])
    frame["k"] = [None if j % 9 == 0 else f"k{j % 4 if j % 50 else 9}" for j in range(len(frame))]
    policies = {
        "m": policy("indicator"),
        "x": policy("mean"),
        "k": policy("level", min_count=20),
        "h": policy("drop"),
    }
    features = {
        "terms": ["ns(x, 4)", "x", "log(z)", "g*k", "h:z", "bins(z, 3):g", "m:h", "poly(m, 2)", "bins(x, 2)"],
        "defaults": {"min_level_count": 1},
    }
    folder = tmp_path_factory.mktemp("everything")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    spec = learned_spec(stage(table, folder), policies, features=features)
    vector = tuple(
        NumericColumn(f"v[{j}]", "array<double>", "drop", "error", None, False, 0.5 * j, 1.0, True, "v", j, 2)
        for j in range(2)
    )
    texts = SparseColumn("t", "string", 'constant("")', "words", "counts", ("bad", "good"), 2, "", 1.0)
    columns = tuple(
        replace(column, unseen={"g": "reference", "k": "other"}.get(column.name, "null"))
        for column in spec.columns
    )
    spec = replace(spec, columns=(*columns, *vector, texts))
    n = 50
    rng = np.random.default_rng(4)
    rows = {name: frame[name].iloc[:n].tolist() for name in ("x", "z", "g", "h", "m", "k")}
    rows["x"][3], rows["g"][5], rows["h"][7], rows["k"][8], rows["h"][9] = None, "new", "new", "new", None
    rows["z"][10] = -1.0  # has no logarithm
    table = {name: pa.array(values, from_pandas=True) for name, values in rows.items()}
    vectors = rng.normal(size=(n, 2)).tolist()
    vectors[11] = None
    table |= {
        "v": pa.array(vectors, pa.list_(pa.float64())),
        "t": pa.array(["good bad good", "bad", None, "x", "good"] * 10),
    }
    return _with_covariance(spec, rng), pa.table(table)


def _with_covariance(spec: DesignSpec, rng: np.random.Generator) -> LogisticModel:
    """Estimates and a covariance by chance, the third term without either."""
    terms = spec.terms()
    rows = [
        Coefficient(term.name, term.column, term.level, None if k == 3 else float(rng.normal()), *[None] * 8)
        for k, term in enumerate(terms)
    ]
    root = rng.normal(size=(len(terms) - 1, len(terms) + 5))
    return replace(
        model_of(), design=spec, coefficient_rows=tuple(rows), covariance=root @ root.T / 10, config={}
    )


def test_rows_of_every_kind_have_the_variance_of_their_terms(everything):
    # The design's row, not centred, one term at a time: the score under an estimate of 1 there and 0 elsewhere.
    model, rows = everything
    found = scored(model, rows)
    names = [term.name for term in model.design.terms()]
    X = np.array([_scores(model.design, names, name, rows) for name in names])
    known = np.array([row.estimate is not None for row in model.coefficient_rows])
    variance = np.einsum("kn,kl,ln->n", X[known], model.covariance, X[known])
    is_scored = found.linear_predictor.notna().to_numpy()
    assert (~is_scored).sum() == 4
    z = asked_intervals(model, INTERVALS).quantile
    np.testing.assert_allclose(found[HALF_WIDTH][is_scored], z * np.sqrt(variance[is_scored]), rtol=1e-11)
    assert found[HALF_WIDTH][~is_scored].isna().all()


def _scores(design: DesignSpec, names: list[str], one: str, rows: pa.Table) -> np.ndarray:
    terms = score_terms(design, {name: float(name == one) for name in names}, None)
    columns: list[Any] = [rows[term.name].combine_chunks() for term in terms.columns]
    return score_rows(columns, terms, rows.num_rows).linear_predictor


def test_rows_in_other_batches_have_the_same_intervals(everything):
    model, rows = everything
    whole = scored(model, rows)
    parts = pd.concat([scored(model, rows.slice(start, 7)) for start in range(0, 50, 7)], ignore_index=True)
    pd.testing.assert_frame_equal(parts, whole, rtol=SAME, atol=0)


def test_an_offset_is_known_and_adds_nothing():
    model = replace(model_of(numeric("x", "double"), offset="o"), covariance=np.diag([1.0, 4.0]))
    terms = score_terms(model.design, model.estimates, "o")
    layout = BatchLayout(terms, ((0, None), (1, None)), (), 0, intervals=asked_intervals(model, INTERVALS))
    batch = pa.record_batch({"x": [0.0, 2.0], "o": [1.0, -5.0]})
    [eta, widths], _ = score_batch(batch, layout)
    z = 1.959963984540054
    np.testing.assert_allclose(widths.to_numpy(), [z, z * np.sqrt(17.0)], rtol=1e-15)
    assert eta.null_count == 0


def test_the_centres_of_the_columns_do_not_show(everything):
    model, rows = everything
    moved = tuple(
        replace(column, centre=column.centre + 100.0) if isinstance(column, NumericColumn) else column
        for column in model.design.columns
    )
    other = replace(model, design=replace(model.design, columns=moved))
    pd.testing.assert_frame_equal(scored(other, rows), scored(model, rows), rtol=1e-9)


def test_a_row_at_the_centres_replaces_what_the_covariance_leaves_of_it():
    centred = np.array([[0.5, 0.1], [0.1, 0.25]])
    column = replace(numeric("x", "double"), centre=3.0)
    spread = uncentred_covariance(centred, np.array([0.0, 3.0]), 0)
    model = replace(model_of(column), covariance=spread, covariance_at_centres=centred[0])
    np.testing.assert_allclose(asked_intervals(model, INTERVALS).covariance, centred, rtol=1e-15)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (class_model_of(numeric("x", "double")), "it has several classes"),
        (replace(model_of(), estimator="penalised"), "it is penalised"),
        (model_of(), "fitted without an information matrix"),
        (model_of(*(numeric(f"x{k}", "double") for k in range(2000))), "more than 2,000 terms"),
    ],
)
def test_models_without_a_covariance_have_no_intervals(model, why):
    with pytest.raises(ConfigError, match=rf"columns ask for conf_low and conf_high.*: .*{why}"):
        asked_intervals(model, INTERVALS)
    assert asked_intervals(model, ["probability"]) is None


def test_a_robust_covariance_that_is_not_defined_gives_no_intervals():
    model = replace(model_of(), covariance_record=CovarianceRecord("hc3", ""))
    with pytest.raises(ConfigError, match="its covariance is not defined, as its notes say"):
        asked_intervals(model, INTERVALS)


def test_estimates_at_bounds_have_no_intervals():
    model = model_of(numeric("x", "double"))
    rows = tuple(replace(row, at_bound="lower" if row.column else None) for row in model.coefficient_rows)
    with pytest.raises(ConfigError, match="estimates lie at their bounds"):
        asked_intervals(replace(model, coefficient_rows=rows), ["conf_high"])
