"""The locks of locks/ and the ranges of pyproject.toml, held against each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
CORE = PROJECT["project"]["dependencies"]
LOCKED = {
    "build": PROJECT["build-system"]["requires"],
    "test": [*CORE, *EXTRAS["demo"], *EXTRAS["test"], *EXTRAS["lint"]],
    "bench": [*CORE, *EXTRAS["bench"]],
}


def entries(lock: str) -> list[Requirement]:
    """Return the requirements of a lock; several of one name are for different versions of Python."""
    lines = re.findall(
        r"^[A-Za-z0-9].*?(?= \\$)", (ROOT / "locks" / f"{lock}.lock").read_text(), re.MULTILINE
    )
    return [Requirement(line) for line in lines]


def versions(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in entries(lock):
        (pin,) = entry.specifier
        assert pin.operator == "==", entry
        found.setdefault(canonicalize_name(entry.name), set()).add(pin.version)
    return found


@pytest.mark.parametrize("lock", LOCKED)
def test_every_requirement_is_locked_at_versions_within_its_range(lock):
    locked = versions(lock)
    wanted = [Requirement(text) for text in LOCKED[lock]]

    assert [one.name for one in wanted if canonicalize_name(one.name) not in locked] == []
    outside = [
        f"{one} is locked at {version}"
        for one in wanted
        for version in locked[canonicalize_name(one.name)]
        if not one.specifier.contains(version)
    ]
    assert outside == [], "make lock"


@pytest.mark.parametrize("lock", LOCKED)
def test_every_locked_version_has_hashes_and_no_line_says_where_from(lock):
    lines = (ROOT / "locks" / f"{lock}.lock").read_text().splitlines()
    hashed = [k for k, line in enumerate(lines) if line.startswith("    --hash=sha256:")]
    named = [k for k, line in enumerate(lines) if re.match(r"[A-Za-z0-9]", line)]

    assert all(k + 1 in hashed for k in named)
    assert [line for line in lines if "://" in line or line.startswith("-")] == []


def test_what_tests_and_benchmarks_share_has_one_version():
    tested, measured = versions("test"), versions("bench")

    assert {name for name in tested.keys() & measured.keys() if tested[name] != measured[name]} == set()


def test_every_python_from_3_11_on_has_exactly_one_version_of_each_package():
    for python in ("3.11.7", "3.12.1", "3.13.0", "3.14.0"):
        there = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
        names = [one.name for one in entries("test") if one.marker is None or one.marker.evaluate(there)]
        assert len(names) == len(set(names))
        assert {"numpy", "pyspark", "pytest"} <= set(names)
