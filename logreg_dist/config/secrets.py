"""What nothing may show: passwords of a configuration, wherever a text picked them up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from logreg_dist.config.environment import REFERENCE
from logreg_dist.config.problems import Path
from logreg_dist.config.yaml_file import Value

REDACTED = "(redacted)"
# What is shorter would be found inside other words, and keeps no secret.
MIN_LENGTH = 4

_SECRET = r"secret|passw|pwd|passphrase|token|credential|private|(?:api|access|account).?key|auth|signature"
# What Spark itself redacts (spark.redaction.regex, spark.sql.redaction.options.regex), and more.
_SECRET_OPTION = re.compile(rf"(?i){_SECRET}|url")
_SECRET_VARIABLE = re.compile(rf"(?i){_SECRET}|(^|_)key($|_)")
# user:password@ of a URL, to its end or to where a message cut it.
_USER_INFO = re.compile(r"(?<=://)[^/\s:@]*:(?!\d+(?:/|$))[^/\s]*(?:@|…)")
_PARAMETER = re.compile(rf"(?i)([?&;][^?&;=\s]*(?:{_SECRET}|sig)[^?&;=\s]*=)[^&;\s'\"]+")


@dataclass(frozen=True)
class Secrets:
    """The secret texts of a configuration, each with what is shown instead."""

    shown: Mapping[str, str] = field(default_factory=dict, repr=False)

    def hidden(self, text: str) -> str:
        """Return a text without the secrets, and without credentials that look like some.

        Examples
        --------
        >>> Secrets({"hunter2": "${env:PASSWORD}"}).hidden("s3a://key:abc@bucket/a refused hunter2")
        's3a://(redacted)@bucket/a refused ${env:PASSWORD}'
        """
        for secret in sorted(self.shown, key=len, reverse=True):
            text = text.replace(secret, self.shown[secret])
        return without_credentials(text)


def without_credentials(text: str) -> str:
    """Redact what stands between ``://`` and ``@``, and URL parameters such as ``password=``.

    Examples
    --------
    >>> without_credentials("jdbc:x://user:abc@host/db?user=u&password=abc;a=1")
    'jdbc:x://(redacted)@host/db?user=u&password=(redacted);a=1'
    """
    if "://" in text:
        text = _USER_INFO.sub(lambda match: REDACTED + match[0][-1], text)
    return _PARAMETER.sub(rf"\1{REDACTED}", text) if "=" in text else text


def is_secret_option(path: Path) -> bool:
    """Whether the value at `path` is a reader's option that is called like a secret."""
    return path[:2] == ("input", "options") and bool(_SECRET_OPTION.search(str(path[-1])))


def secrets_of(values: Mapping[str, Value], environment: Mapping[str, str]) -> Secrets:
    """Find the secrets of a configuration.

    These are the options of a reader that are called like a secret, every variable that is put into an option, and
    variables that are called like a secret wherever they stand. Other variables, such as the root of all paths, are
    shown: a summary has to say where outputs lie.

    Parameters
    ----------
    values : mapping
        As `apply_overrides` returns them, with the references to variables.
    environment : mapping of str to str
        ``os.environ``.
    """
    found: dict[str, str] = {}
    for path, value in _leaves(values, ()):
        text, is_option = str(value), path[:2] == ("input", "options")
        names = [name for name, _ in REFERENCE.findall(text)]
        for name in names:
            if is_option or _SECRET_VARIABLE.search(name):
                found[environment.get(name, "")] = f"${{env:{name}}}"
        if not names and not isinstance(value, bool) and is_secret_option(path):
            found[text] = REDACTED
    return Secrets({secret: shown for secret, shown in found.items() if len(secret) >= MIN_LENGTH})


def _leaves(value: Value | Mapping[str, Value], path: Path) -> Iterator[tuple[Path, Value]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value
