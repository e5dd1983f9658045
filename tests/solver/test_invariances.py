"""What must not change an answer, or change it in a known way: the arrays of a whole fit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from logreg_dist.solver.newton import NewtonOptions
from logreg_dist.solver.result import Ending
from tests.in_process import fit_rows, logistic_table, policy

SAME = 1e-9  # relative, of the largest: another order of adding and one Newton step
LEVELS = ("a", "b", "c")
FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def table():
    return logistic_table(levels=LEVELS)


@pytest.fixture(scope="module")
def fitted(table, tmp_path_factory):
    found = fit_rows(table, tmp_path_factory.mktemp("plain"))
    assert found.result.ending is Ending.CONVERGED
    return found


def with_column(table: pa.Table, name: str, values) -> pa.Table:
    if name in table.column_names:
        table = table.drop_columns([name])
    return table.append_column(name, pa.array(values))


def column(table: pa.Table, name: str) -> np.ndarray:
    return table[name].to_numpy()


def assert_same(a, b, *, sign: float = 1.0):
    assert a.terms == b.terms
    np.testing.assert_allclose(a.estimate, sign * b.estimate, rtol=0, atol=SAME * np.abs(b.estimate).max())
    largest = np.abs(b.covariance).max()
    np.testing.assert_allclose(a.covariance, b.covariance, rtol=0, atol=SAME * largest, equal_nan=True)


@pytest.mark.parametrize("role", ["weight", "frequency"])
def test_a_row_of_weight_k_is_a_row_repeated_k_times(table, tmp_path, role):
    k = np.random.default_rng(1).integers(1, 4, table.num_rows)
    weighted = fit_rows(with_column(table, role, k.astype(float)), tmp_path / "weighted")
    repeated = fit_rows(table.take(np.repeat(np.arange(table.num_rows), k)), tmp_path / "repeated")
    assert_same(weighted, repeated)
    assert weighted.staged.profile.rows.weight_sum == repeated.staged.profile.rows.n_rows


@FEW
@given(st.integers(0, 10**6))
def test_a_row_of_weight_two_is_a_duplicated_row(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    some = logistic_table(150, seed=seed % 97, levels=LEVELS)
    twice = rng.random(some.num_rows) < 0.3
    doubled = pa.concat_tables([some, some.filter(pa.array(twice))])
    folder = tmp_path_factory.mktemp("twice")
    assert_same(
        fit_rows(with_column(some, "weight", 1.0 + twice), folder / "weight"),
        fit_rows(doubled, folder / "repeated"),
    )


@FEW
@given(st.integers(0, 10**6), st.floats(0.001, 0.999))
def test_a_row_split_in_two_parts_of_its_weight_is_the_row(table, tmp_path_factory, fitted, seed, share):
    split = np.random.default_rng(seed).random(table.num_rows) < 0.5
    weights = [np.where(split, share, 1.0), np.full(split.sum(), 1.0 - share)]
    parts = pa.concat_tables([table, table.filter(pa.array(split))])
    found = fit_rows(
        with_column(parts, "weight", np.concatenate(weights)), tmp_path_factory.mktemp("parts"), n_splits=2
    )
    assert_same(found, fitted)


@FEW
@given(
    st.floats(-1e15, 1e15),
    st.floats(-1e15, 1e15),
    st.sampled_from(["a", "never seen", ""]),
    st.sampled_from([0.0, 1.0]),
)
def test_whatever_a_row_of_weight_zero_holds_it_is_absent(
    table, tmp_path_factory, fitted, x1, x2, plan, label
):
    odd = pa.Table.from_pylist([{"x1": x1, "x2": x2, "plan": plan, "label": label}])
    more = pa.concat_tables([odd, table])
    weight = np.r_[0.0, np.ones(table.num_rows)]
    assert_same(fit_rows(with_column(more, "weight", weight), tmp_path_factory.mktemp("zero")), fitted)


def test_a_row_of_weight_zero_is_absent_whatever_it_holds(table, tmp_path, fitted):
    odd = {"x1": 1e30, "x2": -7.0, "plan": "never seen", "label": 1.0}
    more = pa.concat_tables([table, pa.Table.from_pylist([odd] * 5)])
    weight = np.r_[np.ones(table.num_rows), np.zeros(5)]
    assert_same(fit_rows(with_column(more, "weight", weight), tmp_path), fitted)


@FEW
@given(st.integers(0, 10**6))
def test_the_order_of_the_rows_does_not_matter(table, tmp_path_factory, fitted, seed):
    order = np.random.default_rng(seed).permutation(table.num_rows)
    assert_same(fit_rows(table.take(order), tmp_path_factory.mktemp("order")), fitted)


@pytest.mark.parametrize("n_splits", [2, 7, 64])
def test_the_number_of_splits_does_not_matter(table, tmp_path, fitted, n_splits):
    assert_same(fit_rows(table, tmp_path, n_splits=n_splits), fitted)


def test_many_empty_splits_change_no_more_than_rounding(table, tmp_path):
    # More than eight splits are added in groups, and empty ones move the others to other groups.
    few = table.slice(0, 60)
    spread = fit_rows(few, tmp_path / "spread", n_splits=90)  # at least 30 splits without a row
    assert sum(split.n_rows == 0 for split in spread.staged.splits) >= 30
    assert_same(fit_rows(few, tmp_path / "singly", n_splits=60), spread)


def test_flipping_the_label_negates_the_estimates(table, tmp_path, fitted):
    flipped = with_column(table, "label", 1.0 - column(table, "label"))
    assert_same(fit_rows(flipped, tmp_path), fitted, sign=-1.0)


@FEW
@given(st.integers(0, 96), st.sampled_from([0.0, 0.01, 1.0]))
def test_flipping_the_label_of_any_table_negates_them_with_a_ridge_or_without(tmp_path_factory, seed, l2):
    some, folder = logistic_table(150, seed=seed, levels=LEVELS), tmp_path_factory.mktemp("flip")
    plain = fit_rows(some, folder / "plain", l2=l2)
    flipped = fit_rows(
        with_column(some, "label", 1.0 - column(some, "label")), folder / "flipped", l2=l2, n_splits=2
    )
    assert_same(flipped, plain, sign=-1.0)


@FEW
@given(st.floats(-30, 30))
@example(17.595703125)  # once, a trial far up the other side of the minimum was accepted
@example(-30.0)
def test_adding_c_to_the_offset_moves_only_the_intercept_by_minus_c(table, tmp_path_factory, fitted, c):
    shifted = fit_rows(
        with_column(table, "offset", np.full(table.num_rows, c)), tmp_path_factory.mktemp("offset")
    )
    expected = fitted.estimate - c * (np.array(fitted.terms) == "intercept")
    np.testing.assert_allclose(shifted.estimate, expected, rtol=0, atol=SAME * 30)


def test_a_mixture_of_columns_gives_the_inversely_mixed_estimates(table, tmp_path, fitted):
    A = np.array([[1.0, 2.0], [-0.5, 3.0]])
    X = np.column_stack([column(table, "x1"), column(table, "x2")]) @ A
    mixed = with_column(with_column(table, "x1", X[:, 0]), "x2", X[:, 1])
    found = fit_rows(mixed, tmp_path)
    expected = np.linalg.solve(A, [fitted["x1"], fitted["x2"]])
    np.testing.assert_allclose([found["x1"], found["x2"]], expected, rtol=SAME)
    assert found["intercept"] == pytest.approx(fitted["intercept"], rel=1e-8)
    assert found["plan[c]"] == pytest.approx(fitted["plan[c]"], rel=1e-8)


@FEW
@given(st.floats(-12, 12), st.floats(-1e3, 1e3))
def test_rescaling_and_shifting_a_column_rescales_its_estimate_and_leaves_z(
    table, tmp_path_factory, fitted, exponent, shift
):
    scale = 10.0**exponent
    rescaled = with_column(table, "x1", (column(table, "x1") + shift) * scale)
    found = fit_rows(rescaled, tmp_path_factory.mktemp("scale"))
    k = found.terms.index("x1")
    # A shift by 1e3 costs three digits before the column is centred.
    assert found["x1"] * scale == pytest.approx(fitted["x1"], rel=1e-8)
    z = found["x1"] / found.std_error[k]
    assert z == pytest.approx(fitted["x1"] / fitted.std_error[fitted.terms.index("x1")], rel=1e-8)
    assert found["x2"] == pytest.approx(fitted["x2"], rel=1e-8)


def test_halves_of_a_column_share_its_estimate_under_half_the_ridge(table, tmp_path):
    only = table.select(["x1", "x2", "label"])
    whole = fit_rows(only, tmp_path / "whole", l2=0.1)
    halves = pa.table(
        {
            **{f"{name}{half}": column(only, name) / 2 for half in "ab" for name in ("x1", "x2")},
            "label": column(only, "label"),
        }
    )
    # beta'beta of the halves is twice that of the whole.
    found = fit_rows(halves, tmp_path / "halves", l2=0.05)
    for name in ("x1", "x2"):
        assert found[f"{name}a"] == pytest.approx(whole[name], rel=SAME)
        assert found[f"{name}b"] == pytest.approx(whole[name], rel=SAME)


@FEW
@given(st.floats(1e-6, 10.0))
def test_a_column_of_zeros_gets_zero_under_a_ridge(table, tmp_path_factory, l2):
    folder = tmp_path_factory.mktemp("zeros")
    found = fit_rows(with_column(table, "nothing", np.zeros(table.num_rows)), folder / "zero", l2=l2)
    assert found["nothing"] == 0.0
    assert found["x1"] == pytest.approx(fit_rows(table, folder / "without", l2=l2)["x1"], rel=SAME)


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_centred_or_not_it_is_the_same_model(table, tmp_path, l2):
    centred = fit_rows(table, tmp_path / "centred", l2=l2)
    plain = fit_rows(table, tmp_path / "plain", l2=l2, centred=False)
    assert_same(centred, plain)


def test_another_reference_level_shifts_the_intercept_and_the_levels_together(table, tmp_path, fitted):
    other = fit_rows(table, tmp_path, policies={"plan": policy(reference="c")})
    assert other.terms == ["intercept", "x1", "x2", "plan[a]", "plan[b]"]
    assert other["intercept"] == pytest.approx(fitted["intercept"] + fitted["plan[c]"], rel=1e-8)
    assert other["plan[a]"] == pytest.approx(-fitted["plan[c]"], rel=SAME)
    assert other["plan[b]"] == pytest.approx(fitted["plan[b]"] - fitted["plan[c]"], rel=1e-8)
    assert other["x1"] == pytest.approx(fitted["x1"], rel=SAME)


def test_without_an_intercept_every_level_has_its_own(table, tmp_path, fitted):
    found = fit_rows(table, tmp_path, intercept=False)
    assert found.terms == ["x1", "x2", "plan[a]", "plan[b]", "plan[c]"]
    assert found["plan[a]"] == pytest.approx(fitted["intercept"], rel=1e-8)
    assert found["plan[b]"] == pytest.approx(fitted["intercept"] + fitted["plan[b]"], rel=1e-8)


def test_filled_values_are_the_values_filled_in_by_hand(tmp_path):
    table = logistic_table(300, seed=3)
    values = column(table, "x1").copy()
    values[::7] = np.nan
    holes = with_column(table, "x1", values)
    found = fit_rows(holes, tmp_path / "constant", policies={"x1": policy("constant", value=2.0)})
    by_hand = with_column(table, "x1", np.where(np.isnan(values), 2.0, values))
    expected = fit_rows(by_hand, tmp_path / "by hand")
    assert found["x1"] == pytest.approx(expected["x1"], rel=SAME)
    flagged = fit_rows(holes, tmp_path / "indicator", policies={"x1": policy("indicator")})
    mean = np.where(np.isnan(values), np.nanmean(values), values)
    more = with_column(with_column(table, "x1", mean), "gone", np.isnan(values).astype(float))
    expected = fit_rows(more, tmp_path / "mean and flag")
    assert flagged.terms == ["intercept", "x2", "x1", "x1[missing]"]
    assert flagged["x1"] == pytest.approx(expected["x1"], rel=SAME)
    assert flagged["x1[missing]"] == pytest.approx(expected["gone"], rel=SAME)


def test_a_level_without_events_is_separated_in_a_table_too(tmp_path):
    table = logistic_table(400, levels=LEVELS)
    label = np.where(column(table, "plan") == "b", 0.0, column(table, "label"))
    found = fit_rows(with_column(table, "label", label), tmp_path, n_splits=3)
    assert found.result.ending is Ending.SEPARATED
    assert found.counts[-1].proves_separation
    n_in_level = int((column(table, "plan") == "b").sum())
    assert (found.counts[-1].separated, found.counts[-1].neutral) == (n_in_level, 400 - n_in_level)


def test_the_trap_of_two_copies_of_a_categorical_column_is_aliased(table, tmp_path, fitted):
    twice = with_column(table, "again", column(table, "plan"))
    found = fit_rows(twice, tmp_path)
    positions = [dependence.position for dependence in found.result.dependences]
    assert [found.terms[k] for k in positions if "again" in found.terms[k]] == ["again[b]", "again[c]"]
    assert found["plan[c]"] == pytest.approx(fitted["plan[c]"], rel=SAME)


def test_running_out_of_iterations_is_no_convergence(table, tmp_path):
    found = fit_rows(table, tmp_path, options=NewtonOptions(max_iterations=1))
    assert found.result.ending is Ending.ITERATIONS
