"""The covariance of a model's estimates on the centred columns: what variances of rows are worked out from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.spec import INTERCEPT
from logreg_dist.design.term_moments import term_centres
from logreg_dist.inference.covariance import centred_covariance
from logreg_dist.model.model import LogisticModel

FloatArray = NDArray[np.float64]


def centred_model_covariance(model: LogisticModel) -> FloatArray | None:
    """Return the covariance of a binary model's table on the centred columns, in the order of the terms (p, p).

    0 for terms without an estimate; None for a model without one. The intercept's row is
    `LogisticModel.covariance_at_centres` where the model has it: what the covariance in the units of the columns
    leaves of it has lost digits.
    """
    if model.covariance is None:
        return None
    known = np.array([row.estimate is not None for row in model.coefficient_rows], dtype=bool)
    found = model.covariance
    if model.design.intercept and known[0]:
        assert model.coefficient_rows[0].term == INTERCEPT
        if model.covariance_at_centres is None:
            found = centred_covariance(found, term_centres(model.design)[known], 0)
        else:
            found = found.copy()
            found[0] = found[:, 0] = model.covariance_at_centres
    spread = np.zeros((len(known), len(known)))
    spread[np.ix_(known, known)] = found
    return spread
