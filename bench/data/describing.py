"""Rows of a table as people read them, from the features that they became."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from jaxtyping import Float

from bench.data.features import Feature

_VALUES = 24


def described_row(features: Sequence[Feature], row: Float[np.ndarray, " d"]) -> list[tuple[str, str]]:
    """Return names and values of an item; of vectors without names the first values."""
    if not features:
        shown = [(str(place), f"{value:.4g}") for place, value in enumerate(row[:_VALUES].tolist())]
        return [*shown, ("…", f"{len(row):,} values")] if len(row) > _VALUES else shown
    described, place = [], 0
    for feature in features:
        values = row[place : place + feature.n_features]
        described.append((feature.column, _value(feature, values)))
        place += feature.n_features
    return described


def _value(feature: Feature, values: Float[np.ndarray, " w"]) -> str:
    if feature.kind == "list":
        return ", ".join(f"{value:.4g}" for value in values[:_VALUES].tolist()) + (" …" if len(values) > _VALUES else "")
    if feature.kind == "levels":
        if feature.is_binary:
            return feature.levels[int(values[0] > 0.5)]
        told = [name for name, value in zip(feature.names, values.tolist(), strict=True) if value > 0.5]
        return told[0].removeprefix(f"{feature.column}=") if told else "(another)"
    if feature.gaps and values[1] > 0.5:
        return "(none)"
    number = float(values[0])
    if feature.kind == "date":
        return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=feature.origin, days=number)).strftime("%Y-%m-%d %H:%M")
    if feature.kind == "log":
        number = float(np.sign(number) * np.expm1(abs(number)) * feature.unit)
    elif feature.needs_float64:
        number = number * feature.unit + feature.origin
    return f"{number:.6g}"
