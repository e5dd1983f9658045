"""Models of words and of long vectors, against scikit-learn on the same counts; no JVM."""

from __future__ import annotations

import zlib
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from logreg_dist import TrainConfig
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.design.spec import DesignSpec, NumericColumn
from logreg_dist.fitting.penalty import penalty_of
from logreg_dist.fitting.selection import selected_design, terms_by_column
from logreg_dist.fitting.tasks import split_blocks
from logreg_dist.kernel.evaluate import evaluate, linear_predictor
from logreg_dist.scoring.rows import score_rows
from logreg_dist.scoring.terms import score_terms
from logreg_dist.solver.result import Ending
from logreg_dist.staging.plan import SparsePlan, SparseRule
from logreg_dist.staging.staged_split import record_layout
from tests.fitting.long_rows import fit_long, learned, plan_of
from tests.in_process import stage

L2 = 0.01
ESTIMATES = 1e-6  # scikit-learn stops there
PROBABILITIES = 1e-8
ROUNDING = 1e-12

WORDS = [f"w{k}" for k in range(2000)]


def table(n_rows: int = 1500, seed: int = 0) -> pa.Table:
    """Texts of frequent and rare words, a number beside them, and a label that depends on both."""
    rng = np.random.default_rng(seed)
    chosen = [np.minimum(rng.zipf(1.3, rng.integers(0, 25)), 2000) - 1 for _ in range(n_rows)]
    texts = [", ".join(WORDS[k].upper() if k % 2 else WORDS[k] for k in row) for row in chosen]
    x = rng.normal(3.0, 1.0, n_rows)
    eta = x - 3 + np.array([np.sum(np.where(row % 3 == 0, 0.4, -0.3)) for row in chosen])
    label = (rng.random(n_rows) < 1 / (1 + np.exp(-eta))).astype(float)
    return pa.table({"x": x, "text": texts, "label": label})


def peer(X, y) -> LogisticRegression:
    """scikit-learn's objective is ours times n C: C = 1 / (n l2)."""
    model = LogisticRegression(C=1 / (len(y) * L2), tol=1e-12, max_iter=20_000, solver="newton-cg")
    return model.fit(X, y)


def compare(found, names, X, rows: pa.Table):
    y = np.asarray(rows["label"])
    expected = peer(X, y)
    assert found.result.ending is Ending.CONVERGED
    np.testing.assert_allclose([found.estimates[n] for n in names], expected.coef_[0], atol=ESTIMATES)
    np.testing.assert_allclose(found.estimates["intercept"], expected.intercept_[0], atol=ESTIMATES)
    columns = [rows[c.name].combine_chunks() for c in found.spec.columns]
    terms = score_terms(found.spec, found.estimates, None)
    eta = score_rows(columns, terms, rows.num_rows).linear_predictor
    probability = expected.predict_proba(X)[:, 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-eta)), probability, atol=PROBABILITIES)


@pytest.mark.parametrize("values", ["counts", "binary", "log"])
def test_a_vocabulary_is_that_of_count_vectorizer(tmp_path, values):
    rows = table()
    texts = rows["text"].to_pylist()
    vectorizer = CountVectorizer(token_pattern=r"[^\W_]+", binary=values == "binary", min_df=2)
    counts = vectorizer.fit_transform(texts).astype(float)
    if values == "log":
        counts.data = np.log1p(counts.data)
    X = sp.hstack([sp.csr_matrix(np.asarray(rows["x"])[:, None]), counts]).tocsr()
    plan = SparsePlan("text", 1, SparseRule.WORDS, values=values)
    found = fit_long(rows, [plan], tmp_path, l2=L2, min_count=2)
    assert found.spec.shape().sparse == (counts.shape[1],)
    names = ["x", *(f"text[{w}]" for w in vectorizer.get_feature_names_out())]
    assert set(names) | {"intercept"} == set(found.estimates)
    compare(found, names, X, rows)


def test_hashed_words_are_columns_of_their_buckets(tmp_path):
    rows = table(seed=1)
    n_buckets = 1024
    entries = [
        (i, zlib.crc32(word.encode()) % n_buckets)
        for i, text in enumerate(rows["text"].to_pylist())
        for word in text.lower().replace(",", "").split()
    ]
    i, j = np.array(entries).T
    counts = sp.csr_matrix((np.ones(len(i)), (i, j)), shape=(rows.num_rows, n_buckets))
    X = sp.hstack([sp.csr_matrix(np.asarray(rows["x"])[:, None]), counts]).tocsr()
    found = fit_long(rows, [SparsePlan("text", 1, SparseRule.HASHED, n_buckets)], tmp_path, l2=L2)
    compare(found, ["x", *(f"text[#{k}]" for k in range(n_buckets))], X, rows)


def vectors(X: sp.csr_matrix, *, every_third_dense: bool) -> pa.Array:
    """Rows as pyspark.ml stores them."""
    stored = []
    for k in range(X.shape[0]):
        row = X[k]
        if every_third_dense and k % 3 == 0:
            stored.append({"type": 1, "size": None, "indices": None, "values": row.toarray()[0]})
        else:
            stored.append({"type": 0, "size": X.shape[1], "indices": row.indices, "values": row.data})
    kinds = [("type", pa.int8()), ("size", pa.int32())]
    lists = [("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float64()))]
    return pa.array(stored, pa.struct([*kinds, *lists]))


def test_long_vectors_are_their_columns_and_dense_ones_among_them_change_nothing(tmp_path):
    rng = np.random.default_rng(4)
    X = sp.random(900, 700, 0.02, format="csr", random_state=4, data_rvs=lambda n: rng.normal(size=n))
    eta = X @ rng.normal(size=700)
    label = (rng.random(900) < 1 / (1 + np.exp(-eta))).astype(float)
    plan = SparsePlan("v", 0, SparseRule.VECTOR, 700)
    fits = []
    for mixed in (False, True):
        rows = pa.table({"v": vectors(X, every_third_dense=mixed), "label": label})
        fits.append(fit_long(rows, [plan], tmp_path / str(mixed), l2=L2))
        compare(fits[-1], [f"v[{k}]" for k in range(700)], X, rows)
    assert fits[0].estimates == fits[1].estimates


def test_few_words_have_a_matrix_and_the_same_linear_predictors(tmp_path):
    rows = table()
    staged = stage(rows, tmp_path, plan=plan_of(rows, [SparsePlan("text", 1, SparseRule.WORDS)]))
    few, many = learned(staged, vocabulary=500), learned(staged, vocabulary=501)
    assert (few.shape().sparse, many.shape().sparse) == ((), (501,))
    rng = np.random.default_rng(0)
    by_name = {term.name: rng.normal() for term in many.terms()}
    left_out = {term.name for term in many.terms()} - {term.name for term in few.terms()}
    by_name |= dict.fromkeys(left_out, 0.0)
    found = []
    for spec in (few, many):
        beta = np.empty(spec.shape().p)
        beta[spec.kernel_positions()] = [by_name[term.name] for term in spec.terms()]
        blocks = split_blocks(staged.splits[0], spec, record_layout(staged.plan))
        found.append(np.concatenate([linear_predictor(beta, block, spec.shape()) for block in blocks]))
    np.testing.assert_allclose(found[0], found[1], rtol=ROUNDING, atol=ROUNDING)


def test_the_most_frequent_words_are_by_rows_and_of_equal_ones_the_first(tmp_path):
    texts = ["d", "c a", "a c", "b b b b", "rare"] * 3
    rows = pa.table({"text": texts, "label": np.arange(15.0) % 2})
    staged = stage(rows, tmp_path, n_splits=2, plan=plan_of(rows, [SparsePlan("text", 0, SparseRule.WORDS)]))
    assert learned(staged, vocabulary=2).sparse[0].words == ("a", "c")
    assert learned(staged, vocabulary=3).sparse[0].words == ("a", "b", "c")
    assert learned(staged, min_count=4).sparse[0].words == ("a", "c")


def test_few_words_have_the_information_matrix_of_their_counts(tmp_path):
    rows = table(400)
    staged = stage(rows, tmp_path, plan=plan_of(rows, [SparsePlan("text", 1, SparseRule.WORDS)]))
    spec = learned(staged, vocabulary=40)
    vectorizer = CountVectorizer(token_pattern=r"[^\W_]+", vocabulary=spec.sparse[0].words)
    counts = vectorizer.transform(rows["text"].to_pylist()).toarray()
    centred = np.asarray(rows["x"]) - spec.numeric[0].centre
    X = np.column_stack([np.ones(400), centred, counts])
    blocks = split_blocks(staged.splits[0], spec, record_layout(staged.plan))
    found = evaluate(np.zeros(42), blocks, spec.shape()).information.matrix(spec.shape())
    np.testing.assert_allclose(found, X.T @ X / 4, rtol=ROUNDING, atol=ROUNDING * 400)


def test_a_columns_penalty_factor_is_that_of_all_its_terms():
    numbers = [
        NumericColumn(
            f"v[{k}]", "vector", "error", "error", None, False, 0.0, 2.0, vector="v", element=k, size=3
        )
        for k in range(3)
    ]
    text = SparseColumn("t", "string", "error", "hashed", "counts", (), 4, None, 0.1)
    config = TrainConfig(
        label={"column": "y"},
        penalty={"l2": 1.0, "standardize": True},
        features={"columns": {"v": {"penalty_factor": 3.0}, "t": {"type": "text", "penalty_factor": 0.5}}},
    )
    found = penalty_of(DesignSpec((*numbers, text), intercept=True), 10.0, config)
    # Numbers count per standard deviation (2, squared), entries as they are.
    np.testing.assert_array_equal(found.ridge, [0.0, *[10 * 3.0 * 4.0] * 3, *[10 * 0.5] * 4])


def test_a_selection_keeps_or_leaves_out_all_numbers_of_a_vector():
    numbers = [
        NumericColumn(
            f"{name}[{k}]", "vector", "error", "error", None, False, 0.0, 1.0, vector=name, element=k, size=2
        )
        for name in ("v", "w")
        for k in range(2)
    ]
    text = SparseColumn("t", "string", "error", "hashed", "counts", (), 4, None, 0.1)
    design = DesignSpec((*numbers, text), intercept=True)
    assert list(terms_by_column(design).columns) == ["v", "w", "t"]
    record = SimpleNamespace(columns=("w", "t"))
    kept = selected_design(LearnedDesign(design, (), ()), record).spec
    assert [column.name for column in kept.columns] == ["w[0]", "w[1]", "t"]
