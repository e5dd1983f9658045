"""Pydantic's errors -> problems in the words of the configuration, with the nearest known key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from logreg_dist.config.problems import MAX_LINES, MAX_SHOWN, Path, Problem, Source, describe, dotted


def problems_of(error: ValidationError, model: type[BaseModel], source: Source) -> list[Problem]:
    """Turn pydantic's errors into problems, one per key, in the order of the model's fields.

    Parameters
    ----------
    error : ValidationError
        Raised by `model`.
    model : type
        The model of the whole file, searched for the nearest known key.
    source : Source
        Says which values may be shown.
    """
    found: dict[Path, Problem] = {}
    for detail in error.errors(include_url=False):
        context = detail.get("ctx", {})
        if detail["type"] == "problems":
            new = [Problem((*detail["loc"], *path), text) for path, text in context["problems"]]
        else:
            path = (*detail["loc"][: -1 if _is_about_a_key(detail) else None], *context.get("at", ()))
            known = len(found) >= MAX_LINES or path in found
            new = [Problem(path, "" if known else _sentence(detail, path, model, source))]
        for problem in new:
            found.setdefault(problem.path, problem)
    return list(found.values())


# How like a key of another section a word must be to be taken for it: misplaced, and perhaps misspelt.
MISPLACED = 0.85


def nearest(word: str, known: Sequence[str], *, likeness: float = 0.6) -> str | None:
    """Return the known word most like `word`, whatever the case, or None where none is that alike.

    Examples
    --------
    >>> nearest("Colum", ["column", "positive"])
    'column'
    """
    by_lower = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(word[:MAX_SHOWN].lower(), list(by_lower), n=1, cutoff=likeness)
    return by_lower[matches[0]] if matches else None


def known_paths(model: type[BaseModel], above: Path = ()) -> Iterator[Path]:
    """Yield the path of every key of a model; ``*`` stands for a name that the user chooses."""
    for name, info in model.model_fields.items():
        path = (*above, name)
        yield path
        for section, is_named in _sections(info.annotation):
            yield from known_paths(section, (*path, "*") if is_named else path)


def _sentence(detail: ErrorDetails, path: Path, model: type[BaseModel], source: Source) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "missing":
        return "required, but not given"
    if detail["type"] == "extra_forbidden":
        return _unknown_key(path, model)
    if detail["type"] == "refused":
        return str(context["sentence"])
    if detail["type"] == "expected":
        what, value = str(context["what"]), context["found"]
    else:
        what, value = _expected_shape(detail, path, model), detail["input"]
    # A reader's options are where passwords are.
    show = path not in source.templates and "options" not in path
    sentence = f"expected {what}, found {describe(value, show=show)}"
    if path in source.templates:
        return f"{sentence} from {source.templates[path]}"
    if "(text)" in what and isinstance(value, (bool, int, float)):
        return f"{sentence}; quote it"
    return sentence


def _unknown_key(path: Path, model: type[BaseModel]) -> str:
    siblings = _keys_at(model, path[:-1])
    word = str(path[-1])
    close = nearest(word, siblings)
    if close:
        return f"unknown key; did you mean {dotted((*path[:-1], close))}?"
    elsewhere = {str(known[-1]): known for known in known_paths(model) if "*" not in known}
    close = nearest(word, list(elsewhere), likeness=MISPLACED)
    if close:
        return f"unknown key; did you mean {dotted(elsewhere[close])}?"
    return f"unknown key; known here: {', '.join(siblings)}"


def _expected_shape(detail: ErrorDetails, path: Path, model: type[BaseModel]) -> str:
    if detail["type"] == "model_type":
        keys = _keys_at(model, path)
        return f"a section with keys such as {', '.join(keys[:3])}"
    if detail["type"] in ("mapping_type", "dict_type"):
        return "a section of names"
    if detail["type"] == "invalid_key" or _is_about_a_key(detail):
        return "a key that is text"
    return detail["msg"].removeprefix("Input should be ")


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys of the section at `path`."""
    patterns = [known for known in known_paths(model) if len(known) == len(path) + 1]
    return [
        str(known[-1])
        for known in patterns
        if all(ours in ("*", theirs) for ours, theirs in zip(known, path, strict=False))
    ]


def _sections(annotation: Any) -> Iterator[tuple[type[BaseModel], bool]]:
    """Yield the models inside an annotation, and whether they lie below names of the user's choice."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, False
    is_mapping = get_origin(annotation) is Mapping
    for inner in get_args(annotation):
        for section, is_named in _sections(inner):
            yield section, is_named or is_mapping


def _is_about_a_key(detail: ErrorDetails) -> bool:
    """Tell pydantic's mark for a name that is no text from a column that is called ``[key]``."""
    return detail["type"] == "string_type" and detail["loc"][-1:] == ("[key]",)
