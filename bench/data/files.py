"""`READERS`: which file of the user's own is read by what, by suffix."""

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.data import arrays, tables
from bench.data.dataset import Dataset
from bench.data.delimited import plain_suffix
from bench.data.reading import Progress, Reading, Rows, all_rows, no_progress
from bench.errors import DataError

READERS: Mapping[str, Callable[[Path, Reading, Rows, Progress], Dataset]] = {
    ".npz": arrays.from_npz,
    ".npy": arrays.from_npy,
    **dict.fromkeys((".csv", ".tsv", ".txt", ".parquet", ".pq", ".feather", ".arrow"), tables.from_table),
}
"""By suffix in small letters; delimited text may be compressed. Each takes the file, what the user says of it, which rows are
the pool's, and a listener of progress."""


def is_file_name(data: str) -> bool:
    """Return whether a name ends as a file that can be read."""
    return plain_suffix(Path(data)) in READERS


def load(path: Path, reading: Reading | None = None, rows: Rows = all_rows, progress: Progress = no_progress) -> Dataset:
    """Read a file whose suffix is in `READERS`.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    """
    if not path.is_file():
        raise DataError(f"no file {path}; give a {suffixes()} file, or a name that `gmvae-bench datasets` lists")
    return READERS[plain_suffix(path)](path, reading or Reading(), rows, progress)


def suffixes() -> str:
    """Return the suffixes of `READERS` for messages and help texts: `.npz, .csv or .parquet`."""
    *others, last = READERS
    return f"{', '.join(others)} or {last}"
