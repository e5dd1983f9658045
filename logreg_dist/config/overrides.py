"""``--set a.b.c=VALUE``: changes applied over the values of a file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logreg_dist.config.problems import Path, describe, dotted
from logreg_dist.config.yaml_file import MAX_DEPTH, Value, is_text, parse_yaml
from logreg_dist.errors import ConfigError, bullet_list

_SEGMENT = r"""(?:"([^"]+)"|'([^']+)'|([^\s."'=]+))"""
_OVERRIDE = re.compile(rf"\s*({_SEGMENT}(?:\.{_SEGMENT})*)\s*=(.*)", re.DOTALL)


def apply_overrides(
    values: dict[str, Value], overrides: Sequence[str]
) -> tuple[dict[str, Value], tuple[Path, ...]]:
    """Return `values` with every override applied in order, and the keys that were set.

    The value is YAML, as in the file: ``1e-8`` is a number, ``[a, b]`` a list, nothing is null.
    Sections that do not exist yet are made; a mapping replaces the whole section. A column name
    with dots is quoted: ``features.columns."a.b".type=numeric``.

    Parameters
    ----------
    values : dict
        The values of the file; left as they are.
    overrides : sequence of str
        ``key=value`` texts. Of two for the same key the later one counts.

    Raises
    ------
    ConfigError
        Listing every override that has no key, no readable value or no place to go.

    Examples
    --------
    >>> apply_overrides({"label": {"column": "churn"}}, ["label.positive=Yes", "penalty.l2=1e-3"])[0]
    {'label': {'column': 'churn', 'positive': 'Yes'}, 'penalty': {'l2': 0.001}}
    """
    result, paths, refused = values, [], []
    for override in overrides:
        try:
            path, value = parse_override(override)
            result = _replaced(result, path, value, path)
        except ConfigError as error:
            refused.append(str(error).removeprefix("config error: "))
        else:
            paths.append(path)
    if refused:
        raise ConfigError("--set cannot be applied.\n" + bullet_list(refused))
    return result, tuple(paths)


def parse_override(override: str) -> tuple[Path, Value]:
    """Split ``a.b.c=VALUE`` into its key and its value.

    Raises
    ------
    ConfigError
        If there is no dotted key before the equals sign, or the value is not YAML.

    Examples
    --------
    >>> parse_override('features.columns."a.b".type=numeric')
    (('features', 'columns', 'a.b', 'type'), 'numeric')
    """
    match = _OVERRIDE.fullmatch(override)
    if match is None:
        # What was typed is not shown: it may be a secret that lost its key.
        raise ConfigError("expected key=value, such as output.run_date=2026-11-21.")
    path: Path = tuple(next(filter(None, found)) for found in re.findall(_SEGMENT, match[1]))
    if not all(is_text(str(part)) for part in path):
        raise ConfigError("a key that holds a character that is no text.")
    if len(path) > MAX_DEPTH:
        raise ConfigError(f"a key of {len(path):,} parts; expected at most {MAX_DEPTH}.")
    return path, parse_yaml(match[match.re.groups], f"--set {dotted(path)}")


def _replaced(values: dict[str, Value], path: Path, value: Value, whole: Path) -> dict[str, Value]:
    key, rest = str(path[0]), path[1:]
    if not rest:
        return {**values, key: value}
    below = values.get(key)
    if below is None:
        below = {}
    if not isinstance(below, dict):
        parent = dotted(whole[: len(whole) - len(rest)])
        # The type only: the text may be a secret.
        found = "a list; set it whole" if isinstance(below, list) else describe(below, show=False)
        raise ConfigError(f"{dotted(whole)}: {parent} is {found}, so nothing can be set below it.")
    return {**values, key: _replaced(below, rest, value, whole)}
