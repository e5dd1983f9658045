"""Selecting columns against R's step(), statsmodels' tests, and searches by hand; no Spark."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.datasets import load_breast_cancer
from statsmodels.datasets import anes96

from logreg_dist.config.selection import SelectionConfig
from logreg_dist.errors import InputRejected
from logreg_dist.fitting.select_columns import select_columns
from logreg_dist.fitting.selection_path import Terms
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.solver.result import Sums
from tests.certified.frames import birthwt as birthwt_frame

SAME_AS_R = 1e-6
SAME_P = 1e-5  # a model on the way is as near to its optimum in standard errors


def design_of(table: pd.DataFrame, label: str, reference: dict[str, str]):
    """Return the design with its columns' terms, 0/1 for levels, and the label."""
    blocks, names = [np.ones(len(table))], [None]
    for column in table.columns.drop(label):
        if column in reference:
            levels = sorted(set(table[column]) - {reference[column]})
            blocks += [(table[column] == level).to_numpy(float) for level in levels]
            names += [column] * len(levels)
        else:
            numbers = table[column].to_numpy(float)
            blocks.append(numbers - numbers.mean())
            names.append(column)
    masks = {
        name: np.array([other == name for other in names])
        for name in dict.fromkeys(names)
        if name is not None
    }
    always = np.array([name is None for name in names])
    return np.column_stack(blocks), Terms(masks, always), table[label].to_numpy(float)


class Counting:
    """The sums of a binary model, and how often they were asked for."""

    def __init__(self, X, y):
        self.block = Block(dense=np.ascontiguousarray(X.T), codes=(), y=y)
        self.shape, self.passes = BlockShape(X.shape[1]), 0

    def __call__(self, beta):
        self.passes += 1
        state = evaluate(beta, [self.block], self.shape)
        information = state.information.matrix(self.shape)
        return Sums(state.n_rows, state.weight_sum, state.deviance, state.score, information)


def select(X, terms, y, **settings):
    start = np.zeros(X.shape[1])
    return select_columns(Counting(X, y), terms, SelectionConfig(**settings), n_obs=len(y), start=start)


def path(selected):
    return [(f"{step.action} {step.column}" if step.column else "") for step in selected.record.steps]


@pytest.fixture(scope="module")
def birthwt():
    return design_of(birthwt_frame(), "low", {"race": "white"})


# R 4.2.2: d <- MASS::birthwt without bwt, race as a factor; ctl <- glm.control(epsilon = 1e-14)
# full <- glm(low ~ ., binomial, d, control = ctl); null <- glm(low ~ 1, binomial, d, control = ctl)
# step(full, direction = "backward")$anova[c("Step", "AIC")], and with k = log(nrow(d));
# step(null, scope = formula(full), direction = "forward"), and "both", which is the same here.
FROM_R = {
    ("backward", "aic"): [
        ("", 221.284795055881),
        ("remove ftv", 219.426951203812),
        ("remove age", 217.985587197454),
    ],
    ("backward", "bic"): [
        ("", 253.702265206478),
        ("remove ftv", 248.602674339349),
        ("remove age", 243.919563317931),
        ("remove ptl", 240.908848987649),
        ("remove race", 239.034475307599),
        ("remove smoke", 237.579834007437),
        ("remove ui", 236.867332703052),
    ],
    ("forward", "aic"): [
        ("", 236.671996193218),
        ("add ptl", 231.892611752682),
        ("add lwt", 229.406865602945),
        ("add ht", 223.963797466672),
        ("add race", 222.850384705575),
        ("add smoke", 218.897685675200),
        ("add ui", 217.985587197454),
    ],
}
FROM_R["stepwise", "aic"] = FROM_R["forward", "aic"]


@pytest.mark.parametrize(("method", "criterion"), FROM_R)
def test_the_path_and_its_criterion_are_those_of_rs_step(birthwt, method, criterion):
    selected = select(*birthwt, method=method, criterion=criterion)
    expected = FROM_R[method, criterion]
    assert path(selected) == [name for name, _ in expected]
    values = [step.criterion_after for step in selected.record.steps]
    np.testing.assert_allclose(values, [value for _, value in expected], rtol=0, atol=SAME_AS_R)
    before = [step.criterion_before for step in selected.record.steps]
    assert before == [None, *values[:-1]]
    assert set(selected.record.columns) | set(selected.record.left_out) == set(birthwt[1].columns)
    assert (selected.start[~selected.kept] == 0).all()


def test_a_column_that_entered_is_removed_again_as_by_rs_step():
    data = load_breast_cancer()
    columns = [3, 16, 9, 29, 24, 8, 25, 14]
    table = pd.DataFrame(data.data, columns=[f"c{k}" for k in range(30)])[[f"c{k}" for k in columns]]
    X, terms, y = design_of(table.assign(y=data.target), "y", {})
    found = select(X, terms, y, method="stepwise")
    # R: null <- glm(y ~ 1, ...); step(null, scope = formula(full), direction = "both")$anova
    expected = [
        ("", 753.440005384),
        ("add c3", 329.656511147),
        ("add c24", 183.676028331),
        ("add c25", 173.143396893),
        ("add c9", 171.557740707),
        ("add c8", 169.802962559),
        ("add c29", 169.519039102),
        ("remove c25", 168.786405039),
        ("add c16", 168.752478975),
    ]
    assert path(found) == [name for name, _ in expected]
    values = [step.criterion_after for step in found.record.steps]
    np.testing.assert_allclose(values, [value for _, value in expected], rtol=0, atol=SAME_AS_R)


def test_columns_that_depend_on_others_leave_first_as_by_rs_step():
    table = birthwt_frame()
    table = table.assign(again=2 * table.lwt + 1, copy=table.race)
    X, terms, y = design_of(table, "low", {"race": "white", "copy": "white"})
    found = select(X, terms, y, method="backward")
    # R: d$again <- 2 * d$lwt + 1; d$copy <- d$race; step(glm(low ~ ., binomial, d), direction = "backward")$anova
    assert path(found) == ["", "remove copy", "remove again", "remove ftv", "remove age"]
    values = [step.criterion_after for step in found.record.steps]
    expected = [221.284795055881] * 3 + [219.426951203812, 217.985587197454]
    np.testing.assert_allclose(values, expected, rtol=0, atol=SAME_AS_R)
    assert [step.df for step in found.record.steps] == [None, 0, 0, 1, 1]
    forward = select(X, terms, y, method="forward")
    assert not {"again", "copy"} & set(forward.record.columns)


def wald_p(X, terms, y, columns):
    """Return the p-value of each column in the model, by statsmodels."""
    kept = terms.of(frozenset(columns))
    fit = sm.GLM(y, X[:, kept], family=sm.families.Binomial()).fit(tol=1e-14)
    places = np.flatnonzero(kept)
    return {
        name: float(fit.wald_test(np.eye(kept.sum())[np.isin(places, np.flatnonzero(terms.columns[name]))],
                                  scalar=True, use_f=False).pvalue)
        for name in columns
    }  # fmt: skip


def score_p(X, terms, y, columns):
    """Return the p-value of adding each absent column, by statsmodels."""
    kept = terms.of(frozenset(columns))
    model = sm.GLM(y, X[:, kept], family=sm.families.Binomial())
    params = model.fit(tol=1e-14).params
    return {
        name: np.asarray(model.score_test(params, exog_extra=X[:, mask])[1]).item()
        for name, mask in terms.columns.items()
        if name not in columns
    }


def test_backward_by_p_values_is_the_search_by_hand_with_statsmodels(birthwt):
    X, terms, y = birthwt
    columns, expected = list(terms.columns), []
    while True:
        p = wald_p(X, terms, y, columns)
        worst = max(p, key=p.get)
        if p[worst] <= 0.05:
            break
        expected.append((worst, p[worst]))
        columns.remove(worst)
    found = select(*birthwt, method="backward", criterion="wald", p_remove=0.05)
    steps = found.record.steps[1:]
    assert [step.column for step in steps] == [name for name, _ in expected]
    assert len(steps) >= 3
    np.testing.assert_allclose([step.p_value for step in steps], [p for _, p in expected], rtol=SAME_P)
    assert set(found.record.columns) == set(columns)
    assert all(step.criterion_after is None for step in steps)


def test_forward_by_p_values_is_the_search_by_hand_with_statsmodels(birthwt):
    X, terms, y = birthwt
    columns, expected = [], []
    while True:
        p = score_p(X, terms, y, columns)
        best = min(p, key=p.get)
        if p[best] >= 0.15:
            break
        expected.append((best, p[best]))
        columns.append(best)
    found = select(*birthwt, method="forward", criterion="wald", p_enter=0.15)
    steps = found.record.steps[1:]
    assert [step.column for step in steps] == [name for name, _ in expected]
    assert "race" in columns  # a test of two terms
    np.testing.assert_allclose([step.p_value for step in steps], [p for _, p in expected], rtol=SAME_P)


def test_columns_to_keep_stay_and_start(birthwt):
    backward = select(*birthwt, method="backward", keep=("ftv",))
    assert path(backward) == ["", "remove age"]
    forward = select(*birthwt, method="forward", criterion="bic", keep=("ftv", "race"))
    assert {"ftv", "race"} <= set(forward.record.columns)
    assert forward.record.steps[0].deviance < 234.67
    with pytest.raises(InputRejected, match=r"selection\.keep lists column 'colour'"):
        select(*birthwt, method="backward", keep=("colour",))


def test_noise_leaves_the_intercept_alone():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd")).assign(y=np.arange(300) % 3 == 0)
    for method in ("backward", "forward", "stepwise"):
        found = select(*design_of(table, "y", {}), method=method, criterion="bic")
        assert found.record.columns == ()
        assert found.record.left_out == ("a", "b", "c", "d")
        assert found.kept.tolist() == [True, False, False, False, False]
        assert found.start[0] == pytest.approx(np.log(0.5), abs=1e-5)


def test_candidates_far_from_the_best_are_not_fitted(birthwt):
    X, terms, y = birthwt
    evaluate_all = Counting(X, y)
    config = SelectionConfig(method="backward")
    found = select_columns(evaluate_all, terms, config, n_obs=len(y), start=np.zeros(X.shape[1]))
    assert found.record.n_fits <= 8  # of 8 + 7 + 6 candidates
    assert evaluate_all.passes <= 30


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("method", ["backward", "forward", "stepwise"])
def test_the_path_is_that_of_fitting_every_candidate(monkeypatch, method, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 8)) + 0.8 * rng.normal(size=(300, 1))
    y = rng.random(300) < 1 / (1 + np.exp(1 - X[:, :4] @ rng.normal(size=4) * 0.5))
    design = design_of(pd.DataFrame(X, columns=list("abcdefgh")).assign(y=y), "y", {})
    few = select(*design, method=method)
    monkeypatch.setattr("logreg_dist.fitting.select_columns.STATISTIC_SLACK", 1e6)
    every = select(*design, method=method)
    assert path(few) == path(every)
    assert few.record.n_fits < every.record.n_fits / 2


def test_a_separating_column_ends_the_search_in_the_model():
    table = birthwt_frame().assign(sure=birthwt_frame().low * 2.0)
    found = select(*design_of(table, "low", {"race": "white"}), method="forward")
    assert path(found) == ["", "add sure"]
    assert found.record.columns == ("sure",)


def test_several_classes_go_together_and_aic_decides_as_by_hand():
    table = anes96.load_pandas().data
    y = np.digitize(table["PID"], [1.5, 4.5])
    names = ["logpopul", "selfLR", "ClinLR", "DoleLR", "age", "educ", "income"]
    scaled = {name: (table[name] - table[name].mean()) / table[name].std() for name in names}
    X = np.column_stack([np.ones(len(y)), *scaled.values()])
    n, p = X.shape

    def sums(beta):
        B = np.column_stack([np.zeros(p), beta.reshape(2, p).T])
        eta = X @ B
        total = np.logaddexp.reduce(eta, axis=1)
        mu = np.exp(eta - total[:, None])
        score = ((y[:, None] == [1, 2]) - mu[:, 1:]).T @ X
        rows = [[(X * (mu[:, a] * ((a == b) - mu[:, b]))[:, None]).T @ X for b in (1, 2)] for a in (1, 2)]
        return Sums(n, float(n), 2 * (total - eta[np.arange(n), y]).sum(), score.ravel(), np.block(rows))

    def aic(columns):
        fit = sm.MNLogit(y, X[:, [0, *(1 + names.index(name) for name in columns)]]).fit(
            method="newton", tol=1e-14, disp=0
        )
        return -2 * fit.llf + 2 * 2 * (1 + len(columns))

    one = np.tile(np.eye(p, dtype=bool), 2)
    terms = Terms({name: one[k + 1] for k, name in enumerate(names)}, one[0])
    config = SelectionConfig(method="backward")
    found = select_columns(sums, terms, config, n_obs=n, start=np.zeros(2 * p))
    columns, expected = list(names), [aic(names)]
    removed = []
    while True:
        values = {name: aic([other for other in columns if other != name]) for name in columns}
        best = min(values, key=values.get)
        if values[best] >= expected[-1]:
            break
        columns.remove(best)
        removed.append(best)
        expected.append(values[best])
    assert [step.column for step in found.record.steps[1:]] == removed
    assert len(removed) >= 2
    np.testing.assert_allclose(
        [s.criterion_after for s in found.record.steps], expected, rtol=0, atol=SAME_AS_R
    )
    assert {step.df for step in found.record.steps[1:]} == {2}


def test_the_p_value_is_that_of_the_chi_squared_test(birthwt):
    steps = select(*birthwt, method="backward", criterion="bic").record.steps[1:]
    race = next(step for step in steps if step.column == "race")
    assert race.df == 2
    assert race.p_value == pytest.approx(stats.chi2.sf(race.statistic, 2), rel=1e-12)
