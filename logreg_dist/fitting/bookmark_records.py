"""Bookmarks as plain values and back, bit for bit: numbers are whole, arrays little-endian doubles in base64."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logreg_dist.fitting.journal import Bookmark
from logreg_dist.fitting.mixtures import MixingBookmark
from logreg_dist.fitting.penalty_path import PathBookmark
from logreg_dist.fitting.selection_path import SelectionBookmark
from logreg_dist.solver.bookmarks import (
    FirthBookmark,
    LbfgsBookmark,
    NewtonBookmark,
    Pair,
    ProximalBookmark,
)
from logreg_dist.solver.linear_system import Dependence
from logreg_dist.solver.result import Iteration

FloatArray = NDArray[np.float64]

_LITTLE = np.dtype("<f8")


@dataclass(frozen=True)
class Content:
    """A bookmark taken apart.

    Attributes
    ----------
    kind : str
    numbers : mapping of str to int
    arrays : mapping of str to ndarray
        Of one axis or two.
    """

    kind: str
    numbers: Mapping[str, int]
    arrays: Mapping[str, FloatArray]

    def record(self) -> dict[str, Any]:
        """Return plain values."""
        arrays = {
            name: {
                "shape": list(array.shape),
                "data": base64.b64encode(np.ascontiguousarray(array, _LITTLE).tobytes()).decode(),
            }
            for name, array in self.arrays.items()
        }
        return {"kind": self.kind, "numbers": dict(self.numbers), "arrays": arrays}


def content_of(bookmark: Bookmark) -> Content:
    """Take a bookmark apart."""
    kind = next(name for name, (cls, _, _) in _KINDS.items() if isinstance(bookmark, cls))
    numbers, arrays = _KINDS[kind][1](bookmark)
    return Content(kind, numbers, {name: np.asarray(array) for name, array in arrays.items()})


def bookmark_from(record: Mapping[str, Any]) -> Bookmark:
    """Put a bookmark together.

    Raises
    ------
    ValueError
        When it does not hold together.
    """
    if record["kind"] not in _KINDS:
        raise ValueError("an unknown kind")
    arrays = {name: _array(one) for name, one in record["arrays"].items()}
    try:
        found: Bookmark = _KINDS[record["kind"]][2](record["numbers"], arrays)
    except (KeyError, TypeError, IndexError, OverflowError) as error:
        raise ValueError("something is missing") from error
    if found.beta.ndim != 1 or not np.isfinite(found.beta).all():
        raise ValueError("coefficients that are none")
    return found


def _array(record: Mapping[str, Any]) -> FloatArray:
    shape = tuple(record["shape"])
    try:
        data = base64.b64decode(record["data"], validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if len(shape) not in (1, 2) or min(shape) < 0 or 8 * math.prod(shape) != len(data):
        raise ValueError("an array of another size")
    # A copy of its own: what is read from a buffer cannot be written to.
    return np.frombuffer(data, _LITTLE).astype(np.float64).reshape(shape)


_Numbers = Mapping[str, int]
_Arrays = Mapping[str, FloatArray]


def _of_newton(mark: NewtonBookmark) -> tuple[_Numbers, _Arrays]:
    arrays: dict[str, FloatArray] = {
        "beta": mark.beta,
        "direction": mark.direction,
        "history": _of_history(mark.history),
        "earlier": _of_history(mark.earlier),
        **_of_dependences(mark.dependences),
    }
    numbers = {"halvings": mark.halvings, "asked_at": mark.asked_at}
    if mark.near is not None:
        near = _of_lbfgs(mark.near)
        numbers |= {f"near.{name}": number for name, number in near[0].items()}
        arrays |= {f"near.{name}": array for name, array in near[1].items()}
    return numbers, arrays


def _newton(numbers: _Numbers, arrays: _Arrays) -> NewtonBookmark:
    near = None
    if "near.beta" in arrays:
        near = _lbfgs(_inside("near.", numbers), _inside("near.", arrays))
        _same_size(arrays["beta"], near.beta)
    _same_size(arrays["beta"], arrays["direction"])
    return NewtonBookmark(
        arrays["beta"],
        arrays["direction"],
        _history(arrays["history"]),
        numbers["halvings"],
        numbers["asked_at"],
        _dependences(arrays),
        _history(arrays["earlier"]),
        near,
    )


def _of_proximal(mark: ProximalBookmark) -> tuple[_Numbers, _Arrays]:
    arrays = {"beta": mark.beta, "history": _of_history(mark.history), **_of_dependences(mark.dependences)}
    return {"halvings": mark.halvings, "asked_at": mark.asked_at}, arrays


def _proximal(numbers: _Numbers, arrays: _Arrays) -> ProximalBookmark:
    history, dependences = _history(arrays["history"]), _dependences(arrays)
    return ProximalBookmark(arrays["beta"], history, numbers["halvings"], numbers["asked_at"], dependences)


def _of_lbfgs(mark: LbfgsBookmark) -> tuple[_Numbers, _Arrays]:
    p = len(mark.beta)
    arrays = {
        "beta": mark.beta,
        "history": _of_history(mark.history),
        "steps": _rows([pair.step for pair in mark.pairs], p),
        "changes": _rows([pair.change for pair in mark.pairs], p),
        "inverses": np.array([pair.inverse for pair in mark.pairs]),
    }
    return {"trials": mark.trials, "next_question": mark.next_question}, arrays


def _lbfgs(numbers: _Numbers, arrays: _Arrays) -> LbfgsBookmark:
    beta, inverses = arrays["beta"], arrays["inverses"]
    steps, changes = _rows_of(arrays["steps"], beta), _rows_of(arrays["changes"], beta)
    pairs = tuple(Pair(*pair) for pair in zip(steps, changes, inverses.tolist(), strict=True))
    return LbfgsBookmark(
        beta, _history(arrays["history"]), numbers["trials"], numbers["next_question"], pairs
    )


def _of_firth(mark: FirthBookmark) -> tuple[_Numbers, _Arrays]:
    p = len(mark.beta)
    arrays = {
        "beta": mark.beta,
        "history": _of_history(mark.history),
        "steps": _rows([moved for moved, _ in mark.pairs], p),
        "changes": _rows([lost for _, lost in mark.pairs], p),
        "before": _rows([] if mark.before is None else list(mark.before), p),
        **_of_dependences(mark.dependences),
    }
    return {"halvings": mark.halvings}, arrays


def _firth(numbers: _Numbers, arrays: _Arrays) -> FirthBookmark:
    beta = arrays["beta"]
    steps, changes = _rows_of(arrays["steps"], beta), _rows_of(arrays["changes"], beta)
    before = _rows_of(arrays["before"], beta)
    return FirthBookmark(
        beta,
        _history(arrays["history"]),
        numbers["halvings"],
        _dependences(arrays),
        tuple(zip(steps, changes, strict=True)),
        (before[0], before[1]) if before else None,
    )


def _of_mixing(mark: MixingBookmark) -> tuple[_Numbers, _Arrays]:
    return {"rounds": mark.rounds}, {"beta": mark.beta}


def _mixing(numbers: _Numbers, arrays: _Arrays) -> MixingBookmark:
    return MixingBookmark(arrays["beta"], numbers["rounds"])


def _of_path(mark: PathBookmark) -> tuple[_Numbers, _Arrays]:
    betas = _rows(mark.betas, len(mark.beta))
    deviances, held_out = np.array(mark.deviances), np.array(mark.held_out)
    return {}, {"betas": betas, "deviances": deviances, "held_out": held_out}


def _path(numbers: _Numbers, arrays: _Arrays) -> PathBookmark:
    if not 0 < len(arrays["betas"]) == len(arrays["deviances"]) == len(arrays["held_out"]):
        raise ValueError("fits with a part missing")
    betas = tuple(row.copy() for row in arrays["betas"])
    return PathBookmark(betas, tuple(arrays["deviances"].tolist()), tuple(arrays["held_out"].tolist()))


def _of_selection(mark: SelectionBookmark) -> tuple[_Numbers, _Arrays]:
    arrays = {"beta": mark.beta, "estimable": mark.estimable.astype(np.float64), "steps": mark.steps}
    return {"n_fits": mark.n_fits, "converged": int(mark.converged)}, arrays


def _selection(numbers: _Numbers, arrays: _Arrays) -> SelectionBookmark:
    _same_size(arrays["beta"], arrays["estimable"])
    return SelectionBookmark(
        arrays["beta"],
        arrays["estimable"] != 0,
        arrays["steps"],
        numbers["n_fits"],
        bool(numbers["converged"]),
    )


_KINDS: Mapping[str, tuple[type, Callable[[Any], tuple[_Numbers, _Arrays]], Callable[..., Any]]] = {
    "newton": (NewtonBookmark, _of_newton, _newton),
    "proximal_newton": (ProximalBookmark, _of_proximal, _proximal),
    "lbfgs": (LbfgsBookmark, _of_lbfgs, _lbfgs),
    "firth": (FirthBookmark, _of_firth, _firth),
    "mixing": (MixingBookmark, _of_mixing, _mixing),
    "path": (PathBookmark, _of_path, _path),
    "selection": (SelectionBookmark, _of_selection, _selection),
}


def _of_history(history: Sequence[Iteration]) -> FloatArray:
    rows = [(one.iteration, one.deviance, one.change, one.halvings, one.seconds) for one in history]
    return np.array(rows, dtype=np.float64).reshape(-1, 5)


def _history(rows: FloatArray) -> tuple[Iteration, ...]:
    return tuple(
        Iteration(int(number), deviance, change, int(halvings), seconds)
        for number, deviance, change, halvings, seconds in rows.tolist()
    )


def _of_dependences(dependences: Sequence[Dependence]) -> dict[str, FloatArray]:
    rows = [(one.position, one.remaining, len(one.weights)) for one in dependences]
    weights = [pair for one in dependences for pair in one.weights.items()]
    return {
        "dependences": np.array(rows, dtype=np.float64).reshape(-1, 3),
        "weights": np.array(weights, dtype=np.float64).reshape(-1, 2),
    }


def _dependences(arrays: _Arrays) -> tuple[Dependence, ...]:
    p, found, rest = len(arrays["beta"]), [], arrays["weights"].tolist()
    for position, remaining, n_weights in arrays["dependences"].tolist():
        own, rest = rest[: int(n_weights)], rest[int(n_weights) :]
        if not all(0 <= place < p for place in (position, *(place for place, _ in own))):
            raise ValueError("a term that is none")
        found.append(Dependence(int(position), {int(place): weight for place, weight in own}, remaining))
    return tuple(found)


def _rows(vectors: Sequence[FloatArray], p: int) -> FloatArray:
    return np.array(vectors, dtype=np.float64).reshape(-1, p) if vectors else np.empty((0, p))


def _rows_of(rows: FloatArray, beta: FloatArray) -> list[FloatArray]:
    """Return rows as vectors of their own."""
    if rows.ndim != 2 or rows.shape[1:] != beta.shape:
        raise ValueError("vectors of another size")
    return [row.copy() for row in rows]


def _same_size(first: FloatArray, second: FloatArray) -> None:
    if first.shape != second.shape:
        raise ValueError("vectors of different sizes")


def _inside(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name[len(prefix) :]: value for name, value in values.items() if name.startswith(prefix)}
