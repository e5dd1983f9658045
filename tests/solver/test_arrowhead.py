"""One huge category eliminated on its own: the same answers as with the whole matrix."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.fitting.sums import huge_column, in_term_order
from logreg_dist.inference.covariance import covariance, variances
from logreg_dist.inference.proof import RowPasses, prove_separation
from logreg_dist.inference.separation import count_along, neutral_rows
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.solver.arrowhead import ArrowheadInformation
from logreg_dist.solver.information import dependences_in, factor_of, whole_matrix
from logreg_dist.solver.linear_system import SingularInformation, find_dependences
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending
from logreg_dist.solver.ridge import scaled_ridge

SAME = 1e-10  # relative: two ways to solve one well-conditioned system
COMBINATION = 1e-6  # of the column: what a factorisation of sums of squares leaves
SHAPE = BlockShape(3, (4, 30, 5))


@pytest.fixture
def eliminated(monkeypatch):
    """Any column counts as huge."""
    monkeypatch.setattr("logreg_dist.fitting.sums.HUGE_LEVELS", 1)
    monkeypatch.setattr("logreg_dist.fitting.sums.HUGE_SHARE", 0.0)


def rows_of(shape: BlockShape, n_rows: int = 2_000, seed: int = 0) -> Block:
    rng = np.random.default_rng(seed)
    dense = np.vstack([np.ones(n_rows), rng.normal(size=(shape.n_dense - 1, n_rows))])
    codes = [rng.integers(0, width + 1, n_rows).astype(np.int32) for width in shape.widths]
    eta = dense[1:].sum(axis=0) - 0.5 + sum(np.sin(column) for column in codes)
    return Block(dense, codes, (rng.random(n_rows) < 1 / (1 + np.exp(-eta))).astype(float))


def both_forms(information) -> tuple[ArrowheadInformation, np.ndarray]:
    assert isinstance(information, ArrowheadInformation)
    return information, information.matrix()


def order_with_the_huge_column_first(shape: BlockShape) -> np.ndarray:
    where = shape.slices()[1]
    return np.r_[0, where, 1 : where.start, where.stop : shape.p]


@pytest.mark.parametrize(
    "order",
    [
        np.arange(SHAPE.p),
        order_with_the_huge_column_first(SHAPE),
        np.r_[0, SHAPE.slices()[2], SHAPE.slices()[1], 2, SHAPE.slices()[0], 1],
    ],
)
def test_the_arrow_holds_the_same_matrix_in_any_order_of_the_columns(eliminated, order):
    state = evaluate(np.full(SHAPE.p, 0.1), [rows_of(SHAPE)], SHAPE)
    found = in_term_order(state, SHAPE, order).information
    assert isinstance(found, ArrowheadInformation)
    assert (len(found.levels), found.p) == (30, SHAPE.p)
    np.testing.assert_array_equal(whole_matrix(found), state.information.matrix(SHAPE)[np.ix_(order, order)])


def test_a_ridge_reaches_each_term_by_its_own_amount_and_parts_are_renumbered():
    X, first, width = design_with("none")
    arrow, ridge = arrow_of(X, first, width), np.arange(1.0, 1.0 + X.shape[1])
    penalised = arrow.plus_diagonal(ridge).matrix()
    np.testing.assert_array_equal(penalised, arrow.matrix() + np.diag(ridge))
    active = np.arange(X.shape[1]) % 3 != 1
    np.testing.assert_array_equal(arrow.part(active).matrix(), arrow.matrix()[np.ix_(active, active)])


@pytest.mark.parametrize(
    ("widths", "column"),
    [((), None), ((499,), None), ((500,), 0), ((20, 600, 599), 1), ((500,) * 4, None), ((20_000, 50), 0)],
)
def test_only_a_column_of_many_levels_and_a_good_share_of_all_is_eliminated(widths, column):
    assert huge_column(BlockShape(3, widths)) == column


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 40), st.integers(0, 6), st.lists(st.integers(-8, 8), min_size=46)
)
def test_solution_and_inverse_diagonal_are_those_of_the_whole_matrix(seed, w, r, exponents):
    rng = np.random.default_rng(seed)
    # Levels with hardly any working weight, and columns on any scale.
    weight = 10.0 ** rng.uniform(-12, 0, w)
    codes = np.tile(np.arange(w), 12)
    dense = rng.normal(size=(len(codes), r)) * 10.0 ** np.array(exponents[:r])
    dense *= np.sqrt(weight[codes])[:, None]
    indicator = (codes[:, None] == np.arange(w)) * np.sqrt(weight[codes])[:, None]
    places = rng.permutation(w + r) if r == 0 else np.r_[r // 2 : r // 2 + w, 0 : r // 2, r // 2 + w : r + w]
    arrow = ArrowheadInformation(
        12 * weight, indicator.T @ dense, dense.T @ dense, np.sort(places[:w]), np.sort(places[w:])
    )
    matrix = arrow.matrix()
    scale = np.sqrt(np.diag(matrix))
    right = matrix @ (1.0 / scale)
    factor = factor_of(arrow)
    np.testing.assert_allclose(factor.solve(right) * scale, np.ones(w + r), rtol=1e-6)
    expected = np.diag(np.linalg.inv(matrix / np.outer(scale, scale)))
    np.testing.assert_allclose(factor.inverse_diagonal() * scale**2, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "broken",
    [
        {"diagonal": np.array([1.0, 0.0])},
        {"diagonal": np.array([1.0, np.nan])},
        {"cross": np.array([[1.0], [np.inf]])},
        {"rest": np.array([[1.9]])},
    ],
)
def test_an_arrow_that_is_not_positive_definite_is_refused(broken):
    good = {"diagonal": np.ones(2), "cross": np.ones((2, 1)), "rest": np.array([[3.0]])}
    factor_of(ArrowheadInformation(**good, levels=np.array([1, 2]), others=np.array([0])))
    with pytest.raises(SingularInformation, match=r"^$"), np.errstate(invalid="ignore"):
        factor_of(ArrowheadInformation(**good | broken, levels=np.array([1, 2]), others=np.array([0])))


def test_a_single_category_and_nothing_else_is_a_diagonal():
    arrow = ArrowheadInformation(
        np.array([4.0, 2.0]), np.zeros((2, 0)), np.zeros((0, 0)), np.arange(2), np.arange(0)
    )
    factor = factor_of(arrow)
    np.testing.assert_allclose(factor.solve(np.array([4.0, 4.0])), [1.0, 2.0], rtol=SAME)
    np.testing.assert_allclose(factor.inverse_diagonal(), [0.25, 0.5], rtol=SAME)
    assert dependences_in(arrow) == []


def design_with(kind: str, seed: int = 3) -> tuple[np.ndarray, int, int]:
    """Return columns (n, p) with 12 levels at a place, dependent in one of the ways of real tables."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 13, 400)  # the thirteenth is the reference
    levels = (codes[:, None] == np.arange(12)).astype(float)
    ones, x, z = np.ones((400, 1)), rng.normal(size=(400, 1)), rng.normal(size=(400, 1))
    region = ((codes // 4)[:, None] == np.arange(3)).astype(float)  # 12, the last region, is the reference's
    before, after = {
        "none": ([ones, x], [z]),
        "region after": ([ones, x], [region, z]),
        "region before": ([ones, region, x], [z]),
        "regions on both sides": ([ones, region[:, :2], x], [region[:, 2:], z]),
        "all regions and a sum": (
            [ones, region, x, x + 2 * region[:, :1]],
            [z, z - x, region @ [[1.0], [2], [3]]],
        ),
        "constant before": ([ones, 3 * ones, x], [z]),
        "all levels": ([ones, x], [z]),
        "an empty level": ([ones, x], [z]),
        "an empty level and regions": ([ones, region, x], [z, region]),
        "a level as a number": ([ones, 2.5 * levels[:, 3:4]], [levels[:, 5:6] - levels[:, 7:8]]),
        "no intercept": ([x], [z, x + z]),
    }[kind]
    if kind == "all levels":
        levels[codes == 12, 0] = 1.0
    if kind.startswith("an empty level"):
        levels[:, 4] = 0.0
    left = np.hstack(before)
    return np.hstack([left, levels, *after]), left.shape[1], 12


KINDS = (
    "none",
    "region after",
    "region before",
    "regions on both sides",
    "all regions and a sum",
    "constant before",
    "all levels",
    "an empty level",
    "an empty level and regions",
    "a level as a number",
    "no intercept",
)


def arrow_of(X: np.ndarray, first: int, width: int) -> ArrowheadInformation:
    full, levels = X.T @ X, np.arange(first, first + width)
    others = np.setdiff1d(np.arange(X.shape[1]), levels)
    return ArrowheadInformation(
        np.diag(full)[levels], full[np.ix_(levels, others)], full[np.ix_(others, others)], levels, others
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1.0, 1e9])
def test_the_terms_without_an_estimate_are_those_of_r(kind, scale):
    X, first, width = design_with(kind)
    weight = np.random.default_rng(5).uniform(0.01, 1.0, len(X))
    X = X * np.sqrt(weight)[:, None]
    X[:, -1] *= scale
    found = dependences_in(arrow_of(X, first, width))
    expected = find_dependences(X.T @ X)
    assert [one.position for one in found] == [one.position for one in expected]
    for dependence in found:
        column = X[:, dependence.position]
        named = sum((w * X[:, k] for k, w in dependence.weights.items()), np.zeros(len(X)))
        np.testing.assert_allclose(named, column, atol=COMBINATION * max(np.abs(column).max(), 1e-300))
        without = {one.position for one in found}
        assert all(k < dependence.position and k not in without for k in dependence.weights)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 5), st.integers(1, 8))
def test_nested_and_summed_columns_in_any_order_are_named_as_with_the_whole_matrix(seed, first, width):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, width + rng.integers(0, 2), 30)
    levels = (codes[:, None] == np.arange(width)).astype(float)
    nested = levels @ (rng.integers(-2, 3, (width, 5)) * (rng.random((width, 5)) < 0.5))
    others = np.where(rng.random(5) < 0.6, nested, rng.normal(size=(30, 5)))
    others[:, 4] += others[:, rng.integers(0, 4)]
    X = np.hstack([others[:, :first], levels, others[:, first:]]) * rng.uniform(0.3, 1.0, (30, 1))
    found = dependences_in(arrow_of(X, first, width))
    positions = [one.position for one in found]
    assert positions == [one.position for one in find_dependences(X.T @ X)]
    for one in found:
        named = sum((w * X[:, k] for k, w in one.weights.items()), np.zeros(30))
        np.testing.assert_allclose(named, X[:, one.position], atol=COMBINATION)
        assert not set(one.weights) & set(positions)


def fitted(shape, blocks, order, *, l2: float = 0.0, scale: np.ndarray | None = None):
    def neutral(direction, blur):
        rows = neutral_rows(kernel(direction), blocks, shape, blur=kernel(blur))
        return in_term_order(evaluate(np.zeros(shape.p), rows, shape), shape, order).information

    def kernel(beta):
        placed = np.empty_like(beta)
        placed[order] = beta
        return placed

    def count(direction, blur):
        return count_along(kernel(direction), blocks, shape, blur=kernel(blur))

    passes = RowPasses(count, neutral, np.ones(shape.p))
    n_rows = sum(block.n_rows for block in blocks)
    ridge = scaled_ridge(l2, n_rows, order > 0) if l2 else None
    return newton(
        lambda beta: in_term_order(evaluate(kernel(beta), blocks, shape), shape, order),
        np.zeros(shape.p),
        NewtonOptions(ridge=ridge, alias=ridge is None),
        rises_for_ever=lambda along: prove_separation(along / np.abs(along).max(), passes).proves_separation,
    )


@pytest.mark.parametrize("l2", [0.0, 1e-3])
def test_newton_finds_the_same_estimates_and_standard_errors_either_way(monkeypatch, request, l2):
    shape = BlockShape(4, (6, 300, 10))
    blocks, order = [rows_of(shape, 20_000)], order_with_the_huge_column_first(shape)
    whole = fitted(shape, blocks, order, l2=l2)
    request.getfixturevalue("eliminated")
    arrow = fitted(shape, blocks, order, l2=l2)
    assert isinstance(arrow.point.sums.information, ArrowheadInformation)
    assert not isinstance(whole.point.sums.information, ArrowheadInformation)
    assert (arrow.ending, arrow.n_steps) == (whole.ending, whole.n_steps)
    np.testing.assert_allclose(arrow.point.beta, whole.point.beta, rtol=SAME, atol=SAME)
    every, centres = np.ones(shape.p, dtype=bool), np.where(order == 2, 3.0, 0.0)
    undo = np.eye(shape.p)
    undo[0] -= centres
    expected = undo @ covariance(whole.point.sums.information, every) @ undo.T
    for information in (arrow.point.sums.information, whole.point.sums.information):
        found = variances(information, every, centres, 0)
        np.testing.assert_allclose(found, np.diag(expected), rtol=SAME)


def test_a_level_with_one_label_is_separated_without_a_ridge_and_finite_with_one(eliminated):
    shape = BlockShape(2, (60, 3))
    block = rows_of(shape, 6_000)
    block.y[block.codes[0] == 7] = 0.0
    order = np.arange(shape.p)
    free = fitted(shape, [block], order)
    assert free.ending is Ending.SEPARATED
    assert np.flatnonzero(np.abs(free.direction) > 0.5 * np.abs(free.direction).max()).tolist() == [2 + 7]
    shrunk = fitted(shape, [block], order, l2=1e-4)
    assert shrunk.ending is Ending.CONVERGED
    assert -10 < shrunk.point.beta[2 + 7] < -1


def test_dependent_terms_of_a_nested_column_get_no_estimate_either_way(request):
    shape = BlockShape(2, (5, 60))
    block = rows_of(shape, 6_000)
    block.codes[0][:] = block.codes[1] // 10 % 6  # the wide column is nested in the narrow one before it
    order = np.arange(shape.p)
    whole = fitted(shape, [block], order)
    request.getfixturevalue("eliminated")
    arrow = fitted(shape, [block], order)
    positions = [dependence.position for dependence in arrow.dependences]
    assert positions == [dependence.position for dependence in whole.dependences]
    assert len(positions) == 5
    assert arrow.ending is whole.ending is Ending.CONVERGED
    np.testing.assert_allclose(arrow.point.beta, whole.point.beta, rtol=1e-8, atol=1e-8)
    active = np.ones(shape.p, dtype=bool)
    active[positions] = False
    found = [variances(one.point.sums.information, active, np.zeros(shape.p), 0) for one in (arrow, whole)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-8)
    assert np.isnan(found[0][positions]).all()


@pytest.mark.parametrize("l2", [0.0, 1e-3])
def test_sixty_thousand_levels_need_no_matrix_of_28_gigabytes(l2):
    shape = BlockShape(3, (60_000, 4))
    rng = np.random.default_rng(0)
    n_rows = 60_001 * 4
    block = rows_of(shape, n_rows)
    # Each level has four rows and both labels, so estimates exist.
    block.codes[0][:] = np.arange(n_rows) // 4
    block.y[:] = np.arange(n_rows) % 4 < rng.integers(1, 4, n_rows // 4).repeat(4)
    result = fitted(shape, [block], np.arange(shape.p), l2=l2)
    assert result.ending is Ending.CONVERGED
    found = variances(result.point.sums.information, np.ones(shape.p, dtype=bool), np.zeros(shape.p), 0)
    assert np.isfinite(found).all()


def test_pairs_and_crosses_of_a_column_stand_side_by_side_in_the_kernels_order():
    state = evaluate(np.zeros(SHAPE.p), [rows_of(SHAPE)], SHAPE)
    full = state.information.matrix(SHAPE)
    for column, where in enumerate(SHAPE.slices()):
        rest = np.r_[0 : where.start, where.stop : SHAPE.p]
        widths = SHAPE.widths[:column] + SHAPE.widths[column + 1 :]
        without = state.information.without(column).matrix(BlockShape(SHAPE.n_dense, widths))
        np.testing.assert_array_equal(state.information.beside(column), full[where, rest])
        np.testing.assert_array_equal(without, full[np.ix_(rest, rest)])
        assert len(list(combinations(widths, 2))) == 1
