"""The drawing of the coefficients; the model is a small one, fitted by hand."""

from __future__ import annotations

import dataclasses
import math
import xml.etree.ElementTree as ET

from logreg_dist.report.forest import draw_effects, effects
from tests.report.models import small_model

SVG = "{http://www.w3.org/2000/svg}"


def test_numbers_are_shown_per_standard_deviation_and_levels_as_they_are():
    shown = {effect.name: effect for effect in effects(small_model())}
    assert shown["age (per sd)"].centre == 0.1 * 10.0
    assert shown["plan[b]"].centre == math.log(2.0)


def test_the_clearest_effect_comes_first_and_aliased_terms_are_left_out():
    assert [effect.name for effect in effects(small_model())] == ["age (per sd)", "plan[b]"]


def test_the_drawing_is_well_formed_and_hostile_names_are_only_text():
    model = small_model()
    row = dataclasses.replace(model.coefficient_rows[1], term="</text><script>x</script>")
    model = dataclasses.replace(model, coefficient_rows=(model.coefficient_rows[0], row))
    root = ET.fromstring(draw_effects(model))
    assert [element.tag for element in root.iter() if "script" in element.tag] == []
    assert any("<script>" in (text.text or "") for text in root.iter(f"{SVG}text"))


def test_endless_intervals_stay_inside_the_drawing():
    model = small_model()
    row = dataclasses.replace(model.coefficient_rows[1], conf_low=-1e9, conf_high=1e9)
    model = dataclasses.replace(model, coefficient_rows=(row,))
    lines = ET.fromstring(draw_effects(model)).iter(f"{SVG}line")
    assert all(0 <= float(line.get(end)) <= 800 for line in lines for end in ("x1", "x2"))


def test_a_model_without_inference_has_nothing_to_draw():
    model = small_model()
    rows = tuple(dataclasses.replace(row, z=None) for row in model.coefficient_rows)
    assert draw_effects(dataclasses.replace(model, coefficient_rows=rows)) == ""
