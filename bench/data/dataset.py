"""The data set: items, classes, names, and a fingerprint of them."""

import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from bench.data.features import Feature, to_json
from bench.data.form import Canvas, Form
from bench.errors import DataError, number_of
from bench.wording import printable
from gmvae.config import Likelihood, Views
from gmvae.kinds import are_embeddings, views_for
from gmvae.likelihoods import likelihood_for

ImageShape = tuple[int, int] | tuple[int, int, int]
"""Height and width, and three for red, green and blue."""
# Rows that are looked at to find items that occur again and again, and at once for what is not finite.
_LOOKED_AT, _ROWS = 10_000, 65_536
_REPEATED = 0.5
# Values beyond these quantiles are few; when the others lie within this share of the deviation, those few make it.
_FEW, _HIDDEN = (0.01, 0.99), 0.01
# With so many values for each item, chance alone looks like structure.
_WIDE = 20
_TOLD = 3
_VIEWS: dict[Views, str] = {
    "warp": "views: warped, as for handwriting and drawings; --set views=photo says otherwise",
    "photo": "views: mirrored, cropped, lighter or darker, as for photographs; --set views=warp says otherwise",
}


@dataclass(frozen=True)
class Dataset:
    """A pool of items to learn from, and optionally held-out items to test on."""

    name: str
    pool: np.ndarray
    """(n, d) items: uint8 images, float32 in [0, 1], or any finite float32."""
    labels: Int[np.ndarray, " n"]
    """(n,) class codes, -1 where unknown. Only samplers and scores read them; training never does."""
    class_names: tuple[str, ...]
    image_shape: ImageShape | None = None
    """Height and width, and 3 for colours, when an item is an image."""
    test: np.ndarray | None = None
    """(m, d) held-out items."""
    test_labels: Int[np.ndarray, " m"] | None = None
    note: str = ""
    """What a reader of results on these data must know."""
    ids: tuple[str, ...] | None = None
    """Names of the pool's items, e.g. files; not part of the fingerprint."""
    test_ids: tuple[str, ...] | None = None
    """Names of the held-out items."""
    is_split: bool = False
    """Whether the data come in parts called training and test: then the test part is held out unless the user says otherwise."""
    understood: tuple[str, ...] = ()
    """What a reader took for what, in lines to be printed; not part of the fingerprint."""
    features: tuple[Feature, ...] = ()
    """How the columns of a table become features, fitted on the pool."""
    missing_label: tuple[str, ...] | None = None
    """Words that mean "no label" in these data and in tables of labels for them; `None`: those of `gmvae.missing`."""
    pretrained: str | None = None
    """The model trained on other data that made the items, if one did."""
    roles: tuple[str | None, str | None] = (None, None)
    """Columns of a table that hold labels and names of items."""
    scale: str | None = None
    """How the values of an array were scaled (`bench.data.arrays.Scale`)."""
    canvas: Canvas | None = None
    """What pictures of files were brought to."""

    def __post_init__(self) -> None:
        """Make names fit to be shown; raise `DataError` where items and labels cannot belong together."""
        # Names come from files: a terminal would obey escape sequences in them.
        object.__setattr__(self, "name", printable(self.name))
        names = tuple(printable(name) for name in self.class_names)
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice and len(set(self.class_names)) == len(names):
            raise DataError(
                f"{self.name}: several classes are called {twice[0]!r} but for control characters; give each a name of its own"
            )
        object.__setattr__(self, "class_names", names)
        if self.test is not None and (self.test.shape[1:] != self.pool.shape[1:] or self.test.dtype != self.pool.dtype):
            raise DataError(
                f"{self.name}: pool items are {self.pool.dtype} of {self.pool.shape[1]} values, test items {self.test.dtype} of "
                f"{self.test.shape[1]}; give both in one form"
            )
        for part, items, labels in (("pool", self.pool, self.labels), ("test set", self.test, self.test_labels)):
            if items is None or labels is None:
                continue
            if len(items) != len(labels):
                raise DataError(
                    f"{self.name}: the {part} has {number_of(len(items), 'item')} but {number_of(len(labels), 'label')}; "
                    "give one label per item"
                )
            bad = np.array([], int) if items.dtype == np.uint8 else _not_finite(items)
            if len(bad):
                raise DataError(
                    f"{self.name}: {number_of(len(bad), 'item')} with NaN or infinity, the first in row {bad[0]}; "
                    "remove or impute them"
                )
            if labels.max(initial=-1) >= len(self.class_names):
                raise DataError(
                    f"{self.name}: class {labels.max()} has no name; class_names has {number_of(len(self.class_names), 'name')}"
                )
        if self.ids is not None and len(set(self.ids)) != len(self.pool):
            raise DataError(
                f"{self.name}: {number_of(len(set(self.ids)), 'different name')} for {number_of(len(self.pool), 'item')}; "
                "each needs its own"
            )

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of items, labels, names and split; the same on every machine."""
        digest = hashlib.sha256()
        for array in (self.pool, self.labels, self.test, self.test_labels):
            if array is not None:
                header = f"{array.dtype.newbyteorder('<').str}{array.shape}"
                digest.update(header.encode())
                digest.update(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).data)
        digest.update(json.dumps(self.class_names).encode())
        return digest.hexdigest()

    @cached_property
    def known(self) -> Bool[np.ndarray, " n"]:
        """Whether the label of each pool item is known, and so can be shown and scored."""
        known: np.ndarray = self.labels >= 0
        return known

    @property
    def n_known(self) -> int:
        """Items of the pool whose label is known."""
        return int(self.known.sum())

    def shown(self, items: Int[np.ndarray, " s"]) -> Int[np.ndarray, " n"]:
        """Return the labels of some items of the pool, -1 for all others: what a learner that is shown them may read."""
        return shown_labels(self.labels, items)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def likelihood(self) -> Likelihood:
        """The likelihood that suits the values: bernoulli for bytes and [0, 1], else gaussian."""
        return likelihood_for(self.pool)

    @cached_property
    def views(self) -> Views:
        """The kind of views that suits the images."""
        return views_for(self.pool, self.image_shape)

    @cached_property
    def embeddings(self) -> bool:
        """Whether items are vectors of length 1."""
        return are_embeddings(self.pool)

    @property
    def form(self) -> Form:
        """How new items become such as these."""
        is_bytes = self.pool.dtype == np.uint8
        return Form(
            kind="table" if self.features else "pictures" if self.canvas else "array",
            n_features=int(self.pool.shape[1]),
            is_bytes=is_bytes,
            unit=self.likelihood == "bernoulli",
            image_shape=self.image_shape,
            features=self.features,
            label_column=self.roles[0],
            id_column=self.roles[1],
            scale=self.scale or ("bytes as given" if is_bytes else "as they are"),
            canvas=self.canvas,
            missing_label=self.missing_label,
        )

    def describe(self) -> dict[str, Any]:
        """Return what `dataset.json` of a run folder says."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "n_pool": len(self.pool),
            "n_pool_labels_known": self.n_known,
            "n_test": 0 if self.test is None else len(self.test),
            "n_features": self.pool.shape[1],
            "image_shape": self.image_shape,
            "class_names": list(self.class_names),
            "class_counts": np.bincount(self.labels[self.known], minlength=self.n_classes).tolist(),
            "likelihood": self.likelihood,
            "note": self.note,
            "pretrained": self.pretrained,
            "understood": list(self.notices()),
            "columns": to_json(self.features),
        }

    @cached_property
    def n_distinct(self) -> int:
        """Different items among those of the pool that are looked at: all, or 10,000 at most spread over it."""
        return len({row.tobytes() for row in self._sample})

    def check_distinct(self) -> None:
        """Raise `DataError` if there are several items, and no two of them differ."""
        if self.n_distinct > 1:
            return
        begins = range(0, len(self.pool), _ROWS)
        if len(self.pool) > 1 and all(bool((self.pool[begin : begin + _ROWS] == self.pool[0]).all()) for begin in begins):
            raise DataError(
                f"{self.name}: all {number_of(len(self.pool), 'item')} are the same, so that nothing tells classes apart; "
                "look at the file, and at which columns are read"
            )

    @property
    def _sample(self) -> np.ndarray:
        return self.pool[:: max(1, math.ceil(len(self.pool) / _LOOKED_AT))]

    def notices(self) -> tuple[str, ...]:
        """Return what a user should know of how the data were read."""
        repeated = 1 - self.n_distinct / max(1, len(self._sample))
        same = (f"warning: {repeated:.0%} of the items are the same as others; look at the file",) if repeated > _REPEATED else ()
        values = {"bernoulli": "bytes, or values in [0, 1]", "gaussian": "real values, which are standardised"}[self.likelihood]
        values += "; vectors of length 1, so angles count" if self.embeddings else ""
        # What comes by name is known.
        kind = (f"values: {values} ({self.likelihood} likelihood)",) if self.understood else ()
        views = (_VIEWS[self.views],) if self.image_shape and (self.understood or self.views != "warp") else ()
        made = (f"made by {self.pretrained}, a model trained on other data",) if self.pretrained else ()
        return (*self.understood, *made, *kind, *views, *same, *self._hidden(), *self._wide())

    def _hidden(self) -> tuple[str, ...]:
        """Return a warning of columns in which a few values are so far from the others that these look alike."""
        if self.image_shape is not None or self.likelihood != "gaussian":
            return ()
        names = [name for feature in self.features for name in feature.names]
        told = []
        for place, row in _hidden_columns(self.pool, self._sample):
            name = printable(names[place]) if names else f"column {place + 1}"
            told.append(f"{name} ({self.pool[row, place]:g} in row {row + 1})")
        if not told:
            return ()
        few = f"{', '.join(told[:_TOLD])}{f' and {len(told) - _TOLD:,} more' if len(told) > _TOLD else ''}"
        return (
            f"warning: a few values are so large that all others look alike: in {few}; correct them, or leave the column out",
        )

    def _wide(self) -> tuple[str, ...]:
        """Return a warning of more values than their items can tell from chance."""
        n, d = self.pool.shape
        if self.image_shape is not None or self.pretrained or self.embeddings or d < _WIDE * n:
            return ()
        return (
            f"warning: {d:,} values an item, and {number_of(n, 'item')}: what is found without labels may be chance; "
            "compare with logreg and knn, and keep the columns that matter",
        )


def shown_labels(labels: Int[np.ndarray, " n"], items: Int[np.ndarray, " s"]) -> Int[np.ndarray, " n"]:
    """Return the labels of some items, -1 for all others."""
    y = np.full(len(labels), -1)
    y[items] = labels[items]
    return y


def _hidden_columns(pool: np.ndarray, sample: np.ndarray) -> list[tuple[int, int]]:
    """Return the columns in which a few values make the others look alike, and in which row the furthest value is."""
    low, middle, high = np.quantile(sample, (_FEW[0], 0.5, _FEW[1]), axis=0)
    # No deviation is larger than the largest distance: most columns need no look at all rows, and a copy of all would be large.
    furthest = np.maximum(pool.max(axis=0) - middle, middle - pool.min(axis=0))
    found = []
    for place in np.flatnonzero((high > low) & (high - low < _HIDDEN * furthest)).tolist():
        values = pool[:, place].astype(np.float64)
        if high[place] - low[place] < _HIDDEN * values.std():
            found.append((place, int(np.abs(values - middle[place]).argmax())))
    return found


def _not_finite(items: np.ndarray) -> np.ndarray:
    """Return the rows with a value that is not finite, a block at a time."""
    begins = range(0, len(items), _ROWS)
    return np.concatenate([begin + np.flatnonzero(~np.isfinite(items[begin : begin + _ROWS]).all(axis=1)) for begin in begins])
