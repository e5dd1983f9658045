from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logreg_dist.solver.linear_system import SingularInformation, factorise, find_dependences
from tests.solver.arrays import with_ones

WEIGHTS = 1e-6  # relative: what is left of 16 digits in the weights of a combination
INVERSE = 1e-9

RNG = np.random.default_rng(11)
X3 = with_ones(*RNG.normal(size=(2, 60)))


def dependent_positions(X: np.ndarray) -> list[int]:
    return [found.position for found in find_dependences(X.T @ X)]


def combination(X: np.ndarray, position: int, weights) -> np.ndarray:
    return sum((weight * X[:, k] for k, weight in weights.items()), np.zeros(len(X)))


def test_independent_columns_have_no_dependences():
    assert dependent_positions(X3) == []


def test_the_dummy_trap_names_the_last_level_and_its_combination():
    codes = RNG.integers(0, 3, 60)
    X = np.column_stack([np.ones(60), *(codes == k for k in range(3))]).astype(float)
    [found] = find_dependences(X.T @ X)
    assert found.position == 3
    assert found.weights == pytest.approx({0: 1.0, 1: -1.0, 2: -1.0}, rel=WEIGHTS)


def test_a_constant_column_is_a_multiple_of_the_intercept():
    X = np.column_stack([X3, np.full(60, 0.1)])
    [found] = find_dependences(X.T @ X)
    assert (found.position, found.weights[0]) == (3, pytest.approx(0.1, rel=WEIGHTS))
    np.testing.assert_allclose([found.weights[1], found.weights[2]], 0, atol=WEIGHTS)


def test_a_column_of_zeros_depends_on_nothing():
    X = np.column_stack([X3[:, :1], np.zeros(60), X3[:, 1:]])
    [found] = find_dependences(X.T @ X)
    assert (found.position, dict(found.weights)) == (1, {})


def test_of_two_equal_columns_the_later_one_is_dependent():
    assert dependent_positions(X3[:, [0, 1, 2, 1]]) == [3]
    assert dependent_positions(X3[:, [0, 1, 1, 2]]) == [2]


def test_the_weights_of_a_combination_are_those_of_least_squares():
    X = np.column_stack([X3, X3 @ [3.0, -2.0, 0.5], X3 @ [0.0, 1.0, 1.0]])
    for found in find_dependences(X.T @ X):
        expected = np.linalg.lstsq(X[:, :3], X[:, found.position], rcond=None)[0]
        np.testing.assert_allclose([found.weights[k] for k in range(3)], expected, rtol=WEIGHTS, atol=1e-9)
    assert dependent_positions(X) == [3, 4]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(6)))
@example(73, [0, 1, 3, 4, 2, 5])  # a nearly dependent term before an exactly dependent one
def test_as_many_terms_are_dependent_as_the_rank_falls_short_in_any_order(seed, order):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(40, 4))
    X = np.column_stack([base, base @ rng.normal(size=4), base[:, 0] + base[:, 1]])[:, order]
    found = find_dependences(X.T @ X)
    assert len(found) == 6 - np.linalg.matrix_rank(X)
    for dependence in found:
        explained = combination(X, dependence.position, dependence.weights)
        np.testing.assert_allclose(explained, X[:, dependence.position], atol=1e-4)
        assert max(dependence.weights) < dependence.position


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12, 1e100])
def test_scales_decide_nothing(scale):
    assert dependent_positions(X3 * [1.0, scale, 1.0]) == []
    X = np.column_stack([X3 * [1.0, scale, 1.0], 3 * X3[:, 1]])
    assert dependent_positions(X) == [3]


@pytest.mark.parametrize(("condition", "expected"), [(1e3, []), (3e5, []), (3e6, [3]), (1e14, [3])])
def test_near_collinear_columns_are_told_apart_up_to_a_share_of_a_millionth(condition, expected):
    noise = RNG.normal(size=60)
    X = np.column_stack([X3, X3[:, 1] + noise / condition])
    assert dependent_positions(X) == expected


def test_an_empty_matrix_has_no_dependences():
    assert find_dependences(np.zeros((0, 0))) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(-9, 9), min_size=4, max_size=4))
def test_solution_and_inverse_are_right_on_any_scale(seed, exponents):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(50, 4)) * 10.0 ** np.array(exponents)
    information = X.T @ X
    factor = factorise(information)
    right = information @ np.arange(1.0, 5.0)
    scale = np.sqrt(np.diag(information))
    residual = information @ factor.solve(right) - right
    assert np.abs(residual / scale).max() <= INVERSE * np.abs(right / scale).max()
    inverse = factor.inverse()
    np.testing.assert_array_equal(inverse, inverse.T)
    np.testing.assert_allclose(
        (inverse * np.outer(scale, scale)) @ (information / np.outer(scale, scale)), np.eye(4), atol=INVERSE
    )


@pytest.mark.parametrize(
    "information",
    [
        np.zeros((1, 1)),
        np.array([[1.0, 2.0], [2.0, 1.0]]),
        np.array([[np.nan]]),
        np.array([[np.inf]]),
        np.array([[1.0, 1.0], [1.0, 1.0]]),
    ],
)
def test_a_matrix_that_is_not_positive_definite_is_refused(information):
    with pytest.raises(SingularInformation, match=r"^$"):
        factorise(information)
