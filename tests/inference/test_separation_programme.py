"""Linear programmes against all directions of small tables, and cases that are easily taken for the other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.inference.separation_programme import separation_programme
from tests.solver.arrays import with_ones


def extreme_directions(X: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Return the edges of the cone ``(2 y - 1) x'd >= 0``, each from p - 1 rows that it meets, exactly."""
    rows = (np.where(y > 0, 1, -1)[:, None] * X).astype(int)
    p = X.shape[1]
    found = []
    for chosen in combinations(np.unique(rows, axis=0), p - 1):
        # With integers the edge is the vector of minors.
        block = np.array(chosen).reshape(p - 1, p)
        edge = np.array([(-1) ** j * round(np.linalg.det(np.delete(block, j, axis=1))) for j in range(p)])
        for direction in (edge, -edge):
            gains = rows @ direction
            if direction.any() and (gains >= 0).all() and gains.any():
                found.append(direction)
    return found


@settings(max_examples=60, deadline=None)
@given(data=st.data(), p=st.integers(2, 3))
def test_separation_and_its_terms_are_those_of_the_edges_of_the_cone(data, p):
    entry = st.integers(-2, 2)
    rows = data.draw(st.lists(st.tuples(*[entry] * (p - 1), st.integers(0, 1)), min_size=p + 1, max_size=9))
    X = with_ones(*np.array([row[:-1] for row in rows], dtype=float).T)
    y = np.array([row[-1] for row in rows], dtype=float)
    if np.linalg.matrix_rank(X) < p:
        return
    edges = extreme_directions(X, y)
    found = separation_programme(X, y)
    assert found.is_separated == bool(edges)
    if edges:
        # With full rank the cone is the sum of its edges.
        assert (found.signs != 0).tolist() == np.any(edges, axis=0).tolist()
        separated = (np.array(edges) @ X.T != 0).any(axis=0)
        assert found.separated.tolist() == separated.tolist()
        for j, sign in enumerate(found.signs):
            assert sign == 0 or sign in {np.sign(edge[j]) for edge in edges}


@pytest.mark.parametrize("slope", [5.0, 30.0, 1000.0])
def test_a_steep_slope_that_one_pair_of_rows_overlaps_is_no_separation(slope):
    x = np.linspace(-1, 1, 2000)
    y = (slope * x > 0).astype(float)
    assert separation_programme(with_ones(x), y).is_separated
    y[[999, 1000]] = [1.0, 0.0]
    assert not separation_programme(with_ones(x), y).is_separated


def test_a_level_without_events_is_named_alone_with_its_sign():
    rng = np.random.default_rng(0)
    x, level = rng.normal(size=400), np.arange(400) < 7
    y = np.where(level, 0.0, rng.random(400) < 0.4)
    found = separation_programme(with_ones(x, level), y)
    assert found.signs.tolist() == [0.0, 0.0, -1.0]
    assert found.separated.tolist() == level.tolist()


def test_separation_only_in_an_interaction_is_named():
    rng = np.random.default_rng(1)
    a, b = np.tile([0.0, 0, 1, 1], 50), np.tile([0.0, 1, 0, 1], 50)
    y = (rng.random(200) < 0.5).astype(float)
    y[(a == 1) & (b == 1)] = 1.0
    assert not separation_programme(with_ones(a, b), y).is_separated
    assert separation_programme(with_ones(a, b, a * b), y).signs.tolist() == [0, 0, 0, 1.0]


def test_rows_that_a_second_programme_separates_are_found():
    # Along a all rows of the first half gain and the others are on the boundary, where b separates them.
    a = np.array([1.0, -1, 2, -2, 0, 0, 0, 0])
    b = np.array([-9.0, 9, -9, 9, 1, -1, 2, -2])
    y = np.array([1.0, 0, 1, 0, 1, 0, 1, 0])
    found = separation_programme(np.column_stack([a, b]), y)
    assert found.separated.all()
    assert found.signs.tolist() == [1.0, 1.0]


def test_a_known_direction_says_the_signs_and_the_programme_adds_what_it_lacks():
    rng = np.random.default_rng(2)
    levels = [np.arange(300) < 20, (np.arange(300) >= 20) & (np.arange(300) < 50)]
    y = (rng.random(300) < 0.5).astype(float)
    y[:20], y[20:50] = 1.0, 0.0
    X = with_ones(rng.normal(size=300), *levels)
    found = separation_programme(X, y, known=np.array([0.0, 0, 1, 0]))
    assert found.signs.tolist() == [0, 0, 1, -1]
    assert found.separated.sum() == 50
    wrong = separation_programme(X, y, known=np.array([0.0, 1, 0, 0]))  # not one at all
    assert wrong.signs.tolist() == [0, 0, 1, -1]


def test_shares_of_events_lie_on_both_sides():
    x, y = np.array([-1.0, 0, 1, 2]), np.array([0.0, 0.5, 1, 1])
    found = separation_programme(with_ones(x), y)
    assert found.signs.tolist() == [0.0, 1.0]
    assert not separation_programme(with_ones(x), np.array([0.5, 0.5, 1, 1])).is_separated


@pytest.mark.parametrize("scale", [1e-9, 1e9])
@pytest.mark.parametrize("seed", range(3))
def test_the_units_and_a_long_tail_do_not_matter(scale, seed):
    rng = np.random.default_rng(seed)
    x = np.exp(2.5 * rng.normal(size=1000))
    y = (x > np.median(x)).astype(float)
    found = separation_programme(with_ones((x - x.mean()) * scale), y)
    assert found.separated.all()
    y[np.argsort(x)[500:502]] = [0.0, 1.0]
    y[np.argsort(x)[498:500]] = [1.0, 0.0]
    assert not separation_programme(with_ones((x - x.mean()) * scale), y).is_separated


def test_no_rows_and_columns_of_zeros_are_nothing_to_separate():
    assert not separation_programme(np.zeros((0, 2)), np.zeros(0)).is_separated
    assert not separation_programme(np.zeros((3, 1)), np.array([0.0, 1, 1])).is_separated
