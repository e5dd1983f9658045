from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.errors import ConfigError, FitNotUsable
from logreg_dist.inference.records import CovarianceRecord
from logreg_dist.inference.wald import wald_table
from logreg_dist.model.file import model_from_json, model_to_json
from logreg_dist.model.model import AliasedTerm, Coefficient, LabelRecord, LogisticModel, Status
from logreg_dist.scoring.rows import score_rows
from logreg_dist.scoring.terms import score_terms
from tests import oracles
from tests.certified.sets import SETS, load
from tests.in_process import Fitted, fit_rows, logistic_table, policy
from tests.oracles.design import certified_fit
from tests.report.models import small_model

# car::linearHypothesis of glm: tests/oracles/columns.R.
ORACLE = json.loads(Path(oracles.__file__).with_name("columns.json").read_text(encoding="utf-8"))
STATISTIC = 1e-9  # relative: what R's own solution leaves right
SAME = 1e-7  # relative: two fits of one model in other columns
EXACT = 1e-12


def model_of(
    terms: list[str], estimate: np.ndarray, covariance: np.ndarray, design: DesignSpec, **changes
) -> LogisticModel:
    """Return a model of estimates: the table and what contrasts need; terms of NaN have no estimate."""
    variance = np.diag(covariance)
    table = wald_table(estimate, variance, 0.95)
    by_name = {term.name: term for term in design.terms()}
    rows = []
    for k, name in enumerate(terms):
        class_name, _, plain = name.rpartition(":") if name not in by_name else ("", "", name)
        term = by_name[plain]
        values = {field: float(getattr(table, field)[k]) for field in table.__dataclass_fields__}
        values = {field: value if np.isfinite(value) else None for field, value in values.items()}
        rows.append(Coefficient(name, term.column, term.level, class_name=class_name or None, **values))
    kept = np.isfinite(estimate)
    return replace(
        small_model(),
        coefficient_rows=tuple(rows),
        covariance=covariance[np.ix_(kept, kept)],
        aliased=tuple(
            AliasedTerm(name, "equals x") for name, has in zip(terms, kept, strict=True) if not has
        ),
        design=design,
        **changes,
    )


def model_of_rows(found: Fitted, **changes) -> LogisticModel:
    return model_of(found.terms, found.estimate, found.covariance, found.spec, **changes)


def certified_model(name: str) -> LogisticModel:
    fit, certified, frame = certified_fit(name), SETS[name], load(name)
    columns = [
        NumericColumn(c, "double", "error", "error", None, False, 0.0, 1.0) for c in certified.numeric
    ] + [
        CategoricalColumn(c, "string", "error", "error", tuple(sorted(set(frame[c]))), reference, None)
        for c, reference in certified.categorical.items()
    ]
    return model_of(fit.terms, fit.estimate, fit.covariance, DesignSpec(tuple(columns), intercept=True))


def weights_of(equation: str, model: LogisticModel) -> dict[str, float]:
    """Read an equation of R's, ``2*age - raceblack``, in our names."""
    ours = {re.sub(r"[\[\]]", "", row.term): row.term for row in model.coefficient_rows}
    parts = re.findall(r"([+-]?) ?(?:([\d.]+)\*)?([A-Za-z_]\w*)", equation)
    return {ours[name]: float(f"{sign}{size or 1}") for sign, size, name in parts}


@pytest.mark.parametrize("name", ORACLE)
def test_contrasts_are_those_of_car(name):
    model = certified_model(name)
    for right in ORACLE[name]["contrasts"]:
        weights = [weights_of(equation, model) for equation in right["equations"]]
        joint = model.contrast(weights)
        assert (joint.wald, joint.p_value) == pytest.approx((right["wald"], right["p"]), rel=STATISTIC * 100)
        assert joint.df == right["df"]
        if right["estimate"] is not None:
            one = model.contrast(weights[0])
            found = (one.estimate, one.std_error, one.z**2, one.p_value)
            expected = (right["estimate"], right["std_error"], right["wald"], right["p"])
            assert found == pytest.approx(expected, rel=STATISTIC * 100)


def test_levels_against_each_other_and_the_reference():
    model = certified_model("birthwt")
    black, other = (model.estimates[f"race[{level}]"] for level in ("black", "other"))
    found = model.contrast("race", "black", "other")
    assert found.estimate == pytest.approx(black - other, rel=EXACT)
    assert found == replace(model.contrast({"race[black]": 1, "race[other]": -1}), text=found.text)
    row = next(row for row in model.coefficient_rows if row.term == "race[black]")
    against = model.contrast("race", "black", "white")
    assert (against.estimate, against.std_error, against.odds_ratio_low) == pytest.approx(
        (row.estimate, row.std_error, row.odds_ratio_low), rel=EXACT
    )
    assert model.contrast("race", "white", "black").estimate == -against.estimate
    assert against.text == "race: black against white"


def test_the_interval_is_the_one_of_the_model_on_both_scales():
    model = replace(certified_model("birthwt"), config={"inference": {"confidence": 0.9}})
    found = model.contrast("race", "black", "other")
    half = stats.norm.isf(0.05) * found.std_error
    assert (found.conf_low, found.conf_high) == pytest.approx(
        (found.estimate - half, found.estimate + half), rel=EXACT
    )
    assert (found.odds_ratio, found.odds_ratio_high) == pytest.approx(
        tuple(np.exp([found.estimate, found.conf_high])), rel=EXACT
    )
    assert found.confidence == 0.9


def test_a_contrast_says_which_standard_errors_it_has():
    model = certified_model("birthwt")
    assert model.contrast("race", "black", "other").standard_errors == "model"
    robust = replace(model, covariance_record=CovarianceRecord("hc3", "robust"))
    assert robust.contrast("race", "black", "other").standard_errors == "hc3"


def test_a_contrast_does_not_depend_on_the_reference_level(tmp_path):
    table = logistic_table(300, levels=("a", "b", "c"))
    first = model_of_rows(fit_rows(table, tmp_path / "a"))
    second = model_of_rows(fit_rows(table, tmp_path / "c", policies={"plan": policy(reference="c")}))
    for pair in (("a", "b"), ("c", "a"), ("b", "c")):
        one, two = first.contrast("plan", *pair), second.contrast("plan", *pair)
        assert (one.estimate, one.std_error, one.z) == pytest.approx(
            (two.estimate, two.std_error, two.z), rel=SAME
        )


@pytest.mark.parametrize(
    ("terms", "at"),
    [
        ("plan:x1", {"x1": 0.7}),
        ("plan:ns(x1, 3)", {"x1": 0.7}),
        ("plan:poly(x1, 2)", {"x1": -0.4}),
        ("plan:bins(x1, 3)", {"x1": 0.1}),
        ("plan:place", {"place": "north"}),
        ("plan:place", {"place": "south"}),
    ],
)  # fmt: skip
def test_levels_at_a_place_differ_as_two_rows_there(tmp_path, terms, at):
    table = logistic_table(600, levels=("a", "b", "c"))
    place = np.array(["north", "south", "west"], dtype=object)[np.random.default_rng(5).integers(0, 3, 600)]
    table = table.append_column("place", pa.array(place.tolist()))
    model = model_of_rows(fit_rows(table, tmp_path, features={"terms": [terms]}))
    found = model.contrast("plan", "b", "a", at=at)
    # Two rows that differ in the plan alone.
    row = {"x1": 0.0, "x2": 0.3, "plan": "b", "place": "west"} | at
    names = [column.name for column in model.design.columns]
    columns = [pa.array([row[name]] * 2) if name != "plan" else pa.array(["b", "a"]) for name in names]
    eta = score_rows(columns, score_terms(model.design, model.estimates, None), 2).linear_predictor
    assert found.estimate == pytest.approx(eta[0] - eta[1], rel=1e-10, abs=1e-10)
    # At the reference level of a category alone it is the coefficient of the level itself.
    assert (found.estimate == model.estimates["plan[b]"]) == (at == {"place": "north"})


def test_a_contrast_at_a_number_is_that_of_the_column_shifted_there(tmp_path):
    table = logistic_table(500, levels=("a", "b"))
    shifted = table.set_column(table.column_names.index("x1"), "x1", pa.array(table["x1"].to_numpy() - 0.5))
    there = model_of_rows(fit_rows(table, tmp_path / "a", features={"terms": ["plan:x1"]}))
    here = model_of_rows(fit_rows(shifted, tmp_path / "b", features={"terms": ["plan:x1"]}))
    found, right = there.contrast("plan", "b", "a", at={"x1": 0.5}), here.contrast({"plan[b]": 1.0})
    assert (found.estimate, found.std_error) == pytest.approx((right.estimate, right.std_error), rel=SAME)
    assert found.text == "plan: b against a, at x1 = 0.5"


def test_bins_are_compared_like_levels(tmp_path):
    found = fit_rows(logistic_table(300), tmp_path, features={"terms": ["bins(x1, 3)"]})
    model = model_of_rows(found)
    low, _, high = (found.spec.derived[0].parts[0].inside(k) for k in range(3))
    assert model.contrast("bins(x1, 3)", high, low).estimate == found[f"bins(x1, 3)[{high}]"]


def test_a_comparison_that_depends_on_another_column_is_refused(tmp_path):
    model = model_of_rows(
        fit_rows(logistic_table(300, levels=("a", "b")), tmp_path, features={"terms": ["plan:x1"]})
    )
    with pytest.raises(ConfigError, match=r"'plan' also stands in 'plan:x1'.*\n.*at=\{'x1': \.\.\.\}"):
        model.contrast("plan", "a", "b")
    with pytest.raises(ConfigError, match=r"'x2' is in no interaction with 'plan'"):
        model.contrast("plan", "a", "b", at={"x1": 1.0, "x2": 0.0})
    with pytest.raises(ConfigError, match=r"'x1' has no value there"):
        model.contrast("plan", "a", "b", at={"x1": float("nan")})


def test_what_follows_from_other_contrasts_does_not_count():
    model = certified_model("birthwt")
    two = model.contrast([{"age": 1}, {"lwt": 1e3}])
    three = model.contrast([{"age": 1}, {"lwt": 1e3}, {"age": -2, "lwt": 5}])
    assert (two.wald, two.df) == pytest.approx((three.wald, three.df), rel=1e-9)
    assert len(three.contrasts) == 3


def test_units_of_terms_do_not_make_contrasts_follow_from_each_other():
    model = replace(small_model(), covariance=np.diag([0.25, 1e-4, 1e18]))
    joint = model.contrast([{"age": 1.0}, {"age": 1.0, "plan[b]": 1e-11}])
    assert joint.df == 2


def test_all_levels_together_are_the_test_of_the_column():
    model = certified_model("credit_data")
    joint = model.contrast([{row.term: 1.0} for row in model.coefficient_rows if row.column == "Home"])
    [right] = [test for test in ORACLE["credit_data"]["tests"] if test["column"] == "Home"]
    assert (joint.wald, joint.df, joint.p_value) == pytest.approx(
        (right["wald"], right["df"], right["p"]), rel=1e-8
    )


def test_a_loaded_model_has_the_same_contrasts():
    model = replace(certified_model("birthwt"), model_id="")
    loaded = model_from_json(model_to_json(model))
    assert loaded.contrast("race", "black", "other") == model.contrast("race", "black", "other")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.contrast({"agee": 1}), "no term 'agee'. Did you mean 'age'?"),
        (lambda m: m.contrast({"age": float("inf")}), "weight of 'age' is no finite number"),
        (lambda m: m.contrast({"age": 0.0}), "all weights are 0"),
        (lambda m: m.contrast({}), "all weights are 0"),
        (lambda m: m.contrast([]), "at least one combination"),
        (lambda m: m.contrast("plam", "a", "b"), "no category 'plam'. Did you mean 'plan'?"),
        (lambda m: m.contrast("age", 1, 2), "'age' is no category"),
        (lambda m: m.contrast("plan", "bb", "a"), "no level 'bb'. Did you mean 'b'?"),
        (lambda m: m.contrast("plan", "b", "b"), "compared with itself"),
        (lambda m: m.contrast("plan", "c", "a"), r"'plan\[c\]' has no estimate: it is constant"),
        (lambda m: m.contrast({"plan[c]": 1.0}), r"'plan\[c\]' has no estimate: it is constant"),
        (lambda m: m.contrast("plan", "b", "a", class_name="b"), "models of several classes"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_nearest_name(call, message):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        call(small_model())


def test_a_term_without_an_estimate_that_counts_nothing_does_no_harm():
    assert small_model().contrast({"age": 2.0, "plan[c]": 0.0}).estimate == pytest.approx(0.2)


def test_levels_are_given_as_pairs():
    with pytest.raises(TypeError, match="two levels are compared"):
        small_model().contrast("plan", "b")
    with pytest.raises(TypeError, match="are for a category"):
        small_model().contrast({"age": 1.0}, "b", "a")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"covariance": None, "estimator": "penalised"}, "contrasts need the covariance.*with 4 terms only"),
        ({"status": Status.NOT_CONVERGED}, "the model is not_converged"),
        ({"covariance": np.zeros((3, 3))}, "leaves it no variance"),
    ],
)
def test_a_model_without_covariance_says_so(changes, message):
    with pytest.raises(FitNotUsable, match=message):
        replace(small_model(), **changes).contrast("plan", "b", "a")


def test_a_penalised_model_says_that_it_is():
    rows = tuple(replace(row, std_error=None) for row in small_model().coefficient_rows)
    model = replace(small_model(), covariance=None, coefficient_rows=rows, estimator="penalised")
    with pytest.raises(FitNotUsable, match="a penalised fit has none"):
        model.contrast({"age": 1.0})


def test_several_contrasts_of_few_clusters_have_no_joint_test():
    scores = np.random.default_rng(0).normal(size=(3, 1))
    model = replace(small_model(), covariance=scores @ scores.T)
    with pytest.raises(FitNotUsable, match="singular"):
        model.contrast([{"age": 1.0}, {"plan[b]": 1.0}])


@pytest.fixture(scope="module")
def classes() -> LogisticModel:
    design = DesignSpec(small_model().design.columns, intercept=True)
    terms = [f"{name}:{term.name}" for name in ("blue", "red") for term in design.terms()]
    rng = np.random.default_rng(0)
    A = rng.normal(size=(20, 8))
    label = LabelRecord("kind", None, None, None, None, classes={"blue": 10, "green": 9, "red": 8})
    return model_of(
        terms, rng.normal(size=8), np.linalg.inv(A.T @ A), design, label=label, reference_class="green"
    )


def test_levels_are_compared_within_a_class(classes):
    found = classes.contrast("plan", "b", "c", class_name="red")
    assert found.estimate == pytest.approx(
        classes.estimates["red:plan[b]"] - classes.estimates["red:plan[c]"]
    )
    assert found.text == "red: plan: b against c"
    by_terms = classes.contrast({"plan[b]": 1, "plan[c]": -1}, class_name="red")
    assert by_terms.weights == found.weights == (("red:plan[b]", 1.0), ("red:plan[c]", -1.0))


def test_terms_of_different_classes_are_compared_by_their_full_names(classes):
    found = classes.contrast({"red:age": 1, "blue:age": -1})
    assert found.estimate == pytest.approx(classes.estimates["red:age"] - classes.estimates["blue:age"])
    assert found.text == "red:age - blue:age"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "set class_name to 'blue' and 'red'"),
        ("green", "'green' is the reference class"),
        ("bleu", r"no class 'bleu'. Did you mean 'blue'\?"),
    ],
)
def test_a_class_that_has_no_coefficients_is_refused(classes, name, message):
    with pytest.raises(ConfigError, match=message):
        classes.contrast("plan", "b", "c", class_name=name)
