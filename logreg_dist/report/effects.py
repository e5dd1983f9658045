"""Average marginal effects as text."""

from __future__ import annotations

from logreg_dist.inference.records import MarginalEffect
from logreg_dist.model.model import LogisticModel
from logreg_dist.report.table import number, one_line, p_value, text_table

MAX_EFFECTS = 50


def effects_table(model: LogisticModel, *, max_effects: int = MAX_EFFECTS) -> str:
    """Return the effects of a model that has some: probability per unit of a number, or against the reference level."""
    confidence = model.config.get("inference", {}).get("confidence", 0.95)
    header = ["Average marginal effects", "effect", "std. error", "z", "p", f"{confidence:.0%} interval"]
    shown = model.marginal_effects[:max_effects]
    text = text_table(header, [_row(one) for one in shown])
    hidden = len(model.marginal_effects) - len(shown)
    if hidden:
        text += f"\n... and {hidden:,} more effects, in model.json"
    return (
        text + "\nOn the probability, per unit of a number, of a level against the reference; rows as given."
    )


def _row(one: MarginalEffect) -> list[str]:
    name = one.column if one.level is None else f"{one.column}[{one.level}]"
    return [
        one_line(name),
        number(one.effect),
        number(one.std_error),
        "-" if one.z is None else f"{one.z:.3f}",
        p_value(one.p_value),
        f"{number(one.conf_low, 4)} to {number(one.conf_high, 4)}",
    ]
