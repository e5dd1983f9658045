"""Which terms of an arrowhead matrix can be estimated: the same ones as with the whole matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.arrowhead import ArrowheadInformation
from logreg_dist.solver.linear_system import DEPENDENCE_TOLERANCE, Dependence, find_dependences

FloatArray = NDArray[np.float64]

# Beside the largest weight of a combination, smaller ones are rounding.
NEGLIGIBLE = np.sqrt(DEPENDENCE_TOLERANCE)


def find_arrowhead_dependences(information: ArrowheadInformation) -> list[Dependence]:
    """Return the terms that are linear combinations of earlier ones, as `find_dependences` does.

    Three kinds of terms come one after the other: those before the levels depend on each other
    only; a level depends where a combination of the terms before it is one of levels, and is the
    last level in that combination; what comes after depends on all of these.

    Combinations of other terms with levels are those that vanish in the Schur complement. Each of
    them is written in levels as ``D^-1 C`` says, and eliminating from the right finds the levels
    that come last in them, the ones that R's order gives up.

    Parameters
    ----------
    information : ArrowheadInformation
        Positive semi-definite.

    Examples
    --------
    Columns a and b, of which c is the sum, with c before them or after them:

    >>> two = np.array([3.0, 5.0])
    >>> def found(levels, c):
    ...     arrow = ArrowheadInformation(two, two[:, None], np.array([[8.0]]), np.array(levels), np.array([c]))
    ...     [dependence] = find_arrowhead_dependences(arrow)
    ...     return dependence.position, {k: round(v, 9) for k, v in sorted(dependence.weights.items())}
    >>> found([0, 1], 2), found([1, 2], 0)
    ((2, {0: 1.0, 1: 1.0}), (2, {0: 1.0, 1: -1.0}))
    """
    filled = information.diagonal > 0
    empty = [Dependence(int(level), {}) for level in information.levels[~filled]]
    sizes = np.diag(information.rest)
    before = information.others < information.levels.min(initial=information.p)
    first = find_dependences(information.rest[np.ix_(before, before)])
    kept = np.ones(len(sizes), dtype=bool)
    kept[[dependence.position for dependence in first]] = False

    per_level = information.cross[filled] / information.diagonal[filled, None]
    schur = information.rest - information.cross[filled].T @ per_level
    schur = (schur + schur.T) / 2
    vanishing = find_dependences(schur[np.ix_(kept, kept)], sizes=sizes[kept], n_terms=information.p)
    numbers = np.flatnonzero(kept)
    combinations = [_by_number(dependence, numbers) for dependence in vanishing]

    levels = information.levels[filled]
    others = information.others
    early = [found for found in combinations if before[found.position]]
    late = [found for found in combinations if not before[found.position]]
    last_levels = _last_levels(early, per_level, levels, others)
    by_position = {dependence.position: dependence for dependence in last_levels}
    after = [_with_levels(found, per_level, levels, others, by_position) for found in late]
    return sorted(
        [*(_renamed(found, others) for found in first), *empty, *last_levels, *after],
        key=lambda dependence: dependence.position,
    )


def _by_number(dependence: Dependence, numbers: NDArray[np.intp]) -> Dependence:
    weights = {int(numbers[k]): weight for k, weight in dependence.weights.items()}
    return Dependence(int(numbers[dependence.position]), weights, dependence.remaining)


def _renamed(dependence: Dependence, others: NDArray[np.intp]) -> Dependence:
    return _by_number(dependence, others)


def _level_weights(dependence: Dependence, per_level: FloatArray) -> FloatArray:
    """Return what levels add up to ``term - sum(weight * other term)``, shape (w,)."""
    weights = per_level[:, dependence.position].copy()
    for k, weight in dependence.weights.items():
        weights -= weight * per_level[:, k]
    return weights


def _last_levels(
    combinations: Sequence[Dependence],
    per_level: FloatArray,
    levels: NDArray[np.intp],
    others: NDArray[np.intp],
) -> list[Dependence]:
    """Turn ``other terms = levels`` round: the last level of each combination is the dependent one."""
    if not combinations:
        return []
    by_level = np.array([_level_weights(combination, per_level) for combination in combinations])
    by_other = np.zeros((len(combinations), len(others)))
    for row, combination in zip(by_other, combinations, strict=True):
        row[combination.position] = 1.0
        for k, weight in combination.weights.items():
            row[k] = -weight
    remaining = max(combination.remaining for combination in combinations)
    found = []
    for k, last in enumerate(_reduce_from_the_right(by_level, by_other)):
        weights = dict(_entries(by_other[k], others))
        weights |= {level: -w for level, w in _entries(by_level[k], levels) if level != levels[last]}
        found.append(Dependence(int(levels[last]), weights, remaining))
    return found


def _reduce_from_the_right(by_level: FloatArray, by_other: FloatArray) -> list[int]:
    """Bring the rows of ``by_level x levels = by_other x others`` in place to a last entry of 1 of their own.

    Gauss and Jordan from the last column on; returns the place of each row's last entry.
    """
    places: list[int] = []
    for k in range(len(by_level)):
        below = np.abs(by_level[k:])
        counts = below > NEGLIGIBLE * np.maximum(below.max(axis=1, keepdims=True), np.finfo(float).tiny)
        last = int(np.flatnonzero(counts.any(axis=0)).max(initial=-1))
        if last < 0:  # only rounding is left
            break
        row = k + int(np.argmax(below[:, last] * counts[:, last]))
        for side in (by_level, by_other):
            side[[k, row]] = side[[row, k]]
        pivot, shares = by_level[k, last], by_level[:, last].copy()
        shares[k] = 0.0
        for side in (by_level, by_other):
            side[k] /= pivot
            side -= np.outer(shares, side[k])
        by_level[:, last], by_level[k, last] = 0.0, 1.0
        by_level[k, last + 1 :] = 0.0
        places.append(last)
    return places


def _with_levels(
    dependence: Dependence,
    per_level: FloatArray,
    levels: NDArray[np.intp],
    others: NDArray[np.intp],
    without_estimate: dict[int, Dependence],
) -> Dependence:
    """Add the levels to a combination, those without an estimate as combinations themselves."""
    weights = {int(others[k]): weight for k, weight in dependence.weights.items()}
    for level, weight in _entries(_level_weights(dependence, per_level), levels):
        instead = without_estimate[level].weights if level in without_estimate else {level: 1.0}
        for position, share in instead.items():
            weights[position] = weights.get(position, 0.0) + weight * share
    return Dependence(int(others[dependence.position]), weights, dependence.remaining)


def _entries(weights: FloatArray, positions: NDArray[np.intp]) -> list[tuple[int, float]]:
    size = np.abs(weights)
    named = np.flatnonzero(size > 1e-3 * NEGLIGIBLE * size.max(initial=0.0))
    return [(int(positions[k]), float(weights[k])) for k in named]
