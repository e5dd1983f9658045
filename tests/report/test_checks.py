"""The report of a check: readable, the worst first, and inert whatever a column is called."""

from __future__ import annotations

from dataclasses import replace

from logreg_dist.checks.records import Checks, Finding, Linearity
from logreg_dist.inference.records import ColumnTest, CovarianceRecord
from logreg_dist.report.checks import WIDTH, check_report, headline
from logreg_dist.report.checks_page import check_page
from tests.report.models import small_model

HOSTILE = "</script><img src=x onerror=alert(1)>"


def checked(*findings: Finding, **checks: object):
    return replace(small_model(), checks=Checks(findings=findings, **checks))


def test_the_headline_counts_findings_by_kind():
    model = checked(
        Finding("warning", "fit", "", "a", ""),
        Finding("warning", "fit", "", "b", ""),
        Finding("fine", "fit", "", "c", ""),
    )
    assert headline(model) == "Checks of 4 terms on 100 rows: 0 problems, 2 warnings, 0 notes, 1 fine"


def test_each_finding_has_its_assumption_its_text_and_what_to_do():
    model = checked(Finding("warning", "linearity", "age", "the log-odds bend", "Add log(age)."))
    lines = check_report(model).splitlines()
    assert lines[2:5] == [
        "WARNING  4. Linear in the log-odds",
        "    the log-odds bend",
        "    -> Add log(age).",
    ]


def test_the_report_says_which_standard_errors_its_tables_have():
    model = replace(checked(), covariance_record=CovarianceRecord("cluster", "by 40 clusters of shop"))
    assert "Standard errors: by 40 clusters of shop" in check_report(model)
    assert "Standard errors: by 40 clusters of shop" in check_page(model)


def test_long_findings_are_wrapped():
    model = checked(Finding("note", "fit", "", "many words " * 50, "much advice " * 50))
    assert max(map(len, check_report(model).splitlines())) <= WIDTH


def test_the_tables_show_the_strongest_first_and_tests_by_refits_only_where_there_are_any():
    tests = (ColumnTest("age", 1, 3.0, 0.08, 0.16, 0.08), ColumnTest("plan", 2, 30.0, 3e-7, 6e-7, 6e-7))
    model = replace(checked(), column_tests=tests)
    report = check_report(model)
    assert report.index("plan") < report.index("age")
    assert "likelihood ratio" not in report
    with_refits = replace(model, column_tests=(replace(tests[0], lr=3.1, lr_p_value=0.078), tests[1]))
    assert "likelihood ratio" in check_report(with_refits)


def test_tests_that_no_column_has_are_no_part_of_the_tables():
    ratio = ColumnTest("age", 1, None, None, None, None, lr=3.1, lr_p_value=0.078)
    report = check_report(replace(checked(), column_tests=(ratio,)))
    assert "likelihood ratio" in report
    assert "Wald" not in report
    none = replace(ratio, lr=None, lr_p_value=None)
    assert "Tests of columns" not in check_report(replace(checked(), column_tests=(none,)))


def test_names_of_columns_cannot_do_anything_on_the_page():
    linearity = (Linearity(HOSTILE, "quadratic", 1.0, 0.3, 0.3, None, ()),)
    page = check_page(checked(Finding("note", "linearity", HOSTILE, HOSTILE, HOSTILE), linearity=linearity))
    assert "<img" not in page
    assert "<script" not in page.lower()
    assert "&lt;img" in page


def test_the_page_loads_nothing():
    page = check_page(checked(Finding("fine", "fit", "", "good", "")))
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
