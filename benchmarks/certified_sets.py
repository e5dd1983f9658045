"""The certified sets as tools want them: one dense design, weighted rows of one outcome each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.certified.lre import lre
from tests.certified.rows import bernoulli, design_matrix
from tests.certified.sets import SETS, certified_values, load

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """A certified set.

    Attributes
    ----------
    name : str
    frame : DataFrame
        The table as it is.
    settings : dict
        What ``TrainConfig`` is made from.
    X : ndarray (n, p)
        Without a column of ones; categories as 0/1 columns without their reference.
    y : ndarray (n,)
        0 or 1: a grouped outcome is two rows, weighted by its events and by the others.
    weight : ndarray (n,) or None
        Importance times frequency times trials; None where all are 1.
    offset : ndarray (n,) or None
    intercept : bool
    terms : tuple of str
        Of the estimates; ``intercept`` first if there is one.
    values : dict
        What was certified.
    """

    name: str
    frame: pd.DataFrame
    settings: dict[str, Any]
    X: FloatArray
    y: FloatArray
    weight: FloatArray | None
    offset: FloatArray | None
    intercept: bool
    terms: tuple[str, ...]
    values: dict[str, Any]

    @property
    def design(self) -> FloatArray:
        """The design with a column of ones where there is an intercept, (n, p)."""
        return np.column_stack([np.ones(len(self.y)), self.X]) if self.intercept else self.X


def problem_of(name: str) -> Problem:
    """Load a certified set."""
    certified, frame = SETS[name], load(name)
    trials = bernoulli(certified, frame)
    design = design_matrix(certified, frame)
    each = trials.weight * trials.frequency
    ones, zeros = each * trials.events, each * (trials.trials - trials.events)
    rows = np.concatenate([np.flatnonzero(ones > 0), np.flatnonzero(zeros > 0)])
    n_ones = int((ones > 0).sum())
    weight = np.concatenate([ones[ones > 0], zeros[zeros > 0]]).astype(float)
    return Problem(
        name=name,
        frame=frame,
        settings=certified.config,
        X=np.ascontiguousarray(design[rows, int(certified.intercept) :]),
        y=np.r_[np.ones(n_ones), np.zeros(len(rows) - n_ones)],
        weight=None if (weight == 1).all() else weight,
        offset=trials.offset[rows] if certified.offset else None,
        intercept=certified.intercept,
        terms=tuple(certified.terms(frame)),
        values=certified_values(name),
    )


def as_shares(problem: Problem) -> Problem:
    """Return equal rows as one, `y` being the share of events among their weight."""
    weight = np.ones(len(problem.y)) if problem.weight is None else problem.weight
    offset = np.zeros(len(problem.y)) if problem.offset is None else problem.offset
    keys, place = np.unique(np.column_stack([problem.X, offset]), axis=0, return_inverse=True)
    total = np.bincount(place.ravel(), weight)
    events = np.bincount(place.ravel(), weight * problem.y)
    return replace(
        problem,
        X=np.ascontiguousarray(keys[:, :-1]),
        y=events / total,
        weight=total,
        offset=None if problem.offset is None else keys[:, -1],
    )


def right_digits(found: FloatArray, problem: Problem, key: str) -> float:
    """Return the least right digits over the terms: of ``estimate`` or of ``std_error``, at most 16."""
    rows = problem.values["coefficients"]
    return min(16.0, *(lre(float(value), row[key]) for value, row in zip(found, rows, strict=True)))
