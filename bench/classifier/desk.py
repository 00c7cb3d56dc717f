"""What a served classifier is asked and answers: bytes of a request to items, what it says of them to plain values."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.classifier.classifier import Classifier
from bench.data.new_columns import Strange
from bench.data.new_items import as_pool, in_range, npy_items
from bench.data.new_rows import rows_of_records
from bench.data.pictures import canvas_of_shape, glance_at, laid_out, upright
from bench.errors import DataError, RequestError
from gmvae.errors import first_line

JSON, NPY = "application/json", "application/x-npy"
_MAX_PIXELS = 2**24
# Others have decoders that start programs, or take a page of many for the picture.
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "PPM", "TIFF")
_BAD_REQUEST, _UNSUPPORTED = 400, 415
# What hostile bytes make libraries raise. A request must not be able to raise anything else than a refusal.
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, eq=False)
class Desk:
    """A classifier that answers requests."""

    classifier: Classifier

    def read(self, content_type: str, body: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the items (n, d) of a request, and what of them the training data did not have, in words.

        Raises
        ------
        RequestError
            If it is of a type that is not known, malformed, or holds items of another kind.
        """
        kind = content_type.partition(";")[0].strip().lower()
        reader = self._picture if kind.startswith("image/") else {JSON: self._json, NPY: self._npy}.get(kind)
        if reader is None:
            raise RequestError(_UNSUPPORTED, f"content of type {kind or 'none'}; expected {JSON}, {NPY} or image/png")
        strange = Strange()
        try:
            items = reader(body, strange)
        except RequestError:
            raise
        except DataError as error:
            raise RequestError(_BAD_REQUEST, str(error)) from error
        except _UNREADABLE as error:
            raise RequestError(_BAD_REQUEST, f"cannot be read as items ({first_line(error)})") from error
        if not len(items):
            raise RequestError(_BAD_REQUEST, "no items; give at least one")
        return items, strange.notes()

    def answer(self, items: np.ndarray) -> list[dict[str, Any]]:
        """Return what is said of each item; no class where the probability is too low."""
        classified = self.classifier.classify_read(items)
        return [
            {"class": name, "probability": probability, "cluster": cluster, "novelty_p": novelty}
            for name, probability, cluster, novelty in zip(
                self.classifier.named(classified).tolist(),
                classified.probability.tolist(),
                classified.cluster.tolist(),
                classified.novelty_p.tolist(),
                strict=True,
            )
        ]

    def about(self) -> dict[str, Any]:
        """Return what a client must know: classes, and what items look like."""
        form, about = self.classifier.form, self.classifier.about
        return {
            "classes": list(self.classifier.class_names),
            "dataset": about.dataset,
            "method": about.method,
            "n_labels": about.n_labels,
            "accuracy_estimated": about.accuracy,
            "abstain_below": about.abstain_below,
            "items": {
                "n_values": form.n_features,
                "image_shape": form.image_shape,
                "type": "bytes, 0 to 255" if form.is_bytes else "0 to 1" if form.unit else "numbers",
                "columns": [feature.column for feature in form.features],
            },
            "version": about.version,
        }

    def _json(self, body: bytes, strange: Strange) -> np.ndarray:
        try:
            content = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise RequestError(_BAD_REQUEST, f"no JSON ({first_line(error)})") from error
        form = self.classifier.form
        if isinstance(content, dict) and isinstance(content.get("rows"), list):
            if form.kind != "table":
                raise RequestError(_BAD_REQUEST, "rows are for tables; give items, a list of lists of numbers")
            return self._rows(content["rows"], strange)
        if not isinstance(content, dict) or not isinstance(content.get("items"), list):
            raise RequestError(_BAD_REQUEST, 'expected {"items": [[…], …]}' + (' or {"rows": [{…}, …]}' if form.features else ""))
        try:
            values = np.array(content["items"])
        except ValueError as error:
            raise RequestError(_BAD_REQUEST, "items differ in length; give as many values for each") from error
        if values.size and values.dtype.kind not in "uif":
            raise RequestError(_BAD_REQUEST, "items hold something else than numbers")
        return as_pool(values, form) if values.size else np.empty((0, form.n_features), np.float32)

    def _rows(self, rows: list[Any], strange: Strange) -> np.ndarray:
        if not all(isinstance(row, dict) and not any(isinstance(value, dict) for value in row.values()) for row in rows):
            raise RequestError(_BAD_REQUEST, "each row must be an object of columns and plain values")
        if not rows:
            return np.empty((0, self.classifier.form.n_features), np.float32)
        return rows_of_records(rows, self.classifier.form, strange).items

    def _npy(self, body: bytes, _: Strange) -> np.ndarray:
        blocks = [block.items for block in npy_items(Path("the array"), io.BytesIO(body), self.classifier.form)]
        return np.concatenate(blocks) if blocks else np.empty((0, self.classifier.form.n_features), np.float32)

    def _picture(self, body: bytes, _: Strange) -> np.ndarray:
        form = self.classifier.form
        if form.image_shape is None:
            raise RequestError(_UNSUPPORTED, "the classifier does not see images")
        try:
            picture = Image.open(io.BytesIO(body), formats=_FORMATS)
            if picture.width * picture.height > _MAX_PIXELS:
                raise RequestError(413, f"a picture of {picture.width} x {picture.height} pixels; at most {_MAX_PIXELS:,} in all")
            if getattr(picture, "n_frames", 1) > 1 or picture.mode == "F":
                raise RequestError(_BAD_REQUEST, "several pictures in one file, or one of fractions; send a plain one")
            shown = upright(picture)
            canvas = form.canvas or canvas_of_shape(form.image_shape, [glance_at(shown, seek_color=False)])
            drawn = laid_out(canvas, shown, "the picture")
        except (*_UNREADABLE, Image.DecompressionBombError) as error:
            if isinstance(error, DataError):
                raise
            raise RequestError(_BAD_REQUEST, f"no picture ({first_line(error)})") from error
        return in_range(drawn.reshape(1, -1), form, "the picture")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")
