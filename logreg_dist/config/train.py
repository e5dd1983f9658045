"""``conf/train.yaml`` as a type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from logreg_dist.config.checks import CHECKED_ROWS, ChecksConfig
from logreg_dist.config.cross_validation import CrossValidationConfig, PathConfig
from logreg_dist.config.document import Document, Section
from logreg_dist.config.features import FeaturesConfig
from logreg_dist.config.fields import Flag, Location, Name, choice, expected
from logreg_dist.config.inference import InferenceConfig
from logreg_dist.config.label import LabelConfig, role_columns, shared_roles
from logreg_dist.config.problems import Problem, quoted
from logreg_dist.config.selection import SelectionConfig
from logreg_dist.config.table_input import TrainInputConfig, overlap

_NOT_NEGATIVE = Annotated[float, Field(ge=0), expected("a number >= 0")]


class PenaltyConfig(Section):
    """``l2/2 * ||beta||^2 + l1 * ||beta||_1`` on the mean loss; the intercept is free.

    With `standardize` the coefficients of numbers count per standard deviation. With `groups` the terms of a
    column are 0 together or not at all: ``l1 * sqrt(m) * ||beta_column||`` for its m terms.
    """

    l1: _NOT_NEGATIVE = 0.0
    l2: _NOT_NEGATIVE = 0.0
    standardize: Flag = False
    path: PathConfig | None = None
    groups: Annotated[Literal["none", "columns"], choice("none", "columns")] = "none"

    @property
    def is_active(self) -> bool:
        """Whether anything is penalised by a strength that is given."""
        return self.l1 > 0 or self.l2 > 0

    def chosen(self, l1: float, l2: float) -> PenaltyConfig:
        """Return the same penalty of one strength."""
        return self.model_copy(update={"l1": l1, "l2": l2, "path": None})


class SolverConfig(Section):
    """How the optimum is found, when to stop, and what to do where there is none."""

    method: Annotated[
        Literal["auto", "newton", "lbfgs", "proximal_newton"],
        choice("auto", "newton", "lbfgs", "proximal_newton"),
    ] = "auto"
    tolerance: Annotated[float, Field(gt=0, le=1e-2), expected("a number > 0 and <= 0.01")] = 1e-8
    max_iterations: Annotated[int, Field(ge=1, le=1000), expected("a whole number from 1 to 1000")] = 50
    start: Annotated[Literal["sample", "zero"], choice("sample", "zero")] = "sample"
    warm_start: Location | None = None
    precision: Annotated[Literal["float64", "float32"], choice("float64", "float32")] = "float64"
    on_separation: Annotated[
        Literal["error", "ridge", "firth", "drop"], choice("error", "ridge", "firth", "drop")
    ] = "error"
    on_collinear: Annotated[Literal["alias", "error"], choice("alias", "error")] = "alias"


class TrainOutputConfig(Section):
    """Where the model goes; an existing one is replaced only if `overwrite`."""

    path: Location
    overwrite: Flag = False


class TrainConfig(Document):
    """What to fit. In code `input` and `output` may be None; the train job requires both.

    Raises
    ------
    ConfigError
        Listing every problem with its key.

    Examples
    --------
    >>> TrainConfig(label={"column": "churn", "positive": "Yes"}).solver.max_iterations
    50
    """

    input: TrainInputConfig | None = None
    label: LabelConfig
    intercept: Flag = True
    features: FeaturesConfig = FeaturesConfig()
    weight: Name | None = None
    frequency: Name | None = None
    offset: Name | None = None
    family: Annotated[Literal["binary", "multinomial"], choice("binary", "multinomial")] = "binary"
    population_rate: (
        Annotated[float, Field(gt=0, lt=1), expected("a share between 0 and 1, both excluded")] | None
    ) = None
    penalty: PenaltyConfig = PenaltyConfig()
    cross_validation: CrossValidationConfig | None = None
    solver: SolverConfig = SolverConfig()
    selection: SelectionConfig = SelectionConfig()
    inference: InferenceConfig = InferenceConfig()
    checks: ChecksConfig = ChecksConfig()
    output: TrainOutputConfig | None = None

    def disagreements(self) -> list[Problem]:
        """Report columns with two roles, settings of another family, and output on top of input."""
        problems = [*shared_roles(self.role_columns), *_feature_problems(self)]
        problems += [*_family_problems(self), *_penalty_problems(self), *_selection_problems(self)]
        problems += [*self.inference.own_problems(), *_inference_problems(self)]
        if self.features.include == () and not self.features.terms and not self.intercept:
            problems.append(Problem(("features", "include"), "is empty and intercept is false: no model"))
        if self.input is not None and self.output is not None:
            problems += overlap(self.output.path, self.input.paths, above=False)
        return problems

    def with_penalty(self, penalty: PenaltyConfig) -> TrainConfig:
        """Return the same configuration with a penalty that was chosen, and nothing left to choose."""
        return self.model_copy(update={"penalty": penalty, "cross_validation": None})

    def for_check(self) -> TrainConfig:
        """Return the configuration of a check: what says nothing of itself, and takes passes, is looked into."""
        penalised = self.penalty.is_active or self.penalty.path is not None or self.features.has_bounds
        binary = self.family == "binary"
        inference, checks = self.inference, self.checks
        if inference.tests is None and not penalised and binary:
            inference = inference.model_copy(update={"tests": "likelihood_ratio"})
        if inference.marginal_effects is None:
            inference = inference.model_copy(update={"marginal_effects": binary and not penalised})
        asked: dict[str, object] = {
            name: binary for name in ("linearity", "fit") if getattr(checks, name) is None
        }
        if binary and not penalised and checks.influence.rows is None:
            asked["influence"] = checks.influence.model_copy(update={"rows": CHECKED_ROWS})
        checks = checks.model_copy(update=asked)
        return self.model_copy(update={"inference": inference, "checks": checks})

    @property
    def role_columns(self) -> dict[str, str]:
        """The columns that are no features, by the key that names them."""
        others = {"weight": self.weight, "frequency": self.frequency, "offset": self.offset}
        if self.cross_validation is not None:
            others["cross_validation.by"] = self.cross_validation.by
        return role_columns(self.label, others)

    @property
    def is_weighted(self) -> bool:
        """Whether rows have weights that are not numbers of observations."""
        return self.weight is not None or self.label.class_weights is not None

    @property
    def needs_single_trials(self) -> bool:
        """Whether the fit must know how many trials a row stands for, and it is not one."""
        by_trial = self.inference.covariance.startswith("hc") or self.inference.cluster is not None
        return by_trial and (self.frequency is not None or self.label.trials is not None)

    @property
    def watched_columns(self) -> dict[str, str]:
        """The columns that only checks look at, by the key that names them; one may be a feature too."""
        clusters = self.inference.cluster or ()
        keys = [
            f"inference.cluster[{k}]" if len(clusters) > 1 else "inference.cluster"
            for k in range(len(clusters))
        ]
        watched = dict(zip(keys, clusters, strict=True))
        named = {"checks.order": self.checks.order, "checks.influence.key": self.checks.influence.key}
        return watched | {key: name for key, name in named.items() if name is not None}


def _penalty_problems(config: TrainConfig) -> Iterator[Problem]:
    """Report solvers that do not go with penalty or bounds, and factors of a penalty that is not there."""
    method, l1, has_bounds = config.solver.method, config.penalty.l1, config.features.has_bounds
    path = config.penalty.path
    has_l1 = l1 > 0 or (path is not None and path.l1_share > 0)
    if (has_l1 or has_bounds) and method in ("newton", "lbfgs"):
        what = "penalty.l1" if has_l1 else "bounds of columns"
        yield Problem(("solver", "method"), f"{method} cannot have {what}; set auto or proximal_newton")
    elif config.cross_validation is not None and method == "lbfgs":
        yield Problem(("solver", "method"), "lbfgs forms no matrix, which cross_validation needs; set auto")
    if not has_l1 and not has_bounds and method == "proximal_newton":
        yield Problem(
            ("solver", "method"),
            "proximal_newton is for penalty.l1 > 0 and for bounds of columns; set auto or newton",
        )
    if config.cross_validation is not None and config.solver.warm_start is not None:
        sentence = "has no use with cross_validation, whose paths start from the strongest penalty"
        yield Problem(("solver", "warm_start"), sentence)
    if config.penalty.groups == "columns":
        if not has_l1:
            yield Problem(("penalty", "groups"), "columns has no meaning without penalty.l1")
        if has_bounds and config.family == "multinomial":
            sentence = "columns groups the classes of each column, which cannot have bounds then"
            yield Problem(("penalty", "groups"), sentence)
    if path is not None:
        if config.penalty.is_active:
            yield Problem(("penalty", "path"), "and penalty.l1 or penalty.l2 are two ways to say it; set one")
        if config.cross_validation is None:
            yield Problem(("penalty", "path"), "needs cross_validation, which chooses among its penalties")
    if not config.penalty.is_active and path is None:
        if config.penalty.standardize:
            yield Problem(("penalty", "standardize"), "has no meaning without a penalty; set l1 or l2")
        for name, column in config.features.columns.items():
            if column.penalty_factor is not None:
                place = ("features", "columns", name, "penalty_factor")
                yield Problem(place, "has no meaning without a penalty; set penalty.l1 or penalty.l2")


def _inference_problems(config: TrainConfig) -> Iterator[Problem]:
    """Report inference that the kind of the model does not have, and watched columns that are the outcome."""
    for key, column in config.watched_columns.items():
        for role, name in config.role_columns.items():
            if name == column and role != "cross_validation.by":
                yield Problem(tuple(key.split(".")), f"column {quoted(column)} is {role} too")
    inference, checks, separated = config.inference, config.checks, config.solver.on_separation
    asked: dict[tuple[str, ...], str | None] = {
        ("inference", "covariance"): inference.covariance if inference.is_robust else None,
        ("inference", "intervals"): "profile" if inference.intervals == "profile" else None,
        ("inference", "tests"): inference.tests if inference.tests == "likelihood_ratio" else None,
        ("inference", "marginal_effects"): "true" if inference.marginal_effects else None,
    }
    penalised = config.penalty.is_active or config.penalty.path is not None
    for place, value in asked.items():
        if value is not None and penalised:
            yield Problem(place, f"{value} is for fits without a penalty; leave one out")
        elif value is not None and config.features.has_bounds:
            yield Problem(place, f"{value} is for fits without bounds of columns; leave one out")
    for place in (("inference", "intervals"), ("inference", "tests")):
        if asked[place] is not None and config.solver.method == "lbfgs":
            yield Problem(
                place, f"{asked[place]} needs the information matrix, which solver.method lbfgs never forms"
            )
    if config.family == "multinomial":
        only = asked | {
            ("checks", "linearity"): "true" if checks.linearity else None,
            ("checks", "fit"): "true" if checks.fit else None,
            ("checks", "order"): checks.order,
            ("checks", "influence"): "rows > 0" if checks.influence.rows else None,
            ("checks", "influence", "key"): checks.influence.key if checks.influence.rows is None else None,
            ("inference", "cluster"): "a column" if inference.cluster else None,
            ("solver", "on_separation"): separated if separated != "error" else None,
        }
        for place, value in only.items():
            if value is not None:
                yield Problem(place, f"{value} is for family binary")
    if separated != "error":
        yield from _on_separation_problems(separated, config)


def _on_separation_problems(asked: str, config: TrainConfig) -> Iterator[Problem]:
    """Report what does not go with a way out of separation."""
    others = {
        "has no use with a penalty": config.penalty.is_active or config.penalty.path is not None,
        "cannot have bounds of columns": config.features.has_bounds,
        "cannot have a selection of columns": config.selection.is_active,
    }
    for why, is_so in others.items():
        if is_so:
            yield Problem(("solver", "on_separation"), f"{asked} {why}; leave one out")


def _selection_problems(config: TrainConfig) -> Iterator[Problem]:
    """Report what does not go with a selection of columns."""
    selection, features = config.selection, config.features
    if not selection.is_active:
        if selection.keep:
            yield Problem(("selection", "keep"), "has no meaning without selection.method")
        return
    method = ("selection", "method")
    if config.features.terms:
        yield Problem(
            ("features", "terms"), "cannot be selected among in this version; leave terms or selection out"
        )
    if config.cross_validation is not None:
        yield Problem(
            ("cross_validation",),
            "would score rows by fits whose columns were selected with them; leave one out",
        )
    if config.penalty.is_active:
        yield Problem(
            method, f"{selection.method} cannot have a penalty, which the tests do not know; leave one out"
        )
    if features.has_bounds:
        yield Problem(
            method,
            f"{selection.method} cannot have bounds of columns, which the tests do not know; leave one out",
        )
    if not config.intercept:
        yield Problem(method, f"{selection.method} needs intercept: true")
    if config.solver.method not in ("auto", "newton"):
        yield Problem(
            ("solver", "method"), f"{config.solver.method} cannot have a selection; set auto or newton"
        )
    by_p = selection.criterion == "wald"
    if by_p and selection.method == "stepwise" and selection.p_enter > selection.p_remove:
        yield Problem(("selection", "p_enter"), "is above p_remove: what enters would be removed again")
    listed = None if features.include == "all" else set(features.include)
    for name in selection.keep:
        if name in features.exclude or (listed is not None and name not in listed):
            yield Problem(("selection", "keep"), f"lists {quoted(name)}, which is not among the features")


def _family_problems(config: TrainConfig) -> Iterator[Problem]:
    """Report settings that are of the other family."""
    if config.population_rate is not None and not config.intercept:
        yield Problem(("population_rate",), "moves the intercept, and intercept is false")
    if config.population_rate is not None and config.label.class_weights is not None:
        yield Problem(
            ("population_rate",), "and label.class_weights both move the intercept; set one of them"
        )
    if config.family == "binary":
        if config.label.reference is not None:
            yield Problem(("label", "reference"), "is for family multinomial; set label.positive")
        return
    if config.label.column is None:
        yield Problem(("label", "column"), "required by family multinomial: a label with a class in each row")
    if config.label.positive is not None:
        yield Problem(("label", "positive"), "is for family binary; set label.reference")
    if config.population_rate is not None:
        yield Problem(("population_rate",), "is for family binary")
    if config.offset is not None:
        yield Problem(("offset",), "is for family binary: one number cannot be an offset of several classes")


def _feature_problems(config: TrainConfig) -> Iterator[Problem]:
    """Report columns that are features and something else."""
    features = config.features
    named = {
        "columns": tuple(features.columns),
        "include": features.include,
        "terms": features.asked_terms.columns,
    }
    for place, names in named.items():
        for key, column in config.role_columns.items():
            if names != "all" and column in names:
                verb = "names" if place == "terms" else "lists"
                yield Problem(("features", place), f"{verb} {quoted(column)}, which is {key}")
