from __future__ import annotations

import json
import re

import numpy as np
import pytest

from logreg_dist.config import LabelConfig, MissingPolicy, TrainConfig, level_text, load_train_config
from logreg_dist.config.explain import known_paths
from logreg_dist.config.policies import parse_missing
from logreg_dist.errors import ConfigError

LABEL = {"column": "churn", "positive": "Yes"}
BASE = """
input: {path: data/train}
label: {column: churn, positive: Yes}
output: {path: out}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_and_load(text, *overrides):
        (tmp_path / "train.yaml").write_text(text)
        return load_train_config("train.yaml", overrides)

    return write_and_load


def refused(**values):
    with pytest.raises(ConfigError, match="TrainConfig has") as caught:
        TrainConfig(**{"label": LABEL, **values})
    return str(caught.value)


def test_the_two_problems_of_the_manual_are_reported_word_for_word(load):
    with pytest.raises(ConfigError, match="problem") as caught:
        load(BASE + "penalty: {l2: abc}\nsolver: {max_iteration: 3}\n")
    assert str(caught.value) == (
        "config error: train.yaml has 2 problems.\n"
        '  penalty.l2: expected a number >= 0, found text "abc"\n'
        "  solver.max_iteration: unknown key; did you mean solver.max_iterations?"
    )


def test_a_message_has_six_lines_at_most_and_names_the_keys_it_does_not_explain(load):
    with pytest.raises(ConfigError, match="has 8 problems") as caught:
        load(BASE + "".join(f"zz{i}: 1\n" for i in range(8)))
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert lines[-1] == "  and 4 more problems: zz4, zz5, zz6, ..."


def test_a_job_needs_input_and_output_and_code_does_not(load):
    assert TrainConfig(label=LABEL).input is None
    with pytest.raises(ConfigError, match="has 4 problems") as caught:
        load("family: poisson")
    for key in ("input", "output", "label"):
        assert f"  {key}: required, but not given" in str(caught.value)


def test_sections_may_be_given_as_objects():
    assert TrainConfig(label=LabelConfig(column="churn")).label.column == "churn"


def test_a_configuration_is_frozen():
    config = TrainConfig(label=LABEL)
    with pytest.raises(Exception, match="frozen"):
        config.weight = "w"
    with pytest.raises(Exception, match="frozen"):
        config.solver.method = "newton"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"penalty": {"l2": -1}}, "penalty.l2: expected a number >= 0, found number -1"),
        ({"penalty": {"l2": True}}, "penalty.l2: expected a number >= 0, found true"),
        ({"penalty": {"l2": float("nan")}}, "penalty.l2: expected a number >= 0, found number nan"),
        ({"penalty": {"l2": 10**400}}, "penalty.l2: expected a number >= 0, found a number"),
        ({"family": "poisson"}, 'family: expected binary or multinomial, found text "poisson"'),
        (
            {"solver": {"on_separation": "firth"}, "penalty": {"l2": 0.1}},
            "solver.on_separation: firth has no use with a penalty; leave one out",
        ),
        (
            {
                "solver": {"on_separation": "drop"},
                "features": {"columns": {"x": {"bounds": {"lower": 0}}}},
            },
            "solver.on_separation: drop cannot have bounds of columns; leave one out",
        ),
        (
            {"solver": {"on_separation": "ridge"}, "selection": {"method": "backward"}},
            "solver.on_separation: ridge cannot have a selection of columns; leave one out",
        ),
        (
            {"solver": {"on_separation": "ridge"}, "family": "multinomial"},
            "solver.on_separation: ridge is for family binary",
        ),
        ({"solver": {"on_collinear": "drop"}}, "solver.on_collinear: expected alias or error"),
        ({"solver": {"tolerance": 0}}, "solver.tolerance: expected a number > 0 and <= 0.01"),
        ({"solver": {"tolerance": 0.011}}, "solver.tolerance: expected a number > 0 and <= 0.01"),
        ({"solver": {"max_iterations": 0}}, "solver.max_iterations: expected a whole number from 1 to 1000"),
        (
            {"solver": {"max_iterations": 1001}},
            "solver.max_iterations: expected a whole number from 1 to 1000",
        ),
        ({"solver": {"max_iterations": 50.0}}, "found number 50.0"),
        ({"inference": {"confidence": 1}}, "inference.confidence: expected a number between 0 and 1"),
        ({"inference": {"confidence": 0.0}}, "inference.confidence: expected a number between 0 and 1"),
        (
            {"inference": {"covariance": "hc4"}},
            "inference.covariance: expected one of model, hc0, hc1, hc2, hc3",
        ),
        (
            {"inference": {"covariance": "cluster"}},
            "inference.cluster: required by covariance cluster: the column of the clusters",
        ),
        (
            {"inference": {"covariance": "hc1"}, "penalty": {"l2": 0.1}},
            "inference.covariance: hc1 is for fits without a penalty; leave one out",
        ),
        (
            {
                "inference": {"covariance": "hc1"},
                "penalty": {"path": {"points": 5}},
                "cross_validation": {"folds": 3},
            },
            "inference.covariance: hc1 is for fits without a penalty; leave one out",
        ),
        ({"inference": {"cluster": ["a", "a"]}}, "inference.cluster: lists a column twice"),
        ({"inference": {"cluster": LABEL["column"]}}, "inference.cluster: column"),
        ({"family": "multinomial", "checks": {"fit": True}}, "checks.fit: true is for family binary"),
        (
            {"family": "multinomial", "checks": {"influence": {"key": "id"}}},
            "checks.influence.key: id is for family binary",
        ),
        ({"intercept": "NO"}, 'intercept: expected true or false, found text "NO"'),
        ({"weight": 2020}, r"weight: expected a column name \(text\), found number 2020; quote it"),
        ({"weight": " "}, "weight: expected a column name"),
        ({"solver": None}, "solver: expected a section with keys such as method"),
        ({"label": "churn"}, 'label: expected a section with keys such as column, .*found text "churn"'),
        ({"label": {"colum": "churn"}}, "label.colum: unknown key; did you mean label.column"),
        ({"Weight": "w"}, "Weight: unknown key; did you mean weight"),
        ({"tolerance": 1e-8}, "tolerance: unknown key; did you mean solver.tolerance"),
        ({"qqq": 1}, "qqq: unknown key; known here: input, label, intercept"),
        ({"features": {"columns": {"a.b": {"typ": "numeric"}}}}, r'columns\."a\.b"\.typ: .*"a\.b"\.type'),
        (
            {"features": {"columns": {1: {}}}},
            r"features.columns\[1\]: expected a key that is text, found number 1",
        ),
        (
            {"features": {"columns": {"[key]": 1}}},
            r'features.columns."\[key\]": expected a section with keys',
        ),
        ({"[key]": 1}, r'"\[key\]": unknown key'),
        ({"features": {"columns": 3}}, "features.columns: expected a section of names, found number 3"),
        ({"features": {"exclude": ["a", 3]}}, r"features.exclude\[1\]: expected .* found number 3; quote it"),
        ({"features": {"exclude": "a"}}, 'features.exclude: expected a list .* found text "a"'),
        ({"features": {"include": "some"}}, "features.include: expected all, or a list of column names"),
        ({"features": {"defaults": {"min_level_count": 0}}}, "expected a whole number of rows >= 1"),
        ({"features": {"defaults": {"unseen": "drop"}}}, "unseen: expected one of error, reference"),
        ({"input": {"path": "a", "splits": 0}}, "input.splits: expected a whole number >= 1"),
        ({"input": {"path": []}}, "input.path: expected a path or a list of paths"),
        ({"input": {"path": ["a", "a"]}}, 'input.path: lists "a" more than once'),
        ({"input": {}}, "input.path: expected either path or table, neither is given"),
        ({"input": {"path": "a", "table": "t"}}, "expected either path or table, both are given"),
    ],
)
def test_bad_values_name_the_key_what_was_found_and_what_was_expected(values, said):
    assert re.search(said, refused(**values))


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ({}, "label.column: expected column, or events and trials; found none"),
        ({"column": "y", "events": "e"}, "label.events: expected column or events and trials, found both"),
        ({"events": "e"}, "label.trials: required"),
        ({"trials": "n"}, "label.events: required"),
        ({"events": "e", "trials": "n", "positive": 1}, "label.positive: has no meaning"),
        ({"events": "e", "trials": "e"}, "label.trials: is the same column as events"),
        ({"column": "y", "reference": "a"}, "label.reference: is for family multinomial"),
        ({"column": "y", "positive": [1]}, "label.positive: expected a level.*found a list of 1"),
        ({"column": "y", "positive": float("nan")}, "label.positive: expected a level.*found number nan"),
    ],
)
def test_a_label_is_one_column_or_events_out_of_trials(label, said):
    assert re.search(said, refused(label=label))


@pytest.mark.parametrize("positive", ["Yes", True, 1, 2.0, "1"])
def test_the_positive_level_keeps_its_type(positive):
    kept = TrainConfig(label={"column": "y", "positive": positive}).label.positive
    assert kept == positive
    assert type(kept) is type(positive)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"weight": "churn"}, 'weight: column "churn" is label.column too'),
        ({"weight": "w", "frequency": "w"}, 'frequency: column "w" is weight too'),
        (
            {"offset": "o", "features": {"include": ["a", "o"]}},
            'features.include: lists "o", which is offset',
        ),
        ({"features": {"columns": {"churn": {}}}}, 'features.columns: lists "churn", which is label.column'),
        ({"features": {"include": ["a", "a"]}}, 'features.include: lists "a" more than once'),
        (
            {"features": {"include": ["a"], "exclude": ["a"]}},
            'features.exclude: lists "a", which include lists',
        ),
        (
            {"features": {"include": ["a"], "columns": {"b": {}}}},
            "features.columns.b: is not among the included",
        ),
        ({"features": {"exclude": ["b"], "columns": {"b": {}}}}, "features.columns.b: is among the excluded"),
        (
            {"intercept": False, "features": {"include": []}},
            "features.include: is empty and intercept is false",
        ),
    ],
)
def test_a_column_has_one_role_and_settings_belong_to_features(values, said):
    assert said in refused(**values)


def test_a_model_may_lie_beside_or_above_its_table_and_not_inside():
    for path in ("d/model", "d"):
        TrainConfig(label=LABEL, input={"path": "d/rows"}, output={"path": path})
    for path in ("d/rows", "d/rows/model"):
        said = refused(input={"path": ["other", "d/rows"]}, output={"path": path})
        assert "output.path: " in said


def test_a_label_may_be_excluded_from_the_features_and_an_intercept_is_a_model():
    TrainConfig(label=LABEL, features={"exclude": ["churn"]})
    TrainConfig(label=LABEL, features={"include": []})


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("error", MissingPolicy("error")),
        ("drop", MissingPolicy("drop")),
        ("mean", MissingPolicy("mean")),
        ("median", MissingPolicy("median")),
        ("indicator", MissingPolicy("indicator")),
        ("level", MissingPolicy("level")),
        ("constant(0)", MissingPolicy("constant", 0.0)),
        ("constant(-1.5e3)", MissingPolicy("constant", -1500.0)),
        ("constant( .5 )", MissingPolicy("constant", 0.5)),
        ('constant("a b")', MissingPolicy("constant", "a b")),
        ("constant('a \"b\"')", MissingPolicy("constant", 'a "b"')),
        ('constant("1")', MissingPolicy("constant", "1")),
        (r'constant("a\"b)")', MissingPolicy("constant", 'a"b)')),
    ],
)
def test_missing_policies_are_parsed_and_written_back(text, policy):
    assert parse_missing(text) == policy
    assert parse_missing(policy.text) == policy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mean",
        "mean ",
        "constant",
        "constant()",
        "constant(x)",
        "constant(nan)",
        "constant(inf)",
        "constant(1e999)",
        "constant(1)(2)",
        'constant("a" "b")',
        "constant(__import__('os'))",
        "constant(" + "(" * 10_000,
        None,
        0,
    ],
)
def test_the_grammar_of_missing_is_closed(text):
    said = refused(features={"defaults": {"missing": text}})
    assert "features.defaults.missing: expected error, drop, mean, median" in said


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"type": "numeric", "reference": "a"}, "c.reference: has no meaning for a numeric column"),
        ({"type": "numeric", "unseen": None}, "c.unseen: has no meaning for a numeric column"),
        ({"type": "numeric", "min_level_count": 5}, "c.min_level_count: has no meaning for a numeric column"),
        ({"type": "numeric", "missing": "level"}, "c.missing: a level of its own needs type: categorical"),
        ({"type": "numeric", "missing": 'constant("a")'}, "c.missing: a level of its own needs"),
        ({"type": "categorical", "missing": "mean"}, "c.missing: mean needs type: numeric"),
        ({"type": "categorical", "missing": "indicator"}, "c.missing: indicator needs type: numeric"),
        ({"type": "words"}, 'c.type: expected one of numeric, categorical, text, vector, found text "words"'),
        ({"buckets": 64}, "c.buckets: is for texts; set type: text"),
        ({"type": "text", "buckets": 100}, "c.buckets: expected a power of 2 from 2 to 1048576"),
        (
            {"type": "text", "buckets": 64, "vocabulary": 9},
            "c.buckets: words are listed (vocabulary) or hashed",
        ),
        ({"type": "text", "unseen": "other"}, "c.unseen: has no meaning for a text column"),
        (
            {"type": "text", "buckets": 64, "min_level_count": 2},
            "c.min_level_count: is for words with a vocabulary",
        ),
        (
            {"type": "text", "missing": "level"},
            'c.missing: is level; texts can have error, drop or constant("")',
        ),
        ({"type": "vector", "missing": "mean"}, "c.missing: is mean; vectors can have error or drop"),
    ],
)
def test_settings_that_a_type_cannot_have_are_refused(column, said):
    assert said in refused(features={"columns": {"c": column}})


def test_a_constant_number_may_stand_for_a_level():
    TrainConfig(label=LABEL, features={"columns": {"c": {"type": "categorical", "missing": "constant(0)"}}})


def test_a_policy_is_the_columns_own_settings_over_the_defaults():
    config = TrainConfig(
        label=LABEL,
        features={
            "defaults": {"missing": "drop", "unseen": "other", "min_level_count": 7},
            "columns": {"c": {"unseen": None, "reference": 1.0}, "d": {"type": "numeric", "missing": "mean"}},
        },
    )
    own, other, plain = (config.features.policy(name) for name in ("c", "d", "e"))
    assert (own.type, own.missing.kind, own.unseen) == (None, "drop", "null")
    assert (own.reference, own.min_level_count) == ("1", 7)
    assert (other.type, other.unseen, other.reference) == ("numeric", "other", "most_frequent")
    assert (other.missing.kind, plain.missing.kind, plain.type) == ("mean", "drop", None)


def test_unseen_null_means_the_policy_null_in_yaml_too(load):
    config = load(BASE, "features.columns.c.unseen=null", "features.defaults.unseen=null")
    assert config.features.policy("c").unseen == "null"
    assert config.features.policy("other").unseen == "null"


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (1, "1"), (1.0, "1"), (-2.5, "-2.5"), ("a", "a"), (1e300, "1e+300")],
)
def test_a_level_is_written_the_same_way_for_every_type_of_it(value, text):
    assert level_text(value) == text


def test_a_configuration_reads_back_equal_from_its_dict(load):
    config = load(
        BASE,
        'features.columns."a.b"={missing: "constant(0.1)", reference: true}',
        "features.columns.c={unseen: null}",
        "features.exclude=[id]",
        "input.path=[a, b]",
        "input.options={header: true, sep: ';'}",
        "label.positive=2.0",
    )
    text = json.dumps(config.as_dict(), allow_nan=False)
    assert TrainConfig(**json.loads(text)) == config


def test_the_dict_holds_every_key_but_the_unset_ones_of_columns():
    values = TrainConfig(label=LABEL, input={"path": "a"}, output={"path": "b"}).as_dict()
    for path in known_paths(TrainConfig):
        if "*" in path:
            continue
        place = values
        for key in path:
            if place is None:
                break  # a section that is off
            place = place[key]


def test_numpy_numbers_count_as_numbers():
    assert TrainConfig(label=LABEL, penalty={"l2": np.float64(0.5)}).penalty.l2 == 0.5


def test_unknown_settings_by_the_thousand_are_reported_at_once(load):
    columns = "".join(f"    c{i}: {{typ: numeric}}\n" for i in range(5_000))
    with pytest.raises(ConfigError, match="has 5,000 problems"):
        load(BASE + "features:\n  columns:\n" + columns)


def test_a_check_looks_into_what_the_configuration_says_nothing_of():
    checked = TrainConfig(label=LABEL).for_check()
    assert (checked.checks.linearity, checked.checks.fit, checked.checks.influence.rows) == (True, True, 20)
    assert (checked.inference.tests, checked.inference.marginal_effects) == ("likelihood_ratio", True)
    asked = {"checks": {"fit": False, "influence": {"rows": 0}}, "inference": {"tests": "wald"}}
    said = TrainConfig(label=LABEL, **asked).for_check()
    assert (said.checks.fit, said.checks.influence.rows, said.inference.tests) == (False, 0, "wald")
    assert said.checks.linearity is True


@pytest.mark.parametrize(
    ("asked", "n_kept"), [({}, 0), ({"key": "id"}, 20), ({"key": "id", "rows": 0}, 0), ({"rows": 3}, 3)]
)
def test_a_key_alone_keeps_rows_in_a_fit_too(asked, n_kept):
    config = TrainConfig(label=LABEL, checks={"influence": asked})
    assert config.checks.influence.n_kept == n_kept


def test_a_check_asks_no_inference_of_a_penalised_fit_and_no_rows_of_several_classes():
    penalised = TrainConfig(label=LABEL, penalty={"l2": 0.1}).for_check()
    assert (penalised.inference.tests, penalised.checks.influence.rows) == (None, None)
    assert penalised.checks.linearity is True
    several = TrainConfig(label={"column": "y"}, family="multinomial").for_check()
    assert (several.checks.linearity, several.checks.fit, several.inference.marginal_effects) == (
        False,
        False,
        False,
    )
