"""What the checks say about the rows that a model was fitted to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from logreg_dist.checks.records import (
    Cell,
    ClusterDependence,
    Finding,
    GoodnessOfFit,
    RiskGroup,
    SerialDependence,
)
from logreg_dist.model.model import LogisticModel

# Peduzzi et al. (1996), J. Clin. Epidemiol. 49; van Smeden et al. (2019), Stat. Methods Med. Res. 28: it is a rule of thumb.
FEW_EVENTS = 10.0
# Above it the test of Hosmer and Lemeshow rejects models that nobody would: Kramer and Zimmerman (2007), Crit. Care Med. 35.
MANY_ROWS = 25_000
REJECTED = 0.01
MISSED_GROUP = 0.1  # of the expected events of a group
CHANCE = 2.0  # standard deviations
OVERDISPERSED = 1.5
WIDER = 1.5  # a variance that is so many times the model's
SERIAL = 0.05
MOVED = 1.0  # standard errors
MAX_NAMED = 5


def sample_size(model: LogisticModel) -> Iterator[Finding]:
    """Report events for each parameter, and levels with too few rows of a label."""
    found = None if model.checks is None else model.checks.sample_size
    if found is None:
        return
    each = found.events_per_parameter
    rarer = "rarer label" if model.label.classes is None else "rarest class"
    what = f"{found.n_rarer:,.0f} observations of the {rarer} for {found.n_parameters:,} parameters"
    few = each is not None and each < FEW_EVENTS
    if few:
        yield Finding(
            "warning",
            "sample_size",
            "",
            f"{each:.1f} events per parameter ({what}): below {FEW_EVENTS:g} estimates are extreme, intervals unreliable",
            "Use fewer columns, merge levels (min_level_count), more rows, or a penalty with cross_validation.",
        )
    for severity, cells, n, kind in (
        ("warning", found.empty_cells, found.n_empty_cells, "has one label only"),
        ("note", found.tiny_cells, found.n_tiny_cells, "has fewer than 5 rows of a label"),
    ):
        if n:
            yield Finding(
                severity,
                "sample_size",
                ", ".join(f"{cell.column}[{cell.level}]" for cell in cells[:MAX_NAMED]),
                f"{n:,} {'levels' if n > 1 else 'level'}, each {kind}: {_cells(cells)}"
                if n > 1
                else f"a level {kind}: {_cells(cells)}",
                "Merge such levels (min_level_count), or expect wide intervals.",
            )
    if not (few or found.n_empty_cells or found.n_tiny_cells) and each is not None:
        cells_too = "" if found.n_empty_cells is None else ", no empty cells"
        text = f"{each:,.0f} events per parameter ({what}){cells_too}"
        yield Finding("fine", "sample_size", "", text, "")


def independence(model: LogisticModel) -> Iterator[Finding]:
    """Report clusters whose rows are alike, and neighbours that are."""
    checks = model.checks
    if checks is None or model.family != "binary":
        return
    for one in checks.clusters:
        yield _cluster(one, model)
    if checks.serial is not None:
        yield _serial(checks.serial, clustered=_is_clustered(model))
    if not checks.clusters and checks.serial is None:
        yield Finding(
            "note",
            "independence",
            "",
            "whether rows are independent was not looked into: no data can tell it without a column that says how",
            "Name a customer, region or day in inference.cluster, or a time in checks.order, if rows could be alike.",
        )


def goodness_of_fit(model: LogisticModel) -> Iterator[Finding]:
    """Report groups of risk, the link, dispersion."""
    fit = None if model.checks is None else model.checks.fit
    if fit is None:
        return
    yield from _hosmer_lemeshow(fit, model.n_obs)
    if fit.link_p_value is not None and fit.link_p_value < REJECTED:
        yield Finding(
            "warning" if model.n_obs <= MANY_ROWS else "note",
            "fit",
            "link",
            f"link test: the square of the linear predictor would add to the model (chi-squared {fit.link:,.1f}, "
            f"p = {fit.link_p_value:.2g})",
            "Something bends or interacts: see the linearity of each column, try interactions in features.terms.",
        )
    if fit.dispersion is not None and fit.dispersion > OVERDISPERSED:
        text = f"overdispersion: Pearson's chi-squared is {fit.dispersion:.2f} times its degrees of freedom"
        if _is_clustered(model):
            text += "; standard errors allow for it where clusters are the groups"
            yield Finding("note", "fit", "dispersion", text, "")
            return
        yield Finding(
            "warning",
            "fit",
            "dispersion",
            f"{text}; standard errors are about {fit.dispersion**0.5:.1f} times too small",
            "Name a column that tells the groups apart in inference.cluster, and set inference.covariance to cluster.",
        )


def influence(model: LogisticModel) -> Iterator[Finding]:
    """Report rows that decide."""
    found = None if model.checks is None else model.checks.influence
    if found is None:
        return
    decides = found.largest_dfbeta > MOVED
    what = (
        f"without one of the rows {found.dfbeta_term} would change by {found.largest_dfbeta:.2g} standard errors; largest "
        f"Cook's distance {found.largest_cook:.3g}, largest leverage {found.largest_leverage:.3g} (mean "
        f"{found.mean_leverage:.2g})"
    )
    advice = (
        "Name a key in checks.influence and look at the rows in influence.parquet: mistakes can be mended, honest rows stay."
        if decides
        else ""
    )
    yield Finding("warning" if decides else "fine", "influence", found.dfbeta_term or "", what, advice)


def _cells(cells: Sequence[Cell]) -> str:
    shown = ", ".join(
        f"{one.column}[{one.level}] {one.events:,.0f} of {one.n:,.0f}" for one in cells[:MAX_NAMED]
    )
    return f"{shown} (events of rows)" if cells else "too rare to be named"


def _is_clustered(model: LogisticModel) -> bool:
    return model.covariance_record is not None and model.covariance_record.kind == "cluster"


def _cluster(one: ClusterDependence, model: LogisticModel) -> Finding:
    ratio = one.largest_ratio or 0.0
    # The largest of several ratios, each of which varies by chance by about the root of 2 / G.
    by_chance = 1.0 + 3.0 * math.sqrt(2.0 / max(one.n_clusters - 1, 1))
    alike = (one.design_effect or 1.0) > WIDER or ratio > max(WIDER, by_chance)
    icc = "not defined" if one.icc is None else f"{one.icc:.3f}"
    effect = "" if one.design_effect is None else f", design effect {one.design_effect:.2f}"
    size = f"{one.n_clusters:,} clusters of {one.column} ({one.mean_size:,.1f} rows on average)"
    text = f"{size}: intra-cluster correlation {icc}{effect}"
    if one.ratio_term is not None:
        text += f"; the variance of {one.ratio_term} is {ratio:.2f} times the model's when clusters count"
    if one.design_effect is None and one.largest_ratio is None:
        return Finding(
            "note", "independence", one.column, f"{text}: nothing says whether its rows are alike", ""
        )
    if not alike:
        return Finding("fine", "independence", one.column, text, "")
    if _is_clustered(model):
        return Finding("note", "independence", one.column, f"{text}. Standard errors allow for it", "")
    if all(row.std_error is None for row in model.coefficient_rows):
        text += ". The fit has no standard errors that would allow for it"
        return Finding("note", "independence", one.column, text, "")
    text += ". The model's standard errors are too small for what varies between clusters"
    advice = "Set inference.covariance to cluster: the estimates stay, their errors become honest."
    if model.estimator == "firth":
        text += ", and Firth's likelihood has no others"
        advice = "Take p-values and intervals as too optimistic."
    elif (model.config.get("inference") or {}).get("covariance") == "cluster":
        text += ", and those by cluster could not be had: see the notes"
        advice = ""
    return Finding("warning", "independence", one.column, text, advice)


def _serial(one: SerialDependence, *, clustered: bool) -> Finding:
    if one.autocorrelation is None:
        text = f"no neighbours to compare along {one.column}"
        return Finding("note", "independence", one.column, text, "")
    within = "" if one.within is None else f" within {one.within}"
    text = (
        f"residuals that follow each other by {one.column}{within} correlate by {one.autocorrelation:.3f} "
        f"({one.n_pairs:,} pairs)"
    )
    if abs(one.autocorrelation) <= SERIAL or (one.p_value or 0.0) >= REJECTED:
        return Finding("fine", "independence", one.column, text, "")
    if clustered and one.within is not None:
        return Finding("note", "independence", one.column, f"{text}. Standard errors allow for it", "")
    return Finding(
        "warning",
        "independence",
        one.column,
        f"{text}: neighbours are alike",
        "Cluster by the period or the unit (inference.cluster), or add what they have in common as a column.",
    )


def _hosmer_lemeshow(fit: GoodnessOfFit, n_obs: float) -> Iterator[Finding]:
    if fit.hosmer_lemeshow_p_value is None:
        return
    worst = max(fit.groups, key=_miss)
    test = (
        f"Hosmer-Lemeshow chi-squared {fit.hosmer_lemeshow:,.1f} on {fit.hosmer_lemeshow_df} degrees of freedom, "
        f"p = {fit.hosmer_lemeshow_p_value:.2g}"
    )
    gap = f"the group that is furthest off expects {worst.expected:,.1f} events and has {worst.observed:,.0f}"
    if fit.hosmer_lemeshow_p_value >= REJECTED:
        yield Finding("fine", "fit", "calibration", f"groups of risk are as expected: {test}", "")
        return
    missed = any(_is_missed(group) for group in fit.groups)
    many = n_obs > MANY_ROWS
    caveat = f"; in {n_obs:,.0f} observations the test rejects models that are good enough" if many else ""
    yield Finding(
        "warning" if missed or not many else "note",
        "fit",
        "calibration",
        f"{test}; {gap}{caveat}",
        "Look at the groups (checks.fit.groups) and at evaluate's calibration on other rows before changing the model.",
    )


def _miss(group: RiskGroup) -> float:
    """Return how far a group is off, in standard deviations of its events."""
    spread = group.expected * (1.0 - min(group.expected / group.n, 1.0))
    return abs(group.observed - group.expected) / math.sqrt(max(spread, 1e-300))


def _is_missed(group: RiskGroup) -> bool:
    """Whether a group is off by so much that it matters, and not by chance."""
    return abs(group.observed - group.expected) > MISSED_GROUP * group.expected and _miss(group) > CHANCE
