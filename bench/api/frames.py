"""Between pandas and this project: tables out, data and labels in."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import SettingsError
from bench.show.grid import Grid
from bench.store.atomic import write_atomically

_DATA = Path("results") / "data"


def frame_of(grid: Grid) -> pd.DataFrame:
    """Return a table's numbers, or its texts where it has no others."""
    if grid.data:
        header, *rows = grid.data
        return pd.DataFrame(rows, columns=list(map(str, header)))
    return pd.DataFrame(
        [[cell.text + (f" {cell.below}" if cell.below else "") for cell in row] for row in grid.cells], columns=list(grid.headers)
    )


def saved(data: Any) -> str:
    """Return the name of data: a name or path as it is; arrays and tables are written into a file named by their contents.

    Raises
    ------
    SettingsError
        If it is none of them.
    """
    if isinstance(data, str | Path):
        return str(data)
    if isinstance(data, pd.DataFrame):
        buffer = io.BytesIO()
        data.to_parquet(buffer)
        return _written(buffer.getvalue(), ".parquet")
    x, y = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    if isinstance(x, pd.DataFrame):
        return saved(x.assign(label=np.asarray(y)))
    if not isinstance(x, np.ndarray) or x.dtype == object:
        raise SettingsError(f"data got {type(data).__name__}; expected a name, a path, a DataFrame, an array x, or (x, y)")
    arrays = {"x": x} if y is None else {"x": x, "y": _plain_labels(np.asarray(y))}
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name}{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    path = _DATA / f"array-{digest.hexdigest()[:12]}.npz"
    if not path.exists():
        write_atomically(path, lambda temporary: np.savez(temporary, **arrays))  # type: ignore[arg-type]
    return str(path)


def _plain_labels(y: np.ndarray) -> np.ndarray:
    """Return labels as numbers or texts, never as objects, which would have to be pickled."""
    if y.dtype != object:
        return y
    return np.array(["" if value is None or value is pd.NA or value != value else str(value) for value in y.tolist()])


def _written(content: bytes, suffix: str) -> str:
    path = _DATA / f"table-{hashlib.sha256(content).hexdigest()[:12]}{suffix}"
    if not path.exists():
        write_atomically(path, lambda temporary: _write(temporary, content))
    return str(path)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def labels_table(labels: Any) -> pd.DataFrame:
    """Return labels as a table with the columns `item` (or `id`) and `label`.

    Raises
    ------
    SettingsError
        If they are no table, dictionary or path.
    """
    if isinstance(labels, pd.DataFrame):
        return labels
    if isinstance(labels, Mapping):
        key = "id" if any(isinstance(item, str) for item in labels) else "item"
        return pd.DataFrame({key: list(labels), "label": list(labels.values())})
    raise SettingsError(f"labels got {type(labels).__name__}; expected a path, a DataFrame with item and label, or a dictionary")
