"""Missing values wherever they matter, and label, weight, count and offset columns that break their rules."""

from __future__ import annotations

from collections.abc import Sequence

from logreg_dist.config import TrainConfig
from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.problems import Problem, config_key, counted, counted_columns, listed, quoted
from logreg_dist.staging.plan import Kind
from logreg_dist.staging.profile import TableProfile

# By problem: the words for one row and for more.
_ROLE_PROBLEMS = {
    "not_number": ("1 value that is not a number", "{n} values that are not numbers"),
    "negative": ("1 negative value", "{n} negative values"),
    "infinite": ("1 infinite value", "{n} infinite values"),
    "not_whole": ("1 value that is not a whole number", "{n} values that are not whole numbers"),
    "too_large": ("1 value beyond 1e100", "{n} values beyond 1e100"),
    "not_exact": ("1 number of more than 53 bits", "{n} numbers of more than 53 bits"),
    "more_than_trials": ("1 row with more events than trials", "{n} rows with more events than trials"),
}
_EXPECTED = {
    "weight": "Weights are finite numbers >= 0.",
    "offset": "Offsets are finite log-odds.",
    "fold key": "Every row needs a key, a text or a whole number, to be put into a fold.",
    "cluster[0]": "Every row needs a cluster, a text or a whole number.",
    "cluster[1]": "Every row needs a cluster, a text or a whole number.",
    "order": "Every row needs its place in the order, a number or a time.",
    "key": "Every row needs a key, a text or a whole number.",
}
_COUNTS = "Counts are whole numbers >= 0."
_MEND = "Mend the column or leave such rows out with input.filter."

_FOR_NUMBERS = "drop, mean, median,\nconstant(v) or indicator"
_FOR_LEVELS = "drop, level\nor constant(v)"

# A larger sum makes standard errors so small that rounding moves estimates by more than them.
MAX_WEIGHT_SUM = 1e22


def missing_problems(
    profile: TableProfile, asked: Sequence[AskedColumn], config: TrainConfig
) -> list[Problem]:
    """Return one problem that names every column with missing values and no policy for them."""
    roles = {
        role: (column, n)
        for role, column in _role_columns(config).items()
        if (n := profile.problems.get(f"{role}.missing", 0))
    }
    numbers, levels = _missing_numbers(profile, asked), _missing_levels(profile, asked)
    features = numbers | levels
    if not features and not roles:
        return []
    n_rows = counted(profile.rows.n_read if roles else profile.rows.n_rows, "row")
    if len(features) + len(roles) == 1:
        return [_one_column(roles, numbers, levels, n_rows)]
    named = [f"{role} {quoted(column)} {n:,}" for role, (column, n) in roles.items()]
    if features:
        named.append(counted_columns(features, limit=6))
    what = f"{len(features) + len(roles)} columns have missing values in {n_rows}: {', '.join(named)}"
    return [Problem(what, "\n".join(_ways_out(roles, numbers, levels)))]


def role_problems(profile: TableProfile, config: TrainConfig) -> list[Problem]:
    """Return a problem for each weight, count or offset column that breaks its rules."""
    n_rows = counted(profile.rows.n_read, "row")
    problems = []
    for role, column in _role_columns(config).items():
        if role == "label":
            continue
        found = {problem: profile.problems.get(f"{role}.{problem}", 0) for problem in _ROLE_PROBLEMS}
        words = [_ROLE_PROBLEMS[problem][n != 1].format(n=f"{n:,}") for problem, n in found.items() if n]
        if words:
            what = f"{role} column {quoted(column)} has {listed(words)} in {n_rows}"
            problems.append(Problem(what, f"{_EXPECTED.get(role, _COUNTS)} {_MEND}"))
    if not problems and profile.rows.weight_sum > MAX_WEIGHT_SUM:
        what = f"the weights add to {profile.rows.weight_sum:.3g}"
        way_out = (
            f"Beyond {MAX_WEIGHT_SUM:.0e} rounding hides what a row says. Divide the weights by a constant."
        )
        problems.append(Problem(what, way_out.replace("e+", "e")))
    return problems


def _role_columns(config: TrainConfig) -> dict[str, str]:
    columns = {
        "label": config.label.column,
        "events": config.label.events,
        "trials": config.label.trials,
        "weight": config.weight,
        "frequency": config.frequency,
        "offset": config.offset,
        "fold key": None if config.cross_validation is None else config.cross_validation.by,
        **dict.fromkeys(("cluster[0]", "cluster[1]")),
        "order": config.checks.order,
        "key": config.checks.influence.key,
    }
    columns |= {f"cluster[{k}]": name for k, name in enumerate(config.inference.cluster or ())}
    return {role: column for role, column in columns.items() if column is not None}


def _missing_numbers(profile: TableProfile, asked: Sequence[AskedColumn]) -> dict[str, int]:
    numeric = [column for column in asked if column.kind is Kind.NUMERIC]
    missing = profile.numeric.n_missing - profile.numeric.n_not_number
    return {
        column.name: int(n)
        for column, n in zip(numeric, missing, strict=True)
        if n > 0 and column.policy.missing.kind == "error"
    }


def _missing_levels(profile: TableProfile, asked: Sequence[AskedColumn]) -> dict[str, int]:
    categorical = [column for column in asked if column.kind is Kind.CATEGORICAL]
    return {
        column.name: found.n_missing
        for column, found in zip(categorical, profile.categorical, strict=True)
        if found.n_missing > 0 and column.policy.missing.kind == "error" and not found.overflowed
    }


def _one_column(
    roles: dict[str, tuple[str, int]], numbers: dict[str, int], levels: dict[str, int], n_rows: str
) -> Problem:
    for role, (column, n) in roles.items():
        what = f"{role} column {quoted(column)} has {counted(n, 'missing value')} in {n_rows}"
        why = "A row without a label teaches nothing. Leave such rows out with input.filter."
        return Problem(what, why if role == "label" else f"{_EXPECTED.get(role, _COUNTS)} {_MEND}")
    noun, choices = ("numbers", _FOR_NUMBERS) if numbers else ("levels", _FOR_LEVELS)
    [(name, n)] = (numbers or levels).items()
    return Problem(
        f"column {quoted(name)} has {counted(n, 'missing value')} in {n_rows}",
        f"Models cannot use missing {noun}. Set features.columns.{config_key(name)}.missing to {choices}.",
    )


def _ways_out(
    roles: dict[str, tuple[str, int]], numbers: dict[str, int], levels: dict[str, int]
) -> list[str]:
    lines = []
    key = "features.columns.<column>.missing"
    if numbers and levels:
        lines.append(
            f"Set {key}: numeric columns take drop, mean, median, constant(v)\n"
            "or indicator, categorical ones drop, level or constant(v)."
        )
    elif numbers or levels:
        noun, choices = ("numbers", _FOR_NUMBERS) if numbers else ("levels", _FOR_LEVELS)
        lines.append(f"Models cannot use missing {noun}. Set {key} to {choices}.")
    if roles:
        lines.append(f"Rows without {listed(list(roles))} can only be mended, or left out with input.filter.")
    return lines
