from __future__ import annotations

import pytest

from logreg_dist.config.overrides import apply_overrides, parse_override
from logreg_dist.errors import ConfigError


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("weight=w", ("weight",), "w"),
        ("penalty.l2=1e-3", ("penalty", "l2"), 1e-3),
        ("output.run_date=2026-11-21", ("output", "run_date"), "2026-11-21"),
        ("label.positive=NO", ("label", "positive"), "NO"),
        ("keys=[a, b]", ("keys",), ["a", "b"]),
        ("weight=", ("weight",), None),
        ("input.filter=day = '2026'", ("input", "filter"), "day = '2026'"),
        ('features.columns."a.b".type=numeric', ("features", "columns", "a.b", "type"), "numeric"),
        ("features.columns.'a=b'.type=numeric", ("features", "columns", "a=b", "type"), "numeric"),
        ("a.été.x=1", ("a", "été", "x"), 1),
    ],
)
def test_an_override_is_a_dotted_key_and_a_yaml_value(override, path, value):
    assert parse_override(override) == (path, value)


@pytest.mark.parametrize("override", ["", "=1", "a", "a..b=1", ".a=1", "a.=1", 'a."b=1', "a b=1", '""=1'])
def test_an_override_without_a_key_is_refused_without_repeating_it(override):
    with pytest.raises(ConfigError, match="expected key=value"):
        parse_override(override)


def test_the_values_of_the_file_are_left_as_they_are():
    values = {"a": {"b": 1}}
    changed, paths = apply_overrides(values, ["a.b=2", "c.d=3"])
    assert values == {"a": {"b": 1}}
    assert changed == {"a": {"b": 2}, "c": {"d": 3}}
    assert paths == (("a", "b"), ("c", "d"))


def test_the_later_of_two_overrides_counts():
    assert apply_overrides({}, ["a=1", "a=2"])[0] == {"a": 2}


def test_all_overrides_that_cannot_be_applied_are_reported_together():
    values = {"label": "hunter2", "keys": ["a"]}
    with pytest.raises(ConfigError, match="--set cannot be applied") as caught:
        apply_overrides(values, ["label.column=x", "keys.0=b", "nonsense", "weight=[1"])
    said = str(caught.value)
    assert "label.column: label is text, so nothing can be set below it" in said
    assert "keys.0: keys is a list; set it whole" in said
    assert "expected key=value" in said
    assert "--set weight, line 1: not YAML" in said
    assert "hunter2" not in said


def test_an_endless_key_is_refused():
    with pytest.raises(ConfigError, match="a key of 100,000 parts"):
        parse_override(".".join(["a"] * 100_000) + "=1")
