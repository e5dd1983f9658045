"""The applications, each fitted once for all tests of this folder."""

from __future__ import annotations

import pytest

from tests.examples.applications import Fitted, fit_application, prepare


@pytest.fixture(scope="package")
def fitted(spark, tmp_path_factory):
    """Return a function that fits a model of an application, each only once."""
    folder, done = tmp_path_factory.mktemp("data"), {}

    def one(name: str, train: str = "train.yaml") -> Fitted:
        if not (folder / name).exists():
            prepare(name, folder / name)
        if (name, train) not in done:
            done[name, train] = fit_application(spark, name, folder / name, train)
        return done[name, train]

    return one
