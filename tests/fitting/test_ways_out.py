"""What a way out of separation says of itself, and the tests that Firth's likelihood leaves to columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from logreg_dist import TrainConfig
from logreg_dist.fitting.firth import rows_of_blocks
from logreg_dist.fitting.firth_inference import penalised_tests
from logreg_dist.fitting.outcome import Separation, Verdict
from logreg_dist.fitting.search import Optimum
from logreg_dist.fitting.ways_out import WayOut, verdict_of
from logreg_dist.inference.records import ColumnTest
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.kernel.block import BlockShape
from logreg_dist.model.model import Coefficient, Status
from logreg_dist.solver.firth import FirthOptions, firth
from logreg_dist.solver.result import SolverResult
from tests.oracles.firth import design, separated
from tests.report.models import small_model
from tests.solver.arrays import block_of


def firth_from(start: float) -> SolverResult:
    X = design(separated())
    p = X.shape[1]
    rows = rows_of_blocks([block_of(X, separated()["y"])], BlockShape(p), np.arange(p))
    found = firth(rows.evaluate, rows.evaluate_adjusted, np.full(p, start), FirthOptions(1e-8, 200), known=[])
    return found.solution


def way_out(name: str, config: TrainConfig) -> WayOut:
    solution = firth_from(0.0)
    verdict = Verdict(Status.CONVERGED, "converged")
    separation = Separation(DirectionCounts())
    return WayOut(name, Optimum(solution, None), config, verdict, "the way out", separation)


def config(covariance: str) -> TrainConfig:
    return TrainConfig(
        label={"column": "y"},
        inference={"covariance": covariance, "cluster": "shop" if covariance == "cluster" else None},
    )


def test_a_way_out_that_ends_at_its_start_did_not_converge():
    singular = firth_from(1e4)
    assert not singular.history
    verdict = verdict_of(singular, "Firth's penalised likelihood", ", because it is so")
    assert verdict.status is Status.NOT_CONVERGED
    assert verdict.text.startswith("not converged: Firth's penalised likelihood ended at its start: ")
    assert verdict.text.endswith(", because it is so")
    converged = verdict_of(firth_from(0.0), "Firth's penalised likelihood", "")
    assert converged.status is Status.CONVERGED
    assert " standard errors from the optimum before the last" in converged.text


@pytest.mark.parametrize("covariance", ["hc1", "cluster"])
def test_firth_says_that_a_robust_covariance_was_not_done(covariance):
    asked = config(covariance)
    notes = way_out("firth", asked).flagged(small_model(), asked).notes
    assert f"standard errors are the model's and not {covariance}" in notes[-1]
    plain = config("model")
    assert way_out("firth", plain).flagged(small_model(), plain).notes[-1] == "the way out"


@pytest.mark.parametrize(("name", "estimator"), [("firth", "firth"), ("ridge", "ridge"), ("drop", "dropped")])
def test_no_way_out_passes_as_maximum_likelihood(name, estimator):
    asked = config("model")
    assert way_out(name, asked).flagged(small_model(), asked).estimator == estimator


def test_columns_of_one_term_are_tested_by_firths_likelihood_and_none_by_walds():
    def row(term: str, column: str | None, estimate: float | None = 1.0) -> Coefficient:
        return Coefficient(term, column, None, estimate, *(None,) * 8)

    terms = (row("(Intercept)", None), row("age", "age"), row("plan[b]", "plan"), row("plan[c]", "plan"))
    aliased = (row("town[b]", "town"), row("town[c]", "town", None))
    wald = (3.0, 0.08, 0.16, 0.08)
    tests = (ColumnTest("age", 1, *wald), ColumnTest("plan", 2, *wald), ColumnTest("town", 1, *wald))
    model = replace(small_model(), coefficient_rows=(*terms, *aliased), column_tests=tests)
    ratios = {"age": 38.4, "plan[b]": 5.0, "plan[c]": 6.0, "town[b]": None}
    age, plan, town = penalised_tests(model, ratios)
    assert (age.lr, age.lr_p_value) == (38.4, pytest.approx(5.76e-10, rel=1e-2))
    assert (plan.df, plan.lr, plan.lr_p_value) == (2, None, None)
    assert (town.df, town.lr) == (1, None)
    assert {test.wald for test in (age, plan, town)} == {None}
    assert {test.wald_p_bh for test in (age, plan, town)} == {None}
