"""Fits with transforms and interactions without a JVM: invariances, statsmodels, and what may not be stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from scipy.interpolate import BSpline

from logreg_dist.config import TrainConfig
from logreg_dist.design.curves import curve_values
from logreg_dist.design.derived import Transform
from logreg_dist.design.knots import Quantile
from logreg_dist.errors import InputRejected
from logreg_dist.fitting.penalty import penalty_of
from logreg_dist.model.derived import (
    DerivedRecord,
    derived_contradiction,
    derived_from_record,
    derived_to_dict,
)
from logreg_dist.solver.result import Ending
from tests.in_process import Fitted, fit_rows, learned_design, learned_spec, plan_of, policy
from tests.in_process import stage as stage_rows

N = 600
SAME = 1e-9
ALL = ("ns(x, 4)", "poly(z, 3)", "bins(x, 3)", "bs(z, 4):plan", "bins(x, 3):plan", "x:z", "plan:region")


def table(n: int = N, seed: int = 3) -> pa.Table:
    rng = np.random.default_rng(seed)
    x, z = np.round(rng.gamma(2.0, 20.0, n)), rng.normal(5, 2, n)
    plan, region = rng.choice(["a", "b", "c"], n), rng.choice(["n", "s"], n)
    eta = np.sin(x / 20) + 0.1 * (z - 5) ** 2 - 0.5 + 0.5 * (plan == "b") * (region == "s")
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    return pa.table({"x": x, "z": z, "plan": plan, "region": region, "label": y})


def features(*terms: str, **more: object) -> dict[str, object]:
    return {"terms": list(terms), "defaults": {"min_level_count": 10}, **more}


def fitted(folder, rows: pa.Table, *terms: str, **options) -> Fitted:
    found = fit_rows(rows, folder, features=features(*terms), **options)
    assert found.result.ending is Ending.CONVERGED
    return found


def deviance(found: Fitted) -> float:
    return found.result.point.sums.deviance


def changed(rows: pa.Table, name: str, values) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, pa.array(values))


def test_estimates_and_standard_errors_are_those_of_statsmodels(tmp_path):
    rows = table()
    found = fitted(tmp_path, rows, "bs(z, 5, 2)", "log1p(x)", "log1p(x):plan", "z")
    z, log_x = rows["z"].to_numpy(), np.log1p(rows["x"].to_numpy())
    plan, region = np.array(rows["plan"].to_pylist()), np.array(rows["region"].to_pylist())
    ordered = np.sort(z)
    low, high = ordered[[9, 10]].mean(), ordered[[N - 11, N - 10]].mean()
    interior = [ordered[[k * N // 4 - 1, k * N // 4]].mean() for k in (1, 2, 3)]
    t = np.array([low, low, low, *interior, high, high, high])
    basis = [BSpline(t, one, 2)(z) for one in np.eye(6)[1:]]
    names = ["intercept", "z", "plan[b]", "plan[c]", "region[s]", *(f"bs(z, 5, 2)[{k}]" for k in range(1, 6))]
    names += ["log1p(x)", "log1p(x):plan[b]", "log1p(x):plan[c]"]
    slopes = [log_x, log_x * (plan == "b"), log_x * (plan == "c")]
    X = np.column_stack([np.ones(N), z, plan == "b", plan == "c", region == "s", *basis, *slopes])
    kept = [k for k, name in enumerate(names) if name != "bs(z, 5, 2)[5]"]  # the spline holds the line
    expected = sm.GLM(rows["label"].to_numpy(), X[:, kept], family=sm.families.Binomial()).fit(tol=1e-14)
    assert found.terms == names
    assert np.isnan(found["bs(z, 5, 2)[5]"])
    np.testing.assert_allclose(found.estimate[kept], expected.params, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.std_error[kept], expected.bse, rtol=1e-6)


def test_splits_weights_and_centring_do_not_matter(tmp_path):
    rows = table()
    one = fitted(tmp_path / "one", rows, *ALL)
    three = fitted(tmp_path / "three", rows, *ALL, n_splits=3)
    np.testing.assert_allclose(three.estimate, one.estimate, rtol=1e-7, atol=SAME)
    as_it_is = fitted(tmp_path / "centred", rows, *ALL, centred=False)
    assert deviance(as_it_is) == pytest.approx(deviance(one), rel=1e-12)
    # Quantiles by weight, boundary knots by number of rows: twice the rows, twice the least count.
    twice = pa.concat_tables([rows, rows])
    weighted = rows.append_column("frequency", pa.array(np.full(N, 2.0)))
    a, b = (
        fit_rows(part, tmp_path / name, features=features(*ALL, defaults={"min_level_count": 1}))
        for name, part in (("twice", twice), ("weighted", weighted))
    )
    assert a.terms == b.terms
    np.testing.assert_allclose(a.estimate, b.estimate, rtol=1e-6, atol=SAME)


@pytest.mark.parametrize(
    "term", ["poly(z, 3)", "ns(z, 4)", "bs(z, 5)", "bins(z, 4)", "ns(z, 3):plan", "bins(z, 3):x"]
)
def test_another_unit_and_origin_of_a_column_change_no_prediction(tmp_path, term):
    rows = table()
    shifted = changed(rows, "z", rows["z"].to_numpy() * 1e5 - 3e6)
    a, b = fitted(tmp_path / "a", rows, term), fitted(tmp_path / "b", shifted, term)
    assert deviance(b) == pytest.approx(deviance(a), rel=1e-11)


def test_single_precision_rounds_the_numbers_and_nothing_else(tmp_path):
    rows = table()
    rounded = changed(rows, "z", rows["z"].to_numpy().astype(np.float32).astype(float))
    single = fitted(tmp_path / "a", rows, *ALL, plan=replace(plan_of(rows), single=True))
    assert deviance(single) == pytest.approx(deviance(fitted(tmp_path / "b", rounded, *ALL)), rel=1e-12)


def test_the_order_of_the_parts_of_an_interaction_changes_nothing_but_names(tmp_path):
    rows = table()
    a = fitted(tmp_path / "a", rows, "bins(x, 3):plan", "plan:z", "plan:region", "bins(x, 3)")
    b = fitted(tmp_path / "b", rows, "plan:bins(x, 3)", "z:plan", "region:plan", "bins(x, 3)")
    turned = {term: ":".join(reversed(term.split(":"))) if ":" in term else term for term in a.terms}
    for term, other in turned.items():
        assert b[other] == pytest.approx(a[term], rel=1e-7, abs=SAME)


def test_polynomials_are_rs_and_uncorrelated(tmp_path):
    # z <- c(3, 1, 4, 1, 5, 9, 2, 6, 5, 3); poly(z, 3)[1:5, ] * sqrt(10); R 4.2.2
    z = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3.0])
    r = [
        [-0.38411063979868787, -0.50452975248868603, 1.2438427512807739],
        [-1.2376898393513276, 1.1721398290141181, -0.89667824514705541],
        [0.042678959977632061, -0.8765567416975143, 0.5537153426860848],
        [-1.2376898393513278, 1.1721398290141178, -0.89667824514705452],
        [0.46946855975395202, -0.93771186321129429, -0.60279007358380032],
    ]
    rows = pa.table({"z": z, "label": np.arange(10.0) % 2})
    spec = learned_spec(stage_rows(rows, tmp_path), features=features("poly(z, 3)"))
    [column] = spec.derived
    [part] = column.parts
    np.testing.assert_allclose(curve_values(part.curves(), z[:5]).T, r, rtol=0, atol=1e-11)
    np.testing.assert_allclose(column.centres, 0.0, atol=1e-12)
    np.testing.assert_allclose(column.scales, 1.0, rtol=1e-12)


def test_no_knot_or_edge_is_the_value_of_a_row_and_ten_rows_lie_beyond_the_boundary(tmp_path):
    rows = table()
    spec = learned_spec(stage_rows(rows, tmp_path), features=features("ns(z, 5)", "bs(z, 6)", "bins(x, 7)"))
    for column in spec.derived:
        [part] = column.parts
        values = rows[part.column].to_numpy()
        assert not set(part.knots) & set(values)
        assert not set(part.boundary) & set(values)
        for low, high in [part.boundary] if part.boundary else []:
            assert (values < low).sum() == (values > high).sum() == 10
    assert len(spec.derived[2].parts[0].knots) == 6
    assert all(edge % 1 == 0.5 for edge in spec.derived[2].parts[0].knots)


def test_the_edge_between_two_neighbouring_doubles_is_the_lower_one():
    above = float(np.nextafter(1.0, 2.0))
    assert Quantile(1.0, above, 1.0).short == 1.0
    assert 1e-300 < Quantile(1e-300, 2e-300, 0.0).short < 2e-300
    assert Quantile(-3.0, -2.0, 0.0).short == -2.5
    assert -1e100 < Quantile(-1e100, 1e100, 0.0).short < 1e100


def test_many_equal_values_leave_fewer_functions_and_a_note(tmp_path):
    rows = table()
    flat = changed(rows, "z", np.where(np.arange(N) % 3 > 0, 0.0, rows["z"].to_numpy()))
    learned = learned_design(stage_rows(flat, tmp_path), features=features("ns(z, 5)", "bins(z, 4)"))
    sizes = [column.parts[0].size for column in learned.spec.derived]
    assert sizes == [3, 3]
    assert "ns(z, 5) has 3 functions instead of 5" in learned.notes[0]
    assert "bins(z, 4) has 3 bins instead of 4" in learned.notes[1]


def test_joint_levels_of_too_few_rows_have_no_term_and_are_not_named(tmp_path):
    rows = table()
    plan, region = rows["plan"].to_pylist(), rows["region"].to_pylist()
    seen = 0
    for k in range(N):
        if plan[k] == "c" and region[k] == "s":
            seen += 1
            region[k] = "s" if seen <= 9 else "n"
    staged = stage_rows(changed(rows, "region", region), tmp_path)
    learned = learned_design(staged, {"plan": policy(min_count=10)}, features=features("plan:region"))
    assert [term.name for term in learned.spec.terms()][-1] == "plan[b]:region[s]"
    assert learned.notes == (
        "plan:region: 1 of 2 combinations has fewer than 10 rows (9 rows in all) and no term of its own",
    )


def test_without_an_intercept_the_first_bins_stand_for_it(tmp_path):
    rows = table().select(["x", "z", "label"])
    with_intercept = fitted(tmp_path / "a", rows, "bins(x, 4)")
    without = fitted(tmp_path / "b", rows, "bins(x, 4)", intercept=False)
    assert sum(term.startswith("bins") for term in without.terms) == 4
    assert deviance(without) == pytest.approx(deviance(with_intercept), rel=1e-12)
    both = fit_rows(rows, tmp_path / "c", features=features("bins(x, 4)", "bins(z, 3)"), intercept=False)
    assert [sum(term.startswith(name) for term in both.terms) for name in ("bins(x", "bins(z")] == [4, 2]


def test_missing_values_are_filled_before_they_are_transformed(tmp_path):
    rows = table()
    z = rows["z"].to_numpy().copy()
    z[::7] = np.nan
    filled = np.where(np.isnan(z), np.nanmean(z), z)
    holes = changed(rows, "z", z)
    a = fit_rows(holes, tmp_path / "a", features=features("poly(z, 2)"), policies={"z": policy("mean")})
    b = fitted(tmp_path / "b", changed(rows, "z", filled), "poly(z, 2)")
    assert deviance(a) == pytest.approx(deviance(b), rel=1e-12)
    c = fit_rows(holes, tmp_path / "c", features=features("ns(z, 3)"), policies={"z": policy("indicator")})
    d = fit_rows(holes, tmp_path / "d", features=features("ns(x, 3)"), policies={"z": policy("mean")})
    e = fitted(tmp_path / "e", changed(rows, "z", filled), "ns(x, 3)")
    assert deviance(d) == pytest.approx(deviance(e), rel=1e-12)
    assert "z[missing]" in c.terms
    assert "z" not in c.terms


@pytest.mark.parametrize(
    ("term", "policies", "sentence"),
    [
        ("log(coin)", {}, "log(coin) takes values above 0, and column 'coin' has 300 values that are not"),
        ("log1p(z)", {"z": policy("constant", value=-1.0)}, "missing values of column 'z' become -1"),
        ("bins(flat, 2)", {}, "bins(flat, 2): column 'flat' does not vary enough for two bins"),
        (
            "ns(empty, 3)",
            {"empty": policy("constant", value=1.0)},
            "ns(empty, 3): column 'empty' has no value at all",
        ),
        ("poly(flat, 1)", {}, "poly(flat, 1): column 'flat' does not vary"),
        ("poly(coin, 2)", {}, "has too few different values, or too extreme ones, for degree 2"),
        ("ns(z, 3):many", {}, "ns(z, 3):many would be 1,197 columns, more than 1,000"),
    ],
)
def test_what_cannot_be_learned_is_refused(tmp_path, term, policies, sentence):
    rows = (
        table().append_column("flat", pa.array(np.ones(N))).append_column("coin", pa.array(np.arange(N) % 2))
    )
    rows = changed(rows, "z", np.abs(rows["z"].to_numpy()))
    if "empty" in term:
        rows = rows.append_column("empty", pa.nulls(N, pa.float64()))
    rows = rows.append_column("many", pa.array([f"m{k % 399}" for k in range(N)]))
    with pytest.raises(InputRejected) as error:
        fit_rows(rows, tmp_path, features=features(term), policies=policies)
    assert sentence in str(error.value)


def test_a_spline_of_few_rows_is_refused(tmp_path):
    with pytest.raises(InputRejected) as error:
        fit_rows(table(79), tmp_path, features=features("ns(z, 3)", defaults={"min_level_count": 20}))
    assert "ns(z, 3) needs 80 rows, and the table has 79" in str(error.value)


def test_a_transform_that_separates_the_label_is_proved_to(tmp_path):
    rows = table()
    z = rows["z"].to_numpy()
    label = (np.abs(z - 5) > 1.5).astype(float)  # not along z, but along its square
    found = fit_rows(changed(rows, "label", label), tmp_path, features=features("poly(z, 2)"))
    assert found.result.ending is Ending.SEPARATED
    assert found.counts[-1].is_complete


def test_a_term_has_the_largest_penalty_factor_of_its_columns_and_its_own_scale(tmp_path):
    terms = features(
        "ns(z, 3)", "x:plan", "x", columns={"x": {"penalty_factor": 0}, "z": {"penalty_factor": 3}}
    )
    spec = learned_spec(stage_rows(table(), tmp_path), features=features("ns(z, 3)", "x:plan", "x"))
    config = TrainConfig(label={"column": "label"}, features=terms, penalty={"l2": 0.5, "standardize": True})
    penalty = penalty_of(spec, 1.0, config)
    ridge = dict(zip((term.name for term in spec.terms()), penalty.ridge, strict=True))
    assert (ridge["intercept"], ridge["x"]) == (0.0, 0.0)
    assert ridge["plan[b]"] == ridge["region[s]"] == 0.5
    column = spec.derived[1]
    assert [ridge[name] for name in column.labels()] == pytest.approx([0.5 * s**2 for s in column.scales])
    column = spec.derived[0]
    assert [ridge[name] for name in column.labels()] == pytest.approx([1.5 * s**2 for s in column.scales])
    x, plan = table()["x"].to_numpy(), np.array(table()["plan"].to_pylist())
    level = spec.derived[1].labels()[0].removeprefix("x:plan[").removesuffix("]")
    assert spec.derived[1].scales[0] == pytest.approx(np.std(x * (plan == level)), rel=1e-12)


def test_what_was_learned_is_read_back_from_json_and_contradictions_are_found(tmp_path):
    spec = learned_spec(stage_rows(table(), tmp_path), features=features(*ALL))
    columns = {column.name: column for column in spec.columns}
    levels = {"x": None, "z": None, "plan": 3, "region": 2}
    for derived in spec.derived:
        record = DerivedRecord.model_validate(derived_to_dict(derived))
        assert derived_from_record(record, columns) == derived
        assert derived_contradiction(record, levels) is None
    spline = derived_to_dict(spec.derived[0])
    [part] = spline["parts"]
    wrong = [
        {"cells": [[4]]},
        {"cells": [[0], [0]], "centres": [0.0, 0.0], "scales": [1.0, 1.0]},
        {"centres": [0.0]},
        {"parts": [part | {"column": "plan"}]},
        {"parts": [part | {"text": "ns(x, 3)"}]},
        {"parts": [part | {"text": "__import__('os')"}]},
        {"parts": [part | {"function": "bs"}]},
        {"parts": [part | {"knots": part["knots"][::-1]}]},
        {"parts": [part | {"boundary": []}]},
        {"parts": [part | {"scale": 0.0}]},
        {"parts": [part | {"rows": [[1.0]]}]},
    ]
    for change in wrong:
        assert derived_contradiction(DerivedRecord.model_validate(spline | change), levels) is not None, (
            change
        )
    with pytest.raises(ValueError, match="parts"):
        DerivedRecord.model_validate(spline | {"parts": []})
    assert Transform("x", "x").label(0) == "x"
