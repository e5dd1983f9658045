"""Vectors and texts to linear predictors: every oddness of a row, and models of several classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.design.spec import DesignSpec, NumericColumn
from logreg_dist.errors import ArtefactInvalid
from logreg_dist.model.file import model_from_json, model_to_dict, model_to_json
from logreg_dist.scoring.rows import score_rows
from logreg_dist.scoring.tasks import BatchLayout, score_batch
from logreg_dist.scoring.terms import score_terms
from logreg_dist.staging.words import hashed
from tests.model.models import sealed
from tests.scoring.models import model_of, numeric

SIZE = 3


def vector(name: str = "v", missing: str = "error") -> list[NumericColumn]:
    return [
        replace(
            numeric(f"{name}[{k}]", "array<double>", missing), vector=name, element=k, size=SIZE, scale=2.0
        )
        for k in range(SIZE)
    ]


WORDS = SparseColumn("t", "string", "error", "words", "counts", ("bad", "good"), 2, None, 1.0)
HASHED = SparseColumn("h", "string", 'constant("")', "hashed", "binary", (), 64, "", 1.0)
LONG = SparseColumn("l", "vector", "drop", "vector", "counts", (), 700, None, 0.5)
COLUMNS = (numeric("x", "double"), *vector(), WORDS, HASHED, LONG)
STRUCT = pa.struct(
    [
        ("type", pa.int8()),
        ("size", pa.int32()),
        ("indices", pa.list_(pa.int32())),
        ("values", pa.list_(pa.float64())),
    ]
)


def long(*values: float, size: int = 700) -> dict:
    return {"type": 0, "size": size, "indices": list(range(5, 5 + len(values))), "values": list(values)}


def scored(design: DesignSpec, beta: dict[str, float], *columns: pa.Array):
    return score_rows(columns, score_terms(design, beta, None), len(columns[0]))


def estimates(design: DesignSpec) -> dict[str, float]:
    rng = np.random.default_rng(2)
    return {term.name: float(rng.normal()) for term in design.terms()}


def test_a_row_gets_the_sum_of_its_terms():
    design = DesignSpec(COLUMNS, intercept=True)
    beta = estimates(design)
    found = scored(
        design,
        beta,
        pa.array([2.0, 1.0]),
        pa.array([[1.0, 2.0, 3.0], [0.0, 0.0, -1.0]]),
        pa.array(["Good, GOOD, unknown", ""]),
        pa.array(["one two one", None]),
        pa.array([long(1.5, -1.0), long()], STRUCT),
    )
    one, two = hashed(64)(["one", "two"])
    expected = beta["intercept"] + 2 * beta["x"] + beta["v[0]"] + 2 * beta["v[1]"] + 3 * beta["v[2]"]
    expected += 2 * beta["t[good]"] + beta[f"h[#{one}]"] + beta[f"h[#{two}]"] + 1.5 * beta["l[5]"]
    expected -= beta["l[6]"]
    other = beta["intercept"] + beta["x"] - beta["v[2]"]
    np.testing.assert_allclose(found.linear_predictor, [expected, other], rtol=1e-12)
    # A text is missing; it is counted although another stands for it, as for numbers.
    assert found.odd.tolist() == [[0, 0, 0]] * 3 + [[1, 0, 0]] + [[0, 0, 0]]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("column", "values", "odd"),
    [
        (vector(), pa.array([None, [1.0, NAN, 1.0], [1.0, None, 1.0]]), [3, 0, 0]),
        (vector(), pa.array([[1.0, 2.0], [1.0, INF, 1.0], [1.0, 1e101, 1.0]]), [0, 0, 3]),
        ([WORDS], pa.array([None, None, None], pa.string()), [3, 0, 0]),
        ([LONG], pa.array([None, long(NAN), long(NAN, INF)], STRUCT), [3, 0, 0]),
        ([LONG], pa.array([long(1.0, size=699), long(INF), long(1e101)], STRUCT), [0, 0, 3]),
    ],
)
def test_a_row_that_cannot_be_scored_is_counted_by_its_reason(column, values, odd):
    design = DesignSpec(tuple(column), intercept=True)
    found = scored(design, estimates(design), values)
    assert np.isnan(found.linear_predictor).all()
    assert found.odd.tolist() == [odd]


def test_an_odd_row_leaves_its_neighbours_alone():
    design = DesignSpec(tuple(vector()), intercept=True)
    rows = [[1.0, 2.0, 3.0], None, [1.0], [INF, 0.0, 0.0], [1.0, 2.0, 3.0]]
    found = scored(design, estimates(design), pa.array(rows)).linear_predictor
    assert found[0] == found[4]
    assert np.isnan(found).tolist() == [False, True, True, True, False]


def test_several_classes_read_a_text_once_and_score_it_as_each_alone():
    design = DesignSpec((WORDS, *vector()), intercept=True)
    rng = np.random.default_rng(4)
    betas = [{term.name: float(rng.normal()) for term in design.terms()} for _ in range(3)]
    first, *further = [score_terms(design, beta, None) for beta in betas]
    layout = BatchLayout(first, ((0, None), (1, None)), (), 0, further=tuple(further), n_free=3)
    texts, vectors = pa.array(["bad good", None, "good"] * 4000), pa.array([[1.0, 2.0, 3.0]] * 12_000)
    batch = pa.RecordBatch.from_arrays([texts, vectors], names=["a", "b"])
    found, counts = score_batch(batch, layout)
    for column, beta in zip(found, betas, strict=True):
        alone = scored(design, beta, texts, vectors).linear_predictor
        np.testing.assert_array_equal(column.to_numpy(zero_copy_only=False), alone)
    assert counts.tolist()[:4] == [4000, 4000, 0, 0]


def test_a_model_of_vectors_and_texts_reads_back_as_it_was():
    model = model_of(*COLUMNS)
    again = model_from_json(model_to_json(model))
    assert again.design == model.design
    assert again.estimates == model.estimates
    assert "vector" not in model_to_dict(model)["design"]["columns"][0]  # of a plain number


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (vector()[:2], "a vector lacks a number"),
        (vector()[1:], "a vector lacks a number"),
        ([*vector()[:2], numeric("x", "double"), vector()[2]], "a vector lacks a number"),
        ([replace(vector()[0], name="v[7]"), *vector()[1:]], "has another name than its place"),
        ([replace(WORDS, words=("a", "a"))], "a text column has a word twice"),
        ([replace(WORDS, words=("a",))], "another number of words than it says"),
    ],
)
def test_a_file_whose_vectors_or_words_contradict_themselves_is_refused(columns, said):
    data = model_to_dict(model_of(*columns))
    with pytest.raises(ArtefactInvalid, match=said):
        model_from_json(sealed(data))
