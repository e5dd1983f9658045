"""Hostile names and formulas in everything that is built of them without a JVM: refused, or only characters."""

from __future__ import annotations

import json
import logging
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logreg_dist.assessment.class_result import class_assessment_of
from logreg_dist.assessment.confusion_chart import draw_confusion
from logreg_dist.checks.records import (
    Checks,
    ClusterDependence,
    Collinearity,
    Condition,
    Inflation,
    Linearity,
    LogitBin,
    SeparatingTerm,
    Share,
)
from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import Problem, config_key, quoted, reject
from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.errors import ConfigError, InputRejected
from logreg_dist.fitting.outcome import Separation, separated_along
from logreg_dist.formula import TermError, column_text, parse_term
from logreg_dist.inference.records import ColumnTest, MarginalEffect
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.model.file import model_from_json, model_to_json
from logreg_dist.model.findings import with_findings
from logreg_dist.model.model import AliasedTerm, LabelRecord
from logreg_dist.model.selection import SelectionRecord, SelectionStep
from logreg_dist.printable import printable, printable_json, printable_lines
from logreg_dist.publishing.run_record import RunRecorder, record_as_json
from logreg_dist.report.checks import check_report
from logreg_dist.report.checks_page import check_page
from logreg_dist.report.class_metrics import summarise_classes
from logreg_dist.report.forest import draw_effects
from logreg_dist.report.linearity import draw_linearity
from logreg_dist.report.progress import configure_logging
from logreg_dist.report.summary import summarise
from logreg_dist.report.table import text_table
from tests.faults.hostile import FAKE, MEGABYTES, NAMES, SECONDS, cost
from tests.report.models import small_model

HARMLESS_TAGS = {"svg", "rect", "text", "line", "circle", "g", "title", "polyline"}


@pytest.fixture(scope="module")
def model():
    """A model whose columns, levels and classes all have hostile names, with every kind of finding."""
    small = small_model()
    numbers = [NumericColumn(name, "double", "error", "error", None, False, 0.0, 1.0) for name in NAMES]
    spec = DesignSpec(
        (*numbers, CategoricalColumn(NAMES[-9], "string", "error", "error", tuple(NAMES), NAMES[0], None)),
        intercept=True,
    )
    values = small.coefficient_rows[1]
    terms = spec.terms()
    rows = tuple(
        replace(values, term=term.name, column=term.column, level=term.level, z=float(k))
        for k, term in enumerate(terms)
    )
    bins = (
        LogitBin(None, 1.0, 0.5, 50.0, 10.0, -1.0, -1.1),
        LogitBin(1.0, None, 1.5, 50.0, 20.0, -0.5, -0.4),
    )
    checks = Checks(
        collinearity=Collinearity(
            tuple(Inflation(name, 1, 400.0, 20.0) for name in NAMES),
            (Condition(99.0, tuple(Share(term.name, 0.9) for term in terms)),),
            (),
        ),
        linearity=tuple(Linearity(n, "box_tidwell", 99.0, 1e-9, 1e-9, f"log({n})", bins) for n in NAMES),
        clusters=(ClusterDependence(NAMES[13], 9, 3.0, 9.0, 0.5, 2.0, 3.0, NAMES[13]),),
    )
    return with_findings(
        replace(
            small,
            design=spec,
            coefficient_rows=rows,
            covariance=np.eye(len(rows)),
            aliased=tuple(AliasedTerm(name, f"equals 2*{name}") for name in NAMES),
            label=LabelRecord(NAMES[13], NAMES[14], NAMES[15], None, None),
            notes=tuple(f"a note on {name}" for name in NAMES),
            column_tests=tuple(ColumnTest(name, 2, 9.0, 0.9, 0.9, 0.9) for name in NAMES),
            marginal_effects=tuple(
                MarginalEffect(NAMES[13], name, "level", 0.1, 0.1, 1.0, 0.3, 0.0, 0.2) for name in NAMES
            ),
            selection=SelectionRecord(
                "backward",
                "aic",
                tuple(dict.fromkeys(column.name for column in spec.columns)),
                tuple(NAMES),
                tuple(SelectionStep("remove", name, 1, 1.0, 0.5, 9.0, 9.0, 8.0) for name in NAMES),
                3,
            ),
            checks=checks,
        )
    )


def assert_inert(text: str) -> None:
    """Nothing but characters that are seen, and newlines of our own."""
    assert all(line.isprintable() for line in text.split("\n")), [c for c in set(text) if not c.isprintable()]
    assert not any(line.strip().startswith(FAKE) for line in text.split("\n"))


@pytest.mark.parametrize("report", [summarise, check_report])
def test_no_name_clears_the_screen_or_adds_a_line_to_a_report(model, report):
    text = report(model)
    assert_inert(text)
    assert "{__import__('os')" in text


def test_a_name_of_several_lines_is_one_cell_of_a_table():
    text = text_table(["column", "n"], [["a\n\x1b[1A", "1"], ["b", "2"]])
    assert text.split("\n")[1:] == ["a\\n\\x1b[1A  1", "b           2"]


@pytest.mark.parametrize("draw", [draw_effects, draw_linearity])
def test_a_picture_holds_shapes_and_text_whatever_names_say(model, draw):
    picture = draw(model)
    assert_inert(picture)
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(picture).iter()}
    assert tags <= HARMLESS_TAGS
    assert "<img" not in picture


def test_the_picture_of_classes_holds_shapes_and_text_whatever_their_names_say():
    n = len(NAMES)
    sums = {"n_obs": float(n), "log_loss": 1.0, "squared_error": 1.0}
    found = class_assessment_of(NAMES, sums, np.eye(n), np.ones(n, dtype=int), [None] * n)
    assert_inert(summarise_classes(found))
    picture = draw_confusion(found, title=NAMES[2])
    assert_inert(picture)
    assert {element.tag.rpartition("}")[2] for element in ET.fromstring(picture).iter()} <= HARMLESS_TAGS


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_page_of_a_check_has_no_script_no_image_and_no_handler(model):
    page = check_page(model, (draw_linearity(model),))
    assert_inert(page)
    found = Tags()
    found.feed(page)
    assert found.tags.isdisjoint({"script", "img", "iframe", "object", "a", "link", "form", "b", "i"})
    assert not any(name.startswith("on") or name in ("src", "href") for name in found.attributes)
    assert "default-src 'none'" in page


def test_a_model_file_of_hostile_names_reads_back_equal_and_steers_no_terminal(model):
    text = model_to_json(model)
    assert_inert(text)
    again = model_from_json(text)
    assert again.coefficient_rows == model.coefficient_rows
    assert again.design == model.design
    assert again.checks == model.checks


def test_a_run_record_of_hostile_names_reads_back_equal_and_steers_no_terminal():
    recorder = RunRecorder(job="score", run_id="r", details={"missing": dict.fromkeys(NAMES, 1)})
    text = record_as_json(recorder.record(InputRejected(NAMES[15]))).decode()
    assert_inert(text)
    assert json.loads(text)["details"]["missing"] == dict.fromkeys(NAMES, 1)


def test_half_of_a_character_does_not_keep_run_json_from_being_written():
    recorder = RunRecorder(job="train", run_id="r", details={"missing": {"half \ud800": 1}})
    assert json.loads(record_as_json(recorder.record(None)))["details"]["missing"] == {"half \ud800": 1}


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())))
def test_json_means_the_same_when_it_can_be_shown(value):
    text = json.dumps(value, ensure_ascii=False)
    assert json.loads(printable_json(text)) == value


@given(st.text())
def test_text_that_can_be_shown_is_on_one_line_and_stays_as_it_is(text):
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
    assert printable_lines(text).split("\n") == [printable(line) for line in text.split("\n")]


@pytest.mark.parametrize("name", NAMES)
def test_an_error_names_a_hostile_column_on_one_line(name):
    with pytest.raises(InputRejected, match="missing values") as caught:
        reject([Problem(f"column {quoted(name)} and {name} have missing values", f"Set {config_key(name)}.")])
    assert_inert(str(caught.value))
    assert len(str(caught.value).split("\n")) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_config_error_names_a_hostile_key_on_one_line(name):
    with pytest.raises(ConfigError, match="1 problem") as caught:
        TrainConfig(label={"column": "y"}, features={"columns": {name: {"missing": name}}})
    assert_inert(str(caught.value))
    assert len(str(caught.value).split("\n")) == 2


def test_a_log_line_is_one_line_whatever_it_names(capsys):
    configure_logging(debug=False)
    log = logging.getLogger("logreg_dist.tests")
    try:
        for name in NAMES:
            log.warning("no estimate for %s: it %s", name, name)
    finally:
        logging.getLogger("logreg_dist").handlers.clear()
        logging.getLogger("logreg_dist").propagate = True
    lines = capsys.readouterr().err.rstrip("\n").split("\n")
    assert len(lines) == len(NAMES)
    assert all(re.match(r"\d\d:\d\d:\d\d no estimate for ", line) for line in lines)
    assert_inert("\n".join(lines))


def test_the_sentence_of_a_separated_fit_is_one_line_whatever_separates():
    terms = tuple(SeparatingTerm(name, "+", f"all 10 rows of {name}") for name in NAMES)
    text = separated_along(Separation(DirectionCounts(10, 0, 0), terms))
    assert_inert(text)
    assert "\n" not in text
    assert "\n" not in separated_along(
        Separation(DirectionCounts(10, 0, 0)), [f"{name} (+)" for name in NAMES]
    )


FORMULAS = [
    "__import__('os').system('id')", "{__import__('os')}", "x.__class__", "x; DROP TABLE t", "eval(x)", "x + z", "I(x**2)",
    "log(x) -- ", "bs(x, df=__import__)", "a:b:c", "`x", "x\0", "\ud800", "=cmd()", "</script>",
    "ns(x, 99999999999999999999)", "log(log(x))", "C(x)", "{x}", "%s", "${env:HOME}", "x\x1b[2J",
    "`\0`*`\0`",  # found by atheris
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_that_is_code_is_refused_with_its_place(text):
    with pytest.raises(TermError, match=r"character \d+|characters") as caught:
        parse_term(text)
    assert_inert(str(caught.value))


@pytest.mark.parametrize("name", NAMES)
def test_in_backticks_any_name_is_only_a_name(name):
    [(part,)] = parse_term(column_text(name))
    assert (part.function, part.column) == ("", name)


def test_the_largest_formulas_take_seconds_at_most_and_no_memory():
    cases = {
        "a megabyte": "x" * 1_000_000,
        "10,000 parentheses": "(" * 10_000 + ")" * 10_000,
        "functions in functions": "log(" * 10_000,
        "backticks": "`" * 100_001,
        "digits": f"ns(x, {'9' * 1_000_000})",
        "blanks": " " * 1_000_000 + "x",
        "colons": ":".join(["x"] * 10_000),
    }
    seconds, megabytes = cost(
        cases,
        module="logreg_dist.formula",
        names="TermError, parse_term",
        call="parse_term(case)",
        error="TermError",
    )
    assert max(seconds.values()) < SECONDS, seconds
    assert megabytes < MEGABYTES


def test_a_name_of_a_megabyte_takes_seconds_at_most_and_little_memory_wherever_it_is_shown():
    unprintable = "\x1b[2J\n"
    cases = {"letters": "x" * 1_000_000, "escapes": unprintable * 250_000, "ticks": "`\"'<" * 250_000}
    call = (
        "[f(case) for f in (quoted, config_key, one_line, column_text, printable, config_quoted, nearest_of)]; "
        "text_table(['a'], [[one_line(case)]]); reject([Problem(quoted(case), config_key(case))])"
    )
    setup = """
from logreg_dist.report.table import one_line, text_table
from logreg_dist.formula import column_text
from logreg_dist.printable import printable
from logreg_dist.config.problems import quoted as config_quoted
from logreg_dist.errors import InputRejected
nearest_of = lambda name: nearest(name, ["tenure", "x" * 1_000_000, "age"])
"""
    seconds, megabytes = cost(
        cases,
        module="logreg_dist.design.problems",
        names="Problem, config_key, nearest, quoted, reject",
        call=call,
        error="InputRejected",
        setup=setup,
    )
    assert max(seconds.values()) < SECONDS, seconds
    assert megabytes < MEGABYTES
