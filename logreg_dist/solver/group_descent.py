"""The group lasso's quadratic problem on a p x p matrix: block coordinate descent, finished by Newton. No pass over data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.box import Box
from logreg_dist.solver.coordinate_descent import MAX_SWEEPS, STILL, SWEEPS_PER_ATTEMPT, sweep_terms
from logreg_dist.solver.groups import Group, missed_with_groups, penalty_size
from logreg_dist.solver.linear_system import SingularInformation, factorise

FloatArray = NDArray[np.float64]

# Newton steps in an attempt to finish; from where the sweeps have settled which groups are 0 they are quadratic.
NEWTON_STEPS = 30
# Of the size of the solution, in the metric of the matrix: a Newton step below it has all digits.
ALL_DIGITS = 1e-15


@dataclass(frozen=True)
class _Block:
    """A group with its own part of the matrix, for columns divided by `weight`: ``vectors diag(values) vectors'``."""

    places: Group
    weight: FloatArray
    values: FloatArray
    vectors: FloatArray


@dataclass(frozen=True)
class _Problem:
    """``z' A z / 2 - b' z`` plus the penalty, over the box."""

    matrix: FloatArray
    right: FloatArray
    lasso: FloatArray
    box: Box
    groups: Sequence[Group]
    alone: NDArray[np.bool_]

    def objective(self, z: FloatArray) -> float:
        smooth = float(z @ (self.matrix @ z)) / 2 - float(self.right @ z)
        return smooth + penalty_size(z, self.lasso, self.groups)


def solve_group_lasso(
    matrix: FloatArray,
    right: FloatArray,
    lasso: FloatArray,
    start: FloatArray,
    *,
    groups: Sequence[Group],
    box: Box | None = None,
) -> FloatArray:
    """Minimise ``z' A z / 2 - b' z`` plus the lasso of single terms and the norms ``||lasso z||`` of groups, shape (p,).

    Parameters
    ----------
    matrix, right, lasso, start, box
        As for `solve_lasso`.
    groups : sequence of ndarray of int
        Positions of the terms of each group of several; their `lasso` is above 0 and they have no bounds.

    Notes
    -----
    Meier, van de Geer and Buehlmann (2008), J. R. Statist. Soc. B 70(1), section 2.2.1, with each block solved
    exactly rather than by one gradient step (Yang and Zou 2015, Stat. Comput. 25, take a bound of its curvature):
    in the eigenvectors of the block's matrix its length is the root of a function of one variable. Where the
    sweeps no longer change which groups are 0, the objective is smooth in the others, and Newton's method gives
    all digits; the conditions of the optimum say whether it did.

    Examples
    --------
    With a diagonal matrix a group is shrunk along itself, by 5 of its length of 10:

    >>> solve_group_lasso(np.eye(2), np.array([6.0, 8.0]), np.full(2, 5.0), np.zeros(2),
    ...                   groups=[np.array([0, 1])]).round(12).tolist()
    [3.0, 4.0]
    """
    p = len(start)
    limits = Box.unlimited(p) if box is None else box
    alone = np.ones(p, dtype=bool)
    for group in groups:
        alone[group] = False
    problem = _Problem(matrix, right, lasso, limits, groups, alone)
    blocks = [_block(matrix, lasso, group) for group in groups]
    diagonal = np.diag(matrix)
    single = np.flatnonzero(alone & (diagonal > 0))
    z = limits.clip(start)
    residual, before = right - matrix @ z, z != 0
    for sweep in range(1, MAX_SWEEPS + 1):
        change = sweep_terms(z, residual, matrix, lasso, limits, single)
        for block in blocks:
            change = max(change, _move_block(z, residual, matrix, block))
        size = float(np.sqrt((diagonal * z * z).max(initial=0.0)))
        still = change <= STILL * max(size, 1e-300)
        if still or sweep % SWEEPS_PER_ATTEMPT == 0:
            has_settled, before = bool(((z != 0) == before).all()), z != 0
            if still or has_settled:
                exact = _finish(problem, z)
                if exact is not None:
                    return exact
        if still:
            return z
    return z


def _block(matrix: FloatArray, lasso: FloatArray, group: Group) -> _Block:
    weight = lasso[group]
    values, vectors = np.linalg.eigh(matrix[np.ix_(group, group)] / np.outer(weight, weight))
    return _Block(group, weight, np.maximum(values, 0.0), vectors)


def _move_block(z: FloatArray, residual: FloatArray, matrix: FloatArray, block: _Block) -> float:
    """Minimise along one group, in place; return the move in the metric of the matrix."""
    old, places = z[block.places], block.places
    own = matrix[np.ix_(places, places)]
    free = (residual[places] + own @ old) / block.weight
    new = np.zeros_like(old)
    if float(np.linalg.norm(free)) > 1.0:
        turned = block.vectors.T @ free
        length = _length(turned, block.values, start=float(np.linalg.norm(block.weight * old)))
        new = block.vectors @ (turned / (block.values + 1.0 / length)) / block.weight
    move = new - old
    if not move.any():
        return 0.0
    residual -= matrix[:, places] @ move
    z[places] = new
    return float(np.sqrt(max(float(move @ own @ move), 0.0)))


def _length(turned: FloatArray, values: FloatArray, *, start: float) -> float:
    """Return the t > 0 with ``sum((turned / (values t + 1))**2) = 1``, the length of a group that is not 0.

    Newton's method on the inverse of the root of the sum, which is nearly linear in t (Nocedal and Wright 2006,
    section 4.3, for trust regions), kept between bounds.

    Examples
    --------
    >>> round(_length(np.array([3.0]), np.array([2.0]), start=0.0), 12)
    1.0
    """

    def norm(t: float) -> float:
        return float(np.linalg.norm(turned / (values * t + 1.0)))

    low, high = 0.0, max(start, 1.0)
    for _ in range(200):
        if norm(high) <= 1.0:
            break
        low, high = high, 4.0 * high
    t = start if low < start < high else high
    for _ in range(100):
        scaled = values * t + 1.0
        size = float(np.linalg.norm(turned / scaled))
        low, high = (t, high) if size > 1.0 else (low, t)
        slope = float((values * turned**2 / scaled**3).sum()) / size**3  # of 1 / size
        new = t + (1.0 - 1.0 / size) / slope if slope > 0 else high
        if not low < new < high:
            new = (low + high) / 2
        if abs(new - t) <= 1e-15 * new:
            return new
        t = new
    return t


def _finish(problem: _Problem, z: FloatArray) -> FloatArray | None:
    """Return the optimum among vectors with the zeros, signs and bounds of z; None where it is not that of all."""
    matrix, lasso, box = problem.matrix, problem.lasso, problem.box
    varies = np.diag(matrix) > 0
    moving = (z != 0) | (problem.alone & (lasso == 0) & varies)
    moving &= (z > box.lower) & (z < box.upper)
    signs = np.where(problem.alone & (lasso > 0), np.sign(z), 0.0)
    kept = [group for group in problem.groups if z[group].any()]
    for group in kept:
        moving[group] = varies[group]
    exact, value = z.copy(), problem.objective(z)
    for _ in range(NEWTON_STEPS):
        if not moving.any():
            break
        step = _newton_step(problem, exact, moving, signs, kept)
        if step is None:
            return None
        trial, share = exact + step, 1.0
        while problem.objective(trial) > value + 1e-14 * abs(value) and share > 1e-3:
            share /= 2
            trial = exact + share * step
        if (np.sign(trial) * signs < 0).any() or (trial < box.lower).any() or (trial > box.upper).any():
            return None
        if any(not trial[group].any() for group in kept):
            return None
        exact, value = trial, problem.objective(trial)
        diagonal = np.diag(matrix)
        if (diagonal * step**2).max() <= (ALL_DIGITS**2) * max((diagonal * exact**2).max(), 1e-300):
            break
    gradient = problem.right - matrix @ exact
    noise = 1e-12 * (np.abs(problem.right) + np.abs(matrix) @ np.abs(exact))
    wrong = missed_with_groups(gradient, exact, lasso, box, problem.groups) > noise
    return None if (wrong & varies).any() else exact


def _newton_step(
    problem: _Problem, z: FloatArray, moving: NDArray[np.bool_], signs: FloatArray, kept: Sequence[Group]
) -> FloatArray | None:
    """Return Newton's step on the terms that move, (p,); None where the matrix is singular."""
    slope = problem.right - problem.matrix @ z - problem.lasso * signs
    hessian = problem.matrix.copy()
    for group in kept:
        weight = problem.lasso[group]
        size = float(np.linalg.norm(weight * z[group]))
        pull = weight**2 * z[group] / size
        slope[group] -= pull
        hessian[np.ix_(group, group)] += (np.diag(weight**2) - np.outer(pull, pull)) / size
    step = np.zeros_like(z)
    try:
        step[moving] = factorise(hessian[np.ix_(moving, moving)]).solve(slope[moving])
    except SingularInformation:
        return None
    return step
