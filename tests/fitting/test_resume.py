"""A search that is killed in any iteration goes on where it was, and ends in the same bits; no Spark."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from logreg_dist.config.selection import SelectionConfig
from logreg_dist.fitting.bookmark_records import bookmark_from, content_of
from logreg_dist.fitting.firth import rows_of_blocks
from logreg_dist.fitting.mixtures import on_mixtures
from logreg_dist.fitting.penalty import Penalty
from logreg_dist.fitting.penalty_path import follow_path
from logreg_dist.fitting.select_columns import select_columns
from logreg_dist.fitting.selection_path import Terms
from logreg_dist.kernel.block import BlockShape
from logreg_dist.solver.approach import RoughInformation
from logreg_dist.solver.bookmarks import LbfgsBookmark, NewtonBookmark, Page, Pair
from logreg_dist.solver.box import Box
from logreg_dist.solver.firth import FirthOptions, firth
from logreg_dist.solver.lbfgs import LbfgsOptions, by_diagonal, lbfgs
from logreg_dist.solver.linear_system import Dependence
from logreg_dist.solver.mixed import MixedInformation
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.proximal import ProximalOptions, proximal_newton
from logreg_dist.solver.result import Iteration, Sums
from tests.solver.arrays import block_of, overlapping, sums_of, with_ones

X, Y = overlapping(600, 6, seed=3)
P = X.shape[1]
FAR = np.array([2.0, -3.0, 4.0, 1.0, -2.0, 3.0])


# Of the direction of endless rise: the first question is answered no, the one four iterations later yes.
NEARLY = 0.99998


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


class Counted:
    """Sums, and how often they were asked for."""

    def __init__(self, sums: Callable[..., Any]) -> None:
        self.sums, self.calls = sums, 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        return self.sums(*arguments)


class FileOfPages:
    """Pages of several searches, kept as the file keeps them, that kill a run after so many bookmarks."""

    def __init__(self, kill_after: int | None = None, left: dict[str, str] | None = None) -> None:
        self.kill_after, self.left, self.kept, self.n_kept = kill_after, left or {}, dict(left or {}), 0

    def page(self, name: str = "main") -> Page[Any]:
        text = self.left.get(name)

        def keep(bookmark: Any) -> None:
            self.kept[name] = json.dumps(content_of(bookmark).record(), allow_nan=False)
            if name == "main":
                self.n_kept += 1
                if self.kill_after is not None and self.n_kept > self.kill_after:
                    raise Killed

        return Page(None if text is None else bookmark_from(json.loads(text)), keep)


def by_newton(
    pages: FileOfPages, *, X=X, start=FAR, score: bool = False, rough: float | None = None, **options
):
    evaluate = Counted(sums_of(X, Y))
    plain = sums_of(X, Y)
    result = newton(
        evaluate,
        start,
        NewtonOptions(**options),
        rises_for_ever=lambda direction: False,
        evaluate_score=(lambda beta: replace(evaluate(beta), information=None)) if score else None,
        rough=None if rough is None else RoughInformation(plain(start).information, rough),
        page=pages.page(),
    )
    return result, evaluate.calls


def by_newton_separated(pages: FileOfPages):
    evaluate = Counted(sums_of(X, (X[:, 1] > 0).astype(float)))
    asked = NewtonOptions(max_iterations=30)
    along = np.eye(P)[1]
    found = newton(
        evaluate,
        np.zeros(P),
        asked,
        rises_for_ever=lambda way: bool(way @ along > NEARLY * np.linalg.norm(way)),
        page=pages.page(),
    )
    return found, evaluate.calls


def by_lbfgs(pages: FileOfPages):
    evaluate = Counted(sums_of(X, Y))
    precondition = by_diagonal(np.diag(sums_of(X, Y)(np.zeros(P)).matrix()), None)
    found = lbfgs(evaluate, FAR, precondition, LbfgsOptions(), page=pages.page())
    return found, evaluate.calls


def by_firth(pages: FileOfPages):
    y = (X[:, 1] > 0).astype(float)
    doubled = np.column_stack([X, X[:, 2]])
    rows = rows_of_blocks([block_of(doubled, y)], BlockShape(P + 1), np.arange(P + 1))
    evaluate, adjusted = Counted(rows.evaluate), Counted(rows.evaluate_adjusted)
    found = firth(evaluate, adjusted, np.zeros(P + 1), FirthOptions(max_iterations=200), page=pages.page())
    return (found.solution, found.penalised_deviance), evaluate.calls + adjusted.calls


def by_proximal(pages: FileOfPages, *, X=X, start=FAR, **options):
    p = X.shape[1]
    lasso = options.pop("lasso", np.where(np.arange(p) > 0, 20.0, 0.0))
    evaluate = Counted(sums_of(X, Y))
    found = proximal_newton(evaluate, start, ProximalOptions(lasso, **options), page=pages.page())
    return found, evaluate.calls


def on_ill_conditioned_columns(pages: FileOfPages):
    rng = np.random.default_rng(8)
    near = with_ones(X[:, 1], X[:, 1] + 1e-4 * rng.normal(size=len(X)), X[:, 2])

    def mixed(beta: np.ndarray, mixing: np.ndarray) -> Sums:
        sums = sums_of(near @ mixing, Y)(np.linalg.solve(mixing, beta))
        score = np.linalg.solve(mixing.T, sums.score)
        return replace(sums, score=score, information=MixedInformation(sums.matrix(), mixing))

    columns, mixtures = Counted(sums_of(near, Y)), Counted(mixed)
    evaluate = on_mixtures(columns, mixtures, np.ones(4, dtype=bool), pages.page("mixing"))
    start = np.array([1.0, 1.0, -1.0, 2.0])
    found = newton(evaluate, start, NewtonOptions(), page=pages.page())
    assert mixtures.calls
    return found, columns.calls + mixtures.calls


class _Evaluated:
    def __init__(self, sums: Sums) -> None:
        self.sums, self.held_out = sums, 0.5 * sums.deviance


def along_a_path(pages: FileOfPages):
    on = np.arange(P) > 0
    penalties = [Penalty(np.zeros(P), np.where(on, size, 0.0), ~on) for size in (60.0, 30.0, 15.0, 5.0)]
    evaluate = Counted(lambda beta: _Evaluated(sums_of(X, Y)(beta)))
    found = follow_path(evaluate, np.zeros(P), penalties, pages.page())
    assert len(found) == len(penalties)
    return found, evaluate.calls


def by_selection(pages: FileOfPages, **settings):
    noisy = np.column_stack([X, np.random.default_rng(4).normal(size=(len(X), 4))])
    p = noisy.shape[1]
    masks = {f"x{k}": np.arange(p) == k for k in range(1, p)}
    evaluate, asked = Counted(sums_of(noisy, Y)), SelectionConfig(**settings)
    terms = Terms(masks, np.arange(p) == 0)
    found = select_columns(evaluate, terms, asked, n_obs=len(Y), start=np.zeros(p), page=pages.page())
    return found, evaluate.calls


DOUBLED = np.column_stack([X, X[:, 2] + X[:, 3], X[:, 1]])
# More than a hundred terms.
WIDE = np.column_stack([X, np.random.default_rng(6).normal(size=(len(X), 104))])
SEARCHES: dict[str, Callable[[FileOfPages], tuple[Any, int]]] = {
    "newton": by_newton,
    "newton, dependent columns": lambda pages: by_newton(pages, X=DOUBLED, start=np.full(P + 2, 0.5)),
    "newton, ridge": lambda pages: by_newton(pages, ridge=np.full(P, 3.0), alias=False),
    "newton, iterations that run out": lambda pages: by_newton(pages, max_iterations=3),
    "newton, several steps a matrix": lambda pages: by_newton(pages, score=True),
    "newton, from a rough matrix": lambda pages: by_newton(pages, score=True, rough=0.0, start=np.zeros(P)),
    "newton, from a rough matrix to a true one": lambda pages: by_newton(
        pages, score=True, rough=0.3, start=np.full(P, 0.1)
    ),
    "newton, 110 terms": lambda pages: by_newton(pages, X=WIDE, start=np.zeros(WIDE.shape[1])),
    "newton, separated": by_newton_separated,
    "newton, mixtures": on_ill_conditioned_columns,
    "lbfgs": by_lbfgs,
    "firth": by_firth,
    "lasso": by_proximal,
    "lasso, dependent columns": lambda pages: by_proximal(
        pages, X=DOUBLED, start=np.full(P + 2, 0.5), lasso=np.where(np.arange(P + 2) == 4, 9.0, 0.0)
    ),
    "group lasso": lambda pages: by_proximal(pages, groups=[np.array([1, 2]), np.array([3, 4, 5])]),
    "bounds": lambda pages: by_proximal(pages, lasso=np.zeros(P), box=Box(np.full(P, -0.5), np.full(P, 0.5))),
    "path": along_a_path,
    "selection, backward": lambda pages: by_selection(pages, method="backward", criterion="bic"),
    "selection, stepwise": lambda pages: by_selection(pages, method="stepwise", criterion="wald"),
}


def bits(value: Any) -> Any:
    """Return a result as plain values that are equal only bit for bit; seconds are left out."""
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, float):
        return np.float64(value).tobytes()
    if is_dataclass(value):
        return {one.name: bits(getattr(value, one.name)) for one in fields(value) if one.name != "seconds"}
    if isinstance(value, dict):
        return {key: bits(one) for key, one in value.items()}
    return [bits(one) for one in value] if isinstance(value, list | tuple) else value


def killed(search, pages: FileOfPages) -> dict[str, str]:
    with pytest.raises(Killed):
        search(pages)
    return pages.kept


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_killed_at_any_iteration_ends_in_the_same_bits_with_fewer_passes(name):
    search = SEARCHES[name]
    whole = FileOfPages()
    undisturbed, n_passes = search(whole)
    assert whole.n_kept > 3 or "iterations that run out" in name
    costs = []
    for k in range(whole.n_kept):
        pages = FileOfPages(left=killed(search, FileOfPages(k)))
        found, n_more = search(pages)
        assert bits(found) == bits(undisturbed), f"killed after bookmark {k}"
        assert pages.kept.keys() == whole.kept.keys()
        costs.append(n_more)
    assert costs[0] <= n_passes
    assert costs == sorted(costs, reverse=True)
    # From the last bookmark: the sums there, and what the last iteration asks for beyond them.
    assert costs[-1] < n_passes - (whole.n_kept - 3)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_killed_again_and_again_ends_in_the_same_bits(name):
    search = SEARCHES[name]
    undisturbed, _ = search(FileOfPages())
    left: dict[str, str] = {}
    for _ in range(200):
        pages = FileOfPages(1, left)  # one iteration a run
        try:
            found, _ = search(pages)
        except Killed:
            left = pages.kept
        else:
            break
    assert bits(found) == bits(undisturbed)


def awkward_bookmarks() -> list[Any]:
    awkward = np.array([0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3])
    history = (Iteration(0, float("inf"), float("nan"), 3, 0.1), Iteration(1, 1 / 3, 1e-300, 0, 0.2))
    near = LbfgsBookmark(
        awkward, history, 2, 8, (Pair(awkward, awkward + 1, 1 / 3), Pair(awkward, awkward, 7.0))
    )
    dependences = (Dependence(2, {0: 1 / 3, 1: -0.0}, 1e-17), Dependence(4, {}, 0.0))
    return [near, NewtonBookmark(awkward, awkward, history, 1, 2, dependences, history, near)]


@pytest.mark.parametrize("bookmark", awkward_bookmarks(), ids=lambda one: type(one).__name__)
def test_a_bookmark_reads_back_bit_for_bit(bookmark):
    text = json.dumps(content_of(bookmark).record(), allow_nan=False)
    read = bookmark_from(json.loads(text))
    assert type(read) is type(bookmark)
    assert bits(read) == bits(bookmark)
    assert read.history[0].seconds == bookmark.history[0].seconds


def record(**arrays: Any) -> dict[str, Any]:
    """Return the record of a bookmark of two terms with some of its arrays replaced; None to leave one out."""
    mark = NewtonBookmark(np.array([1.0, 2.0]), np.zeros(2), dependences=(Dependence(1, {0: 2.0}),))
    found = content_of(mark).record()
    for name, value in arrays.items():
        found["arrays"][name] = value
        if value is None:
            del found["arrays"][name]
    return found


def array(*values: float, shape: tuple[int, ...] | None = None) -> dict[str, Any]:
    data = base64.b64encode(np.array(values, dtype="<f8").tobytes()).decode()
    return {"shape": list(shape or (len(values),)), "data": data}


def test_a_bookmark_that_does_not_hold_together_is_refused():
    bookmark_from(record())
    wrong = {
        "another kind": {**record(), "kind": "__class__"},
        "no coefficients": record(beta=None),
        "NaN": record(beta=array(1.0, float("nan"))),
        "too long": record(direction=array(1.0, 2.0, 3.0)),
        "another size": record(beta=array(1.0, 2.0, shape=(3,))),
        "negative": record(beta={"shape": [-1, -16], "data": ""}),
        "three axes": record(beta=array(1.0, 2.0, shape=(1, 1, 2))),
        "no base64": record(beta={"shape": [1], "data": "<script>"}),
        "a term beyond the last": record(dependences=array(7.0, 0.0, 1.0, shape=(1, 3))),
        "half a history": record(history=array(1.0, 2.0)),
        "an endless number of halvings": record(history=array(0, 1, 1, float("inf"), 0, shape=(1, 5))),
        "no numbers": {**record(), "numbers": {}},
    }
    assert [name for name, one in wrong.items() if not is_refused(one)] == []


def is_refused(one: dict[str, Any]) -> bool:
    try:
        bookmark_from(one)
    except ValueError:
        return True
    return False
