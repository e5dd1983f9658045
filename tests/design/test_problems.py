"""Which name is suggested for one that is not known."""

from __future__ import annotations

from logreg_dist.design.problems import MAX_COMPARED, nearest_name


def test_the_most_similar_name_is_found_whatever_the_case():
    assert nearest_name("TENUER", ["age", "tenure"]) == "tenure"
    assert nearest_name("zzz", ["age", "tenure"]) is None


def test_names_that_take_long_to_compare_are_not_compared():
    longest = "x" * MAX_COMPARED
    assert nearest_name(longest[:-1] + "y", [longest]) == longest
    assert nearest_name(longest, [longest + "x"]) is None
    assert nearest_name("x" * 10**6, ["tenure"]) is None
