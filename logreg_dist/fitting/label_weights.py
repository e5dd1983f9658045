"""``label.class_weights`` as numbers."""

from __future__ import annotations

from collections.abc import Mapping

from logreg_dist.config import TrainConfig
from logreg_dist.config.policies import level_text
from logreg_dist.design.problems import Problem, quoted, reject
from logreg_dist.fitting.label import label_record
from logreg_dist.staging.label_weights import LabelWeights
from logreg_dist.staging.profile import TableProfile


def weights_of_labels(profile: TableProfile, config: TrainConfig) -> LabelWeights | None:
    """Return what the rows of label 0 and 1 are multiplied by, None when the configuration asks for nothing.

    Parameters
    ----------
    profile : TableProfile
        Of both labels.
    config : TrainConfig
    """
    rows, record = profile.rows, label_record(config.label, profile.label_levels)
    # Without names, as events and other trials are, only `balanced` can have been asked for.
    positive, negative = record.positive or "events", record.negative or "others"
    sums = {negative: rows.weight_sum - rows.label_sum, positive: rows.label_sum}
    found = weights_by_class(config, sums)
    return None if found is None else LabelWeights(zero=found[negative], one=found[positive])


def weights_by_class(config: TrainConfig, sums: Mapping[str, float]) -> dict[str, float] | None:
    """Return what the rows of each class are multiplied by, None when the configuration asks for nothing.

    ``balanced`` gives each of k classes of weights W_1 ... W_k the same total, ``W / k``, which leaves the
    weight of the table as it is (scikit-learn's ``class_weight="balanced"``).

    Parameters
    ----------
    config : TrainConfig
    sums : mapping of str to float
        Weight of each class that the table holds, by its text.

    Raises
    ------
    InputRejected
        When a weight is given for a class that the table does not hold.
    """
    asked = config.label.class_weights
    if asked is None:
        return None
    if asked == "balanced":
        total = sum(sums.values())
        return {name: total / (len(sums) * weight) for name, weight in sums.items()}
    given = {level_text(level): weight for level, weight in asked.items()}
    unknown = [name for name in given if name not in sums]
    if unknown:
        reject(
            [
                Problem(
                    f"label.class_weights has a weight for {quoted(unknown[0])}, which label column "
                    f"{quoted(str(config.label.column))} does not hold",
                    f"It has {len(sums):,} classes. Write them as the table does; those not listed have weight 1.",
                )
            ]
        )
    return {name: given.get(name, 1.0) for name in sums}
