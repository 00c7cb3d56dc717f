"""New items of a file, classified block by block into a table."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.classifier.classifier import Classified, Classifier
from bench.data.new_columns import Strange
from bench.data.new_items import stream
from bench.data.new_rows import NewItems
from bench.data.reading import Progress, no_progress
from bench.errors import DataError, SettingsError, StoreError
from gmvae.disk import sync_folder

NOVEL_P = 0.01
"""An item with a smaller p-value is called unlike the training data."""
SUFFIXES = (".parquet", ".csv")


@dataclass(eq=False)
class Tally:
    """What was said of all items."""

    class_names: tuple[str, ...]
    n_items: int = 0
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Items by class."""
    sums: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """Their probabilities, summed."""
    n_abstained: int = 0
    n_novel: int = 0
    n_labeled: int = 0
    """Items whose class the new data say."""
    n_right: int = 0
    n_named: int = 0
    """Of those, how many were named a class."""
    n_named_right: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.counts, self.sums = np.zeros(len(self.class_names), np.int64), np.zeros(len(self.class_names))

    def add(self, classified: Classified, names: np.ndarray, truth: list[str | None] | None) -> None:
        """Count a block."""
        told = np.array([name is not None for name in names], bool)
        self.n_items += len(names)
        self.n_abstained += int((~told).sum())
        self.n_novel += int((classified.novelty_p < NOVEL_P).sum())
        self.counts += np.bincount(classified.said[told], minlength=len(self.class_names))
        self.sums += np.bincount(classified.said[told], classified.probability[told], minlength=len(self.class_names))
        if truth is None:
            return
        code_of = {name: code for code, name in enumerate(self.class_names)}
        # Another class than those that it knows is never told right.
        codes = np.array([-1 if text is None else code_of.get(text, len(code_of)) for text in truth])
        known, right = codes >= 0, codes == classified.said
        self.n_labeled += int(known.sum())
        self.n_right += int((known & right).sum())
        self.n_named += int((known & told).sum())
        self.n_named_right += int((known & told & right).sum())


def predict_file(
    classifier: Classifier,
    path: str | Path,
    out: str | Path,
    *,
    abstain_below: float | None = None,
    probabilities: bool = False,
    progress: Progress = no_progress,
) -> Tally:
    """Classify every item of a file or folder, and write a row for each; the table appears whole or not at all.

    Columns: item (its number), id (its name, where it has one), class (none below `abstain_below`), probability, cluster,
    novelty_p; with `probabilities` one more for each class.

    Raises
    ------
    DataError, SettingsError, StoreError
        If the data cannot be read, hold no items or items of another kind, or the table cannot be written.
    """
    path, out = Path(path), Path(out)
    if out.suffix not in SUFFIXES:
        raise SettingsError(f"the table got the name {out}; expected one that ends in {' or '.join(SUFFIXES)}")
    tally, strange = Tally(classifier.class_names), Strange()
    with _table(out) as write:
        for block in stream(path, classifier.form, strange, progress):
            classified = classifier.classify_read(block.items)
            names = classifier.named(classified, abstain_below)
            tally.add(classified, names, None if block.labels is None else _known(classifier, block))
            write(_frame(tally.n_items - len(names), block, classified, names, classifier.class_names if probabilities else ()))
        if not tally.n_items:
            raise DataError(f"{path} holds no items")
    tally.notes = strange.notes()
    return tally


def _known(classifier: Classifier, block: NewItems) -> list[str | None]:
    """Return the classes that new data say; the folder that a picture lies in counts only where it is the name of a class."""
    labels = list(block.labels or ())
    if classifier.form.kind == "table":
        return labels
    return [label if label in classifier.class_names else None for label in labels]


def _frame(begin: int, block: NewItems, classified: Classified, names: np.ndarray, class_names: tuple[str, ...]) -> pd.DataFrame:
    columns: dict[str, Any] = {"item": np.arange(begin, begin + len(names))}
    if block.ids is not None:
        columns["id"] = list(block.ids)
    columns |= {
        "class": pd.Series(names, dtype="string"),
        "probability": classified.probability,
        "cluster": classified.cluster,
        "novelty_p": classified.novelty_p,
    }
    columns |= {f"p({name})": classified.proba[:, code] for code, name in enumerate(class_names)}
    return pd.DataFrame(columns)


@contextmanager
def _table(out: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield what writes blocks of rows into a temporary file, which takes its name at the end."""
    temporary: Path | None = None
    writer: Any = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{out.name}-", suffix=out.suffix, dir=out.parent)
        os.close(handle)
        temporary = Path(name)

        def write(frame: pd.DataFrame) -> None:
            nonlocal writer
            if out.suffix == ".csv":
                frame.to_csv(temporary, index=False, mode="a", header=writer is None)
                writer = writer or True
                return
            table = pa.Table.from_pandas(frame, preserve_index=False)
            writer = writer or pq.ParquetWriter(temporary, table.schema)
            writer.write_table(table)

        yield write
        if isinstance(writer, pq.ParquetWriter):
            writer.close()
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        raise StoreError(f"cannot write {out}: {error.strerror or error}; free space, or name another file") from error
    finally:
        if isinstance(writer, pq.ParquetWriter):
            writer.close()
        if temporary is not None:
            temporary.unlink(missing_ok=True)
