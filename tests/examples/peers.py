"""The same models from scikit-learn and SciPy, on columns that are encoded here from the names of the terms."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.linear_model import LogisticRegression

from logreg_dist import LogisticModel, TrainConfig
from logreg_dist.config.policies import MissingPolicy


@dataclass(frozen=True)
class Column:
    """How one term is read from a table."""

    name: str
    level: str | None
    fill: float | str | None
    others: tuple[str, ...] = ()
    function: str | None = None

    def of(self, frame: pd.DataFrame, texts: dict[str, pd.Series]) -> np.ndarray:
        """Return the term of every row; `texts` keeps the levels of a column for its other terms."""
        values = frame[self.name]
        if self.level == "missing":
            return values.isna().to_numpy(dtype=float)
        if self.level is None:
            numbers = values.astype(float)
            filled = (numbers if self.fill is None else numbers.fillna(self.fill)).to_numpy()
            return filled if self.function is None else getattr(np, self.function)(filled)
        if self.name not in texts:
            levels = values.map(_text, na_action="ignore").astype(object)
            texts[self.name] = levels if self.fill is None else levels.fillna(self.fill)
        if self.level == "__other__":
            return (~texts[self.name].isin(self.others)).to_numpy(dtype=float)
        return (texts[self.name] == self.level).to_numpy(dtype=float)


def columns_of(model: LogisticModel, config: TrainConfig, train: pd.DataFrame) -> list[Column]:
    """Return the terms with an estimate, with the fills that the policies of `config` have in `train`.

    Of several classes: the terms of the first.
    """
    first = model.coefficient_rows[0].class_name
    rows = [row for row in model.coefficient_rows if row.class_name == first and row.column is not None]
    levels: dict[str, list[str]] = {}
    for row in rows:
        levels.setdefault(row.column, []).append(str(row.level))
    numbers = {column.name for column in model.design.numeric}
    found = []
    for row in rows:
        if row.estimate is None:
            continue
        if transformed := re.fullmatch(r"(log|log1p)\((\w+)\)", row.column):
            found.append(Column(transformed[2], None, None, function=transformed[1]))
            continue
        policy, values = config.features.policy(row.column), train[row.column]
        if row.column in numbers:
            level = "missing" if row.term.endswith("[missing]") else None
            found.append(Column(row.column, level, _fill(policy.missing, values)))
            continue
        reference = policy.reference
        if reference == "most_frequent":
            reference = _text(values.value_counts().idxmax())
        found.append(Column(row.column, row.level, policy.missing.value, (*levels[row.column], reference)))
    return found


def _fill(policy: MissingPolicy, values: pd.Series) -> float | None:
    """Return what stands in for a missing number."""
    known = values.dropna().astype(float)
    if policy.kind in ("mean", "indicator"):
        return float(known.mean())
    if policy.kind == "median":
        return float(known.median())
    return policy.value


def design(columns: list[Column], frame: pd.DataFrame) -> np.ndarray:
    """Return the matrix of the terms, without a column for the intercept."""
    texts: dict[str, pd.Series] = {}
    return np.column_stack([column.of(frame, texts) for column in columns])


def binary_optimum(
    X: np.ndarray, y: np.ndarray, *, weight: np.ndarray | None, l2: float, scale: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return intercept and coefficients of scikit-learn in units of the columns.

    A penalised column counts per `scale`. Without a penalty neither centre nor scale matters to the
    model, but both do to the digits: the columns are centred always.
    """
    total = len(y) if weight is None else weight.sum()
    peer = LogisticRegression(
        C=np.inf if l2 == 0 else 1.0 / (total * l2), solver="newton-cholesky", tol=1e-12, max_iter=1000
    )
    centre = X.mean(axis=0)
    peer.fit((X - centre) / scale, y, sample_weight=weight)
    beta = peer.coef_[0] / scale
    return float(peer.intercept_[0] - centre @ beta), beta


def class_optimum(
    X: np.ndarray, codes: np.ndarray, *, reference: int, l2: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return intercepts (K,) and coefficients (K, p) of the ridge on coefficients against a class.

    scikit-learn penalises the coefficients of all K classes, which is another model, so this is
    SciPy's optimum of mean loss + l2/2 * sum of the squares of the K - 1 others. An answer whose gradient
    is above 1e-11 is refused: the objective is curved by l2 at least in every penalised direction, so
    no coefficient is further off than that divided by l2, times the root of their number.
    """
    n, p = X.shape
    k = int(codes.max()) + 1
    free = np.array([j for j in range(k) if j != reference])
    Z = np.column_stack([np.ones(n), X])
    hit = np.eye(k)[codes]
    ridge = np.full(p + 1, l2)
    ridge[0] = 0.0

    def spread(theta: np.ndarray) -> np.ndarray:
        beta = np.zeros((k, p + 1))
        beta[free] = theta.reshape(k - 1, p + 1)
        return beta

    def value(theta: np.ndarray) -> tuple[float, np.ndarray]:
        beta = spread(theta)
        eta = Z @ beta.T
        loss = (logsumexp(eta, axis=1) - eta[np.arange(n), codes]).mean() + 0.5 * (ridge * beta**2).sum()
        gradient = (softmax(eta, axis=1) - hit).T @ Z / n + ridge * beta
        return float(loss), gradient[free].ravel()

    def curvature(theta: np.ndarray) -> np.ndarray:
        mu = softmax(Z @ spread(theta).T, axis=1)[:, free]
        weights = np.eye(k - 1)[None] * mu[:, :, None] - mu[:, :, None] * mu[:, None, :]
        blocks = [[(Z * weights[:, [a], b]).T @ Z / n for b in range(k - 1)] for a in range(k - 1)]
        return np.block(blocks) + np.diag(np.tile(ridge, k - 1))

    start = np.zeros((k - 1) * (p + 1))
    found = minimize(value, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-6})
    theta = found.x - np.linalg.solve(curvature(found.x), value(found.x)[1])
    assert np.abs(value(theta)[1]).max() < 1e-11
    beta = spread(theta)
    return beta[:, 0], beta[:, 1:]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, (bool, np.bool_)) else str(value)
