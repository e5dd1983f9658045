"""Scored rows as arrays, and an assessment of them without Spark: the readings, split by split."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from logreg_dist.assessment.curves import close, empty_curves, trace
from logreg_dist.assessment.groups import FloatArray, ScoreGroups, group_rows
from logreg_dist.assessment.recalibration import centre_of, evaluate_line, recalibrate, shift
from logreg_dist.assessment.result import Assessment, assessment_of
from logreg_dist.assessment.totals import Totals, add_up


@dataclass(frozen=True)
class ScoredRows:
    """Columns of a scored table, shape (n,) each."""

    y: FloatArray
    eta: FloatArray
    weight: FloatArray
    frequency: FloatArray

    @property
    def mu(self) -> FloatArray:
        e = np.exp(-np.abs(self.eta))
        return np.where(self.eta >= 0.0, 1.0, e) / (1.0 + e)

    def take(self, rows: np.ndarray) -> ScoredRows:
        return ScoredRows(self.y[rows], self.eta[rows], self.weight[rows], self.frequency[rows])

    def groups(self) -> ScoreGroups:
        return group_rows(self.y, self.eta, self.mu, self.weight, self.frequency)


def scored(y: list[float], eta: list[float], weight: list[float] | None = None) -> ScoredRows:
    """Rows written by hand; weight 1 and frequency 1 unless told."""
    ones = np.ones(len(y))
    return ScoredRows(
        np.array(y, dtype=float),
        np.array(eta, dtype=float),
        ones if weight is None else np.array(weight),
        ones,
    )


def random_rows(n: int = 500, *, digits: int = 1, seed: int = 7) -> ScoredRows:
    """Rows with many ties (scores rounded to `digits`) and fractional weights, miscalibrated."""
    rng = np.random.default_rng(seed)
    eta = np.round(rng.normal(-0.5, 1.5, n), digits)
    y = (rng.random(n) < 1.0 / (1.0 + np.exp(-(0.4 + 0.7 * eta)))).astype(float)
    return ScoredRows(y, eta, rng.gamma(2.0, size=n), rng.integers(1, 4, n).astype(float))


def assess_rows(rows: ScoredRows, *, n_splits: int = 1, n_chunks: int = 1, n_bins: int = 10) -> Assessment:
    """Do what the driver and the executors do, in one process."""
    splits = [pieces(split, n_chunks) for split in pieces(rows.groups(), n_splits)]
    above = [Totals()]
    for split in splits:
        above.append(above[-1].followed_by(add_up(split)))
    whole = above[-1]
    curves = empty_curves(n_bins)
    for split, before in zip(splits, above[:-1], strict=True):
        curves = curves.followed_by(trace(split, before, whole, n_bins=n_bins))
    everything = [chunk for split in splits for chunk in split]

    def evaluate(beta: FloatArray):
        return evaluate_line(beta, everything, centre_of(whole))

    line, in_the_large = recalibrate(evaluate, whole), shift(evaluate, whole)
    return assessment_of(whole, close(curves, whole), line=line, in_the_large=in_the_large)


def pieces(groups: ScoreGroups, n: int) -> list[ScoreGroups]:
    """Cut groups into n pieces; with more pieces than groups, some are empty."""
    edges = np.linspace(0, len(groups), n + 1).astype(int)
    return [groups.part(slice(a, b)) for a, b in pairwise(edges)]


def numbers_of(assessment: Assessment) -> tuple[list[str], FloatArray]:
    """All numbers of an assessment with their names, None as NaN."""
    names, values = [], []

    def walk(name: str, value: object) -> None:
        if isinstance(value, dict):
            for key, entry in value.items():
                walk(f"{name}.{key}", entry)
        elif isinstance(value, list):
            for k, entry in enumerate(value):
                walk(f"{name}[{k}]", entry)
        elif not isinstance(value, str):
            names.append(name)
            values.append(np.nan if value is None else float(value))  # type: ignore[arg-type]

    walk("", assessment.as_dict())
    return names, np.array(values)


def assert_same(left: Assessment, right: Assessment, *, rtol: float) -> None:
    names, expected = numbers_of(left)
    other_names, found = numbers_of(right)
    assert other_names == names
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
