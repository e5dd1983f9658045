"""The third route: hand the table to R, which makes its own design, and read its float64 answer."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from tests.certified.route_mpmath import Solution
from tests.certified.rows import Bernoulli
from tests.certified.sets import CertifiedSet

SCRIPT = Path(__file__).with_name("certify.R")


def fit(certified: CertifiedSet, frame: pd.DataFrame, trials: Bernoulli) -> tuple[Solution, float]:
    """Return R's solution, in the order of ``certified.terms(frame)``, and its null log-likelihood."""
    levels = certified.levels(frame)
    columns = [(column, "") for column in certified.numeric] + [
        (column, "\t".join([reference, *levels[column]]))
        for column, reference in certified.categorical.items()
    ]
    rows = pd.DataFrame(
        {column: _hexadecimal(frame[column]) for column in certified.numeric}
        | {column: frame[column] for column in certified.categorical}
        | {
            ".events": _hexadecimal(trials.events),
            ".trials": _hexadecimal(trials.trials),
            ".weight": _hexadecimal(trials.weight * trials.frequency),
            ".offset": _hexadecimal(trials.offset),
        }
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows.to_csv(folder / "rows.csv", index=False)
        pd.DataFrame(columns, columns=["column", "levels"]).to_csv(folder / "columns.csv", index=False)
        (folder / "intercept.csv").write_text(
            f"intercept\n{str(certified.intercept).upper()}\n", encoding="utf-8"
        )
        subprocess.run(["Rscript", str(SCRIPT), name], check=True)
        answer = pd.read_csv(folder / "r.csv")
    # R calls a level of `race` "raceblack"; an order that differs would compare the wrong terms.
    expected = [_name_in_r(term) for term in certified.terms(frame)]
    if answer["term"].tolist() != [*expected, "log_likelihood", "null_log_likelihood"]:
        raise ValueError(f"R's terms are {answer['term'].tolist()}, expected {expected}")
    estimate, std_error = answer["estimate"].tolist(), answer["std_error"].tolist()
    return Solution(estimate[:-2], std_error[:-2], estimate[-2]), estimate[-1]


def _name_in_r(term: str) -> str:
    return "(Intercept)" if term == "intercept" else term.replace("[", "").replace("]", "")


def _hexadecimal(column: pd.Series | np.ndarray) -> list[str]:
    return [float(value).hex() for value in column]
