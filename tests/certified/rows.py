"""The distinct rows of a design with exact counts: what both high-precision routes start from.

Rows that share their design and offset share their probability, so their log-likelihoods add up to
``ones * log(mu) + zeros * log(1 - mu)``. Floats are binary fractions and Python's fractions add them
without rounding, so collapsing rows changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pandas as pd

from tests.certified.sets import CertifiedSet


@dataclass(frozen=True)
class DistinctRows:
    """`X` is (n, p) float64, `offset` (n,); `ones` and `zeros` are the weights of either outcome, (n,)."""

    X: np.ndarray
    offset: np.ndarray
    ones: tuple[Fraction, ...]
    zeros: tuple[Fraction, ...]


@dataclass(frozen=True)
class Bernoulli:
    """A set's table as weighted Bernoulli trials: row i stands for `trials` of which `events` are 1."""

    events: np.ndarray
    trials: np.ndarray
    weight: np.ndarray
    frequency: np.ndarray
    offset: np.ndarray


def bernoulli(certified: CertifiedSet, frame: pd.DataFrame) -> Bernoulli:
    """Read outcome, weight, frequency and offset off the table, one entry per row."""
    n_rows = len(frame)
    if certified.events is not None and certified.trials is not None:
        events, trials = frame[certified.events].to_numpy(), frame[certified.trials].to_numpy()
    else:
        positive = True if certified.positive is None else certified.positive
        events, trials = (
            (frame[certified.label] == positive).to_numpy().astype("int64"),
            np.ones(n_rows, "int64"),
        )
    return Bernoulli(
        events=events,
        trials=trials,
        weight=frame[certified.weight].to_numpy() if certified.weight else np.ones(n_rows),
        frequency=frame[certified.frequency].to_numpy() if certified.frequency else np.ones(n_rows, "int64"),
        offset=frame[certified.offset].to_numpy() if certified.offset else np.zeros(n_rows),
    )


def design_matrix(certified: CertifiedSet, frame: pd.DataFrame) -> np.ndarray:
    """Return the (n, p) float64 design in the order of ``certified.terms(frame)``."""
    intercept = [np.ones(len(frame))] if certified.intercept else []
    numeric = [frame[column].to_numpy(dtype="float64") for column in certified.numeric]
    dummies = [
        (frame[column] == level).to_numpy(dtype="float64")
        for column, levels in certified.levels(frame).items()
        for level in levels
    ]
    return np.column_stack([*intercept, *numeric, *dummies])


def distinct_rows(X: np.ndarray, trials: Bernoulli) -> DistinctRows:
    """Collapse rows of equal design and offset, exactly."""
    keys, inverse = np.unique(np.column_stack([X, trials.offset]), axis=0, return_inverse=True)
    ones: defaultdict[int, Fraction] = defaultdict(Fraction)
    zeros: defaultdict[int, Fraction] = defaultdict(Fraction)
    events, failures = trials.frequency * trials.events, trials.frequency * (trials.trials - trials.events)
    for key, weight, n_ones, n_zeros in zip(
        inverse.ravel().tolist(), trials.weight.tolist(), events.tolist(), failures.tolist(), strict=True
    ):
        ones[key] += Fraction(weight) * n_ones
        zeros[key] += Fraction(weight) * n_zeros
    order = range(len(keys))
    return DistinctRows(
        X=keys[:, :-1],
        offset=keys[:, -1],
        ones=tuple(ones[key] for key in order),
        zeros=tuple(zeros[key] for key in order),
    )


def null_rows(rows: DistinctRows) -> DistinctRows:
    """Return the rows of the model with an intercept (and the offset) only."""
    return replace(rows, X=np.ones((len(rows.offset), 1)))


def condition_number(rows: DistinctRows, beta: np.ndarray) -> float:
    """Return the condition of ``sqrt(w) X`` at `beta` (p,), the columns scaled to unit length.

    `w` are the working weights, so this is what a weighted least squares step at `beta` has to solve, whatever
    the units of the columns: with it the information matrix has the square of this condition.
    """
    ones, zeros = np.array(rows.ones, dtype=float), np.array(rows.zeros, dtype=float)
    scale = np.linalg.norm(rows.X, axis=0)
    mu = 1 / (1 + np.exp(-((rows.X / scale) @ (beta * scale) + rows.offset)))
    weighted = rows.X / scale * np.sqrt((ones + zeros) * mu * (1 - mu))[:, None]
    return float(np.linalg.cond(weighted / np.linalg.norm(weighted, axis=0)))


def float_start(rows: DistinctRows, iterations: int = 40) -> np.ndarray:
    """Return the (p,) estimate to about float64 accuracy: where the exact iterations begin."""
    ones, zeros = np.array(rows.ones, dtype=float), np.array(rows.zeros, dtype=float)
    scale = np.linalg.norm(rows.X, axis=0)
    Z = rows.X / scale
    beta = np.zeros(Z.shape[1])
    for _ in range(iterations):
        mu = 1 / (1 + np.exp(-(Z @ beta + rows.offset)))
        root = np.sqrt((ones + zeros) * mu * (1 - mu))
        beta = beta + np.linalg.lstsq(Z * root[:, None], (ones - (ones + zeros) * mu) / root, rcond=None)[0]
    return beta / scale
