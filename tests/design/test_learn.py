from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.config import ColumnPolicy, MissingPolicy
from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.learn import LearnedDesign, learn_design
from logreg_dist.design.spec import MISSING, OTHER
from logreg_dist.staging.plan import Kind
from logreg_dist.staging.profile import (
    CategoricalProfile,
    NumericProfile,
    RowCounts,
    TableProfile,
)


def levels_asked(
    name: str = "plan",
    *,
    reference: str = "most_frequent",
    missing: str = "error",
    value: str | float | None = None,
    min_count: int = 1,
    source_type: str = "string",
) -> AskedColumn:
    policy = ColumnPolicy(None, MissingPolicy(missing, value), "error", reference, min_count)
    return AskedColumn(name, source_type, Kind.CATEGORICAL, policy)


def number_asked(name: str, missing: str = "error", value: float | None = None) -> AskedColumn:
    policy = ColumnPolicy(None, MissingPolicy(missing, value), "error", "first", 1)
    return AskedColumn(name, "double", Kind.NUMERIC, policy)


def counted(counts: dict[str, float], n_missing: float = 0) -> CategoricalProfile:
    levels = {level: (float(n), 0.0) for level, n in counts.items()}
    return CategoricalProfile(levels, (float(n_missing), 0.0), int(n_missing))


def profile(*categorical: CategoricalProfile, means: tuple[float, ...] = ()) -> TableProfile:
    p = len(means)
    none, some = np.zeros(p, dtype=np.int64), np.ones(p)
    numeric = NumericProfile(none, none, none, 4 * some, np.array(means), 16 * some, some, some)
    return TableProfile(RowCounts(), {}, CategoricalProfile(), numeric, categorical)


def learn(asked: AskedColumn, found: CategoricalProfile, *, intercept: bool = True) -> LearnedDesign:
    return learn_design([asked], profile(found), intercept=intercept, medians={})


def terms_of(learned: LearnedDesign) -> list[str]:
    return [term.name for term in learned.spec.terms()]


@pytest.mark.parametrize(
    ("reference", "expected"), [("most_frequent", "b"), ("first", "a"), ("last", "c"), ("c", "c")]
)
def test_the_reference_is_the_level_that_was_asked_for(reference, expected):
    learned = learn(levels_asked(reference=reference), counted({"c": 30, "b": 40, "a": 20}))
    [column] = learned.spec.columns
    assert column.reference == expected
    assert column.levels == ("a", "b", "c")
    assert terms_of(learned) == ["intercept", *(f"plan[{level}]" for level in "abc" if level != expected)]


def test_of_equally_frequent_levels_the_first_in_order_is_the_reference():
    for order in (("a", "b"), ("b", "a")):
        learned = learn(levels_asked(), counted(dict.fromkeys(order, 10)))
        assert learned.spec.categorical[0].reference == "a"


def test_rare_levels_merge_and_are_counted_in_a_note():
    found = counted({"a": 100, "b": 20, "c": 19, "d": 1})
    learned = learn(levels_asked(min_count=20), found)
    assert learned.spec.categorical[0].levels == ("a", "b", OTHER)
    assert terms_of(learned) == ["intercept", "plan[b]", f"plan[{OTHER}]"]
    assert learned.notes == (
        f"'plan': 2 levels with fewer than 20 rows (20 rows in all) were merged into {OTHER}",
    )


def test_merged_levels_are_the_reference_only_when_asked_for_or_alone():
    many_rare = counted({"a": 20, **{f"r{k}": 19 for k in range(50)}})
    assert learn(levels_asked(min_count=20), many_rare).spec.categorical[0].reference == "a"
    asked = levels_asked(min_count=20, reference=OTHER)
    assert learn(asked, many_rare).spec.categorical[0].reference == OTHER
    for reference in ("most_frequent", "first", "last"):
        alone = learn(levels_asked(min_count=20, reference=reference), counted({"a": 1, "b": 2}))
        assert (alone.spec.categorical[0].reference, terms_of(alone)) == (OTHER, ["intercept"])


def test_a_level_called_like_the_merged_ones_joins_them():
    learned = learn(levels_asked(min_count=5), counted({"a": 10, OTHER: 9}))
    assert learned.spec.categorical[0].levels == ("a", OTHER)


def test_levels_that_only_left_out_rows_had_do_not_exist():
    learned = learn(levels_asked(), counted({"a": 10, "ghost": 0, "b": 5}))
    assert learned.spec.categorical[0].levels == ("a", "b")


@pytest.mark.parametrize(
    ("n_missing", "expected", "missing_level"),
    [
        (30, ("a", "b", MISSING), MISSING),
        (5, ("a", "b", OTHER), OTHER),  # too rare for a level of its own
        (0, ("a", "b"), None),
    ],
)
def test_missing_values_are_a_level_of_their_own_where_there_are_enough(n_missing, expected, missing_level):
    asked = levels_asked(missing="level", min_count=20)
    [column] = learn(asked, counted({"a": 50, "b": 30}, n_missing)).spec.columns
    assert (column.levels, column.missing_level) == (expected, missing_level)


def test_missing_values_as_a_level_come_last_and_are_no_reference():
    asked = levels_asked(missing="level", reference="last")
    [column] = learn(asked, counted({"zz": 5, "a": 5}, 90)).spec.columns
    assert (column.levels, column.reference) == (("a", "zz", MISSING), "zz")


@pytest.mark.parametrize(
    ("value", "n_missing", "expected"),
    [
        ("b", 15, ("a", "b")),  # 19 rows and 15 without a value are enough
        ("x", 21, ("a", "x", OTHER)),
    ],
)
def test_a_constant_counts_with_its_level(value, n_missing, expected):
    asked = levels_asked(missing="constant", value=value, min_count=20)
    [column] = learn(asked, counted({"a": 50, "b": 19}, n_missing)).spec.columns
    assert (column.levels, column.missing_level) == (expected, value)


def test_a_constant_that_is_too_rare_is_merged_with_the_others():
    asked = levels_asked(missing="constant", value="x", min_count=20)
    [column] = learn(asked, counted({"a": 50, "b": 30}, 3)).spec.columns
    assert (column.levels, column.missing_level) == (("a", "b", OTHER), OTHER)


def test_whole_numbers_sort_by_value_and_texts_by_letter():
    found = counted({"10": 5, "9": 5, "-2": 5, "1": 5})
    by_value = learn(levels_asked(source_type="int"), found).spec.categorical[0]
    assert by_value.levels == ("-2", "1", "9", "10")
    by_letter = learn(levels_asked(source_type="string"), found).spec.categorical[0]
    assert by_letter.levels == ("-2", "1", "10", "9")


@pytest.mark.parametrize("text", ["none", "²", "-", "1-2", "--3"])
def test_a_text_that_fills_a_column_of_whole_numbers_sorts_behind_them(text):
    asked = levels_asked(source_type="bigint", missing="constant", value=text)
    [column] = learn(asked, counted({"10": 5, "9": 5}, 3)).spec.columns
    assert column.levels == ("9", "10", text)


@settings(max_examples=30, deadline=None)
@given(st.permutations(["a", "b", "07", "7", "-1", "²", "ß", ""]))
@pytest.mark.parametrize("source_type", ["string", "varchar(9)", "char(3)"])
def test_the_order_of_the_levels_does_not_depend_on_the_order_of_the_rows(source_type, order):
    learned = learn(levels_asked(source_type=source_type), counted(dict.fromkeys(order, 5)))
    assert learned.spec.categorical[0].levels == tuple(sorted(order))


def test_without_an_intercept_the_first_categorical_column_keeps_all_its_levels():
    asked = [levels_asked("a"), levels_asked("b")]
    found = profile(counted({"x": 9, "y": 8}), counted({"x": 9, "y": 8}))
    learned = learn_design(asked, found, intercept=False, medians={})
    assert terms_of(learned) == ["a[x]", "a[y]", "b[y]"]
    assert learned.spec.categorical[0].reference is None


def test_an_unknown_reference_is_a_problem_with_the_nearest_level():
    learned = learn(levels_asked(reference="mounthly"), counted({"monthly": 50, "yearly": 30}))
    [problem] = learned.problems
    assert problem.what == "the reference level of column 'plan' does not occur in the table"
    assert problem.way_out == "Its levels: 'monthly', 'yearly'. Did you mean 'monthly'?"


def test_a_reference_too_rare_to_be_a_level_is_a_problem_that_does_not_repeat_it():
    learned = learn(levels_asked(reference="jane@x.org", min_count=20), counted({"a": 50, "jane@x.org": 3}))
    [problem] = learned.problems
    assert re.fullmatch(r"the reference level of column 'plan' has 3 rows, fewer than .*\(20\)", problem.what)
    assert "jane" not in problem.what + problem.way_out


def test_a_single_level_has_no_term_and_a_note():
    learned = learn(levels_asked(), counted({"a": 50}))
    assert terms_of(learned) == ["intercept"]
    assert learned.notes == ("'plan' has a single level and therefore no term",)


def test_a_column_that_is_always_missing_has_a_level_or_none():
    assert terms_of(learn(levels_asked(missing="drop"), counted({}))) == ["intercept"]
    [column] = learn(levels_asked(missing="level"), counted({}, 40)).spec.columns
    assert (column.levels, column.reference) == ((MISSING,), MISSING)


@pytest.mark.parametrize(
    ("missing", "value", "fill", "indicator"),
    [
        ("error", None, None, False),
        ("drop", None, None, False),
        ("mean", None, 7.0, False),
        ("median", None, 6.5, False),
        ("constant", -1.0, -1.0, False),
        ("constant", 0.0, 0.0, False),
        ("indicator", None, 7.0, True),
    ],
)
def test_numbers_are_filled_as_asked_and_centred_at_their_mean(missing, value, fill, indicator):
    asked = number_asked("age", missing, value)
    learned = learn_design([asked], profile(means=(7.0,)), intercept=True, medians={"age": 6.5})
    [column] = learned.spec.columns
    assert (column.fill, column.indicator, column.centre, column.scale) == (fill, indicator, 7.0, 2.0)
    assert terms_of(learned) == ["intercept", "age", *(["age[missing]"] if indicator else [])]


def test_terms_come_in_the_order_of_the_columns_whatever_their_kind():
    asked = [number_asked("x"), levels_asked("plan"), number_asked("z", "indicator")]
    found = profile(counted({"a": 9, "b": 8}), means=(1.0, 2.0))
    learned = learn_design(asked, found, intercept=True, medians={})
    assert terms_of(learned) == ["intercept", "x", "plan[b]", "z", "z[missing]"]
    positions = learned.spec.kernel_positions()
    assert sorted(positions) == [0, 1, 2, 3, 4]
    assert positions.tolist() == [0, 1, 4, 2, 3]


@pytest.mark.parametrize(
    ("asked", "doubled"),
    [
        ([number_asked("intercept")], "intercept"),
        ([number_asked("x", "indicator"), number_asked("x[missing]")], "x[missing]"),
        ([levels_asked("plan"), number_asked("plan[b]")], "plan[b]"),
    ],
)
def test_two_terms_of_one_name_are_a_problem(asked, doubled):
    n_numbers = sum(column.kind is Kind.NUMERIC for column in asked)
    levels = [counted({"a": 9, "b": 8})] * (len(asked) - n_numbers)
    learned = learn_design(asked, profile(*levels, means=(1.0,) * n_numbers), intercept=True, medians={})
    [problem] = learned.problems
    assert doubled in problem.what
