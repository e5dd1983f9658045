"""Starting from an earlier model: its estimates by the names of their terms, columns added or dropped since."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.config.policies import level_text
from logreg_dist.design.classes import Classes
from logreg_dist.design.problems import quoted
from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_centres
from logreg_dist.errors import ConfigError
from logreg_dist.model.model import LabelRecord, LogisticModel

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]


def refuse_other_model(earlier: LogisticModel, config: TrainConfig) -> None:
    """Raise when an earlier model is of another family or label: its estimates mean something else.

    Raises
    ------
    ConfigError
    """
    if earlier.family != config.family:
        raise ConfigError(
            f"solver.warm_start is a {earlier.family} model, and family is {config.family}.\n"
            "  Start from a model of the same family, or leave solver.warm_start out."
        )
    before = (earlier.label.column, earlier.label.events)
    if before != (config.label.column, config.label.events):
        name = earlier.label.column or earlier.label.events
        raise ConfigError(
            f"solver.warm_start is a model of {quoted(str(name))}, another label than this one.\n"
            "  Start from a model of the same label, or leave solver.warm_start out."
        )
    asked = config.label.positive
    if asked is not None and earlier.label.positive not in (None, level_text(asked)):
        raise ConfigError(
            "solver.warm_start is a model of another level of the label than label.positive.\n"
            "  Start from a model of the same level, or leave solver.warm_start out."
        )


def near_model(earlier: LogisticModel, spec: DesignSpec, label: LabelRecord) -> FloatArray | None:
    """Return where the fit of a design starts from an earlier binary model, (p,); None when that is no help.

    Terms that the earlier model has not start at 0, its terms that are gone are left out. It changes how many passes
    a fit takes, never where it ends.

    Parameters
    ----------
    earlier : LogisticModel
    spec : DesignSpec
    label : LabelRecord
        Of the table.
    """
    if label.positive != earlier.label.positive:
        log.warning("no warm start: the earlier model is of another level of the label")
        return None
    return _centred(earlier.estimates, spec, "")


def near_class_model(earlier: LogisticModel, spec: DesignSpec, classes: Classes) -> FloatArray | None:
    """Return the same for several classes, (k p,); classes that are new start like the reference."""
    estimates = earlier.estimates
    terms = [term.name for term in spec.terms()]
    # Against another reference class estimates are differences to its own.
    reference = {name: estimates.get(f"{classes.reference}:{name}", 0.0) for name in terms}
    found = [_centred(estimates, spec, f"{name}:", reference) for name in classes.free]
    if all(one is None for one in found):
        return None
    return np.concatenate([np.zeros(len(terms)) if one is None else one for one in found])


def _centred(
    estimates: Mapping[str, float], spec: DesignSpec, prefix: str, less: Mapping[str, float] | None = None
) -> FloatArray | None:
    """Return estimates (p,) on the centred columns; None when no term is known."""
    terms = [term.name for term in spec.terms()]
    known = [name for name in terms if f"{prefix}{name}" in estimates]
    log.info("warm start: %d of %d terms are in the earlier model%s", len(known), len(terms), _of(prefix))
    if not known and not any((less or {}).values()):
        return None
    beta = np.array([estimates.get(f"{prefix}{name}", 0.0) - (less or {}).get(name, 0.0) for name in terms])
    if spec.intercept:
        beta[0] += term_centres(spec) @ beta
    return beta if np.isfinite(beta).all() else None


def _of(prefix: str) -> str:
    return f", class {quoted(prefix[:-1])}" if prefix else ""
