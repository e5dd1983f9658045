from __future__ import annotations

import dataclasses
import json
import math
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.errors import ArtefactInvalid
from logreg_dist.model.file import (
    load_model,
    model_from_json,
    model_to_dict,
    model_to_json,
    save_model,
)
from logreg_dist.model.model import Status
from tests.model.models import awkward_model, sealed

QUICK = (
    10.0  # seconds of processor time for a hostile file; milliseconds are the rule, also on a busy machine
)

MODEL = awkward_model()
TEXT = model_to_json(MODEL)


def changed(**entries) -> dict:
    return {**json.loads(TEXT), **entries}


def bits(model) -> list[bytes]:
    numbers = [
        *(value for row in model.coefficient_rows for value in dataclasses.astuple(row)[3:]),
        *(getattr(model, name) for name in ("deviance", "aic", "lr_p_value", "weight_sum", "n_obs")),
        *(dataclasses.astuple(model.history[0])[1:3]),
        model.design.numeric[0].scale,
    ]
    return [b"none" if value is None else np.float64(value).tobytes() for value in numbers]


def test_a_model_reads_back_bit_for_bit():
    again = model_from_json(TEXT)
    assert bits(again) == bits(MODEL)
    assert again.covariance.tobytes() == MODEL.covariance.tobytes()
    for field in dataclasses.fields(MODEL):
        if field.name != "covariance":
            assert getattr(again, field.name) == getattr(MODEL, field.name), field.name
    assert model_to_json(again) == TEXT


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
def test_any_finite_estimates_read_back_bit_for_bit(estimates):
    model = awkward_model(estimates=tuple(estimates))
    found = [row.estimate for row in model_from_json(model_to_json(model)).coefficient_rows[:4]]
    assert np.array(found).tobytes() == np.array(estimates).tobytes()


def test_a_saved_model_loads_from_its_file_and_its_folder(tmp_path):
    path = save_model(MODEL, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "model.json"
    assert load_model(path).model_id == load_model(path.parent).model_id == MODEL.model_id
    assert [file.name for file in path.parent.iterdir()] == ["model.json"]


def test_saving_what_cannot_be_written_keeps_the_old_file(tmp_path):
    path = save_model(MODEL, tmp_path)
    broken = dataclasses.replace(MODEL, deviance=math.nan)
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_model(broken, tmp_path)
    assert path.read_text(encoding="utf-8") == TEXT
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]


def test_the_id_follows_what_scoring_depends_on_and_nothing_else():
    assert re.fullmatch("[0-9a-f]{16}", MODEL.model_id)
    other = awkward_model(estimates=(0.1, 5e-324, 1.7976931348623157e308, 0.0))
    assert other.model_id != MODEL.model_id
    slower = dataclasses.replace(MODEL, n_passes=99, notes=(), fingerprint={})
    assert model_to_dict(slower)["model_id"] == MODEL.model_id


def test_all_keys_of_the_contract_are_there():
    promised = """schema_version family status status_text converged n_rows n_obs n_dropped weight_sum
        n_events log_likelihood null_log_likelihood deviance null_deviance aic bic mcfadden_r2
        n_iterations n_passes coefficients covariance aliased design history fingerprint config"""
    data = json.loads(TEXT)
    assert set(promised.split()) <= set(data)
    row = "term column level estimate std_error z p_value conf_low conf_high odds_ratio odds_ratio_low"
    assert list(data["coefficients"][0]) == [*row.split(), "odds_ratio_high", "class_name", "at_bound"]
    assert list(data["aliased"][0]) == ["term", "reason"]
    assert {"iteration", "deviance", "change", "halvings", "seconds"} == set(data["history"][0])


def test_a_file_from_before_there_were_bounds_still_loads():
    data = json.loads(TEXT)
    for row in data["coefficients"]:
        del row["at_bound"]
    assert model_from_json(sealed(data)).coefficient_rows == MODEL.coefficient_rows


NOT_JSON = "is not JSON of finite numbers and unique keys"
DAMAGED = {
    "nothing": ("", NOT_JSON),
    "truncated": (TEXT[: len(TEXT) // 2], NOT_JSON),
    "one byte short": (TEXT[:-1], NOT_JSON),
    "no JSON": ("model: yaml", NOT_JSON),
    "no text": (b"\xff\xfe\x00", NOT_JSON),
    "something behind it": (TEXT + "\0", NOT_JSON),
    "NaN": (TEXT.replace('"aic": 10.0', '"aic": NaN'), NOT_JSON),
    "Infinity": (TEXT.replace('"aic": 10.0', '"aic": -Infinity'), NOT_JSON),
    "1e400": (TEXT.replace('"aic": 10.0', '"aic": 1e400'), NOT_JSON),
    "5,000 digits": (TEXT.replace('"aic": 10.0', f'"aic": {"9" * 5000}'), NOT_JSON),
    "400 digits": (TEXT.replace('"aic": 10.0', f'"aic": {"9" * 400}'), "does not follow the schema"),
    "a key twice": (TEXT.replace('"aic": 10.0', '"aic": 9.0, "aic": 10.0'), NOT_JSON),
    "10,000 brackets": ("[" * 10_000 + "]" * 10_000, NOT_JSON),
    "10,000 braces": ('{"a":' * 10_000 + "1" + "}" * 10_000, NOT_JSON),
    "a list": ("[]", "is not a model of logreg_dist"),
    "another program's file": ('{"weights": [1]}', "is not a model of logreg_dist"),
    "a later version": (sealed(changed(schema_version=2)), "has another schema_version than 1"),
    "a version as text": (sealed(changed(schema_version="1")), "has another schema_version than 1"),
    "an extra key": (sealed(changed(__class__="os.system")), r"at '__class__' \(extra_forbidden\)"),
    "a missing key": (
        sealed({key: value for key, value in json.loads(TEXT).items() if key != "design"}),
        r"at 'design' \(missing\)",
    ),
    "a number as text": (sealed(changed(aic="10.0")), r"at 'aic' \(float_type\)"),
    "a status of its own": (sealed(changed(status="fine")), r"at 'status' \(literal_error\)"),
    "an edited number": (TEXT.replace('"aic": 10.0', '"aic": 11.0'), "does not match its hash"),
    "a wrong hash": (json.dumps(changed(content_hash="0" * 64)), "does not match its hash"),
    "a byte order mark": (b"\xef\xbb\xbf" + TEXT.encode(), "does not follow the schema"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_or_edited_file_is_refused_at_once(name):
    text, reason = DAMAGED[name]
    assert text != TEXT
    clock = time.process_time()
    with pytest.raises(ArtefactInvalid, match=reason) as caught:
        model_from_json(text, "m/model.json")
    assert time.process_time() - clock < QUICK
    assert "m/model.json" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 6


def design_with(**entries) -> dict:
    data = json.loads(TEXT)
    data["design"]["columns"][1].update(entries)
    return data


def covariance_with(**entries) -> dict:
    data = json.loads(TEXT)
    data["covariance"].update(entries)
    return data


CONTRADICTIONS = {
    "flag": (changed(converged=False), "converged and status disagree"),
    "status": (changed(status="separated_quasi"), "converged and status disagree"),
    "reference": (design_with(reference="z"), "reference or missing level is none of its levels"),
    "missing level": (design_with(missing_level="z"), "reference or missing level is none of its levels"),
    "levels": (design_with(levels=["a", "a", "__other__"]), "a column has a level twice"),
    "terms": (changed(coefficients=json.loads(TEXT)["coefficients"][::-1]), "covariance is not of"),
    "ragged": (covariance_with(values=[[1.0], [1.0, 2.0], [], []]), "the covariance is not square"),
    "too small": (covariance_with(values=[[1.0] * 4]), "the covariance is not square"),
    "other terms": (covariance_with(terms=["a", "b", "c", "d"]), "covariance is not of the estimated terms"),
    "intercept": (
        {**changed(covariance=None), "design": {**json.loads(TEXT)["design"], "intercept": False}},
        "the coefficients are not those of the design",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_file_that_contradicts_itself_is_refused_even_with_the_right_hash(name):
    data, reason = CONTRADICTIONS[name]
    with pytest.raises(ArtefactInvalid, match=reason):
        model_from_json(sealed(data))


def test_a_model_that_is_not_there_is_an_error_with_a_way_out(tmp_path):
    with pytest.raises(ArtefactInvalid, match=r"cannot be read \(No such file or directory\)"):
        load_model(tmp_path / "model.json")


@pytest.mark.parametrize("status", Status)
def test_only_converged_models_say_that_they_converged(status):
    model = dataclasses.replace(MODEL, status=status)
    again = model_from_json(model_to_json(model))
    assert again.status is status
    assert again.converged is (status is Status.CONVERGED)


def test_the_coefficients_are_a_frame_and_aliased_terms_count_as_zero():
    frame = MODEL.coefficients
    assert list(frame["term"]) == [term.name for term in MODEL.design.terms()]
    assert frame["estimate"].isna().tolist() == [False, False, False, False, True]
    assert list(MODEL.estimates.values())[-1] == 0.0
