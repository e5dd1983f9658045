"""What is fuzzed, and what must hold of any bytes."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Any

from logreg_dist.config.environment import substitute
from logreg_dist.config.overrides import apply_overrides
from logreg_dist.config.secrets import secrets_of
from logreg_dist.config.train import TrainConfig
from logreg_dist.config.yaml_file import Value, parse_yaml
from logreg_dist.errors import ArtefactInvalid, ConfigError, LogregError
from logreg_dist.formula import TermError, parse_term
from logreg_dist.model.file import model_from_json, model_to_json
from logreg_dist.model.findings import with_findings
from logreg_dist.report.checks import check_report
from logreg_dist.report.checks_page import check_page
from logreg_dist.report.forest import draw_effects
from logreg_dist.report.linearity import draw_linearity
from logreg_dist.report.summary import summarise
from logreg_dist.scoring.terms import score_terms
from tests.model.models import awkward_model, sealed

MODEL = model_to_json(awkward_model())
CONTENT = json.loads(MODEL)
MAX_SENTENCE = 3_000  # characters of a message


def fuzz_yaml(data: bytes) -> None:
    """A document of any bytes; what is read is then taken for a configuration."""
    try:
        values = parse_yaml(_text(data), "f")
    except ConfigError as error:
        _check_words(error)
        return
    assert _same(
        parse_yaml(json.dumps(values).replace("NaN", ".nan").replace("Infinity", ".inf"), "f"), values
    )
    _configure(values)


def fuzz_set(data: bytes) -> None:
    """Up to three ``key=value``, one a line break that no YAML has."""
    texts = _text(data).split("\x1e")[:3]
    try:
        values, paths = apply_overrides({"label": {"column": "y"}, "features": {"exclude": ["id"]}}, texts)
    except ConfigError as error:
        _check_words(error)
        return
    assert len(paths) == len(texts)
    _configure(values)


def fuzz_env(data: bytes) -> None:
    """A text with references, in a value, an option and a list."""
    template, _, secret = _text(data).partition("\x1e")
    environment = {"SECRET": secret, "EMPTY": "", "A": "${env:SECRET}"}
    values: dict[str, Value] = {
        "input": {"path": template, "options": {"password": template}},
        "label": {"column": "y"},
        "features": {"exclude": [template, "${env:SECRET}"]},
    }
    done = substitute(values, environment)
    assert "${env:A}" not in template or done.problems or "${env:SECRET}" in str(done.values)
    hidden = secrets_of(values, environment).hidden(f"it was {secret} in {template}")
    assert (
        len(secret) < 4
        or secret in "(redacted)${env:SECRET}"
        or secret not in hidden.replace("${env:SECRET}", "")
    )
    _configure(done.values)


def fuzz_formula(data: bytes) -> None:
    """A term; what is one must read back as itself."""
    text, found = _text(data), []
    try:
        found = parse_term(text)
    except TermError as error:
        words = str(error)
    else:
        words = ""
    assert words.isprintable()
    assert len(words) < MAX_SENTENCE
    for parts in found:
        again = ":".join(part.text for part in parts)
        assert len(again) > 300 or parse_term(again) == [parts]


def fuzz_model(data: bytes) -> None:
    """Any bytes; or, where they begin with a path, the awkward model changed there, under a hash that matches."""
    text = sealed(_changed(data[1:])) if data[:1] == b"@" else data
    try:
        model = model_from_json(text)
    except ArtefactInvalid as error:
        _check_words(error)
        return
    for use in (summarise, check_report, check_page, draw_effects, draw_linearity, with_findings):
        use(model)
    for prefix in [f"{name}:" for name in model.free_classes] or [""]:
        estimates = {
            term.removeprefix(prefix): e for term, e in model.estimates.items() if term.startswith(prefix)
        }
        score_terms(model.design, estimates, model.config.get("offset"))
    assert json.loads(model_to_json(model_from_json(model_to_json(model)))) == json.loads(
        model_to_json(model)
    )


def _changed(data: bytes) -> dict[str, Any]:
    """Put a JSON value at a place of the model: ``/design/columns/0/fill=1e308``."""
    place, _, value = _text(data).partition("=")
    content = copy.deepcopy(CONTENT)
    try:
        new = json.loads(
            value, parse_constant=str, parse_float=lambda t: float(t) if math.isfinite(float(t)) else 0
        )
    except (ValueError, RecursionError):
        new = value
    here: Any = content
    *above, last = [part for part in place.split("/") if part] or ["notes"]
    for part in above:
        if isinstance(here, list) and here:
            here = here[(int(part) if part.isascii() and part.isdigit() and len(part) < 9 else 0) % len(here)]
        elif isinstance(here, dict) and part in here:
            here = here[part]
    if isinstance(here, list) and here:
        here[(int(last) if last.isascii() and last.isdigit() and len(last) < 9 else 0) % len(here)] = new
    elif isinstance(here, dict):
        here[last] = new
    return content


def _configure(values: Value) -> None:
    if not isinstance(values, dict):
        return
    try:
        config = TrainConfig(**values)
    except ConfigError as error:
        _check_words(error)
    except TypeError:  # keys that Python's own call does not take
        return
    else:
        assert TrainConfig(**config.as_dict()).as_dict() == config.as_dict()


def _check_words(error: LogregError) -> None:
    words = str(error)
    lines = words.split("\n")
    assert len(lines) <= 6
    assert all(line.isprintable() for line in lines)
    assert len(words) < MAX_SENTENCE


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "yaml": fuzz_yaml,
    "set": fuzz_set,
    "env": fuzz_env,
    "formula": fuzz_formula,
    "model": fuzz_model,
}
SEEDS: dict[str, list[bytes]] = {
    "yaml": [
        b"label: {column: churn, positive: 'Yes'}\nfeatures:\n  terms: ['ns(age, 4)', a*b]\n"
        b"  columns: {x: {missing: constant(1)}}\n",
        b"input: {path: [a, b], options: {password: ${env:X}}}\nlabel: {column: y}\n"
        b"penalty: {l2: 1e-3}\nsolver: {tolerance: .5e-8}\n",
        b'a: |\n  x\nb: >-\n  y\n? c\n: "\\u00e9\\x1b"\n',
    ],
    "set": [
        b"penalty.l2=1e-3",
        b'features.columns."a.b".missing=constant(2)\x1elabel.column=[x]',
        b"keys=[a, b]",
    ],
    "env": [
        b"s3a://u:${env:SECRET}@h/${env:SECRET}\x1ehunter2",
        b"${env:A}${env:EMPTY}\x1e${env:SECRET}",
        b"${env:",
    ],
    "formula": [
        b"ns(age, df=4):plan",
        b"`a``b`*bs(x, 5, degree=2)",
        b"bins(x, 10)",
        b"log1p(x)",
        b"poly(x, 3)",
    ],
    "model": [
        MODEL.encode(),
        b"@/design/columns/0/fill=1e308",
        b'@/coefficients/1/term="x"',
        b'@/design/columns/1/levels=["a","b"]',
        b"@/checks={}",
        b'@/design/derived=[{"parts":[]}]',
        b"@/covariance/values/0=[1,2]",
        b'@/selection={"method":"backward","criterion":"aic","columns":[],"left_out":[],"steps":[],"n_fits":1}',
        b'@/cross_validation={"folds":2}',
        b'@/label={"classes":{"a":1}}',
    ],
}
