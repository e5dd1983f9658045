"""Which solver a model gets."""

from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.errors import InputRejected
from logreg_dist.fitting.method import MAX_MATRIX_BYTES, choose_method, matrix_bytes
from logreg_dist.fitting.optimum import one_label_directions
from logreg_dist.kernel.block import BlockShape
from logreg_dist.kernel.state import state_bytes
from logreg_dist.solver.result import Method
from logreg_dist.staging.split_tasks import group_size
from tests.in_process import learned_spec, logistic_table, policy, stage

GB = 2**30
BIGC = BlockShape(11, (20_000, 50, 50))
TEXT = BlockShape(14, (4_000,) * 26)


def chosen(shape: BlockShape, *, asked: str = "auto", n_splits: int = 4, limit: int = GB) -> Method:
    return choose_method(asked, shape, n_splits=n_splits, max_result_bytes=limit).method


def test_one_huge_category_gets_newtons_method_and_many_large_ones_do_not():
    assert chosen(BIGC) is Method.NEWTON
    assert chosen(TEXT) is Method.LBFGS
    assert chosen(BlockShape(31)) is Method.NEWTON


def test_the_matrix_on_the_driver_decides():
    assert matrix_bytes(BlockShape(10_000)) == MAX_MATRIX_BYTES
    assert chosen(BlockShape(10_000), n_splits=1) is Method.NEWTON
    assert chosen(BlockShape(10_001), n_splits=1) is Method.LBFGS
    # 8 (w (1 + r) + r^2) with r = 2,000
    assert chosen(BlockShape(2_000, (47_900,)), limit=0) is Method.NEWTON
    assert chosen(BlockShape(2_000, (48_100,)), limit=0) is Method.LBFGS


def test_the_results_of_all_splits_must_fit_into_sparks_limit():
    shape = BlockShape(3_000)
    fits = int(
        0.9 * GB / state_bytes(shape)
    )  # as many results; Spark adds those of neighbouring splits first
    assert fits == 13
    n_splits = 13 * group_size(13 * 14)
    assert n_splits == 13 * 14
    assert chosen(shape, n_splits=n_splits) is Method.NEWTON
    assert chosen(shape, n_splits=n_splits + 1) is Method.LBFGS
    assert chosen(shape, n_splits=n_splits + 1, limit=2 * GB) is Method.NEWTON
    assert chosen(shape, n_splits=10_000, limit=0) is Method.NEWTON
    found = choose_method("auto", shape, n_splits=400, max_result_bytes=GB)
    assert found.why == (
        "the information matrices of 400 splits would take 1.4 GB on their way, and "
        "spark.driver.maxResultSize is 1.1 GB"
    )


def test_a_method_that_was_asked_for_is_taken_or_refused():
    assert chosen(BlockShape(3), asked="lbfgs") is Method.LBFGS
    assert chosen(BIGC, asked="newton") is Method.NEWTON
    with pytest.raises(
        InputRejected, match=r"solver\.method is newton, but the information matrix would take"
    ) as error:
        chosen(TEXT, asked="newton")
    assert error.value.exit_code == 3
    assert max(len(line) for line in str(error.value).splitlines()) <= 110


@pytest.mark.parametrize("reference", ["a", "b", "c"])
def test_levels_of_one_label_are_a_direction_along_which_no_row_is_wrong(tmp_path, reference):
    table = logistic_table(300, levels=("a", "b", "c", "d"))
    plans, labels = table["plan"].to_pylist(), table["label"].to_numpy().copy()
    for plan, only in (("a", 0.0), ("c", 1.0)):
        labels[[one == plan for one in plans]] = only
    table = table.set_column(table.column_names.index("label"), "label", [labels])
    staged = stage(table, tmp_path, n_splits=2)
    spec = learned_spec(staged, {"plan": policy(reference=reference)})
    [direction] = one_label_directions(spec, staged.profile)
    terms = dict(zip([term.name for term in spec.terms()], direction, strict=True))
    along = np.array([terms["intercept"] + terms.get(f"plan[{plan}]", 0.0) for plan in plans])
    expected = {"a": -1.0, "c": 1.0}
    np.testing.assert_array_equal(along, [expected.get(plan, 0.0) for plan in plans])
    assert terms["x1"] == terms["x2"] == 0.0


def test_a_table_whose_levels_have_both_labels_gives_no_direction(tmp_path):
    staged = stage(logistic_table(300, levels=("a", "b", "c")), tmp_path)
    assert one_label_directions(learned_spec(staged), staged.profile) == []
