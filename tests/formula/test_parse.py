"""The grammar of `features.terms`: what is read, what is refused, and that nothing else can happen."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist import TrainConfig
from logreg_dist.errors import ConfigError
from logreg_dist.formula import (
    FUNCTIONS,
    MAX_TERMS,
    MAX_TEXT,
    TermError,
    TermPart,
    asked_terms,
    column_text,
    parse_term,
)


def written(text: str) -> list[str]:
    return [":".join(part.text for part in parts) for parts in parse_term(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ["a"]),
        (" a : b ", ["a:b"]),
        ("a*b", ["a", "b", "a:b"]),
        ("log(x)", ["log(x)"]),
        ("log", ["log"]),  # a column may be called so
        ("log:ns", ["log:ns"]),
        ("log1p( x )", ["log1p(x)"]),
        ("poly(x,2)", ["poly(x, 2)"]),
        ("ns(x, df = 4)", ["ns(x, 4)"]),
        ("bs(x, 5)", ["bs(x, 5)"]),
        ("bs(x, 5, 3)", ["bs(x, 5)"]),
        ("bs(x, degree=2, df=5)", ["bs(x, 5, 2)"]),
        ("bins(`a b`, 4):plan", ["bins(`a b`, 4):plan"]),
        ("log(x)*ns(y, 3)", ["log(x)", "ns(y, 3)", "log(x):ns(y, 3)"]),
        ("`a.b`", ["`a.b`"]),
        ("`tick``s`", ["`tick``s`"]),
        ("`log(x)`", ["`log(x)`"]),
        ("`a`", ["a"]),
        ("größe:x_1", ["größe:x_1"]),
    ],
)
def test_terms_are_read_and_written_the_same_way(text, expected):
    assert written(text) == expected
    assert written(expected[-1]) == expected[-1:]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected a column or a function at character 1, found the end"),
        ("a:", "expected a column or a function at character 3, found the end"),
        ("a b", "expected ':', '*' or the end at character 3, found 'b'"),
        ("a:b:c", "expected the end (an interaction has two parts) at character 4, found ':'"),
        ("a:a", "both parts are a (the second at character 3)"),
        ("a.b", "'.' has no meaning at character 2; other names than identifiers go in backticks"),
        ("a + b", "'+' has no meaning at character 3; other names than identifiers go in backticks"),
        ("`a", "a backtick is not closed at character 1"),
        ("``", "a backtick is not closed at character 1"),
        ("nss(x, 3)", "unknown function nss at character 1; did you mean ns?"),
        ("sqrt(x)", "unknown function sqrt at character 1; known: log, log1p, poly, ns, bs, bins"),
        ("log(x", "expected ',' or ')' (a term with a comma goes in quotes) at character 6, found the end"),
        ("log(x, 2)", "log takes 0 numbers, another one is at character 8"),
        (
            "log(log(x))",
            "a function takes a column, not another function; expected ',' or ')' at character 8",
        ),
        ("log(3)", "expected a column at character 5, found '3'"),
        ("ns(x)", "ns at character 1 needs df: ns(column, 3)"),
        ("ns(x, 0)", "expected df, a whole number from 1 to 20, at character 7, found '0'"),
        ("ns(x, 2.5)", "'.' has no meaning at character 8"),
        ("ns(x, 99999999999)", "expected df, a whole number from 1 to 20, at character 7"),
        ("ns(x, k=3)", "ns has no argument k at character 7; known: df"),
        ("ns(x, dff=3)", "ns has no argument dff at character 7; did you mean df?"),
        ("bs(x, 3, df=4)", "bs has no argument df at character 10; known: degree"),
        ("bs(x, 2)", "bs at character 1 has df 2, less than its degree 3"),
        ("poly(x, -1)", "'-' has no meaning at character 9"),
        ("poly(x, 6)", "a whole number from 1 to 5"),
        ("x" * (MAX_TEXT + 1), "has 301 characters, more than 300"),
        ("__import__('os').system('true')", "has no meaning"),
        ("reflect('java.lang.System', 'exit')", "has no meaning"),
    ],
)
def test_what_is_no_term_is_refused_with_its_place(text, sentence):
    with pytest.raises(TermError) as error:
        parse_term(text)
    assert sentence in str(error.value)


def test_crossing_is_written_out_and_nothing_is_there_twice():
    found = asked_terms(["a*b", "b:a", "a", "log(c)", "log(c):b"])
    assert found.plain == ("a", "b")
    assert [":".join(p.text for p in parts) for parts in found.derived] == ["a:b", "log(c)", "log(c):b"]
    assert found.columns == ("a", "b", "c")
    assert found.replaced == {"c": "log(c)"}
    assert asked_terms(["log(c)", "c"]).replaced == {}


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ({"terms": ["lgo(x)"]}, "features.terms[0]: unknown function lgo at character 1; did you mean log?"),
        ({"terms": ["a", "a"]}, 'features.terms: lists "a" more than once'),
        ({"terms": ["x:z"], "exclude": ["z"]}, 'features.terms[0]: names "z", which exclude lists'),
        ({"terms": ["log(y)"]}, 'features.terms: names "y", which is label.column'),
        ({"terms": ["x:w"]}, 'features.terms: names "w", which is weight'),
        ({"terms": "log(x)"}, "features.terms: expected a list of terms (text)"),
        ({"terms": [3]}, "features.terms[0]: expected a list of terms (text)"),
        (
            {"terms": [f"x{k}" for k in range(MAX_TERMS + 1)]},
            "features.terms: lists 101 terms, more than 100",
        ),
    ],
)
def test_the_configuration_refuses_terms_that_cannot_be(features, sentence):
    with pytest.raises(ConfigError) as error:
        TrainConfig(label={"column": "y"}, weight="w", features=features)
    assert sentence in str(error.value)


def test_a_column_that_only_terms_name_may_have_settings_of_its_own():
    features = {"include": ["a"], "terms": ["log(x)"], "columns": {"x": {"missing": "mean"}}}
    config = TrainConfig(label={"column": "y"}, features=features)
    assert config.as_dict()["features"]["terms"] == ["log(x)"]
    assert TrainConfig(**config.as_dict()) == config


QUICK = 1.0  # seconds of processor time: a text whose reading is exponential in its length takes years
PIECES = [*FUNCTIONS, *"`:*(),= 0123456789.-+'\"\\\n;", "df=", "x", "a b", "``", "é", "１", "\x00", "𝒙"]


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=60).map("".join))
def test_any_text_is_a_term_or_the_clear_error(text):
    terms, sentence = [], ""
    try:
        terms = parse_term(text)
    except TermError as error:
        sentence = str(error)
    assert sentence.isprintable()
    assert len(sentence) < 200
    assert terms or sentence
    for parts in terms:
        assert 1 <= len(parts) <= 2
        for part in parts:
            assert part.function in ("", *FUNCTIONS)
            for number, argument in zip(part.numbers, FUNCTIONS.get(part.function, ()), strict=True):
                assert argument.low <= number <= argument.high
            assert parse_term(part.text) == [(part,)]


@given(st.text(min_size=1, max_size=30))
def test_any_name_can_be_written_and_is_read_back(name):
    assert parse_term(column_text(name)) == [(TermPart("", name),)]
    assert parse_term(f"log({column_text(name)})") == [(TermPart("log", name),)]


@pytest.mark.parametrize(
    "text", ["`" * 299, "(" * 300, "ns(" * 99, " " * 300, "`" + "``" * 149, "1" * 300, "x" * 10**7]
)
def test_no_text_takes_long(text):
    clock = time.process_time()
    with pytest.raises(TermError):
        parse_term(text)
    assert time.process_time() - clock < QUICK
