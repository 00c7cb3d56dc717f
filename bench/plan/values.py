"""Values as the user writes them, in flags and in TOML, and the types that settings are made of."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

_RANGE = re.compile(r"(\d+)-(\d+)")
_MAX_LIST = 100_000


def parse_integers(value: Any) -> Any:
    """Turn `50,100`, `0-2`, `3` or a list of these into a tuple of integers, each once, in the order given."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    numbers: list[int] = []
    for part in parts:
        text = str(part).strip()
        span = _RANGE.fullmatch(text)
        if span and 0 <= int(span[2]) - int(span[1]) < _MAX_LIST:
            numbers += range(int(span[1]), int(span[2]) + 1)
        elif text.isdigit():
            numbers.append(int(text))
        else:
            raise ValueError(f"{text!r} is not a whole number or a range such as 0-2")
    return tuple(dict.fromkeys(numbers))


def parse_seeds(value: Any) -> Any:
    """Turn a bare number n into the seeds 0 … n-1, anything else as `parse_integers` does."""
    if isinstance(value, int) or (isinstance(value, str) and value.strip().isdigit()):
        if not 0 < int(value) < _MAX_LIST:
            raise ValueError(f"{value} seeds; expected at least 1")
        return tuple(range(int(value)))
    return parse_integers(value)


def parse_names(value: Any) -> Any:
    """Turn `soft,hard`, or a list, into a tuple of texts, each once, in the order given."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    return tuple(dict.fromkeys(text for text in (str(part).strip() for part in parts) if text))


def parse_assignments(value: Any) -> Any:
    """Turn a list of `name=value` into a dictionary; a TOML table is one already."""
    if isinstance(value, dict):
        return {str(key).replace("-", "_"): item for key, item in value.items()}
    pairs = [str(text).partition("=") for text in (value if isinstance(value, (list, tuple)) else [value])]
    for name, sign, _ in pairs:
        if not sign or not name.strip():
            raise ValueError(f"{name!r} is not of the form name=value, e.g. contrast=0")
    return {name.strip().replace("-", "_"): item.strip() for name, _, item in pairs}


def parse_numbers(value: Any) -> Any:
    """Turn `0,0.1`, one number, or a list of these into a tuple of numbers, each once, in the order given."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, (list, tuple)) else [value]
    try:
        return tuple(dict.fromkeys(float(part) for part in parts))
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number or a list such as 0,0.1") from None


def parse_pack(value: Any) -> Any:
    """Turn `auto`, or a whole number from 1, into what it says."""
    if value == "auto":
        return value
    if not str(value).strip().isdigit() or int(value) < 1:
        raise ValueError(f"{value!r} is neither auto nor a whole number from 1")
    return int(value)


Pack = Annotated[Literal["auto"] | int, BeforeValidator(parse_pack)]
Shares = Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], BeforeValidator(parse_numbers), Field(min_length=1)]
Ratios = Annotated[
    tuple[Annotated[float, Field(ge=1, allow_inf_nan=False)], ...], BeforeValidator(parse_numbers), Field(min_length=1)
]
Integers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(parse_integers), Field(min_length=1)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(parse_seeds), Field(min_length=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(parse_names), Field(min_length=1)]
Columns = Annotated[tuple[str, ...], BeforeValidator(parse_names)]
Components = Annotated[tuple[Annotated[int, Field(ge=2)], ...], BeforeValidator(parse_integers), Field(min_length=1)]
Widths = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(parse_integers)]


Assignments = Annotated[dict[str, Any], BeforeValidator(parse_assignments)]
