"""What a peer is: something that fits the model of a case to its table."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.cases import Case
from benchmarks.data import Table
from benchmarks.phases import Phases


class NotAvailable(Exception):
    """The peer itself refuses the case; its words say why."""


@dataclass(frozen=True)
class FitTask:
    """What to fit.

    Attributes
    ----------
    table : Table
    tolerance : float
        The peer's own stopping rule; the loosest one of its ladder that reaches the reference is used.
    """

    table: Table
    tolerance: float

    @property
    def case(self) -> Case:
        """The case of the table."""
        return self.table.case


@dataclass(frozen=True)
class Fitted:
    """What came out.

    Attributes
    ----------
    estimates : dict of str to float or None
        Log-odds per unit of the column by term: ``intercept``, ``x1``, ``c1[level]``; reference levels are
        absent or 0. Multinomial: ``2:x1``, one for each class. None where nothing is fitted.
    has_std_errors : bool
    iterations, passes : int or None
        Of the optimiser, and over the data in all where that is known.
    pass_seconds : tuple of float
        Of single passes over the cached form, where they are known; their sum is the second clock of a tool
        that fits nothing twice.
    note : str
        What a reader of the table should know.
    """

    estimates: dict[str, float] | None
    has_std_errors: bool = False
    iterations: int | None = None
    passes: int | None = None
    pass_seconds: tuple[float, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Peer:
    """A tool, and how it is asked.

    Attributes
    ----------
    name : str
    what : str
        One line for the table's legend.
    fit : callable
        Loads and fits within the phases it names.
    refuses : callable
        Why a case cannot be put to this tool, None when it can.
    modules, programs : tuple of str
        What must be installed.
    tolerances : tuple of float
        Stopping rules from loose to tight.
    """

    name: str
    what: str
    fit: Callable[[FitTask, Phases], Fitted]
    refuses: Callable[[Case], str | None]
    modules: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    tolerances: tuple[float, ...] = (1e-8,)

    def missing(self) -> list[str]:
        """Return what is not installed."""
        modules = [name for name in self.modules if importlib.util.find_spec(name) is None]
        return modules + [name for name in self.programs if shutil.which(name) is None]
