from __future__ import annotations

from dataclasses import replace

import pytest

from logreg_dist.checks.records import Checks, Collinearity, GoodnessOfFit, Inflation
from logreg_dist.inference.records import ColumnTest, CovarianceRecord
from logreg_dist.model.model import AliasedTerm, Coefficient, Status
from logreg_dist.report.columns import MAX_ROWS, column_test_table
from logreg_dist.report.summary import coefficient_table, summarise
from logreg_dist.report.table import number, one_line, p_value, text_table
from tests.model.models import awkward_model

MODEL = awkward_model()


def row(term: str, **values: float | None) -> Coefficient:
    empty = dict.fromkeys(
        (
            *("estimate", "std_error", "z", "p_value", "conf_low", "conf_high"),
            *("odds_ratio", "odds_ratio_low", "odds_ratio_high"),
        )
    )
    return Coefficient(term, term, None, **{**empty, **values})


def test_the_summary_says_what_was_fitted_on_how_many_rows():
    text = summarise(MODEL)
    assert "Binary logistic regression of churn = 'Yes'" in text
    assert "1,000 rows used (3 dropped for missing values, 2 of weight 0), 300 events (30.00%)" in text
    assert "AIC 10.000   BIC 30.000" in text
    assert f"model {MODEL.model_id}" in text


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.CONVERGED])
def test_a_fit_that_cannot_be_trusted_never_looks_like_one_that_can(status):
    text = summarise(replace(MODEL, status=status, status_text="what happened"))
    assert text.splitlines()[1] == f"STATUS {status.upper()}: do not use these estimates."
    assert "what happened" in text
    assert "do not use" not in summarise(MODEL)


def test_a_profile_interval_says_so_and_may_have_no_end():
    endless = row("x", estimate=1.0, std_error=0.1, conf_low=0.5, odds_ratio=2.72, odds_ratio_low=1.65)
    huge = row(
        "z", estimate=1.0, std_error=0.1, conf_low=0.5, conf_high=800.0, odds_ratio=2.72, odds_ratio_low=1.65
    )
    table = coefficient_table(replace(MODEL, coefficient_rows=(endless, huge), interval_kind="profile"))
    assert "90% profile interval" in table
    ends = [line.split()[-3:] for line in table.splitlines()[1:]]
    assert ends == [["1.6500", "to", "none"], ["1.6500", "to", "inf"]]


def test_the_table_shows_each_term_once_with_stars_and_odds_ratios():
    rows = (
        row("strong", estimate=1.0, std_error=0.1, z=10.0, p_value=1e-23, odds_ratio=2.71828,
            odds_ratio_low=2.2, odds_ratio_high=3.3),
        row("weak", estimate=-0.5, std_error=0.4, z=-1.25, p_value=0.2113, odds_ratio=0.6065,
            odds_ratio_low=0.2769, odds_ratio_high=1.3284),
        row("aliased"),
    )  # fmt: skip
    lines = coefficient_table(replace(MODEL, coefficient_rows=rows)).splitlines()
    assert "90% interval" in lines[0]
    assert lines[1].split() == [
        "strong",
        "1",
        "0.1",
        "10.000",
        "1e-23",
        "***",
        "2.7183",
        "2.2000",
        "to",
        "3.3000",
    ]
    assert lines[2].split()[:5] == ["weak", "-0.5", "0.4", "-1.250", "0.2113"]
    assert lines[3].split() == ["aliased", "-", "-", "-", "-", "-", "-"]


@pytest.mark.parametrize(
    ("p", "stars"), [(0.0009, "***"), (0.001, "**"), (0.01, "*"), (0.05, "."), (0.1, ""), (0.9, "")]
)
def test_the_stars_are_those_of_the_legend(p, stars):
    one = row("x", estimate=1.0, std_error=1.0, z=1.0, p_value=p, odds_ratio=2.5)
    cells = coefficient_table(replace(MODEL, coefficient_rows=(one,))).splitlines()[1].split()
    assert cells[5:6] == ([stars] if stars else ["2.5000"])


def test_an_odds_ratio_beyond_the_range_of_doubles_is_called_infinite():
    one = row("x", estimate=800.0, std_error=1.0, odds_ratio_low=1e300)
    assert "inf" in coefficient_table(replace(MODEL, coefficient_rows=(one,)))


def test_terms_beyond_the_limit_are_counted():
    rows = tuple(row(f"x{k}", estimate=1.0) for k in range(30))
    text = coefficient_table(replace(MODEL, coefficient_rows=rows), max_terms=10)
    assert "... and 20 more terms, in model.json" in text
    assert "x10" not in text


def test_aliased_terms_are_listed_with_their_reasons():
    aliased = tuple(AliasedTerm(f"x{k}", "equals 2*z") for k in range(25))
    text = summarise(replace(MODEL, aliased=aliased))
    assert "  x0: equals 2*z" in text
    assert "  and 5 more, in model.json" in text


def test_names_cannot_break_the_table():
    hostile = "a\nb\x1b[31m\u202e" + "x" * 500
    rows = (row(hostile, estimate=1.0), row("plain", estimate=2.0))
    text = coefficient_table(replace(MODEL, coefficient_rows=rows))
    assert len(text.splitlines()) == 3
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(len(line) for line in text.splitlines()) < 200


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.03119, "0.0312"),
        (1e-3, "0.0010"),
        (9.99e-4, "0.001"),
        (3e-40, "3e-40"),
        (0.0, "<1e-300"),
        (None, "-"),
    ],
)
def test_p_values_are_written_to_the_digits_that_matter(value, text):
    assert p_value(value) == text


def test_numbers_have_a_dash_where_there_is_none():
    assert (number(None), number(123456.0), number(-0.5, 2)) == ("-", "1.2346e+05", "-0.5")


def test_columns_line_up_whatever_the_width():
    lines = text_table(["a", "bb"], [["long name", "1"], ["x", "12345"]]).splitlines()
    assert {len(line) for line in lines} == {16}
    assert one_line("tab\t") == "tab\\t"


def test_columns_are_tested_in_a_block_of_their_own_where_one_has_several_terms():
    tests = (
        ColumnTest("plan", 3, 25.546, 1.2e-5, 2.4e-5, 1.2e-5),
        ColumnTest("age\n", 1, None, None, None, None),
    )
    lines = summarise(replace(MODEL, column_tests=tests)).splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("Tests of columns"))
    assert "adjusted for 1 column)" in lines[start]  # the other one has no test
    assert [line.split() for line in lines[start + 1 : start + 4]] == [
        ["df", "Wald", "p", "p", "(Holm)"],
        ["plan", "3", "25.546", "1.2e-05", "2.4e-05"],
        ["age\\n", "1", "-", "-", "-"],
    ]


def test_columns_of_one_term_are_tested_by_the_table_of_terms():
    tests = tuple(ColumnTest(f"x{k}", 1, 4.0, 0.05, 0.1, 0.05) for k in range(3))
    assert "Tests of columns" not in summarise(replace(MODEL, column_tests=tests))
    refitted = (replace(tests[0], lr=5.0, lr_p_value=0.025, score=4.5, score_p_value=0.034), *tests[1:])
    text = summarise(replace(MODEL, column_tests=refitted))
    assert ["x0", "1", "4.000", "0.0500", "0.1000", "5.000", "0.0250", "4.500", "0.0340"] in [
        line.split() for line in text.splitlines()
    ]
    assert ["x1", "1", "4.000", "0.0500", "0.1000", "-", "-", "-", "-"] in [
        line.split() for line in text.splitlines()
    ]


def test_of_many_columns_only_those_of_several_terms_are_shown():
    tests = tuple(ColumnTest(f"x{k}", 1 + (k == 7), 4.0, 0.05, 0.1, 0.05) for k in range(30))
    block = column_test_table(tests).splitlines()
    assert [line.split()[0] for line in block[2:]] == ["x7", "..."]
    assert block[-1] == "... and 29 more columns of one term, tested by z above"
    refitted = tuple(replace(test, lr=5.0, lr_p_value=0.025) for test in tests)
    assert len(column_test_table(refitted).splitlines()) == 2 + len(tests)
    assert (
        column_test_table((*refitted, *(replace(test, lr=6.0) for test in refitted)))
        .splitlines()[-1]
        .endswith(" more columns, in model.json")
    )
    many = tuple(ColumnTest(f"x{k}", 2, 4.0, 0.05, 0.1, 0.05) for k in range(30))
    assert column_test_table(many).splitlines()[-1] == f"... and {30 - MAX_ROWS} more columns, in model.json"


def test_collinearity_is_told_where_it_is_remarkable():
    def model_with(*inflations: Inflation):
        return replace(MODEL, checks=Checks(collinearity=Collinearity(inflations, (), ())))

    mild = Inflation("mild", 1, 9.9, 9.9**0.5)
    assert "Collinearity" not in summarise(model_with(mild))
    strong = Inflation("plan", 2, 400.0, 400.0**0.25)
    text = summarise(model_with(mild, strong, Inflation("charges", 1, 687.3, 687.3**0.5)))
    assert (
        "Collinearity: variances are inflated by other columns: charges 687.3 times, plan 20.0 times a term"
        in text
    )
    huge = model_with(*(Inflation(f"x{k}", 1, 1e12, 1e6) for k in range(9)))
    assert "x3 1.0e+12 times and 5 more" in summarise(huge)


def test_measures_of_determination_stand_in_a_line_where_they_are_known():
    assert "R2:" not in summarise(MODEL)
    text = summarise(replace(MODEL, mcfadden_r2=0.25, cox_snell_r2=0.2, nagelkerke_r2=0.3))
    assert "R2: McFadden 0.2500   Cox-Snell 0.2000   Nagelkerke 0.3000\n" in text
    fit = GoodnessOfFit(1.0, 1.0, None, 0.125, None, 0, None, (), None, None, None, None)
    assert "Tjur 0.1250" in summarise(replace(MODEL, checks=Checks(fit=fit)))


def test_the_summary_says_which_standard_errors_its_table_has():
    plain = replace(MODEL, covariance_record=CovarianceRecord("model", "inverse information"))
    assert "\nStandard errors: inverse information\n" in summarise(plain)
    assert "Standard errors" not in summarise(MODEL)
