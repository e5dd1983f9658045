"""Fuzz one parser with atheris: ``python -m tests.fuzz yaml|set|env|formula|model [libFuzzer options]``."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["logreg_dist", "yaml"]):
    from tests.fuzz.targets import SEEDS, TARGETS


def main() -> None:
    """Run the target that the command line names until its time is over or something is found."""
    name, *options = sys.argv[1:]
    corpus = next((option for option in options if not option.startswith("-")), None)
    if corpus is not None:
        for k, seed in enumerate(SEEDS[name]):
            with open(f"{corpus}/seed-{k}", "wb") as file:
                file.write(seed)
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


main()
