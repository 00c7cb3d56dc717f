"""New items of a file, classified block by block into a table."""

from contextlib import closing
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
from bench.errors import DataError, SettingsError
from bench.store.atomic import write_atomically

NOVEL_P = 0.01
"""An item with a smaller p-value is called unlike the training data."""
SUFFIXES = (".parquet", ".csv")


@dataclass(eq=False)
class Tally:
    """What was said of all items."""

    class_names: tuple[str, ...]
    n_items: int = 0
    counts: np.ndarray = field(init=False)
    """Items by class."""
    sums: np.ndarray = field(init=False)
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

    def fill(temporary: Path) -> None:
        with closing(_Table(temporary)) as table:
            for block in stream(path, classifier.form, strange, progress):
                classified = classifier.classify_read(block.items)
                names = classifier.named(classified, abstain_below)
                tally.add(classified, names, None if block.labels is None else _known(classifier, block))
                begin = tally.n_items - len(names)
                table.write(_frame(begin, block, classified, names, classifier.class_names if probabilities else ()))
        if not tally.n_items:
            raise DataError(f"{path} holds no items")

    write_atomically(out, fill)
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


class _Table:
    """A table that grows by blocks of rows: Parquet, or CSV by its name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: pq.ParquetWriter | None = None
        self._begun = False

    def write(self, frame: pd.DataFrame) -> None:
        """Add rows."""
        if self.path.suffix == ".csv":
            frame.to_csv(self.path, index=False, mode="a", header=not self._begun)
        else:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            self._writer = self._writer or pq.ParquetWriter(self.path, table.schema)
            self._writer.write_table(table)
        self._begun = True

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
