"""``conf/evaluate.yaml`` as a type."""

from __future__ import annotations

from logreg_dist.config.document import Document, Section
from logreg_dist.config.fields import Location, Name
from logreg_dist.config.label import LabelConfig, role_columns, shared_roles
from logreg_dist.config.problems import Problem
from logreg_dist.config.table_input import InputConfig, overlap


class EvaluateOutputConfig(Section):
    """Where ``metrics.json`` goes."""

    path: Location


class EvaluateConfig(Document):
    """What to assess; `weight`, `frequency` and `label` None: those of the model."""

    model: Location
    input: InputConfig
    label: LabelConfig | None = None
    weight: Name | None = None
    frequency: Name | None = None
    output: EvaluateOutputConfig

    def disagreements(self) -> list[Problem]:
        """Report columns with two roles, settings of the fit, and output on top of input."""
        roles = role_columns(self.label, {"weight": self.weight, "frequency": self.frequency})
        problems = [*shared_roles(roles), *overlap(self.output.path, self.input.paths, above=False)]
        if self.label is not None and self.label.reference is not None:
            problems.append(Problem(("label", "reference"), "is a matter of the fit; the model has it"))
        if self.label is not None and self.label.class_weights is not None:
            way_out = "is a matter of the fit; to weight what is assessed, name a weight column"
            problems.append(Problem(("label", "class_weights"), way_out))
        return problems
