"""A fit whose columns are selected first: from the design of all columns to the model of the selected ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from logreg_dist.config import TrainConfig
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.design.problems import Problem, reject
from logreg_dist.design.spec import DesignSpec, table_column
from logreg_dist.fitting.journal import Journal
from logreg_dist.fitting.method import MethodChoice
from logreg_dist.fitting.restricted import restricted
from logreg_dist.fitting.search import Likelihood, Optimum, search
from logreg_dist.fitting.select_columns import select_columns
from logreg_dist.fitting.selection_path import Mask, SelectionBookmark, Terms
from logreg_dist.model.selection import SelectionRecord
from logreg_dist.solver.result import Method


def search_selected(
    likelihood: Likelihood,
    choice: MethodChoice,
    config: TrainConfig,
    terms: Terms,
    *,
    n_obs: float,
    journal: Journal,
) -> Optimum:
    """Select the columns, and fit the model that has them as any other.

    Raises
    ------
    InputRejected
        As `select_columns`, and when the information matrix does not fit.
    """
    if choice.method is not Method.NEWTON:
        reject(
            [
                Problem(
                    f"selection needs the information matrix, but {choice.why}",
                    "Let rare levels merge: raise min_level_count; or set selection.method to none.",
                )
            ]
        )
    backward = config.selection.method == "backward"
    start = likelihood.sample_start().beta if backward else likelihood.flat_start
    page = journal.page("selection", SelectionBookmark, len(start))
    selected = select_columns(
        likelihood.evaluate, terms, config.selection, n_obs=n_obs, start=start, page=page
    )
    part = restricted(likelihood, selected.kept, selected.start)
    found = search(part, None, choice, config.solver, journal)
    return replace(found, selection=selected.record)


def terms_by_column(spec: DesignSpec, n_classes: int = 1) -> Terms:
    """Return the terms of a design by column, in all of so many classes together."""
    columns = [term.column for term in spec.terms()]

    def mask(name: str | None) -> Mask:
        return np.tile(np.array([column == name for column in columns], dtype=bool), n_classes)

    return Terms({name: mask(name) for name in dict.fromkeys(columns) if name is not None}, mask(None))


def selected_design(learned: LearnedDesign, selection: SelectionRecord | None) -> LearnedDesign:
    """Return the design with the selected columns alone; as it is where none were selected."""
    if selection is None:
        return learned
    columns = tuple(one for one in learned.spec.columns if table_column(one) in selection.columns)
    return replace(learned, spec=replace(learned.spec, columns=columns))
