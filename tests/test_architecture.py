"""The architecture, held: who may import whom, and what the executors need.

This test is the architecture document: `LAYERS` is the order of the packages, and everything that
departs from it is listed with its reason.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pyspark import cloudpickle

import logreg_dist
from logreg_dist.assessment.passes import add_up_rows, merge_groups
from logreg_dist.checks.leverage import InfluencePlan
from logreg_dist.checks.row_sums import RowPlan
from logreg_dist.design.classes import Classes
from logreg_dist.design.derived_survey import count_up_to_task, derived_survey_task
from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.class_tasks import (
    ClassDesign,
    class_diagonal_task,
    count_classes_task,
    evaluate_classes_task,
    neutral_classes_task,
)
from logreg_dist.fitting.diagnostics.cluster_tasks import Clustering, cluster_meat_task, cluster_sums_task
from logreg_dist.fitting.diagnostics.effect_tasks import EffectPlan, effects_task
from logreg_dist.fitting.diagnostics.robust_tasks import squared_scores_task
from logreg_dist.fitting.diagnostics.row_blocks import RowEstimates
from logreg_dist.fitting.diagnostics.row_tasks import changes_task, influence_task, line_task, row_sums_task
from logreg_dist.fitting.diagnostics.serial_tasks import merge_runs, order_sample_task, serial_runs_task
from logreg_dist.fitting.fold_tasks import (
    binary_kernel,
    class_kernel,
    evaluate_folds_task,
    fold_totals_task,
    staged_blocks,
    staged_class_blocks,
)
from logreg_dist.fitting.many_tasks import evaluate_many_task
from logreg_dist.fitting.score_tasks import (
    entry_labels_task,
    evaluate_score_task,
    information_diagonal_task,
)
from logreg_dist.fitting.separation_tasks import (
    evaluate_adjusted_task,
    label_sides_task,
    threshold_rows_task,
)
from logreg_dist.fitting.tasks import (
    count_along_task,
    evaluate_mixed_task,
    evaluate_null_task,
    evaluate_task,
    first_look_task,
    neutral_information_task,
)
from logreg_dist.scoring.columns import ScoreColumns
from logreg_dist.scoring.file_totals import file_totals_task
from logreg_dist.scoring.key_tasks import compare_files_task, compare_task, hash_rows_task
from logreg_dist.scoring.part_files import PartOutput, write_parts_task
from logreg_dist.scoring.rising_keys import rising_runs_task
from logreg_dist.scoring.tasks import BatchLayout, score_batches_task, score_files_task
from logreg_dist.scoring.terms import NumericTerm, ScoreTerms
from logreg_dist.spark.preflight import report_task
from logreg_dist.staging.buckets import gathered_pieces, scattered_pieces
from logreg_dist.staging.file_rows import FileColumn
from logreg_dist.staging.gathered import Gathering
from logreg_dist.staging.label_weights import LabelWeights
from logreg_dist.staging.median import Bracket, bracket_task, neighbour_task
from logreg_dist.staging.pieces import counted, cut, fetched
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.stage_task import stage_batches_task, stage_files_task
from tests.in_process import logistic_table, plan_of

ROOT = Path(logreg_dist.__file__).parent

# A package may import those before it, nothing else of logreg_dist.
LAYERS = (
    "processes",  # which processes of this machine live
    "printable",  # names of others that cannot steer a terminal
    "errors",  # what can go wrong, as users see it
    "versions",  # of this package and its libraries
    "formula",  # terms as people write them, to parts: a closed grammar
    "config",  # YAML to frozen values
    "spark",  # cancelling Spark's jobs, and the words of its errors
    "publishing",  # files, locks, published tables, run records: Spark, but no statistics
    "kernel",  # blocks of rows to sums
    "solver",  # sums to estimates
    "inference",  # estimates to tests, and the proof of separation
    "checks",  # the assumptions, from sums to what they say
    "staging",  # a table to staged splits
    "design",  # what columns mean
    "model",  # the fitted model and its file
    "reading",  # tables and their columns, on Spark
    "fitting",  # the story of a fit
    "scoring",
    "assessment",
    "report",
    "commands",  # the jobs
    "cli",
)

# What stands above an import at the time of the call; such an import must be inside a function.
LATE_IMPORTS = {
    ("model/model.py", "report"): "model.summary() is how people ask for a report",
    ("model/model.py", "scoring"): "model.score() is how people ask for scores",
}

# Packages that hold arrays and no Spark.
ARRAYS_ONLY = ("kernel", "solver", "inference", "checks", "staging", "design", "model", "config")
SPARK_IN_ARRAYS = {
    "staging/passes.py": "the seam between the staged splits and Spark's RDD",
    "staging/removal.py": "the jobs that remove staged files",
    "staging/stage_task.py": "the task around `stage_split`, which asks Spark for its number",
    "staging/file_partitions.py": "the setting that keeps the cluster's size out of the splits",
}

# What runs on executors, where only these can be expected beside the standard library.
ON_EXECUTORS = (
    "logreg_dist.fitting.tasks",
    "logreg_dist.staging.stage_split",
    "logreg_dist.staging.median",
    "logreg_dist.staging.passes",
    "logreg_dist.staging.pieces",
    "logreg_dist.kernel.evaluate",
    "logreg_dist.inference.separation",
    "logreg_dist.design.encode",
    "logreg_dist.design.derived_survey",
    "logreg_dist.fitting.cells",
    "logreg_dist.fitting.class_tasks",
    "logreg_dist.fitting.many_tasks",
    "logreg_dist.fitting.score_tasks",
    "logreg_dist.fitting.separation_tasks",
    "logreg_dist.fitting.diagnostics.row_tasks",
    "logreg_dist.fitting.diagnostics.cluster_tasks",
    "logreg_dist.fitting.diagnostics.robust_tasks",
    "logreg_dist.fitting.diagnostics.serial_tasks",
    "logreg_dist.fitting.diagnostics.effect_tasks",
    "logreg_dist.scoring.key_tasks",
    "logreg_dist.scoring.part_files",
    "logreg_dist.scoring.tasks",
    "logreg_dist.scoring.interval_rows",
    "logreg_dist.assessment.passes",
    "logreg_dist.assessment.rows",
    "logreg_dist.assessment.groups",
    "logreg_dist.assessment.totals",
    "logreg_dist.assessment.curves",
    "logreg_dist.assessment.bins",
    "logreg_dist.assessment.tables",
    "logreg_dist.assessment.wire",
)
NOT_ON_EXECUTORS = ("pydantic", "scipy", "pandas", "yaml", "tqdm", "threadpoolctl", "matplotlib")


@dataclass(frozen=True)
class Import:
    """An import statement.

    Attributes
    ----------
    file : str
        Relative to the package.
    module : str
        What is imported, in full.
    late : bool
        Inside a function.
    """

    file: str
    module: str
    late: bool

    @property
    def importer(self) -> str:
        """The package it stands in, or the module where there is no package."""
        return self.file.split("/")[0].removesuffix(".py")

    @property
    def imported(self) -> str | None:
        """The package of logreg_dist that it needs."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "logreg_dist" and len(parts) > 1 else None


def imports_of(file: Path) -> Iterator[Import]:
    name = file.relative_to(ROOT).as_posix()

    def visit(node: ast.AST, late: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue  # for readers and mypy: nothing is imported
            if isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{name} imports relatively"
                yield Import(name, child.module or "", late)
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(name, alias.name, late)
            else:
                inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from visit(child, late or inside)

    yield from visit(ast.parse(file.read_text(encoding="utf-8")), False)


FILES = sorted(ROOT.rglob("*.py"))
IMPORTS = [found for file in FILES for found in imports_of(file)]


def test_every_package_has_its_place_in_the_layers():
    found = {
        path.name.removesuffix(".py") for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()
    }
    assert found - {"__init__", "__pycache__", "py.typed"} == set(LAYERS)


def test_imports_point_one_way():
    rank = {name: k for k, name in enumerate(LAYERS)}
    breaches = [
        f"{found.file} imports {found.module}"
        for found in IMPORTS
        if found.imported is not None
        and found.importer in rank
        and found.imported != found.importer
        and rank[found.imported] >= rank[found.importer]
        and not (found.late and (found.file, found.imported) in LATE_IMPORTS)
    ]
    assert breaches == []


def test_every_exception_to_the_layers_is_still_needed():
    late = {(found.file, found.imported) for found in IMPORTS if found.late}
    assert set(LATE_IMPORTS) <= late
    with_spark = {found.file for found in IMPORTS if found.module.split(".")[0] == "pyspark"}
    assert set(SPARK_IN_ARRAYS) <= with_spark


def test_modules_of_a_package_do_not_import_each_other_in_circles():
    needs: dict[str, set[str]] = {}
    for found in IMPORTS:
        if not found.late and found.module.startswith("logreg_dist."):
            module = "logreg_dist." + found.file.removesuffix(".py").removesuffix("/__init__").replace(
                "/", "."
            )
            needs.setdefault(module, set()).add(found.module)
    done: set[str] = set()

    def circle(module: str, path: tuple[str, ...]) -> tuple[str, ...] | None:
        if module in path:
            return (*path[path.index(module) :], module)
        if module in done:
            return None
        found = next(filter(None, (circle(other, (*path, module)) for other in needs.get(module, ()))), None)
        done.add(module)
        return found

    circles = [circle(module, ()) for module in list(needs)]
    assert [found for found in circles if found is not None] == []


@pytest.mark.parametrize("package", ARRAYS_ONLY)
def test_arrays_never_import_spark(package):
    breaches = [
        found.file
        for found in IMPORTS
        if found.importer == package
        and found.module.split(".")[0] in ("pyspark", "py4j")
        and found.file not in SPARK_IN_ARRAYS
    ]
    assert breaches == []


def test_nothing_in_the_library_prints():
    # The jobs write their closing summary to stdout themselves: that is what they are for.
    calls = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []


def test_modules_keep_no_state():
    """Names of modules are bound once: no `global`, no mutable default that is written to."""
    written = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Global)
    ]
    assert written == []


def test_executors_need_only_the_standard_library_numpy_and_pyarrow():
    script = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {NOT_ON_EXECUTORS!r}:
            raise ImportError("not on executors: " + name)

sys.meta_path.insert(0, Blocked())
import importlib
for module in {ON_EXECUTORS!r}:
    importlib.import_module(module)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]


def test_tasks_as_they_travel_need_no_more_than_that():
    # A task is sent with everything it refers to, which may be more than its module imports.
    layout, spec = RecordLayout(1, 0, False, False, 64), DesignSpec((), intercept=True)
    design, beta, plan = SimpleNamespace(value=spec), np.zeros(1), plan_of(logistic_table(5))
    classes = SimpleNamespace(value=ClassDesign(spec, Classes(("a",), "b")))
    row_plan, influence = RowPlan((), (), (), 0.0, 1.0), InfluencePlan(np.eye(1), 1, 1, 1, np.eye(1))
    estimates = RowEstimates(beta, np.eye(1), np.eye(1))
    batches = BatchLayout(
        ScoreTerms(0.5, (NumericTerm("x", 1.0, None, missing_is_error=True),), None), ((0, None),), (), 0
    )
    tasks = [
        evaluate_task(design, layout, beta),
        evaluate_mixed_task(design, layout, beta, np.eye(1)),
        evaluate_many_task(design, layout, [beta, beta]),
        evaluate_score_task(design, layout, beta),
        information_diagonal_task(design, layout, beta),
        entry_labels_task(design, layout),
        evaluate_null_task(layout, beta),
        count_along_task(design, layout, beta, beta),
        neutral_information_task(design, layout, beta, beta),
        label_sides_task(design, layout),
        threshold_rows_task(design, layout, {0: (0.0, 1.0)}),
        evaluate_adjusted_task(design, layout, [(beta, np.zeros((1, 1)))]),
        effects_task(design, layout, beta, EffectPlan(label_weights=LabelWeights(1.0, 2.0))),
        first_look_task(layout, sample_rows=100, n_clusterings=1),
        row_sums_task(design, layout, beta, row_plan),
        line_task(design, layout, beta, row_plan, np.zeros(2)),
        influence_task(design, layout, beta, influence),
        changes_task(design, layout, beta, influence, {}, with_keys=True),
        evaluate_classes_task(classes, layout, beta[None], information=True),
        class_diagonal_task(classes, layout, beta[None]),
        count_classes_task(classes, layout, beta[None], beta[None]),
        neutral_classes_task(classes, layout, beta[None], beta[None]),
        squared_scores_task(design, layout, estimates, with_frequency=True, power=2),
        scattered_pieces(
            cluster_sums_task(
                design,
                layout,
                estimates,
                [Clustering(("cluster[0]",))],
                n_buckets=2,
                with_scores=True,
                with_frequency=False,
            ),
            2,
        ),
        gathered_pieces(cluster_meat_task(1, 2)),
        order_sample_task(within=None, step=2),
        serial_runs_task(design, layout, beta, within="cluster[0]", cuts=[]),
        gathered_pieces(merge_runs),
        bracket_task(layout, {(0, 0.5): Bracket()}),
        neighbour_task(layout, {(0, 0.5): 1.0}),
        derived_survey_task(spec, layout, weights_count=True),
        count_up_to_task(layout, {0: 0.0}),
        evaluate_folds_task(staged_blocks(design, layout), binary_kernel(spec.shape()), {0: beta}, 2),
        evaluate_folds_task(
            staged_class_blocks(classes, layout), class_kernel(spec.shape()), {0: beta[None]}, 2
        ),
        fold_totals_task(staged_blocks(design, layout), 2, 2),
        stage_batches_task(plan, Gathering((), (0, 1)), "run"),
        stage_files_task(plan, (FileColumn("x"),), "run"),
        add_up_rows,
        merge_groups,
        cut(8),
        counted,
        fetched({0: (0, 1)}),
        report_task(),
        write_parts_task(
            [], [FileColumn("x")], batches, PartOutput((), ScoreColumns((), (), ()), (), "snappy"), "/"
        ),
        score_files_task([], [FileColumn("x")], batches),
        score_batches_task(batches),
        compare_files_task([], ["id"], 1, 0),
        hash_rows_task(0),
        compare_task(0),
        file_totals_task(["probability"], None),
        rising_runs_task(["id"], 1),
    ]
    script = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {NOT_ON_EXECUTORS!r}:
            raise ImportError("not on executors: " + name)

sys.meta_path.insert(0, Blocked())
import pickle
assert len(pickle.load(sys.stdin.buffer)) == {len(tasks)}
"""
    sent = cloudpickle.dumps(tasks)
    found = subprocess.run([sys.executable, "-c", script], input=sent, capture_output=True, check=False)
    assert found.returncode == 0, found.stderr.decode()[-2000:]


def test_the_kernel_needs_no_spark_at_all():
    script = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pyspark", "py4j", "scipy"):
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocked())
import logreg_dist.design.encode, logreg_dist.fitting.tasks, logreg_dist.kernel.evaluate
import logreg_dist.staging.median, logreg_dist.staging.stage_split
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]


def test_importing_the_package_imports_nothing_heavy():
    heavy = ("pyspark", "scipy", "pandas", "pydantic", "numpy", "pyarrow")
    script = f"import sys, logreg_dist; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
