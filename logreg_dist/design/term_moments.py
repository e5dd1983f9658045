"""Centre and typical size of every term of a design."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.spec import DesignSpec

FloatArray = NDArray[np.float64]


def term_centres(spec: DesignSpec) -> FloatArray:
    """Return what the kernel subtracts from each term's column, shape (p,)."""
    centres = {name: centre if spec.intercept else 0.0 for name, (centre, _) in spec.moments().items()}
    return np.array([centres.get(term.name, 0.0) if term.column else 0.0 for term in spec.terms()])


def term_scales(spec: DesignSpec) -> FloatArray:
    """Return the typical size of each term's column, shape (p,); 1 for levels and indicators.

    Of a sparse column it is that of its entries, all terms together.
    """
    scales = {name: scale or 1.0 for name, (_, scale) in spec.moments().items()}
    of_entries = {column.name: column.scale for column in spec.sparse}
    return np.array([scales.get(term.name, of_entries.get(term.column or "", 1.0)) for term in spec.terms()])
