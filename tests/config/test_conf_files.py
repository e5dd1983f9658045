from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from logreg_dist.config import (
    EvaluateConfig,
    ScoreConfig,
    TrainConfig,
    load_evaluate_config,
    load_score_config,
    load_train_config,
)
from logreg_dist.config.explain import known_paths
from logreg_dist.config.yaml_file import read_yaml_file

CONF = Path(__file__).parents[2] / "conf"
FILES = {
    "train.yaml": (load_train_config, TrainConfig),
    "score.yaml": (load_score_config, ScoreConfig),
    "evaluate.yaml": (load_evaluate_config, EvaluateConfig),
}
# What a file says about the demo; everything else in it is a default.
OF_THE_DEMO = {
    ("input", "path"),
    ("output", "path"),
    ("output", "run_date"),
    ("label", "column"),
    ("label", "positive"),
    ("features", "exclude"),
    ("features", "columns"),
    ("keys",),
    ("model",),
}
# Keys below these are documented elsewhere, a label in train.yaml, or in the comment of a section that is off.
DOCUMENTED_ELSEWHERE = {
    ("evaluate.yaml", ("label",)),
    ("train.yaml", ("penalty", "path")),
    ("train.yaml", ("cross_validation",)),
}


def leaf_values(values, above=()):
    for key, value in values.items():
        if isinstance(value, dict) and value and (*above, key) not in OF_THE_DEMO:
            yield from leaf_values(value, (*above, key))
        else:
            yield (*above, key), value


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_ships_can_be_loaded(name):
    load, model = FILES[name]
    assert isinstance(load(CONF / name), model)


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_in_the_file(name):
    given = read_yaml_file(CONF / name)
    for path in known_paths(FILES[name][1]):
        if any(
            name == file and path[: len(top)] == top and path != top for file, top in DOCUMENTED_ELSEWHERE
        ):
            continue
        places = [given]
        for key in path:
            places = [
                inner
                for place in places
                for inner in (place.values() if key == "*" else [place[key]] if key in place else [])
            ]
        assert places, f"{name} does not document {path}"


@pytest.mark.parametrize("name", FILES)
def test_every_line_with_a_key_has_a_comment_unless_it_opens_a_section_or_repeats_one(name):
    sections = {str(path[-2]) for path in known_paths(FILES[name][1]) if len(path) > 1}
    explained_above = {"contract", "tenure", "total_charges"}
    for line in (CONF / name).read_text().splitlines():
        key = line.strip().split(":")[0]
        in_a_demo_column = line.startswith("      ")
        if not line.strip() or line.startswith("#") or key in sections | explained_above or in_a_demo_column:
            continue
        assert " # " in line, f"{name}: no comment on {line!r}"


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_shows_is_the_default_unless_the_demo_needs_it(name):
    load, model = FILES[name]
    shown = load(CONF / name)
    for path, _ in leaf_values(shown.as_dict()):
        if path in OF_THE_DEMO:
            continue
        section, value = model, shown
        for key in path[:-1]:
            value = getattr(value, key)
            section = type(value)
        default = section.model_fields[path[-1]].default
        assert default is not PydanticUndefined, f"{name}: {path} has no default"
        assert getattr(value, path[-1]) == default, f"{name}: {path}"


def test_the_settings_of_a_demo_column_repeat_the_defaults_or_differ_on_purpose():
    features = load_train_config(CONF / "train.yaml").features
    contract = features.policy("contract")
    assert contract.missing == features.defaults.missing
    assert contract.unseen == features.defaults.unseen
    assert contract.min_level_count == features.defaults.min_level_count
