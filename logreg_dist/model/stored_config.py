"""The configuration inside a model file: of any version, so only what is read of it has to be of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLUMNS = ("weight", "frequency", "offset")
_SECTIONS = ("inference", "penalty", "features", "label", "checks")


def config_contradiction(config: Mapping[str, Any]) -> str | None:
    """Return the key whose value reports and scoring could not use; None when there is none.

    Examples
    --------
    >>> config_contradiction({"offset": 5})
    'the configuration has no column in offset'
    >>> config_contradiction({"inference": {"confidence": 0.9}}) is None
    True
    """
    for key in _COLUMNS:
        if not isinstance(config.get(key), str | None):
            return f"the configuration has no column in {key}"
    sections = {key: config.get(key, {}) for key in _SECTIONS}
    columns = sections["features"].get("columns", {}) if isinstance(sections["features"], dict) else None
    influence = sections["checks"].get("influence", {}) if isinstance(sections["checks"], dict) else None
    named = {**sections, "features.columns": columns, "checks.influence": influence}
    for key, value in named.items():
        if not isinstance(value, dict):
            return f"the configuration has no section in {key}"
    bounds = [
        c.get("bounds", {}) if isinstance(c, dict) else None
        for c in sections["features"].get("columns", {}).values()
    ]
    if not all(isinstance(bound, dict) for bound in bounds):
        return "the configuration has no section in features.columns"
    confidence = sections["inference"].get("confidence", 0.95)
    if not isinstance(confidence, float) or not 0.0 < confidence < 1.0:
        return "the configuration has no share in inference.confidence"
    strengths = [sections["penalty"].get(key, 0.0) for key in ("l1", "l2")]
    if not all(isinstance(strength, int | float) for strength in strengths):
        return "the configuration has no number in penalty"
    return None
