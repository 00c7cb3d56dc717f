"""A classifier that was taken away: what it is, where it came from, and what it says of new items."""

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int

from bench.classifier.network import Network
from bench.data.form import Form
from bench.data.new_columns import Strange
from bench.data.new_items import as_pool
from bench.data.new_rows import rows_of_frame
from bench.errors import DataError, number_of

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 2048
# Distances held at a time, 256 MiB of them.
_HELD = 2**26


@dataclass(frozen=True)
class About:
    """What a user must know of a classifier."""

    dataset: str
    dataset_sha256: str
    """Fingerprint of the training data."""
    n_pool: int
    """Items that the model was trained on, without labels."""
    method: str
    """How labels reached the rest; what `auto` chose, if it did."""
    models: tuple[str, ...]
    """Trained models of the run that are inside."""
    labels: Mapping[str, int]
    """Labels by class."""
    version: str
    """Of gmvae-bench."""
    abstain_below: float = 0.0
    """Probability below which no class is named."""
    accuracy: tuple[float, float | None, float | None] | None = None
    """Estimated for the rest of the pool, with its interval; `None` where too few labels were drawn at random."""
    n_hidden: int = 0
    """Labels that the estimate rests on: they were hidden in turn."""
    accuracy_confident: tuple[float, float | None, float | None] | None = None
    """Of those that it names a class for."""
    calibration_error: float | None = None
    note: str = ""
    """What a reader of results on these data must know."""
    pretrained: str | None = None
    """The model trained on other data that made the items, if one did."""

    @property
    def n_labels(self) -> int:
        """Labels that it was made from."""
        return sum(self.labels.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "About":
        """Return what `to_json` wrote."""
        shares = {name: None if values[name] is None else tuple(values[name]) for name in ("accuracy", "accuracy_confident")}
        return cls(**{**values, **shares, "models": tuple(values["models"])})


@dataclass(frozen=True, eq=False)
class Classified:
    """What a classifier says of some items."""

    said: Int[np.ndarray, " n"]
    """The likeliest class, a place in `class_names`."""
    proba: Float[np.ndarray, "n l"]
    """Calibrated probabilities of all classes, float32."""
    cluster: Int[np.ndarray, " n"]
    novelty_p: Float[np.ndarray, " n"]
    """Share of the training data that are at least as unlike the others; small for what these do not hold."""

    @property
    def probability(self) -> Float[np.ndarray, " n"]:
        """Of the class that is said."""
        chosen: np.ndarray = self.proba[np.arange(len(self.said)), self.said]
        return chosen


@dataclass(frozen=True, eq=False)
class Classifier:
    """A classifier for new items.

    `predict` and `predict_proba` take what the training data were: arrays (n, d), images (n, height, width[, 3]), or a DataFrame
    with the columns of a table.
    """

    class_names: tuple[str, ...]
    about: About
    form: Form
    """How items were made in training."""
    network: Network

    @property
    def classes_(self) -> np.ndarray:
        """Names of the classes, as scikit-learn calls them."""
        return np.array(self.class_names, dtype=object)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.network.novelty.points.device

    def to(self, device: str) -> "Classifier":
        """Return the classifier on another device, such as `cuda`."""
        if torch.device(device) == self.device:
            return self
        return replace(self, network=copy.deepcopy(self.network).to(device))

    def classify(self, items: "np.ndarray | pd.DataFrame") -> Classified:
        """Say what the items are: class, probabilities, cluster, and how unlike the training data they are.

        Raises
        ------
        DataError
            If they are of another shape, type or range than the training data.
        """
        if isinstance(items, np.ndarray) or not hasattr(items, "columns"):
            return self.classify_read(as_pool(np.asarray(items), self.form))
        strange = Strange()
        rows = rows_of_frame(items, self.form, strange).items
        for note in strange.notes():
            warnings.warn(note, stacklevel=2)
        return self.classify_read(rows)

    def classify_read(self, items: np.ndarray) -> Classified:
        """Say what items are that were read as those of the training data (`bench.data.new_items`)."""
        parts = [tuple(part.numpy(force=True) for part in self.network.run(batch)) for batch in self._batches(items)]
        proba, posterior, novelty = (np.concatenate(each) for each in zip(*parts, strict=True))
        if proba.shape[1] != len(self.class_names):
            raise DataError(
                f"the classifier tells {number_of(proba.shape[1], 'class', 'classes')} apart, but has "
                f"{number_of(len(self.class_names), 'name')} for them: class_names were changed; copy or make it again"
            )
        return Classified(proba.argmax(axis=1), proba, posterior.argmax(axis=1), novelty)

    def predict_proba(self, items: "np.ndarray | pd.DataFrame") -> Float[np.ndarray, "n l"]:
        """Return calibrated probabilities, a column for each of `classes_`."""
        return self.classify(items).proba

    def predict(self, items: "np.ndarray | pd.DataFrame") -> np.ndarray:
        """Return the likeliest class of each item, by name."""
        names: np.ndarray = self.classes_[self.classify(items).said]
        return names

    def named(self, classified: Classified, abstain_below: float | None = None) -> np.ndarray:
        """Return names of classes, `None` where the probability is too low."""
        least = self.about.abstain_below if abstain_below is None else abstain_below
        names: np.ndarray = self.classes_[classified.said]
        names[classified.probability < least] = None
        return names

    def save(self, folder: str | Path, *, onnx: bool = False, examples: np.ndarray | None = None) -> None:
        """Write the classifier into a folder of its own; nothing is pickled.

        Parameters
        ----------
        onnx
            Whether to write it as ONNX, too, compared on `examples`, items as they were read in training.

        Raises
        ------
        SettingsError, StoreError
            If the folder holds something else, or cannot be written.
        """
        from bench.classifier.store import save

        if onnx:
            from bench.classifier.onnx import check_installed, export_onnx

            check_installed()
        save(self, Path(folder))
        if onnx:
            export_onnx(self, Path(folder), self._examples() if examples is None else examples)

    def _examples(self) -> np.ndarray:
        """Return items without meaning, of the right kind."""
        values = np.random.default_rng(0).random((16, self.form.n_features), np.float32)
        return (255 * values).astype(np.uint8) if self.form.is_bytes else values

    def __repr__(self) -> str:
        about = self.about
        accuracy = "" if about.accuracy is None else f", accuracy estimated {100 * about.accuracy[0]:.1f} %"
        classes = number_of(len(self.class_names), "class", "classes")
        return f"Classifier({about.dataset}: {classes}, {about.method}, {about.n_labels:,} labels{accuracy})"

    def _batches(self, items: np.ndarray) -> Iterator[torch.Tensor]:
        # Distances to every point that it holds are made at once: fewer items where it holds many.
        size = int(np.clip(_HELD // max(1, self.network.n_points), 16, _BATCH))
        for start in range(0, max(1, len(items)), size):
            # torch does not like arrays that cannot be written to.
            part = np.ascontiguousarray(items[start : start + size])
            yield torch.from_numpy(part if part.flags.writeable else part.copy()).to(self.device)
