"""A section of results as text for the terminal and as Markdown for ``benchmarks/RESULTS.md``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import text_lines, used_columns

_TITLE = "# Benchmark results"
_INTRODUCTION = (
    "Written by `python -m benchmarks ... --markdown`; how it is measured: [README.md](README.md). "
    "Medians, with min and max in brackets."
)


@dataclass(frozen=True)
class Section:
    """A table with everything that must stand beside it.

    Attributes
    ----------
    title : str
        Names the section; a newer one of the same title replaces it.
    about : str
    header, rows : sequences
        Of text.
    limits : mapping of str to float
        Physical limits, by name.
    environment : mapping of str to str
    """

    title: str
    about: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    limits: Mapping[str, float]
    environment: Mapping[str, str]


def as_text(section: Section) -> str:
    """Return a section for the terminal."""
    environment = [f"  {name}: {value}" for name, value in section.environment.items()]
    lines = [f"== {section.title}: {section.about}", *environment]
    if section.limits:
        lines.append(f"  limits: {_limits(section)}")
    return "\n".join([*lines, "", *text_lines(section.header, section.rows), ""])


def update_markdown(file: Path, sections: Sequence[Section]) -> None:
    """Write sections into a Markdown file; those of other titles that it holds stay."""
    kept = _sections_in(file.read_text()) if file.is_file() else {}
    kept |= {section.title: _markdown(section) for section in sections}
    parts = [_TITLE, _INTRODUCTION, *(kept[title] for title in kept)]
    file.write_text("\n\n".join(parts) + "\n")


def _sections_in(text: str) -> dict[str, str]:
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0].strip(): "## " + part.strip() for part in parts}


def _markdown(section: Section) -> str:
    kept = used_columns(section.rows)
    table = [
        "| " + " | ".join(section.header[k] for k in kept) + " |",
        "|" + "---|" * len(kept),
        *("| " + " | ".join(row[k].replace("|", "\\|") for k in kept) + " |" for row in section.rows),
    ]
    about = [section.about + "."]
    if section.limits:
        about.append(f"Limits of the machine: {_limits(section)}.")
    environment = [f"* {name}: {value}" for name, value in section.environment.items()]
    return "\n\n".join([f"## {section.title}", "\n".join(environment), "\n".join(about), "\n".join(table)])


def _limits(section: Section) -> str:
    return "; ".join(f"{name} {value:.3g}" for name, value in section.limits.items())
