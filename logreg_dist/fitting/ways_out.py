"""Ways out of separation: Firth's likelihood, a weak ridge, or leaving out what separates."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import counted, first_few
from logreg_dist.design.term_moments import term_scales
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.estimates import Outcome
from logreg_dist.fitting.firth import AdjustableRows, fit_firth, sampled_rows
from logreg_dist.fitting.firth_inference import with_profiles
from logreg_dist.fitting.optimum import find_optimum
from logreg_dist.fitting.outcome import Separation, Verdict, separated_along
from logreg_dist.fitting.restricted import embedded_result
from logreg_dist.fitting.search import Optimum
from logreg_dist.fitting.separated import Look, SeparatedRows, firth_fits, look_into_separation
from logreg_dist.fitting.tasks import SampleRows
from logreg_dist.model.file import MAX_COVARIANCE_TERMS
from logreg_dist.model.model import LEFT_OUT, LogisticModel, Status
from logreg_dist.solver.bookmarks import FirthBookmark
from logreg_dist.solver.firth import FirthOptions, FirthResult, firth
from logreg_dist.solver.result import Ending, Method, SolverResult

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

# Log-odds for each standard deviation of a number, and for each level.
PRIOR_DEVIATION = 2.5
# Of rows on the driver, rows x terms x terms**2: about half a minute for the profiles of all terms.
PROFILE_WORK = 2e8
MAX_NAMED = 8

_NOT_ROBUST = (
    "standard errors are the model's and not {}, which inference.covariance asks for: robust ones are made of "
    "rows' scores that sum to 0 at the estimates, and at Firth's they do not"
)


@dataclass(frozen=True)
class WayOut:
    """A fit that took the place of a separated one.

    Attributes
    ----------
    name : str
        ``firth``, ``ridge`` or ``drop``.
    optimum : Optimum
    config : TrainConfig
        What was fitted: with a ridge that has a penalty.
    verdict : Verdict
    note : str
    separation : Separation
        Of the fit that was given up.
    left_out : mapping of str to str
        Terms without an estimate because they separate, with the reason.
    likelihood_ratio : float or None
        Of Firth's likelihood: twice its rise over the model of the intercept and offset alone.
    adjustable : AdjustableRows or None
        What its profiles are evaluated on, where they cost little or are asked for.
    penalised_deviance : float
        Its deviance less the penalty.
    """

    name: str
    optimum: Optimum
    config: TrainConfig
    verdict: Verdict
    note: str
    separation: Separation
    left_out: Mapping[str, str] = field(default_factory=dict)
    likelihood_ratio: float | None = None
    adjustable: AdjustableRows | None = None
    penalised_deviance: float = np.nan

    @property
    def config_of_checks(self) -> TrainConfig:
        """What is asked of the rows afterwards: of Firth's likelihood nothing that takes another's optimum."""
        if self.name != "firth":
            return self.config
        asked = self.config.inference
        plain = asked.model_copy(update={"covariance": "model", "intervals": "wald", "tests": None})
        return self.config.model_copy(update={"inference": plain})

    def renamed(self, outcome: Outcome) -> Outcome:
        """Return the outcome with the reasons of the terms left out."""
        aliased = tuple(
            replace(term, reason=self.left_out.get(term.term, term.reason)) for term in outcome.aliased
        )
        return replace(outcome, aliased=aliased)

    def flagged(self, model: LogisticModel, asked: TrainConfig) -> LogisticModel:
        """Return the model with what was done instead of what was asked for."""
        changed = replace(model, config=asked.as_dict(), notes=(*model.notes, self.note))
        if self.name != "firth":
            return replace(changed, estimator={"ridge": "ridge", "drop": "dropped"}[self.name])
        if asked.inference.is_robust:
            sentence = _NOT_ROBUST.format(asked.inference.covariance)
            changed = replace(changed, notes=(*changed.notes, sentence))
        ratio = self.likelihood_ratio
        if ratio is None:
            return replace(changed, estimator="firth", lr_p_value=None)
        p_value = float(stats.chi2.sf(ratio, model.lr_df)) if model.lr_df > 0 else None
        return replace(changed, estimator="firth", lr_statistic=ratio, lr_p_value=p_value)

    def with_inference(self, model: LogisticModel, rows: FittedRows) -> LogisticModel:
        """Return a model of Firth's likelihood with its own intervals and tests, any other as it is."""
        if self.name != "firth":
            return model
        found = with_profiles(model, rows, self.adjustable, self.penalised_deviance)
        return replace(found, n_passes=rows.passes.staged.n_passes)


@dataclass(frozen=True)
class SeparatedFit:
    """A fit that ended separated, with what it was fitted to.

    Attributes
    ----------
    rows : SeparatedRows
    samples : list of SampleRows
    optimum : Optimum
        Of all p terms.
    separation : Separation
    """

    rows: SeparatedRows
    samples: list[SampleRows]
    optimum: Optimum
    separation: Separation


def take_way_out(fit: SeparatedFit) -> WayOut | str:
    """Return the fit that ``solver.on_separation`` asks for, or a sentence saying why there is none."""
    return _WAYS[fit.rows.config.solver.on_separation](fit)


def verdict_of(result: SolverResult, what: str, why: str) -> Verdict:
    """Return how a way out ended; one that ended at its start has no steps, and did not converge.

    Parameters
    ----------
    result : SolverResult
    what : str
        What was maximised.
    why : str
        The end of the sentence.
    """
    if result.ending is not Ending.CONVERGED or not result.history:
        where = "" if result.history else " at its start"
        return Verdict(Status.NOT_CONVERGED, f"not converged: {what} ended{where}: {result.ending}{why}")
    steps = f"{result.n_steps} step{'s' * (result.n_steps != 1)}"
    change = f"{result.history[-1].change:.1g} standard errors from the optimum before the last"
    return Verdict(Status.CONVERGED, f"converged: {what} after {steps}, {change}{why}")


def _firth(fit: SeparatedFit) -> WayOut | str:
    passes, config = fit.rows.passes, fit.rows.config
    result = fit.optimum.result
    if not firth_fits(passes):
        return (
            f"Firth's likelihood needs the information matrix, with at most {MAX_COVARIANCE_TERMS:,} terms and few "
            "words: set solver.on_separation to ridge or drop"
        )
    known = None if result.method is Method.LBFGS else result.dependences
    rows, found = fit_firth(passes, fit.rows.profile, fit.samples, config.solver, known)
    why = f", because {separated_along(fit.separation)}"
    solution = found.solution
    verdict = verdict_of(solution, "Firth's penalised likelihood", why)
    note = (
        f"{separated_along(fit.separation)}: the estimates maximise Firth's penalised likelihood instead, which is finite; "
        "standard errors are those of its information, and the likelihood, AIC and BIC are without its penalty"
    )
    ratio = _likelihood_ratio(rows, found, fit) if solution.ending is Ending.CONVERGED else None
    whole = fit.rows.whole
    on_driver = whole is not None and whole[0].size * passes.shape.p**2 <= PROFILE_WORK
    profiles = on_driver or config.inference.intervals == "profile"
    return WayOut(
        "firth",
        Optimum(solution, None),
        config,
        verdict,
        note,
        fit.separation,
        likelihood_ratio=ratio,
        adjustable=(sampled_rows(passes, fit.samples) if on_driver else rows) if profiles else None,
        penalised_deviance=found.penalised_deviance,
    )


def _likelihood_ratio(rows: AdjustableRows, found: FirthResult, fit: SeparatedFit) -> float | None:
    """Return twice the rise of the penalised likelihood over that of the intercept alone, in the same model.

    Heinze and Schemper (2002), section 2.3: the penalty is of all terms, those held at 0 included.
    """
    spec = fit.rows.passes.spec
    held = np.array([term.column is not None for term in spec.terms()], dtype=bool)
    start = np.where(held, 0.0, found.solution.point.beta)
    if spec.intercept:
        counts = fit.rows.profile.rows
        start[0] = np.log(counts.label_sum / (counts.weight_sum - counts.label_sum))
    options = FirthOptions(fit.rows.config.solver.tolerance, fit.rows.config.solver.max_iterations, held)
    null = firth(
        rows.evaluate,
        rows.evaluate_adjusted,
        start,
        options,
        known=found.solution.dependences,
        page=fit.rows.passes.journal.page("firth, intercept alone", FirthBookmark, len(start)),
    )
    if null.solution.ending is not Ending.CONVERGED:
        return None
    return max(null.penalised_deviance - found.penalised_deviance, 0.0)


def _ridge(fit: SeparatedFit) -> WayOut | str:
    rows, profile = fit.rows, fit.rows.profile
    strength = PRIOR_DEVIATION**-2
    l2 = strength / profile.rows.weight_sum
    penalty = rows.config.penalty.model_copy(update={"l2": l2, "standardize": True})
    config = rows.config.with_penalty(penalty)
    journal = rows.passes.journal.within("ridge")
    optimum = find_optimum(rows.passes, profile, fit.samples, config, journal=journal)
    result = optimum.result
    verdict = verdict_of(result, "a weak ridge", f", because {separated_along(fit.separation)}")
    note = (
        f"{separated_along(fit.separation)}: the estimates are those of a weak ridge instead, a normal prior of standard "
        f"deviation {PRIOR_DEVIATION:g} for each standard deviation of a number and for each level (penalty.l2 "
        f"{l2:.6g} with penalty.standardize)"
    )
    return WayOut("ridge", optimum, config, verdict, note, fit.separation)


def _drop(fit: SeparatedFit) -> WayOut | str:
    rows, spec = fit.rows, fit.rows.passes.spec
    if fit.optimum.result.method is Method.NEWTON and rows.passes.shape.p > MAX_COVARIANCE_TERMS:
        return f"terms are left out of models of at most {MAX_COVARIANCE_TERMS:,} of them: set solver.on_separation to ridge"
    names = [term.name for term in spec.terms()]
    kept = np.ones(len(names), dtype=bool)
    left_out: dict[str, str] = {}
    look = Look(fit.optimum, fit.separation)
    while look.separation is not None:
        chosen = _to_leave_out(look, fit, kept)
        if not chosen:
            return "no term can be left out to end the separation"
        left_out |= chosen
        kept &= ~np.isin(names, list(chosen))
        log.info("left out: %s", ", ".join(chosen))
        journal = rows.passes.journal.within(f"{int(kept.sum())} terms")
        optimum = find_optimum(
            rows.passes, rows.profile, fit.samples, rows.config, kept=kept, journal=journal
        )
        look = look_into_separation(rows, optimum, kept)
    result = embedded_result(look.optimum.result, kept)
    named = first_few(list(left_out), MAX_NAMED)
    why = f", leaving out {named}, because {separated_along(fit.separation)}"
    verdict = verdict_of(result, "maximum likelihood", why)
    note = (
        f"{separated_along(fit.separation)}: left out {named} ({counted(len(left_out), 'term')}), that is, held at 0: rows "
        "of a left-out level count as its column's reference, so that the other levels are compared with both together; "
        "standard errors, tests and intervals take this choice, which the label made, as given"
    )
    return WayOut("drop", Optimum(result, None), rows.config, verdict, note, fit.separation, left_out)


def _to_leave_out(look: Look, fit: SeparatedFit, kept: NDArray[np.bool_]) -> dict[str, str]:
    """Return the terms that separate on their own, with the reason, or else the infinite ones of one column."""
    assert look.separation is not None
    column_of = {term.name: term.column for term in fit.rows.passes.spec.terms()}
    terms = [term for term in look.separation.terms if column_of[term.term] is not None]
    alone = {term.term: f"{LEFT_OUT}: it separates the label: {term.text}" for term in terms if term.text}
    if alone:
        return alone
    direction = look.optimum.result.direction
    if direction is None or not terms:
        return {}
    places = {name: k for k, name in enumerate(column_of)}
    whole = np.zeros(len(kept))
    whole[kept] = direction * term_scales(fit.rows.passes.spec)[kept]
    size = {term.term: abs(float(whole[places[term.term]])) for term in terms}
    column = column_of[max(terms, key=lambda term: size[term.term]).term]
    return {
        term.term: f"{LEFT_OUT}: with others it separates the label ({look.separation.counts.separated:,} rows)"
        for term in terms
        if column_of[term.term] == column
    }


_WAYS: Mapping[str, Callable[[SeparatedFit], WayOut | str]] = {
    "firth": _firth,
    "ridge": _ridge,
    "drop": _drop,
}
