"""``${env:NAME}`` in the text values of a configuration: how a password stays out of files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from logreg_dist.config.problems import Path, Problem
from logreg_dist.config.yaml_file import Value, is_text

REFERENCE = re.compile(r"\$\{env:([^}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Substitution:
    """The outcome of `substitute`.

    Attributes
    ----------
    values : dict
        The values, with every reference replaced by text.
    templates : mapping of path to str
        Where there was a reference, and the text as it was written.
    resolved : mapping of str to str
        Each text that was put in, and the text as it was written.
    problems : tuple of Problem
        References to variables that do not exist.
    """

    values: dict[str, Value]
    templates: Mapping[Path, str]
    resolved: Mapping[str, str] = field(repr=False)
    problems: tuple[Problem, ...]


def substitute(values: dict[str, Value], environment: Mapping[str, str]) -> Substitution:
    """Replace ``${env:NAME}`` in every text value; keys are left alone.

    What comes in is text and stays text: it is not read as YAML again, so a variable cannot add
    keys, and ``${env:L2}`` is no number.

    Parameters
    ----------
    values : dict
        Nested dicts and lists as `read_yaml_file` returns them.
    environment : mapping of str to str
        ``os.environ``.

    Examples
    --------
    >>> done = substitute({"output": {"path": "${env:ROOT}/churn"}}, {"ROOT": "/data"})
    >>> done.values, done.templates
    ({'output': {'path': '/data/churn'}}, {('output', 'path'): '${env:ROOT}/churn'})
    """
    templates: dict[Path, str] = {}
    resolved: dict[str, str] = {}
    problems: list[Problem] = []

    def replace(value: Value, path: Path) -> Value:
        if isinstance(value, dict):
            return {key: replace(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [replace(item, (*path, i)) for i, item in enumerate(value)]
        if not isinstance(value, str) or "${env:" not in value:
            return value
        templates[path] = value
        refused = _refused(value, environment)
        if refused:
            problems.append(Problem(path, refused))
            return value
        text = REFERENCE.sub(lambda match: environment[match[1]], value)
        resolved[text] = value
        return text

    replaced = {key: replace(item, (key,)) for key, item in values.items()}
    return Substitution(replaced, templates, resolved, tuple(problems))


def _refused(text: str, environment: Mapping[str, str]) -> str:
    """Say why the references in `text` cannot be replaced; empty when they can."""
    names = [name for name, _ in REFERENCE.findall(text)]
    if not all(_NAME.fullmatch(name) and closed for name, closed in REFERENCE.findall(text)):
        return "expected ${env:NAME} with letters, digits and _ in NAME"
    unset = sorted({name for name in names if name not in environment})
    if unset:
        return f"environment variable {', '.join(unset)} is not set"
    # Bytes that are no UTF-8 come as halves of pairs, which no file could hold.
    odd = sorted(
        {name for name in names if not environment[name].isascii() and not is_text(environment[name])}
    )
    return f"environment variable {', '.join(odd)} is not UTF-8 text" if odd else ""
