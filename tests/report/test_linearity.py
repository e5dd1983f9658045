"""The log-odds of columns as pictures, and the rows of the largest influence as a file."""

from __future__ import annotations

import math
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq

from logreg_dist.checks.records import Checks, Linearity, LogitBin
from logreg_dist.model.model import InfluentialRows
from logreg_dist.report.influence import influence_parquet
from logreg_dist.report.linearity import MAX_PANELS, draw_linearity
from tests.report.models import small_model

SVG = "{http://www.w3.org/2000/svg}"


def bins(n: int = 4) -> tuple[LogitBin, ...]:
    edges = [None, *map(float, range(1, n)), None]
    return tuple(
        LogitBin(edges[k], edges[k + 1], k + 0.5, 100.0, 40.0 + k, math.log((40.5 + k) / (60.5 - k)), -0.4)
        for k in range(n)
    )


def of_columns(*columns: Linearity):
    return replace(small_model(), checks=Checks(linearity=columns))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_columns_worth_a_term_come_first_and_name_it():
    slight = Linearity("slight", "quadratic", 50.0, 1e-9, 1e-9, None, bins())
    bent = Linearity("bent", "box_tidwell", 20.0, 1e-5, 1e-5, "log(bent)", bins())
    shown = texts(draw_linearity(of_columns(slight, bent)))
    assert shown.index("bent") < shown.index("slight")
    assert "try log(bent)" in shown
    assert "chi-squared 50, adjusted p < 0.0001" in shown


def test_each_bin_is_a_dot_and_at_most_twelve_columns_are_drawn():
    many = tuple(Linearity(f"c{k}", "quadratic", float(k), 0.5, 0.5, None, bins()) for k in range(20))
    svg = draw_linearity(of_columns(*many))
    dots = list(ElementTree.fromstring(svg).iter(f"{SVG}circle"))
    assert len(dots) == MAX_PANELS * 4
    assert "c19" in texts(svg)
    assert "c0" not in texts(svg)
    assert "the 12 worst of 20 columns" in svg


def test_without_a_test_there_are_bins_and_names_are_inert():
    svg = draw_linearity(of_columns(Linearity("<script>x", "quadratic", None, None, None, None, bins())))
    assert "<script>" not in svg
    assert "no test" in texts(svg)


def test_without_bins_there_is_no_picture():
    assert draw_linearity(small_model()) == ""
    assert draw_linearity(of_columns(Linearity("a", "quadratic", 1.0, 0.3, 0.3, None, ()))) == ""


def influential(*, key: str | None, keys: tuple[str, ...] | None):
    names = ("label", "probability", "leverage", "pearson_residual", "cooks_distance")
    columns = {name: np.array([1.0, 0.0]) + k for k, name in enumerate(names)}
    rows = InfluentialRows(keys, columns, np.array([[0.1, -0.2], [0.3, 0.4]]), ("intercept", "age"))
    config = {"checks": {"influence": {"rows": 2, "key": key}}}
    return replace(small_model(), influential=rows, config=config)


def test_the_file_of_influence_has_the_key_by_its_own_name():
    found = pq.read_table(BytesIO(influence_parquet(influential(key="customer", keys=("a", "b")))))
    assert found.column_names[:2] == ["customer", "label"]
    assert found["customer"].to_pylist() == ["a", "b"]
    assert found.column_names[-2:] == ["dfbeta_intercept", "dfbeta_age"]
    assert found["dfbeta_age"].to_pylist() == [-0.2, 0.4]


def test_a_key_called_like_a_measure_gets_another_name():
    found = pq.read_table(BytesIO(influence_parquet(influential(key="label", keys=("a", "b")))))
    assert found.column_names[:2] == ["key", "label"]


def test_without_rows_there_is_no_file():
    assert influence_parquet(small_model()) == b""
    found = pq.read_table(BytesIO(influence_parquet(influential(key=None, keys=None))))
    assert found.column_names[0] == "label"
