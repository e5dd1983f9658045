from __future__ import annotations

from xml.etree import ElementTree

import pytest

from logreg_dist.assessment.charts import draw
from tests.assessment.scored_rows import ScoredRows, assess_rows, random_rows, scored

SVG = "{http://www.w3.org/2000/svg}"
SIDE = 220.0


def rare_rows() -> ScoredRows:
    rows = random_rows()
    return ScoredRows(rows.y, rows.eta - 8.0, 1.0 + 0.0 * rows.weight, rows.frequency)


@pytest.mark.parametrize(
    "rows",
    [
        random_rows(),
        rare_rows(),
        scored([1] * 3, [1, 2, 3]),
        scored([0] * 3, [-900] * 3),
        scored([1, 0], [0, 0]),
    ],
)
def test_every_assessment_can_be_drawn_inside_the_panels(rows: ScoredRows):
    picture = ElementTree.fromstring(draw(assess_rows(rows)))
    assert "nan" not in draw(assess_rows(rows))
    pairs = [
        pair.split(",") for line in picture.iter(f"{SVG}polyline") for pair in line.get("points").split()
    ]
    dots = [(dot.get("cx"), dot.get("cy")) for dot in picture.iter(f"{SVG}circle")]
    assert dots
    assert all(0.0 <= float(value) <= SIDE for point in [*pairs, *dots] for value in point)


def test_text_is_escaped():
    hostile = "</title><script>alert(1)</script>&\"'"
    drawn = draw(assess_rows(random_rows()), title=hostile)
    assert "<script" not in drawn
    assert ElementTree.fromstring(drawn).find(f"{SVG}title").text == hostile


def test_the_roc_panel_starts_and_ends_in_the_corners():
    panel = ElementTree.fromstring(draw(assess_rows(random_rows()))).find(f"{SVG}g")
    curve = panel.findall(f"{SVG}polyline")[-1].get("points").split()
    assert (curve[0], curve[-1]) == (f"0.0,{SIDE}", f"{SIDE},0.0")


def test_one_class_only_says_that_a_panel_is_not_defined():
    assert draw(assess_rows(scored([1] * 3, [1.0, 2.0, 3.0]))).count("not defined: one class only") == 2


def test_a_well_calibrated_bin_lies_on_the_diagonal_whatever_the_axes():
    picture = ElementTree.fromstring(draw(assess_rows(scored([1, 0], [0.0, 0.0]))))
    (dot,) = picture.iter(f"{SVG}circle")
    # 0.5 on axes that end at 0.6
    assert (dot.get("cx"), dot.get("cy")) == (f"{SIDE * 5 / 6:.1f}", f"{SIDE / 6:.1f}")
