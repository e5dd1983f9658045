"""What is printed: a time stands there only if the optimum was reached."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.cases import CASES
from benchmarks.data import Table
from benchmarks.fit import Attempt, CaseResult, PeerResult
from benchmarks.measure import Run, Sample
from benchmarks.phases import CACHED, STARTUP, Phase
from benchmarks.reference import Reference
from benchmarks.report import Section, as_text, update_markdown
from benchmarks.scale import Point, scale_rows
from benchmarks.table import HEADER, case_rows, case_values, text_lines


def a_run(seconds=4.0, **changes):
    phases = (
        Phase(STARTUP, 0.0, 3.0),
        Phase("load", 3.0, 3.0 + seconds / 4),
        Phase("fit", 3.0 + seconds / 4, 3.0 + seconds),
        Phase(CACHED, 3.0 + seconds, 4.0 + seconds),
    )
    memory = {"driver": 100.0, "jvm": 0.0, "workers": 50.0}
    samples = tuple(Sample(0.5 * k, 0.8 * k, memory) for k in range(40))
    result = {"estimates": {}, "has_std_errors": True, "iterations": 5, "passes": None, "pass_seconds": []}
    return replace(Run("done", "", phases, result, samples, 3.0 + seconds), **changes)


def a_result(*peers):
    table = Table(CASES["tiny"], None)
    return CaseResult(table, Reference(100.0, 5, {}), peers)


def cells(result):
    return {row[0]: dict(zip(HEADER, row, strict=True)) for row in case_rows(result)}


def test_times_are_medians_with_min_and_max_and_ratios_to_ours():
    ours = PeerResult("ours", "", (), tuple(Attempt(1e-8, a_run(s), 1e-12) for s in (1.0, 4.0, 2.0)))
    other = PeerResult("other", "", (), (Attempt(1e-6, a_run(8.0), 2e-9),))
    found = cells(a_result(ours, other))
    assert found["ours"]["Parquet to answer, s"] == "2.00 (1.00-4.00)"
    assert found["other"]["vs ours"] == "4.0x"
    assert found["other"]["startup, s"] == "3.00"
    assert found["other"]["cached, s"] == "1.00"
    assert found["other"]["reached"] == "1e-08"


@pytest.mark.parametrize("gap", [1.1e-8, 0.3, -1e-4, float("nan")])
def test_a_wrong_answer_has_no_time(gap):
    fast = PeerResult("fast", "", (Attempt(1e-3, a_run(0.1), gap),), (Attempt(1e-3, a_run(0.1), gap),))
    row = cells(a_result(fast))["fast"]
    assert row["Parquet to answer, s"] == ""
    assert row["vs ours"] == ""
    assert "not at 1e-08" in row["note"]


def test_a_round_that_missed_the_optimum_is_left_out():
    runs = (Attempt(1e-6, a_run(8.0), 1e-9), Attempt(1e-6, a_run(1.0), 1e-5))
    assert cells(a_result(PeerResult("other", "", (), runs)))["other"]["Parquet to answer, s"] == "8.00"


def test_what_did_not_run_says_why():
    late = Attempt(1e-6, Run("timeout", "stopped after 60 s"), None)
    found = cells(a_result(PeerResult("gone", "not installed: gone"), PeerResult("slow", "", (late,))))
    assert found["gone"]["note"] == "not installed: gone"
    assert found["slow"]["note"] == "timeout: stopped after 60 s"


def test_cpu_and_memory_are_those_from_parquet_to_the_answer():
    run = a_run(4.0)
    assert run.cpu == pytest.approx(4.0 * 1.6)  # 0.8 CPU seconds in half a second
    assert run.peak() == 150.0
    assert run.peak(["workers"]) == 50.0


def test_values_for_json_hold_gaps_and_phases():
    values = case_values(a_result(PeerResult("other", "", (), (Attempt(1e-6, a_run(4.0), 2e-9),))))
    counted = values["peers"][0]["counted"][0]
    assert (counted["gap"], counted["counts"], counted["phases"]["load"]) == (2e-9, True, 1.0)
    assert "estimates" not in counted


def test_slopes_stand_under_the_sizes():
    points = []
    for size, seconds in ((10, 2.0), (1000, 200.0)):
        run = a_run(2 * seconds)
        points.append(Point(size, 100, (replace(run, result={"pass_seconds": [seconds], "passes": 3}),)))
    last = scale_rows(points)[-1]
    assert last[0] == "slope of pass"
    assert last[-1] == "time grows as size^1.00"


def test_columns_without_content_are_left_out():
    lines = text_lines(["a", "empty", "b"], [["1", "", "two"]])
    assert lines == ["a  b", "-  ---", "1  two"]


def test_a_newer_section_replaces_the_old_one_of_its_title(tmp_path):
    file = tmp_path / "RESULTS.md"
    section = Section(
        "fit D30", "passes", ["peer", "s"], [["ours", "1|2"]], {"scan, s": 0.5}, {"CPU": "fast"}
    )
    update_markdown(file, [section, replace(section, title="fit CRM")])
    update_markdown(file, [replace(section, rows=[["ours", "7"]])])
    text = file.read_text()
    assert text.count("## fit D30\n") == text.count("## fit CRM\n") == 1
    assert "| ours | 7 |" in text
    assert "| ours | 1\\|2 |" in text
    assert "* CPU: fast" in text
    assert "limits: scan, s 0.5" in as_text(section)
