from __future__ import annotations

import contextlib
import time
from datetime import timedelta

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logreg_dist.config import TrainConfig, load_evaluate_config, load_score_config, load_train_config
from logreg_dist.config.environment import substitute
from logreg_dist.config.explain import known_paths
from logreg_dist.config.overrides import apply_overrides, parse_override
from logreg_dist.config.yaml_file import parse_yaml
from logreg_dist.errors import ConfigError

# A short text takes milliseconds; the rest is for a machine that does other things too.
DEADLINE = timedelta(seconds=5)
LOADERS = (load_train_config, load_score_config, load_evaluate_config)

KEYS = sorted({str(part) for path in known_paths(TrainConfig) for part in path})
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(KEYS)
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)
yaml_like = st.lists(
    st.sampled_from(
        [*KEYS, *"[]{}:,&*!%@`'\"|>-?#\n\t ~\\", ": ", "- ", "\n  ", "---\n", "...", "${env:", "1e-8"]
    )
    | st.text(max_size=3),
    max_size=30,
).map("".join)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "c.yaml"


@settings(deadline=DEADLINE, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.binary(max_size=200) | yaml_like.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_file_makes_a_loader_raise_anything_but_a_config_error(file, content):
    file.write_bytes(content)
    for load in LOADERS:
        with contextlib.suppress(ConfigError):
            load(file)


@settings(deadline=DEADLINE, suppress_health_check=[HealthCheck.too_slow])
@given(tree=st.dictionaries(st.sampled_from(KEYS) | st.text(), trees, max_size=6))
def test_no_tree_of_values_makes_a_loader_raise_anything_but_a_config_error(file, tree):
    file.write_text(yaml.safe_dump(tree, allow_unicode=False))
    for load in LOADERS:
        with contextlib.suppress(ConfigError):
            load(file)


@settings(deadline=DEADLINE, suppress_health_check=[HealthCheck.too_slow])
@given(tree=st.dictionaries(st.sampled_from(list(TrainConfig.model_fields)), trees, max_size=6))
def test_a_configuration_in_code_raises_config_errors_of_six_lines_or_reads_back_equal(tree):
    try:
        config = TrainConfig(**{"label": {"column": "y"}, **tree})
    except ConfigError as error:
        assert len(str(error).splitlines()) <= 6  # noqa: PT017 - either outcome is right
    else:
        assert TrainConfig(**config.as_dict()).as_dict() == config.as_dict()


@settings(deadline=DEADLINE)
@given(overrides=st.lists(yaml_like | st.text(max_size=20), max_size=3))
def test_no_override_makes_anything_but_a_config_error(overrides):
    with contextlib.suppress(ConfigError):
        substitute(apply_overrides({"label": {"column": "y"}, "keys": ["a"]}, overrides)[0], {})


@settings(deadline=DEADLINE)
@given(name=st.text(min_size=1).filter(lambda text: '"' not in text and "\0" not in text))
def test_any_column_name_without_a_quote_can_be_set(name):
    assert parse_override(f'features.columns."{name}".type=numeric')[0] == (
        "features",
        "columns",
        name,
        "type",
    )


@settings(deadline=DEADLINE)
@given(value=st.floats(allow_nan=False) | st.integers(-(10**90), 10**90) | st.booleans() | st.none())
def test_numbers_written_by_python_read_back_exactly(value):
    text = (
        {True: "true", False: "false", None: "null"}[value]
        if value is None or value is True or value is False
        else repr(value)
    )
    expected = parse_yaml(text.replace("inf", ".inf"), "f")
    assert expected == value
    assert type(expected) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "features: {defaults: {missing: 'constant(" + " " * 900_000 + "'}}",
        "features: {defaults: {missing: 'constant(" + "1" * 900_000 + ")'}}",
        "features: {exclude: [" + ", ".join(f"c{i}" for i in range(20_000)) + "], include: [c1]}",
        "input: {path: '" + "*a" * 20_000 + "'}\noutput: {path: " + "a" * 20_000 + "}",
        "weight: '" + "${env:" * 100_000 + "'",
        "y" * 1_000 + ": " + "x" * 900_000,
        "".join(f"k{i}: {{}}\n" for i in range(15_000)),
    ],
    ids=["blanks", "digits", "names", "wildcards", "variables", "long key", "unknown keys"],
)
def test_values_of_the_largest_size_take_bounded_time(file, text):
    file.write_text("label: {column: y}\n" + text)
    start = time.process_time()
    with pytest.raises(ConfigError, match="problem") as caught:
        load_train_config(file)
    assert time.process_time() - start < DEADLINE.total_seconds()
    assert len(str(caught.value)) < 2_000
