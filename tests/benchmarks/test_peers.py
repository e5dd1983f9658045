"""Every tool that is installed finds the reference, and our own fit does so on every case."""

from __future__ import annotations

import pytest

from benchmarks.cases import CASES, FIT_CASES
from benchmarks.peers import PEERS, mllib_glr, mllib_lr, ours
from benchmarks.peers.peer import FitTask
from benchmarks.phases import Phases, end_to_end
from benchmarks.reference import REACHED, gap_of, reference_of

# Between them categories, weights, an offset and a ridge.
IN_PROCESS = (
    ("glum", "INS"),
    ("glum", "BIGC"),
    ("sklearn-newton", "BIGC"),
    ("sklearn-lbfgs", "AIR"),
    ("statsmodels", "INS"),
    ("statsmodels", "tiny"),
    ("r-glm", "INS"),
)


def assert_at_the_reference(fitted, table):
    assert abs(gap_of(fitted.estimates, table, reference_of(table))) <= REACHED[-1]


@pytest.mark.spark
@pytest.mark.parametrize("case_id", [case for case in FIT_CASES if CASES[case].classes == 2])
def test_ours_finds_the_reference_of_every_case(spark, small, case_id):
    table, phases = small(case_id), Phases()
    fitted = ours.fitted_of(ours.fit_on(spark, table, phases))
    assert_at_the_reference(fitted, table)
    assert fitted.has_std_errors == (table.case.prior_precision == 0)
    assert [phase.name for phase in end_to_end(phases.done)] == ["fit"]


@pytest.mark.spark
@pytest.mark.parametrize("case_id", ["D30", "CRM", "MN5"])
def test_ours_stopped_at_the_gap_is_at_the_reference_in_no_more_passes(spark, small, case_id):
    table, loosest = small(case_id), PEERS["ours-at-gap"].tolerances[0]
    loose = ours.fitted_of(ours.fit_on(spark, table, Phases(), tolerance=loosest))
    tight = ours.fitted_of(ours.fit_on(spark, table, Phases()))
    assert_at_the_reference(loose, table)
    assert loose.has_std_errors
    assert loose.passes <= tight.passes  # a small table is its own sample: there is nothing to save
    assert ours.train_settings(table, tolerance=loosest)["solver"] == {"tolerance": loosest}


@pytest.mark.spark
def test_ours_finds_the_reference_of_several_classes(spark, small):
    table = small("MN5")
    assert_at_the_reference(ours.fitted_of(ours.fit_on(spark, table, Phases())), table)


@pytest.mark.spark
@pytest.mark.parametrize(("peer", "case_id"), [(mllib_lr, "BIGC"), (mllib_glr, "INS")])
def test_mllib_finds_the_reference(spark, small, peer, case_id):
    table = small(case_id)
    fitted = peer.fit_on(spark, FitTask(table, 1e-10), Phases(), cached=False)
    assert_at_the_reference(fitted, table)


@pytest.mark.parametrize(("name", "case_id"), IN_PROCESS)
def test_tools_in_one_process_find_the_reference(small, name, case_id):
    peer, table = PEERS[name], small(case_id)
    if missing := peer.missing():
        pytest.skip(f"not installed: {missing}")
    assert peer.refuses(table.case) is None
    phases = Phases()
    fitted = peer.fit(FitTask(table, peer.tolerances[-1]), phases)
    assert_at_the_reference(fitted, table)
    assert end_to_end(phases.done)


def test_multinomial_models_of_scikit_learn_are_understood(small):
    table = small("MN5")
    assert_at_the_reference(PEERS["sklearn-newton"].fit(FitTask(table, 1e-8), Phases()), table)


def test_what_a_tool_cannot_do_is_said():
    assert PEERS["mllib-lr"].refuses(CASES["INS"]) == "it has no offset"
    assert PEERS["mllib-glr"].refuses(CASES["BIGC"]) == "at most 4,096 columns"
    assert "no reference levels" in PEERS["h2o"].refuses(CASES["BIGC"])
    assert PEERS["glum"].refuses(CASES["MN5"]) == "two classes only"
    assert "dense in memory" in PEERS["statsmodels"].refuses(CASES["CRM"])
