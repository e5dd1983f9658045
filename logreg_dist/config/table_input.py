"""The table that a job reads, and the check that its output does not lie on top of it."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from logreg_dist.config.document import Section
from logreg_dist.config.fields import AS_TUPLE, NOT_BLANK, PLAIN, choice, expected, reject, repeated
from logreg_dist.config.problems import Path, Problem

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")
_S3 = re.compile(r"^s3[an]$")
_PASSWORD = re.compile(r"^[^@]*:[^@]*@")

# Options of Spark's readers, in small letters, and what they lose.
_IGNORE = {
    "ignorecorruptfiles": "files that cannot be read",
    "ignoremissingfiles": "files that vanish",
    "ignoreinvalidpartitionpaths": "files in folders that name no partition",
}

_Text = Annotated[str, NOT_BLANK]
_Option = Annotated[str | bool | int | float, expected("text, a number, true or false")]


class InputConfig(Section):
    """Where rows come from: files (`path`) or a table of the catalog (`table`), never both.

    `options` go to Spark's reader as they are. `filter` is a Spark SQL predicate and is trusted
    like code: it can call any function that Spark can.
    """

    path: (
        Annotated[
            _Text | Annotated[tuple[_Text, ...], Field(min_length=1), AS_TUPLE],
            expected("a path or a list of paths (text)"),
            PLAIN,
        ]
        | None
    ) = None
    table: Annotated[_Text, expected("the name of a table (text)")] | None = None
    format: Annotated[_Text, expected("the name of a Spark reader (text)")] = "parquet"
    options: Mapping[str, _Option] = Field(default={}, repr=False)
    filter: Annotated[_Text, expected("a Spark SQL predicate (text)")] | None = Field(
        default=None, repr=False
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths as a tuple, empty when a table is read."""
        if self.path is None:
            return ()
        return (self.path,) if isinstance(self.path, str) else self.path

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        problems = repeated(self.paths, ("path",))
        if (self.path is None) == (self.table is None):
            state = "both are given; set one of them to null" if self.path else "neither is given"
            problems.append(Problem(("path",), f"expected either path or table, {state}"))
        problems += [
            Problem(("options", name), sentence)
            for name, value in self.options.items()
            if (sentence := _loses_rows(name, value, self.format))
        ]
        reject(problems)
        return self


def _loses_rows(name: str, value: str | float, format: str) -> str | None:
    """Say what is wrong with an option of a reader that leaves out rows without a word; Spark ignores case."""
    option, text = name.lower(), str(value).strip().lower()
    if option in _IGNORE and text == "true":
        return f"is true: {_IGNORE[option]} would be left out without a word; set it to false"
    if option == "badrecordspath":
        return "leaves out records that cannot be read; remove it"
    if option != "mode":
        return None
    if text == "dropmalformed":
        return "is DROPMALFORMED: records that cannot be read would be left out without a word; remove it"
    if format.lower() in ("csv", "json", "xml") and text not in ("permissive", "failfast"):
        return "expected PERMISSIVE or FAILFAST"
    return None


class TrainInputConfig(InputConfig):
    """The training table.

    `splits` is the number of staged splits, None: from the table and the cores. `reader` is who reads
    it: ``arrow`` reads plain Parquet files inside the tasks, ``spark`` any table; ``auto`` takes the
    first where it gives the same rows.
    """

    reader: Annotated[Literal["auto", "spark", "arrow"], choice("auto", "spark", "arrow")] = "auto"

    splits: Annotated[int, Field(ge=1), expected("a whole number >= 1")] | None = None


def overlap(
    output: str, inputs: tuple[str, ...], *, above: bool, path: Path = ("output", "path")
) -> list[Problem]:
    """Report an output path that is, lies inside, or (if `above`) holds one of the input paths.

    Compared are local paths made absolute, as written and with symbolic links followed, and URLs
    of like scheme and host; ``..`` is resolved and wildcards of the input match. Paths that only
    the cluster can resolve are left to publishing.
    """
    read = [place for name in inputs for place in _places(name)]
    for place in _places(output):
        for other in read:
            if not all(map(_matches, place, other)) or (len(place) < len(other) and not above):
                continue
            longer = "lies inside" if len(place) > len(other) else "lies above"
            relation = "is the same as" if len(place) == len(other) else longer
            return [Problem(path, f"{relation} a path that is read; choose another place")]
    return []


def _matches(name: str, pattern: str) -> bool:
    has_wildcard = any(character in pattern for character in "*?[")
    return fnmatch.fnmatchcase(name, pattern) if has_wildcard else name == pattern


def _places(path: str) -> Iterator[tuple[str, ...]]:
    """Yield the parts of a path, the first being scheme and host; twice if links lead elsewhere."""
    scheme, colon, rest = path.partition(":")
    if colon and _SCHEME.fullmatch(scheme) and scheme.lower() != "file":
        host, _, below = rest.removeprefix("//").partition("/") if rest.startswith("//") else ("", "", rest)
        root = _S3.sub("s3", scheme.lower()) + "://" + _PASSWORD.sub("", host)
        yield _parts(root, os.path.normpath("/" + below.lstrip("/")))
        return
    local = re.sub(r"^file:/*", "/", path, flags=re.IGNORECASE)
    written = os.path.abspath(local)
    yield _parts("file://", written)
    with contextlib.suppress(ValueError, OSError):  # a name that no file can have
        if (real := os.path.realpath(local)) != written:
            yield _parts("file://", real)


def _parts(root: str, path: str) -> tuple[str, ...]:
    # Alternatives in braces count as a wildcard: refusing too much loses no data.
    return (root, *filter(None, re.sub(r"\{[^{}]*\}", "*", path).split("/")))
