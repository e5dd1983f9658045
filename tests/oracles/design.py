"""The design of a certified set in plain NumPy: what the library's arrays are held against R with, no JVM needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from tests.certified.rows import bernoulli
from tests.certified.sets import SETS, certified_values, load


@dataclass(frozen=True)
class CertifiedFit:
    """A certified set at its estimates; `centred` is the design with the means of the numbers taken off."""

    terms: list[str]
    columns: list[str | None]
    estimate: np.ndarray
    X: np.ndarray
    working_weight: np.ndarray
    centres: np.ndarray

    @property
    def information(self) -> np.ndarray:
        """Of the columns as they are: its inverse is the covariance in their units."""
        return self.X.T @ (self.working_weight[:, None] * self.X)

    @property
    def centred_information(self) -> np.ndarray:
        centred = self.X - self.centres
        return centred.T @ (self.working_weight[:, None] * centred)

    @property
    def covariance(self) -> np.ndarray:
        undo = np.eye(len(self.terms))
        undo[0] -= self.centres
        return undo @ np.linalg.inv(self.centred_information) @ undo.T


@cache
def certified_fit(name: str) -> CertifiedFit:
    certified, frame = SETS[name], load(name)
    trials, terms = bernoulli(certified, frame), certified.terms(frame)
    columns = [None if term == "intercept" else term.split("[")[0] for term in terms]
    X = np.column_stack([_column(frame, term) for term in terms])
    values = {row["term"]: float(row["estimate"]) for row in certified_values(name)["coefficients"]}
    estimate = np.array([values[term] for term in terms])
    mu = 1 / (1 + np.exp(-(X @ estimate)))
    weight = np.array(
        [float(w * f * t) for w, f, t in zip(trials.weight, trials.frequency, trials.trials, strict=True)]
    )
    centres = np.array([X[:, k].mean() if term in certified.numeric else 0.0 for k, term in enumerate(terms)])
    return CertifiedFit(terms, columns, estimate, X, weight * mu * (1 - mu), centres)  # fmt: skip


def _column(frame, term: str) -> np.ndarray:
    if term == "intercept":
        return np.ones(len(frame))
    name, _, level = term.removesuffix("]").partition("[")
    return (frame[name] == level if level else frame[name]).to_numpy(dtype=float)
