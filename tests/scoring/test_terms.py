"""Transforms and interactions mean at scoring what they meant at the fit: without a JVM."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.design.encode import encode_chunks
from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_centres
from logreg_dist.errors import InputRejected
from logreg_dist.fitting.sums import in_kernel_order
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.scoring.counts import read_counts, refuse_forbidden
from logreg_dist.scoring.rows import score_rows
from logreg_dist.scoring.terms import count_names, score_terms
from logreg_dist.staging.split_file import RawChunk
from tests.in_process import learned_spec, policy, stage

N = 500
# Of the largest of some forty summands.
SAME = 1e-12
TERMS = (
    "ns(x, 4)", "bs(z, 5, 2)", "poly(z, 4)", "bins(x, 4)", "log(x)", "log1p(x)", "x:z", "z:plan", "plan:region",
    "log(x):plan", "region:bins(x, 4)", "bins(z, 3):bins(x, 4)", "ns(z, 3):poly(x, 2)", "z:log(z2)", "z2:log(z2)", "z2",
)  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    rng = np.random.default_rng(6)
    x, z = rng.gamma(2.0, 20.0, N), rng.normal(1e3, 2, N)
    plan, region = rng.choice(["a", "b", "c", "rare"], N, p=[0.5, 0.3, 0.19, 0.01]), rng.choice(["n", "s"], N)
    y = rng.integers(0, 2, N).astype(float)
    return pa.table({"x": x, "z": z, "z2": x + 1, "plan": plan, "region": region, "label": y})


@pytest.fixture(scope="module")
def spec(rows, tmp_path_factory) -> DesignSpec:
    staged = stage(rows, tmp_path_factory.mktemp("terms"))
    features = {"terms": list(TERMS), "defaults": {"min_level_count": 10}}
    policies = {"x": policy("indicator"), "z": policy("mean"), "plan": policy(min_count=10)}
    return learned_spec(staged, policies, features=features)


def estimates_of(spec: DesignSpec) -> dict[str, float]:
    """Of a size with which every term adds about as much."""
    rng = np.random.default_rng(1)
    moments = spec.moments()
    return {
        term.name: float(
            rng.normal() / (abs(moments.get(term.name, (0, 1))[0]) + moments.get(term.name, (0, 1))[1])
        )
        for term in spec.terms()
    }


def by_the_kernel(spec: DesignSpec, estimates: dict[str, float], columns: dict[str, list]) -> np.ndarray:
    """The linear predictor by the encoder and kernel of the fit, on centred columns."""
    dictionaries = [list(dict.fromkeys(columns[column.name])) for column in spec.categorical]
    codes = [
        [levels.index(level) for level in columns[column.name]]
        for column, levels in zip(spec.categorical, dictionaries, strict=True)
    ]
    numeric = np.array([columns[column.name] for column in spec.numeric], dtype=float)
    chunk = RawChunk(np.zeros(numeric.shape[1]), None, None, numeric, np.array(codes, dtype=np.int32))
    [block] = encode_chunks([chunk], spec, dictionaries)
    beta = np.array([estimates[term.name] for term in spec.terms()])
    beta[0] += beta @ term_centres(spec)
    return linear_predictor(in_kernel_order(beta, spec.kernel_positions()), block, spec.shape())


def scored(spec: DesignSpec, estimates: dict[str, float], columns: dict[str, list]):
    terms = score_terms(spec, estimates, None)
    arrays = [pa.array(columns[term.name], from_pandas=True) for term in terms.columns]
    return terms, score_rows(arrays, terms, len(arrays[0]))


def test_scores_are_the_kernels_linear_predictors(rows, spec):
    rng = np.random.default_rng(2)
    columns = {
        "x": np.where(np.arange(N) % 9 == 0, np.nan, rng.gamma(1.0, 60.0, N)),
        "z": np.where(np.arange(N) % 7 == 0, np.nan, rng.normal(1e3, 6, N)),
        "z2": rng.gamma(2.0, 20.0, N),
        "plan": rng.choice(["a", "b", "c", "rare", "new"], N).tolist(),
        "region": rng.choice(["n", "s"], N).tolist(),
    }
    for k, column in enumerate(spec.columns):
        assert column.name == rows.column_names[k]
    estimates = estimates_of(spec)
    expected = by_the_kernel(spec, estimates, columns)
    terms, found = scored(spec, estimates, columns)
    assert not np.isnan(found.linear_predictor).any()
    size = np.abs(expected).max()
    np.testing.assert_allclose(found.linear_predictor, expected, rtol=0, atol=SAME * size)
    assert found.odd[:2, 0].tolist() == [56, 72]
    assert len(terms.products) == 9


@pytest.mark.parametrize(
    ("name", "value"),
    [("x", 0.0), ("x", -1.0), ("z2", 0.0), ("z", 1e101), ("z", -1e60), ("x", np.inf)],
)
def test_a_value_that_a_term_cannot_take_leaves_the_row_without_a_score(spec, name, value):
    columns = {"x": [20.0] * 3, "z": [1e3] * 3, "z2": [9.0] * 3, "plan": ["a"] * 3, "region": ["n"] * 3}
    columns[name] = [columns[name][0], value, columns[name][0]]
    terms, found = scored(spec, estimates_of(spec), columns)
    np.testing.assert_array_equal(np.isnan(found.linear_predictor), [False, True, False])
    place = [term.name for term in terms.columns].index(name)
    assert found.odd.sum() == found.odd[place, 2] == 1
    counts = dict(zip(count_names(terms.columns, 0), [1, *found.odd.ravel()], strict=True))
    with pytest.raises(InputRejected) as error:
        refuse_forbidden(read_counts(counts, terms, []), terms, 3)
    above = "" if name == "z" else " above 0"
    assert f"column '{name}' has 1 value that is no finite number{above} in 3 rows" in str(error.value)


def test_each_term_adds_its_own_part(spec):
    # One estimate at a time: a product read from a wrong column or level would show.
    columns = {
        "x": [3.0, 90.0],
        "z": [997.0, 1002.0],
        "z2": [4.0, 91.0],
        "plan": ["b", "c"],
        "region": ["s", "n"],
    }
    for name in spec.moments() | dict.fromkeys(term.name for term in spec.terms()):
        one = {term.name: float(term.name == name) for term in spec.terms()}
        _, found = scored(spec, one, columns)
        expected = by_the_kernel(spec, one, columns)
        tolerance = SAME * max(1.0, np.abs(expected).max(), abs(spec.moments().get(name, (0, 1))[0]))
        np.testing.assert_allclose(found.linear_predictor, expected, rtol=0, atol=tolerance, err_msg=name)
