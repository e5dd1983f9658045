"""Cross-validation: folds by key, all fits at once, each held against scikit-learn on the same rows."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.errors import ConfigError, FitNotUsable, InputRejected
from logreg_dist.fitting.lockstep import in_lockstep
from logreg_dist.report.cross_validation import cross_validation_json, draw_cross_validation
from logreg_dist.staging.folds import folds_of_keys

LOSS = 1e-8  # the path's fits are within 1e-6 standard errors, and the loss is off by the square
ESTIMATES = 1e-6
KKT = 1e-8
COLUMNS = ["x0", "x1", "x2", "x3"]
FOLDS = 4


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 900
    table = pd.DataFrame({f"x{k}": rng.normal(k, 1.0 + k, n) for k in range(4)})
    table["key"] = rng.integers(0, 300, n)
    eta = -1.0 + 0.9 * table.x0 - 0.3 * (table.x1 - 1)
    table["label"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    table["class"] = np.array(["a", "b", "c"])[
        (np.column_stack([np.zeros(n), eta, 0.5 * table.x2 - 1.5]) + rng.gumbel(size=(n, 3))).argmax(axis=1)
    ]
    return table


@pytest.fixture(scope="module")
def table(spark, frame):
    return spark.createDataFrame(frame)


def config(**changes) -> TrainConfig:
    settings = {
        "label": {"column": "label"},
        "features": {"include": COLUMNS},
        "cross_validation": {"folds": FOLDS, "by": "key"},
    }
    return TrainConfig(**(settings | changes))


def folds_of(frame: pd.DataFrame) -> np.ndarray:
    return folds_of_keys(pa.array(frame["key"]), FOLDS)[0]


def fold_losses(frame, label, l2):
    """Log loss of each fold under scikit-learn's fit of the others."""
    folds, losses = folds_of(frame), []
    for fold in range(FOLDS):
        learned, left = frame[folds != fold], frame[folds == fold]
        peer = LogisticRegression(C=1 / (len(learned) * l2), solver="newton-cholesky", tol=1e-12)
        peer.fit(learned[COLUMNS], learned[label])
        losses.append(log_loss(left[label], peer.predict_proba(left[COLUMNS]), labels=peer.classes_))
    return losses


@pytest.mark.spark
def test_each_fold_is_scored_by_the_fit_of_the_others(table, frame):
    strengths = [0.5, 0.05, 0.002]
    model = fit(table, config(penalty={"path": {"l1_share": 0.0, "strengths": strengths}}))
    record = model.cross_validation
    sizes = np.bincount(folds_of(frame))
    for point, l2 in zip(record.points, strengths, strict=True):
        losses = fold_losses(frame, "label", l2)
        np.testing.assert_allclose(point.fold_log_loss, losses, rtol=LOSS)
        mean = np.average(losses, weights=sizes)
        spread = np.average((losses - mean) ** 2, weights=sizes)
        assert point.log_loss == pytest.approx(mean, rel=LOSS)
        assert point.std_error == pytest.approx(np.sqrt(spread / (FOLDS - 1)), rel=1e-6)
    assert record.minimum == int(np.argmin([point.log_loss for point in record.points]))
    # The model is the fit of all rows at that penalty.
    again = fit(table, config(penalty={"l2": strengths[record.minimum]}, cross_validation=None))
    assert model.estimates == pytest.approx(again.estimates, rel=1e-8)
    assert model.kkt_residual < KKT


@pytest.mark.spark
def test_every_point_of_a_lasso_path_meets_its_conditions_and_scikit_learn(table, frame):
    model = fit(table, config(penalty={"path": {"points": 8, "smallest": 0.01}}))
    points = model.cross_validation.points
    X, y = frame[COLUMNS].to_numpy(), frame["label"].to_numpy()
    centred = X - X.mean(axis=0)
    # The first penalty is the smallest one that leaves all columns out (Friedman et al. 2010, section 2.5).
    assert points[0].l1 == pytest.approx(np.abs(centred.T @ (y - y.mean())).max() / len(y), rel=1e-6)
    assert points[0].n_nonzero == 0
    np.testing.assert_allclose([p.l1 for p in points], points[0].l1 * 0.01 ** (np.arange(8) / 7), rtol=1e-12)
    for point in points:
        beta = np.array([point.estimates[name] for name in COLUMNS])
        score = X.T @ (y - 1 / (1 + np.exp(-point.estimates["intercept"] - X @ beta))) / len(y)
        off = np.where(
            beta != 0, np.abs(score - point.l1 * np.sign(beta)), np.maximum(np.abs(score) - point.l1, 0)
        )
        assert (off / X.std(axis=0)).max() < 1e-7
        peer = LogisticRegression(
            C=1 / (len(y) * point.l1), l1_ratio=1.0, solver="saga", tol=1e-9, max_iter=100_000
        ).fit(centred, y)
        np.testing.assert_allclose(beta, peer.coef_[0], atol=1e-5)
        assert point.n_nonzero == np.count_nonzero(beta)


@pytest.mark.spark
def test_several_classes_are_cross_validated_together(table, frame):
    strengths = [0.3, 0.01]
    label = {"column": "class", "reference": "a"}
    path = {"l1_share": 0.0, "strengths": strengths}
    model = fit(table, config(label=label, family="multinomial", penalty={"path": path}))
    folds = folds_of(frame)
    # Each penalised fit of the other folds is our own, of a table that holds no others.
    for point, l2 in zip(model.cross_validation.points, strengths, strict=True):
        left = frame[folds == 1]
        others = table.sparkSession.createDataFrame(frame[folds != 1])
        alone = fit(
            others, config(label=label, family="multinomial", penalty={"l2": l2}, cross_validation=None)
        )
        eta = np.column_stack(
            [np.zeros(len(left))]
            + [
                alone.estimates[f"{name}:intercept"]
                + left[COLUMNS].to_numpy() @ [alone.estimates[f"{name}:{column}"] for column in COLUMNS]
                for name in "bc"
            ]
        )
        shares = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
        assert point.fold_log_loss[1] == pytest.approx(
            log_loss(left["class"], shares, labels=["a", "b", "c"]), rel=1e-7
        )


@pytest.mark.spark
def test_neither_splits_nor_order_nor_reader_change_the_folds(spark, frame, tmp_path):
    path = str(tmp_path / "rows.parquet")
    frame.to_parquet(path, row_group_size=100)
    asked = {"penalty": {"path": {"l1_share": 0.5, "strengths": [0.05]}}}
    losses = []
    for changes in ({"reader": "arrow", "splits": 3}, {"reader": "spark", "splits": 1}):
        found = fit(spark.read.parquet(path), config(input={"path": path, **changes}, **asked))
        losses.append(found.cross_validation.points[0].fold_log_loss)
    shuffled = spark.createDataFrame(frame.sample(frac=1.0, random_state=1).astype({"key": str}))
    losses.append(fit(shuffled, config(**asked)).cross_validation.points[0].fold_log_loss)
    for other in losses[1:]:
        np.testing.assert_allclose(other, losses[0], rtol=1e-9)


@pytest.mark.spark
def test_without_a_key_equal_rows_share_a_fold(spark, frame):
    twice = spark.createDataFrame(pd.concat([frame, frame]))
    once = spark.createDataFrame(frame)
    asked = {"cross_validation": {"folds": 3}, "penalty": {"path": {"l1_share": 0.0, "strengths": [0.05]}}}
    one, other = (fit(t, config(**asked)).cross_validation.points[0] for t in (once, twice))
    np.testing.assert_allclose(one.fold_log_loss, other.fold_log_loss, rtol=1e-9)
    assert len(set(one.fold_log_loss)) == 3


@pytest.mark.spark
def test_without_a_path_the_model_itself_is_cross_validated(table, frame, tmp_path):
    model = fit(table, config())
    losses = fold_losses(frame, "label", 1e-12)
    [point] = model.cross_validation.points
    np.testing.assert_allclose(point.fold_log_loss, losses, rtol=1e-6)
    assert model.coefficient_rows[1].std_error is not None  # it is the maximum likelihood fit it would be
    assert any("by cross-validation of 4 folds" in note for note in model.notes)

    loaded = load_model(model.save(tmp_path))
    assert loaded.cross_validation.points[0].log_loss == point.log_loss
    assert loaded.cross_validation.points[0].fold_log_loss == ()
    written = json.loads(cross_validation_json(model.cross_validation))
    assert written["points"][0]["fold_log_loss"] == list(point.fold_log_loss)
    assert written["points"][0]["estimates"] == pytest.approx(model.estimates, rel=1e-6)


@pytest.mark.spark
def test_all_folds_together_take_hardly_more_passes_than_one_path(table):
    path = {"points": 10, "smallest": 0.01}
    together = fit(table, config(penalty={"path": path})).cross_validation
    # Two folds have two fits that learn from half of the rows each; a fit per fold would take the sum.
    alone = []
    for fold in range(FOLDS):
        strengths = [point.l1 for point in together.points]
        rows = table.where(f"key % {FOLDS} != {fold}")
        asked = {"folds": 2, "by": "key"}
        found = fit(rows, config(penalty={"path": {"strengths": strengths}}, cross_validation=asked))
        alone.append(found.cross_validation.n_passes)
    assert together.n_passes <= (FOLDS + 1) / FOLDS * max(alone)
    assert together.n_passes < 0.5 * sum(alone)


@pytest.mark.spark
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(key=f["label"]), r"3 of 4 folds \(by 'key'\) have no rows"),
        (lambda f: f.assign(key=f["label"] * 5 + f["key"] % 5 * (1 - f["label"])), r"no rows of label"),
        (lambda f: f.assign(key=f["key"].where(f["key"] > 9)), r"fold key column 'key' has \d+ missing"),
        (
            lambda f: f.assign(key=f["key"] + 0.5),
            r"fold key column 'key' has \d+ values that are not whole numbers",
        ),
    ],
)
def test_folds_that_say_nothing_are_refused(spark, frame, change, words):
    with pytest.raises(InputRejected, match=words):
        fit(spark.createDataFrame(change(frame)), config(penalty={"l2": 0.1}))


@pytest.mark.spark
def test_a_path_ends_where_a_fold_is_separated(spark):
    rng = np.random.default_rng(2)
    x = rng.normal(size=200)
    rows = pd.DataFrame({"x": x, "label": (x > 0).astype(int), "key": np.arange(200)})
    separated = spark.createDataFrame(rows)
    asked = {"features": {"include": ["x"]}, "cross_validation": {"folds": 3, "by": "key"}}
    with pytest.raises(FitNotUsable, match="the strongest penalty has no optimum that can be reached"):
        fit(separated, config(**asked))
    found = fit(separated, config(penalty={"l2": 0.01}, **asked))
    assert found.converged


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"penalty": {"path": {}}, "cross_validation": None}, r"penalty.path: needs cross_validation"),
        ({"penalty": {"l1": 0.1, "path": {}}}, r"penalty.path: and penalty.l1 or penalty.l2 are two ways"),
        ({"penalty": {"path": {"strengths": [1.0], "points": 5}}}, r"path.points: has no meaning beside"),
        ({"cross_validation": {"folds": 1}}, r"folds: expected a whole number from 2 to 50"),
        ({"cross_validation": {"by": "label"}}, r'by: column "label" is label.column too'),
        ({"features": {"include": ["key"]}}, r'features.include: lists "key", which is cross_validation.by'),
        ({"solver": {"method": "lbfgs"}}, r"solver.method: lbfgs forms no matrix"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        config(**changes)


@pytest.mark.spark
def test_the_drawing_shows_the_path(table):
    model = fit(table, config(penalty={"path": {"points": 5, "smallest": 0.05}}))
    drawing = draw_cross_validation(model.cross_validation, deviations={"x0": 1.0})
    tree = ElementTree.fromstring(drawing)
    lines = [node for node in tree.iter() if node.tag.endswith("polyline")]
    assert len(lines) == len(COLUMNS)
    assert all(len(line.attrib["points"].split()) == 5 for line in lines)
    assert len([node for node in tree.iter() if node.tag.endswith("circle")]) == 5


def test_an_error_in_one_search_ends_all_of_them():
    def fails(evaluate):
        evaluate(np.zeros(1))
        raise ValueError("no good")

    def goes_on(evaluate):
        while True:
            evaluate(np.zeros(1))

    with pytest.raises(ValueError, match="no good"):
        in_lockstep([goes_on, fails], lambda asked: dict.fromkeys(asked, 0.0))


def test_an_error_of_the_passes_reaches_the_caller():
    def evaluate_many(asked):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_lockstep([lambda evaluate: evaluate(np.zeros(1))] * 3, evaluate_many)


@pytest.mark.spark
def test_rows_that_differ_in_their_label_alone_share_a_fold(spark):
    rng = np.random.default_rng(4)
    rows = pd.DataFrame({"x": rng.integers(0, 400, 4_000).astype(float)})
    rows["label"] = rng.integers(0, 2, 4_000)
    # The label is a coin. Were equal rows with other labels in other folds, a fit would learn the wrong one.
    found = fit(
        spark.createDataFrame(rows),
        TrainConfig(
            label={"column": "label"},
            features={"columns": {"x": {"type": "categorical", "min_level_count": 1, "unseen": "reference"}}},
            penalty={"l2": 1e-3},
            cross_validation={"folds": 3},
        ),
    )
    assert found.cross_validation.points[0].log_loss == pytest.approx(np.log(2), abs=0.03)


@pytest.mark.spark
def test_no_matrix_is_kept_along_the_path(monkeypatch, table):
    from logreg_dist.fitting import cross_validate

    kept, point = [], cross_validate._point

    def seen(pair, fits, *others):
        kept.extend(fits)
        return point(pair, fits, *others)

    monkeypatch.setattr(cross_validate, "_point", seen)
    fit(table, config(penalty={"path": {"l1_share": 0.0, "strengths": [0.5, 0.05]}}))
    assert len(kept) == 2 * (FOLDS + 1)
    values = [value for one in kept for value in vars(one).values()]
    assert all(isinstance(value, float) or value.ndim == 1 for value in values)
