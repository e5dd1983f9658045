"""Every application against scikit-learn (or SciPy) with the same objective, and against published values."""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.utils.class_weight import compute_sample_weight

from logreg_dist import fit
from logreg_dist.config import load_train_config
from tests.examples.applications import EXAMPLES, MODELS, Fitted, fit_application, positives, prepare
from tests.examples.peers import binary_optimum, class_optimum, columns_of, design

SAME_COEFFICIENT = 1e-6  # log-odds, or relative where a unit of the column is a small one
SAME_PROBABILITY = 1e-8
pytestmark = pytest.mark.spark


def assert_same_as_peer(found: Fitted) -> None:
    """Compare coefficients, and probabilities of the judged rows, with the peer's."""
    model, config = found.model, found.config
    assert model.converged, model.status_text
    y = positives(found.train, config)
    weight = compute_sample_weight("balanced", y) if config.label.class_weights == "balanced" else None
    columns = columns_of(model, config, found.train)  # class weights do not weigh the means that fill gaps
    X = design(columns, found.train)
    deviation = X.std(axis=0)
    deviation[deviation == 0] = 1.0
    is_number = np.array([column.level is None for column in columns])
    per_deviation = not config.penalty.is_active or (is_number & config.penalty.standardize)
    scale = np.where(per_deviation, deviation, 1.0)
    intercept, beta = binary_optimum(X, y, weight=weight, l2=config.penalty.l2, scale=scale)
    if config.population_rate is not None:  # King and Zeng (2001), section 4.1
        rate = config.population_rate
        intercept -= np.log((1 - rate) / rate * y.mean() / (1 - y.mean()))
    estimates = np.array([row.estimate for row in model.coefficient_rows if row.estimate is not None])
    close(estimates, np.append(intercept, beta))
    eta = intercept + design(columns, found.judged) @ beta
    np.testing.assert_allclose(
        found.scores["probability"], 1 / (1 + np.exp(-eta)), rtol=0, atol=SAME_PROBABILITY
    )


def close(estimates: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(estimates, expected, rtol=SAME_COEFFICIENT, atol=SAME_COEFFICIENT)


@pytest.mark.parametrize(("name", "train"), [one for one in MODELS if one[0] != "digits"])
def test_a_model_is_that_of_scikit_learn(fitted, name, train):
    assert_same_as_peer(fitted(name, train))


def test_the_large_table_is_fitted_like_scikit_learn_does_on_a_sample(spark, tmp_path):
    from examples.military.prepare import members

    rows = members().iloc[::20].reset_index(drop=True)
    config = load_train_config(
        EXAMPLES / "military" / "train.yaml", ["features.defaults.min_level_count=200"]
    )
    table = spark.createDataFrame(rows)
    model = fit(table, config)
    scores = model.score(table, keys=["member_id"]).toPandas().set_index("member_id")
    scores = scores.loc[rows["member_id"]].reset_index()
    assert_same_as_peer(Fitted(config, model, rows, rows, scores))


def test_the_digits_are_the_optimum_of_the_same_objective(fitted):
    found = fitted("digits")
    assert found.model.converged, found.model.status_text
    columns = columns_of(found.model, found.config, found.train)
    X, classes = design(columns, found.train), list(found.model.label.classes)
    codes = found.train["digit"].astype(str).map(classes.index).to_numpy()
    reference = classes.index(found.model.reference_class)
    intercepts, beta = class_optimum(X, codes, reference=reference, l2=found.config.penalty.l2)
    expected = np.column_stack([intercepts, beta])[[k for k in range(len(classes)) if k != reference]]
    close(np.array([row.estimate for row in found.model.coefficient_rows]), expected.ravel())
    eta = intercepts + design(columns, found.judged) @ beta.T
    mu = np.exp(eta - eta.max(axis=1, keepdims=True))
    mu /= mu.sum(axis=1, keepdims=True)
    scores = found.scores[[f"probability_{name}" for name in classes]]
    np.testing.assert_allclose(scores, mu, rtol=0, atol=SAME_PROBABILITY)


def test_births_have_the_published_coefficients(fitted):
    # Venables and Ripley, Modern Applied Statistics with S, 4th edition (2002), section 7.2, birthwt.glm.
    published = [
        0.82302,
        -0.03723,
        -0.01565,
        1.19241,
        0.74068,
        0.75553,
        1.34376,
        1.91317,
        0.68020,
        -0.43638,
        0.17901,
    ]
    model = fitted("birth_weight").model
    found = [row.estimate for row in model.coefficient_rows]
    np.testing.assert_allclose(found, published, rtol=0, atol=0.5e-5)
    assert round(model.deviance, 2) == 195.48


def test_lumps_without_a_penalty_are_separated(spark, fitted):
    config = load_train_config(EXAMPLES / "breast_cancer" / "train.yaml", ["penalty={}"])
    model = fit(spark.createDataFrame(fitted("breast_cancer").train), config)
    assert model.status == "separated_complete"


def test_the_short_configuration_of_churn_asks_for_the_model_of_the_demo(spark, fitted):
    found = fitted("churn")
    demo = fit(spark.createDataFrame(found.train), load_train_config(EXAMPLES.parent / "conf" / "train.yaml"))
    assert demo.estimates == pytest.approx(found.model.estimates, rel=1e-9)


def test_the_rate_of_the_flights_is_the_one_in_the_configuration(fitted):
    found = fitted("rare_events", "train_weighted.yaml")
    sampled = load_train_config(EXAMPLES / "rare_events" / "train.yaml")
    assert sampled.population_rate == pytest.approx(found.train["cancelled"].mean(), abs=1e-6)


def test_correcting_a_sample_keeps_the_rate_and_weighting_classes_does_not(fitted):
    corrected, weighted = fitted("rare_events"), fitted("rare_events", "train_weighted.yaml")
    rate = corrected.config.population_rate
    assert 0.75 * rate < corrected.scores["probability"].mean() < 1.25 * rate
    assert weighted.scores["probability"].mean() > 10 * rate
    aucs = [
        roc_auc_score(found.judged["cancelled"], found.scores["probability"])
        for found in (corrected, weighted)
    ]
    assert abs(aucs[0] - aucs[1]) < 0.005


@pytest.mark.parametrize("train", ["train.yaml", "train_hashed.yaml"])
def test_tweets_are_fitted_like_scikit_learn_does_with_the_same_words(spark, tmp_path, train):
    prepare("tweets", tmp_path)
    # What cross-validation chooses, without its hundred passes.
    chosen = ["penalty={l2: 0.003055}", "cross_validation=null"] if train == "train.yaml" else []
    found = fit_application(spark, "tweets", tmp_path, train, chosen)
    model, texts = found.model, found.train["text"]
    # Runs of letters and digits: what is a word to scikit-learn, but for the underscore.
    if train == "train.yaml":
        words = CountVectorizer(token_pattern=r"[^\W_]+", min_df=20, binary=True).fit(texts)
        names = [f"text[{word}]" for word in words.get_feature_names_out()]
        X, judged = words.transform(texts), words.transform(found.judged["text"])
    else:
        names = [f"text[#{k}]" for k in range(4096)]
        X, judged = hashed_words(texts, 4096), hashed_words(found.judged["text"], 4096)
    y, l2 = positives(found.train, found.config), found.config.penalty.l2
    peer = LogisticRegression(C=1 / (len(y) * l2), tol=1e-12, max_iter=10_000).fit(X, y)
    assert {*names} == {row.term for row in model.coefficient_rows} - {"intercept"}
    close(
        np.array([model.estimates[name] for name in ("intercept", *names)]),
        np.append(peer.intercept_, peer.coef_[0]),
    )
    np.testing.assert_allclose(
        found.scores["probability"], peer.predict_proba(judged)[:, 1], rtol=0, atol=1e-6
    )
    auc = roc_auc_score(positives(found.judged, found.config), found.scores["probability"])
    assert f"{auc:.3f}" in (EXAMPLES / "tweets" / "README.md").read_text()


def hashed_words(texts, n_buckets):
    """Which buckets each text has a word in, by the rule that conf/train.yaml states."""
    X = np.zeros((len(texts), n_buckets))
    for row, text in enumerate(texts):
        for word in re.findall(r"[^\W_]+", text.lower()):
            X[row, zlib.crc32(word.encode()) % n_buckets] = 1.0
    return X
