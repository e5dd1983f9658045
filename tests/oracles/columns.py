"""Hand tables to R for tests of columns, collinearity and contrasts, and keep its answers.

    python -m tests.oracles.columns

needs Rscript with the package car (made with R 4.2.2, car 3.1.1) and writes ``columns.json``.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from tests.certified.rows import bernoulli
from tests.certified.sets import SETS, load

VALUES = Path(__file__).with_name("columns.json")
SCRIPT = Path(__file__).with_name("columns.R")

# A set with hypotheses in R's names; each equation is a contrast, several are tested together.
HYPOTHESES = {
    "birthwt": [["raceblack - raceother"], ["2*age + 0.5*lwt - smoke"], ["raceblack - raceother", "smoke"]],
    "pima": [["npreg - glu"], ["skin", "bmi"]],
    "credit_data": [
        ["Homeparents - Homerent"],
        ["Homeparents - Homerent", "Jobfreelance", "2*Age - Income"],
    ],
    "mlc_churn": [["stateTX - stateCA"], ["stateTX - stateCA", "stateNY", "international_planyes"]],
    "ucb_admissions": [["DeptB - DeptC"]],
}


def answers(name: str) -> dict[str, Any]:
    """Return what R says of a set."""
    certified, frame = SETS[name], load(name)
    trials, levels = bernoulli(certified, frame), certified.levels(frame)
    columns = [(column, "") for column in certified.numeric] + [
        (column, "\t".join([reference, *levels[column]]))
        for column, reference in certified.categorical.items()
    ]
    # Numbers as hexadecimal floats: R reads decimals to within a unit in the last place only.
    rows = pd.DataFrame(
        {column: [float(value).hex() for value in frame[column]] for column in certified.numeric}
        | {column: frame[column] for column in certified.categorical}
        | {
            ".events": [float(value).hex() for value in trials.events],
            ".weight": [float(value).hex() for value in trials.weight * trials.frequency],
        }
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows.to_csv(folder / "rows.csv", index=False)
        pd.DataFrame(columns, columns=["column", "levels"]).to_csv(folder / "columns.csv", index=False)
        texts = ["\t".join(equations) for equations in HYPOTHESES[name]]
        pd.DataFrame({"hypothesis": texts}).to_csv(folder / "contrasts.csv", index=False)
        subprocess.run(["Rscript", str(SCRIPT), scratch], check=True)

        def read(file: str) -> pd.DataFrame:
            # Python's own conversion is exact, pandas' default is not.
            return pd.read_csv(folder / file, float_precision="round_trip")

        terms = certified.terms(frame)
        conditions = read("conditions.csv")
        shares = conditions.drop(columns="index").to_numpy()
        correlation = read("correlations.csv")["correlation"].to_numpy().reshape(len(terms), len(terms))
        # A correlation of terms of one column is of no interest.
        return {
            "terms": terms,
            "tests": read("tests.csv").to_dict("records"),
            "vif": read("vif.csv").to_dict("records"),
            "conditions": [
                {"index": index, "shares": {t: s for t, s in zip(terms, row, strict=True) if s > 0.2}}
                for index, row in zip(conditions["index"], shares.tolist(), strict=True)
            ],
            "correlations": _largest(terms, correlation.tolist()),
            "contrasts": [
                {"equations": equations, **{key: None if value != value else value for key, value in row.items()}}
                for equations, row in zip(HYPOTHESES[name], read("contrasts_r.csv").to_dict("records"), strict=True)
            ],
        }  # fmt: skip


def _largest(terms: list[str], correlation: list[list[float]]) -> list[tuple[str, str, float]]:
    columns = [term.split("[")[0] for term in terms]
    pairs = [
        (terms[i], terms[j], correlation[i][j])
        for i in range(1, len(terms))
        for j in range(i + 1, len(terms))
        if columns[i] != columns[j]
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[2]))[:10]


if __name__ == "__main__":
    VALUES.write_text(json.dumps({name: answers(name) for name in HYPOTHESES}, indent=1) + "\n")
