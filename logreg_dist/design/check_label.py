"""Whether the label column holds what a model can learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from logreg_dist.config import TrainConfig
from logreg_dist.config.policies import level_text
from logreg_dist.design.problems import Problem, counted, level_counts, listed, nearest, quoted
from logreg_dist.staging.profile import CategoricalProfile, TableProfile

# Each class has all the terms of a binary model; the label's dictionary holds a few more.
MAX_CLASSES = 200


def label_problems(profile: TableProfile, config: TrainConfig) -> list[Problem]:
    """Return what is wrong with the label's values; missing ones are `missing_problems`' business.

    A label of one level is no problem of the table's: no setting could help, and the fit says so.
    """
    column = config.label.column
    if column is None:
        return []
    if config.family == "multinomial":
        return _class_problems(profile, column)
    n_not_whole = profile.problems.get("label.not_whole", 0)
    if n_not_whole:
        what = f"label column {quoted(column)} has {counted(n_not_whole, 'value')} that are not whole numbers"
        return [
            Problem(
                f"{_is_for_one(what, n_not_whole)} in {counted(profile.rows.n_read, 'row')}",
                "A binary label has two levels, such as 0 and 1. For shares of events use "
                "label.events and label.trials.",
            )
        ]
    return _level_problems(profile.label_levels, column, config)


def _class_problems(profile: TableProfile, column: str) -> list[Problem]:
    label, n_not_whole = profile.label_levels, profile.problems.get("label.not_whole", 0)
    problems = []
    if n_not_whole:
        what = f"label column {quoted(column)} has {counted(n_not_whole, 'value')} that are not whole numbers"
        problems.append(
            Problem(
                f"{_is_for_one(what, n_not_whole)} in {counted(profile.rows.n_read, 'row')}",
                "A multinomial label has a class in each row: text, whole numbers or booleans.",
            )
        )
    if label.overflowed or len(label.levels) > MAX_CLASSES:
        more = "more than " if label.overflowed else ""
        problems.append(
            Problem(
                f"label column {quoted(column)} has {more}{len(label.levels):,} classes; at most {MAX_CLASSES:,} "
                "can be told apart",
                "Is it the label? Merge classes, or leave some out with input.filter.",
            )
        )
    return problems


def _level_problems(label: CategoricalProfile, column: str, config: TrainConfig) -> list[Problem]:
    counts = {level: n for level, (n, _) in sorted(label.levels.items())}
    min_count = config.features.defaults.min_level_count
    shown = _levels(counts, min_count, overflowed=label.overflowed)
    positive = None if config.label.positive is None else level_text(config.label.positive)
    if len(counts) > 2:
        way_out = "A binary model needs two. Leave the others out with input.filter, or merge them"
        if positive is None:
            way_out += ",\nand set label.positive to the level that means 1"
        if len(counts) <= MAX_CLASSES:
            way_out += ".\nFor a model of all of them set family to multinomial"
        hint = _differ_only_in_writing([level for level, n in counts.items() if n >= min_count])
        return [Problem(f"label column {quoted(column)} has {shown}", f"{way_out}.{hint}")]
    if positive is not None and counts and positive not in counts:
        frequent = [level for level, n in counts.items() if n >= min_count]
        return [
            Problem(
                f"label.positive is {quoted(positive)}, which label column {quoted(column)} does not hold",
                f"It has {shown}.{nearest(positive, frequent)}",
            )
        ]
    speaks_for_itself = set(counts) <= {"0", "1"} or set(counts) <= {"false", "true"}
    if positive is None and len(counts) == 2 and not speaks_for_itself:
        return [
            Problem(
                f"label column {quoted(column)} has {shown}; nothing says which one means 1",
                "Set label.positive to that level.",
            )
        ]
    return []


def _levels(counts: Mapping[str, float], min_count: int, *, overflowed: bool) -> str:
    n_levels = f"more than {counted(len(counts), 'level')}" if overflowed else counted(len(counts), "level")
    if all(n < min_count for n in counts.values()):
        each = "each " if len(counts) > 1 else ""
        return f"{n_levels}, {each}with fewer than {min_count} rows"
    return f"{n_levels}: {level_counts(counts, min_count=min_count)}"


def _differ_only_in_writing(levels: Sequence[str]) -> str:
    """Say which levels are one but for case and blanks around them; the usual cause of a third level."""
    alike: dict[str, list[str]] = {}
    for level in levels:
        alike.setdefault(level.strip().lower(), []).append(level)
    pairs = [listed([quoted(level) for level in group]) for group in alike.values() if len(group) > 1]
    return f"\n{'; '.join(pairs[:3])} differ only in case or blanks." if pairs else ""


def _is_for_one(text: str, n: int) -> str:
    return text.replace("that are not whole numbers", "that is not a whole number") if n == 1 else text
