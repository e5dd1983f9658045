"""Figures of the slow tests, kept for docs/reliability.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "build" / "faults"


def keep_results(name: str, figures: Mapping[str, Any]) -> Path:
    """Write `figures` to ``build/faults/<name>.json`` and return the path."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(figures, indent=2) + "\n")
    return path
