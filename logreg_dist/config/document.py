"""What the sections of a configuration share: strictness, frozen values, and errors in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from logreg_dist.config.explain import problems_of
from logreg_dist.config.problems import Path, Problem, Source, message
from logreg_dist.config.secrets import REDACTED, is_secret_option, without_credentials
from logreg_dist.errors import ConfigError


class Section(BaseModel):
    """A frozen group of keys: unknown keys and wrong types are errors, nothing is converted.

    A base class, against the house rule, because it is how pydantic takes shared settings.
    """

    # Without hide_input_in_errors a traceback would print passwords.
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Document(Section):
    """A whole configuration: one file, or one call in code.

    Raises
    ------
    ConfigError
        When constructed from bad values, in code as from a file.
    """

    _templates: Mapping[Path, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _raise_config_error(
        cls, values: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        source = info.context if isinstance(info.context, Source) else Source(cls.__name__)
        problems = [*source.problems, *_missing_sections(values, source)]
        try:
            config = handler(values)
        except ValidationError as error:
            known = {problem.path for problem in problems}
            problems += [found for found in problems_of(error, cls, source) if found.path not in known]
        else:
            problems += config.disagreements()
            if not problems:
                return config
        # Outside the except clause: pydantic's own error, which holds the values, must not be chained.
        raise ConfigError(message(problems, source))

    def disagreements(self) -> list[Problem]:
        """Report what is wrong between sections that are each right; overridden by each document."""
        return []

    def model_post_init(self, context: Any, /) -> None:
        """Remember where ``${env:NAME}`` stood."""
        if isinstance(context, Source):
            self._templates = context.templates

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration as plain JSON values, without secrets.

        What came from ``${env:NAME}`` is written as that; reader options whose names suggest a
        secret, and passwords inside URLs, become ``(redacted)``. Everything else reads back to an
        equal configuration.
        """
        values: dict[str, Any] = self.model_dump(mode="json")
        for path, template in self._templates.items():
            _put(values, path, template)
        return {key: _redacted(value, (key,)) for key, value in values.items()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.as_dict()})"

    __str__ = __repr__


def _missing_sections(values: Any, source: Source) -> list[Problem]:
    given = values if isinstance(values, dict) else {}
    absent = [name for name in source.required if given.get(name) is None]
    return [Problem((name,), "required, but not given") for name in absent]


def _put(values: Any, path: Path, text: str) -> None:
    """Set the value at `path` in nested dicts and lists."""
    for part in path[:-1]:
        values = values[part]
    values[path[-1]] = text


def _redacted(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _redacted(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item, path) for item in value]
    if value is None or isinstance(value, bool) or "${env:" in str(value):
        return value
    if is_secret_option(path):
        return REDACTED
    return without_credentials(value) if isinstance(value, str) else value
