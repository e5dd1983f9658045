"""The terms of a model as people write them: a closed grammar that is read and never run."""

from logreg_dist.formula.parse import MAX_TERMS, MAX_TEXT, TermError, asked_terms, parse_term
from logreg_dist.formula.parts import BOUNDS, FUNCTIONS, AskedTerms, TermPart, column_text

__all__ = [
    "BOUNDS",
    "FUNCTIONS",
    "MAX_TERMS",
    "MAX_TEXT",
    "AskedTerms",
    "TermError",
    "TermPart",
    "asked_terms",
    "column_text",
    "parse_term",
]
