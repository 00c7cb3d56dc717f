"""Search spaces: `latent_dim=int(5,64,log)` in flags or TOML, checked before anything is trained."""

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import SettingsError, unknown_name
from bench.plan.models import SETTABLE
from bench.plan.settings import RunSettings

Value = bool | int | float | str

DECODING = "decoding"
"""Searched besides settings of the training: the method that turns clusters into classes."""
_FIELDS = ("components", "objective", "variant", "batch_size", "learning_rate", "latent_dim", "encoder_layers", "decoder_layers")
SEARCHABLE = (*_FIELDS, *SETTABLE, DECODING)
_EXPRESSION = re.compile(r"(int|float|choice)\((.*)\)", re.DOTALL)
_FORMS = "int(5,64), int(10,100,step=10), float(1e-4,1e-2,log) or choice(a,b,'c,d')"
_MAX_CHOICES = 1_000


@dataclass(frozen=True)
class Numbers:
    """Whole or real numbers between two bounds, both of them included."""

    kind: Literal["int", "float"]
    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __str__(self) -> str:
        """Return the expression that means this."""
        rest = ",log" if self.log else f",step={self.step:g}" if self.step is not None else ""
        return f"{self.kind}({self.low:.12g},{self.high:.12g}{rest})"

    @property
    def samples(self) -> tuple[Value, ...]:
        """Values that must be valid if all are to be."""
        if self.kind == "int":
            return int(self.low), int(self.high)
        # Also a number that is not whole: a parameter that must be whole would accept whole bounds.
        return self.low, self.low + (self.high - self.low) / math.pi, self.high


@dataclass(frozen=True)
class Choices:
    """A few values without an order."""

    values: tuple[Value, ...]

    def __str__(self) -> str:
        """Return the expression that means this."""
        return f"choice({','.join(_quoted(value) for value in self.values)})"

    @property
    def samples(self) -> tuple[Value, ...]:
        """All of them."""
        return self.values


Domain = Numbers | Choices
Space = Mapping[str, Domain]


def parse_domain(name: str, expression: str) -> Domain:
    """Return what an expression such as `int(5,64,log)` means.

    Raises
    ------
    SettingsError
        If it means nothing; the message says what would.
    """
    match = _EXPRESSION.fullmatch(expression.strip())
    if not match:
        raise _refusal(name, expression, f"expected {_FORMS}")
    kind, inside = match[1], match[2].replace('"', "'")
    try:
        parts = [part.strip() for part in next(csv.reader([inside], quotechar="'", skipinitialspace=True, strict=True), [])]
    except csv.Error as error:
        raise _refusal(name, expression, f"{error}; expected {_FORMS}") from error
    if kind == "choice":
        values = tuple(dict.fromkeys(_literal(part) for part in parts if part))
        if not 1 < len(values) <= _MAX_CHOICES:
            raise _refusal(name, expression, "a choice needs at least two different values; --set NAME=VALUE fixes one")
        return Choices(values)
    return _numbers(name, expression, kind, parts)


def _numbers(name: str, expression: str, kind: str, parts: list[str]) -> Numbers:
    options = parts[2:]
    log = "log" in options
    steps = [option.removeprefix("step=") for option in options if option.startswith("step=")]
    if len(parts) < 2 or len(options) != log + len(steps) or len(steps) > 1:
        raise _refusal(name, expression, f"expected two bounds, then perhaps log or step=…: {_FORMS}")
    try:
        low, high, *step = (float(text) for text in (*parts[:2], *steps))
    except ValueError as error:
        raise _refusal(name, expression, f"the bounds are not numbers; expected {_FORMS}") from error
    if not all(math.isfinite(number) for number in (low, high, *step)) or low >= high:
        raise _refusal(name, expression, "the first bound must lie below the second, and both must be finite")
    if kind == "int" and any(number != int(number) for number in (low, high, *step)):
        raise _refusal(name, expression, "bounds of whole numbers are whole; use float(…) for others")
    if log and (low <= 0 or step):
        raise _refusal(name, expression, "with log the bounds must be above 0, and there is no step")
    if step and not 0 < step[0] <= high - low:
        raise _refusal(name, expression, "the step must be above 0 and fit between the bounds")
    return Numbers("int" if kind == "int" else "float", low, high, log, step[0] if step else None)


def parse_space(value: Any) -> Any:
    """Turn a list of `name=expression` into a dictionary; a TOML table is one already."""
    if isinstance(value, Mapping):
        return {str(key).replace("-", "_"): item for key, item in value.items()}
    space: dict[str, str] = {}
    for text in value if isinstance(value, (list, tuple)) else [value]:
        name, sign, expression = str(text).partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name:
            raise ValueError(f"{text!r} is not of the form name=domain, e.g. latent_dim=int(5,64,log)")
        if name in space:
            raise ValueError(f"{name} is given twice")
        space[name] = expression
    return space


def make_space(expressions: Mapping[str, Any]) -> dict[str, Domain]:
    """Return the space that named expressions mean, in the order of their names.

    Raises
    ------
    SettingsError
        For a name that is no parameter, or an expression that means nothing.
    """
    space: dict[str, Domain] = {}
    for name, expression in sorted(expressions.items()):
        if name not in SEARCHABLE:
            raise unknown_name("parameter in --space", name, SEARCHABLE)
        space[name] = parse_domain(name, str(expression))
    return space


def describe_space(space: Space) -> dict[str, str]:
    """Return the expressions that mean the space; spaces are the same when these are."""
    return {name: str(space[name]) for name in sorted(space)}


def applied(settings: RunSettings, parameters: Mapping[str, Value]) -> dict[str, Any]:
    """Return keys for `make_settings` that make `settings` those of a trial with these parameters."""
    keys: dict[str, Any] = {name: value for name, value in parameters.items() if name in _FIELDS}
    if DECODING in parameters:
        keys["methods"] = str(parameters[DECODING])
    named = {name: value for name, value in parameters.items() if name in SETTABLE}
    return keys | ({"set": settings.set | named} if named else {})


def _refusal(name: str, expression: str, why: str) -> SettingsError:
    return SettingsError(f"--space {name}={expression}: {why}")


def _literal(text: str) -> Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _quoted(value: Value) -> str:
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return f"'{text}'" if "," in text else text
