"""Ill-conditioned columns: the information of their mixtures has the digits that their own has lost."""

from __future__ import annotations

import mpmath
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.fitting.mixtures import on_mixtures
from logreg_dist.solver.information import active_part, dependences_in, factor_of, whole_matrix
from logreg_dist.solver.linear_system import SingularInformation, factorise
from logreg_dist.solver.mixed import MixedInformation, mixing_for
from logreg_dist.solver.result import Ending, Sums
from tests.in_process import fit_rows

# Of 16 digits the condition of the columns, below 1e7 here, takes 7; its square would take 14.
SAME_INVERSE = 1e-8
# Well-conditioned columns: two ways to the same sums.
ROUNDING = 1e-10
# Relative: two fits whose rows are rounded in other places.
SAME_FIT = 1e-8


def powers(degree: int, n: int = 400, low: int = 18, high: int = 68) -> np.ndarray:
    """Return 1, x, x^2, ... of whole numbers, (n, degree + 1), exact."""
    x = np.random.default_rng(3).integers(low, high, n)
    return np.column_stack([x.astype(float) ** k for k in range(degree + 1)])


def by_mixtures(X: np.ndarray, rounds: int = 3) -> MixedInformation:
    """Mix until nothing is ill-conditioned any more, as a fit does."""
    mixing = np.eye(X.shape[1])
    Z, everything = X, np.ones(X.shape[1], dtype=bool)
    for _ in range(rounds):
        more = mixing_for(Z.T @ Z, everything)
        if more is None:
            break
        mixing = mixing @ more
        Z = X @ mixing
    return MixedInformation(Z.T @ Z, mixing)


def exact_inverse(X: np.ndarray) -> np.ndarray:
    with mpmath.mp.workdps(60):
        matrix = mpmath.matrix(X.tolist())
        inverse = mpmath.inverse(matrix.T * matrix)
        return np.array(inverse.tolist(), dtype=float)


def test_the_inverse_has_the_digits_that_the_sums_of_the_columns_have_lost():
    X = powers(6)
    right = exact_inverse(X)
    found = factor_of(by_mixtures(X)).inverse()
    np.testing.assert_allclose(found, right, rtol=SAME_INVERSE)
    rough = factorise(X.T @ X).inverse()
    assert np.abs(rough / right - 1).max() > 1e-6  # what mixing is for


def test_all_ways_to_ask_give_the_same_answer():
    information = by_mixtures(powers(6))
    factor = factor_of(information)
    inverse = factor.inverse()
    np.testing.assert_allclose(factor.inverse_diagonal(), np.diag(inverse), rtol=SAME_INVERSE)
    right = np.linspace(1, 2, 7)
    np.testing.assert_allclose(factor.solve(right), inverse @ right, rtol=SAME_INVERSE)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.booleans(), min_size=5, max_size=5))
def test_mixtures_have_the_information_of_their_columns(seed, chosen):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 5))
    mixing = np.triu(rng.uniform(0.5, 1.0, (5, 5)))
    Z = X @ mixing
    information = MixedInformation(Z.T @ Z, mixing)
    np.testing.assert_allclose(whole_matrix(information), X.T @ X, rtol=0, atol=1e-9)
    active = np.array(chosen)
    part = X[:, active]
    found = factor_of(active_part(information, active)).inverse() if active.any() else np.zeros((0, 0))
    np.testing.assert_allclose(found, np.linalg.inv(part.T @ part), rtol=0, atol=ROUNDING * 10)
    assert dependences_in(information) == []


def test_a_part_of_ill_conditioned_columns_keeps_its_digits():
    X = powers(6)
    active = np.array([True, True, False, True, True, True, True])
    found = factor_of(by_mixtures(X).part(active)).inverse()
    np.testing.assert_allclose(found, exact_inverse(X[:, active]), rtol=SAME_INVERSE)


def test_columns_that_only_seem_dependent_are_told_apart():
    X = powers(9, low=6, high=25)  # the last power is left unexplained by 2e-6 of its size
    centred = X - np.r_[0.0, X[:, 1:].mean(axis=0)]
    assert [found.position for found in dependences_in(centred.T @ centred)] == [9]
    assert dependences_in(by_mixtures(centred)) == []


def test_an_exact_dependence_beside_them_is_found_with_its_weights():
    X = powers(7)
    more = np.column_stack([X, X[:, 2] * 3 - X[:, 1], X[:, 7] / 2**20])
    found = dependences_in(by_mixtures(more))
    assert [dependence.position for dependence in found] == [8, 9]
    weights = found[0].weights
    assert {k for k, w in weights.items() if abs(w) > 1e-6} == {1, 2}
    assert (weights[1], weights[2]) == pytest.approx((-1.0, 3.0), rel=1e-6)
    assert found[1].weights[7] == pytest.approx(2.0**-20, rel=1e-6)
    assert max(dependence.remaining for dependence in found) < 1e-20


def test_a_dependence_nearer_than_the_tolerance_is_one_as_ever():
    rng = np.random.default_rng(1)
    X = powers(6)
    near = X[:, 1] + 1e-8 * X[:, 1].std() * rng.normal(size=len(X))
    found = dependences_in(by_mixtures(np.column_stack([X, near])))
    assert [dependence.position for dependence in found] == [7]
    # The square of 1e-8, by how much smaller the spread is than the size.
    assert found[0].remaining == pytest.approx(1e-16 * X[:, 1].var() / (X[:, 1] ** 2).mean(), rel=0.2)


def test_well_conditioned_columns_are_never_mixed():
    X = np.random.default_rng(2).normal(size=(200, 6)) * 10.0 ** np.arange(6)
    assert mixing_for(X.T @ X, np.ones(6, dtype=bool)) is None
    copies = np.column_stack([X, X[:, 0], np.zeros(200)])  # exact dependences are another matter
    assert mixing_for(copies.T @ copies, np.ones(8, dtype=bool)) is None


def test_a_matrix_of_mixtures_that_is_singular_is_refused():
    with pytest.raises(SingularInformation):
        factor_of(MixedInformation(np.zeros((2, 2)), np.eye(2)))


@pytest.mark.parametrize(("degree", "asked"), [(2, ["columns"]), (6, ["columns", "mixtures"])])
def test_only_the_first_evaluation_decides_and_costs_a_pass_more(degree, asked):
    X = powers(degree)
    X[:, 1:] -= X[:, 1:].mean(axis=0)
    calls: list[str] = []

    def sums(beta: np.ndarray) -> Sums:
        calls.append("columns")
        return Sums(400, 400.0, 1.0, X.T @ (1 - X @ beta), X.T @ X)

    def mixed(beta: np.ndarray, mixing: np.ndarray) -> Sums:
        calls.append("mixtures")
        Z = X @ mixing
        return Sums(400, 400.0, 1.0, X.T @ (1 - X @ beta), MixedInformation(Z.T @ Z, mixing))

    evaluate = on_mixtures(sums, mixed, np.ones(degree + 1, dtype=bool))
    evaluate(np.zeros(degree + 1))
    assert calls == asked
    evaluate(np.zeros(degree + 1))
    assert calls == [*asked, asked[-1]]


def a_curve(degree: int) -> pa.Table:
    """Return powers of an age as columns, a category, and a label that depends on both."""
    rng = np.random.default_rng(5)
    X, plan = powers(degree, 600), rng.integers(0, 3, 600)
    eta = np.sin(X[:, 1] / 9) + 0.4 * plan - 0.5
    return pa.table(
        {
            **{f"age{k}": X[:, k] for k in range(1, degree + 1)},
            "plan": np.array(["a", "b", "c"], dtype=object)[plan],
            "label": (rng.random(600) < 1 / (1 + np.exp(-eta))).astype(float),
        }
    )


def test_powers_of_a_column_and_orthogonal_polynomials_are_the_same_fit(tmp_path):
    plain = fit_rows(a_curve(6), tmp_path / "powers")
    assert isinstance(plain.result.point.sums.information, MixedInformation)
    x = a_curve(6)["age1"].to_numpy()
    basis = np.linalg.qr(np.vander((x - x.mean()) / x.std(), 7, increasing=True))[0][:, 1:]
    other = pa.table(
        {**{f"q{k}": basis[:, k] for k in range(6)}, "plan": a_curve(6)["plan"], "label": a_curve(6)["label"]}
    )
    orthogonal = fit_rows(other, tmp_path / "orthogonal")
    assert isinstance(orthogonal.result.point.sums.information, np.ndarray)
    assert plain.result.ending is orthogonal.result.ending is Ending.CONVERGED
    for term in ("plan[b]", "plan[c]"):
        assert plain[term] == pytest.approx(orthogonal[term], rel=SAME_FIT)
        k, j = plain.terms.index(term), orthogonal.terms.index(term)
        assert plain.std_error[k] == pytest.approx(orthogonal.std_error[j], rel=SAME_FIT)
    # The last power is the last polynomial, up to its scale.
    z, of_basis = plain["age6"] / plain.std_error[6], orthogonal["q5"] / orthogonal.std_error[6]
    assert abs(z) == pytest.approx(abs(of_basis), rel=SAME_FIT)


def test_rows_in_other_splits_are_the_same_fit(tmp_path):
    one = fit_rows(a_curve(7), tmp_path / "one")
    several = fit_rows(a_curve(7), tmp_path / "several", n_splits=7)
    np.testing.assert_allclose(several.estimate, one.estimate, rtol=SAME_FIT)
    np.testing.assert_allclose(several.std_error, one.std_error, rtol=SAME_FIT)
