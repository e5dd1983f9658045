"""Learning a sparse column: which words have a term."""

from __future__ import annotations

from dataclasses import dataclass

from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.problems import Problem, config_key, counted, quoted
from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.staging.plan import SparseRule
from logreg_dist.staging.sparse_survey import SparseProfile

DEFAULT_VOCABULARY = 10_000


@dataclass(frozen=True)
class LearnedSparse:
    """A sparse column, why it cannot be one, and what a user should know about it."""

    column: SparseColumn
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def learn_sparse(asked: AskedColumn, profile: SparseProfile) -> LearnedSparse:
    """Decide the terms of a sparse column: the words that most rows have, of equal ones the first in order.

    A word needs `min_level_count` rows, by frequency; the others have no term and no name in the model.
    """
    plan, policy = asked.sparse, asked.policy
    assert plan is not None
    words: tuple[str, ...] = ()
    problems: list[Problem] = []
    notes: list[str] = []
    if plan.rule is SparseRule.WORDS:
        most = policy.vocabulary or DEFAULT_VOCABULARY
        frequent = [word for word, n in profile.words.items() if n >= policy.min_level_count]
        frequent.sort(key=lambda word: (-profile.words[word], word))
        words = tuple(sorted(frequent[:most]))
        if not words:
            problems.append(
                Problem(
                    f"text column {quoted(asked.name)} has no word that {policy.min_level_count} rows have",
                    f"Lower features.columns.{config_key(asked.name)}.min_level_count, or exclude the column.",
                )
            )
        n_known = sum(n > 0 for n in profile.words.values())
        if n_known > len(words):
            notes.append(
                f"{quoted(asked.name)}: {len(words):,} of {counted(n_known, 'different word')} have a term; the others "
                f"are rarer than {policy.min_level_count} rows or than vocabulary: {most} has room for, and count "
                "as absent, at scoring too"
            )
    return LearnedSparse(
        SparseColumn(
            name=asked.name,
            source_type=asked.source_type,
            missing=policy.missing.text,
            rule=plan.rule.value,
            values=plan.values,
            words=words,
            size=len(words) if plan.rule is SparseRule.WORDS else plan.size,
            fill=plan.fill,
            scale=profile.typical,
        ),
        tuple(problems),
        tuple(notes),
    )
