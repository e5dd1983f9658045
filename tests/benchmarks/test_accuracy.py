"""Right digits of tools on certified sets: what is counted, and that every tool is understood."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy import Digits, SetResult, about, header, measure, table_rows
from benchmarks.accuracy_tools import TOOLS, quietly
from benchmarks.certified_sets import problem_of, right_digits

# On 32 well-conditioned rows: what each tool has at least; MLlib's L-BFGS stops early.
DIGITS = {"ours": 9, "mllib-lr": 4, "mllib-glr": 9, "statsmodels": 9, "glum": 9, "sklearn": 9}


@pytest.mark.spark
def test_every_tool_has_its_digits_on_a_small_set(spark):
    pytest.importorskip("glum")
    [found] = measure(["spector"], list(TOOLS), spark, lambda line: None)
    digits = {one.tool: one for one in found.digits}
    assert {name for name, least in DIGITS.items() if digits[name].estimate >= least} == set(DIGITS)
    assert digits["ours"].std_error >= 8
    assert digits["mllib-glr"].std_error >= 8
    assert digits["sklearn"].std_error is None
    # Its dispersion is estimated, whatever the family.
    assert digits["glum"].std_error < 2
    assert "with dispersion=1" in digits["glum"].said
    [row] = table_rows([found])
    assert len(row) == len(header(list(TOOLS)))


def test_what_a_tool_has_no_way_to_fit_is_a_dash():
    [found] = measure(["default_offset"], ["sklearn"], None, lambda line: None)
    assert table_rows([found])[0][-1] == "-"
    assert "sklearn on default_offset: no offset" in about([found], ["sklearn"])


def test_what_a_tool_throws_is_a_failure():
    failed = SetResult("s", 1.0, 2, (Digits("glum", None, None, "LinAlgError: singular"),))
    assert table_rows([failed])[0] == ["s", "2", "1.0e+00", "fails"]
    assert "glum on s: LinAlgError: singular" in about([failed], ["glum"])


def test_grouped_outcomes_are_weighted_rows_of_the_same_likelihood():
    problem = problem_of("star98")
    estimates = np.array([float(row["estimate"]) for row in problem.values["coefficients"]])
    eta = problem.design @ estimates
    signed = np.where(problem.y == 1, eta, -eta)
    assert -problem.weight @ np.logaddexp(0, -signed) == pytest.approx(
        float(problem.values["log_likelihood"]), rel=1e-12
    )
    assert right_digits(estimates, problem, "estimate") > 15


def test_weights_are_given_to_statsmodels_and_not_ignored():
    problem = problem_of("affairs_combined")
    answer = quietly(TOOLS["statsmodels"], problem, None)
    assert answer.said == "GLM"
    assert right_digits(answer.estimate, problem, "estimate") > 9
