"""A page to label items in: pictures or rows, what lies nearest to each, and why it is asked for."""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from matplotlib.image import imsave

from bench.data.dataset import Dataset
from bench.data.describing import described_row
from bench.labelling.given import GivenLabels
from bench.labelling.workplace import Workplace
from bench.show.page import templates
from bench.show.pictures import drawable

# Items shown beside each, and pictures on the page: a page of twenty megabytes is slow to open.
_NEAR, _MAX_PICTURES = 5, 4_000
# Of a row beside another: columns that differ.
_DIFFERING = 4
_BLOCK = 256


@dataclass(frozen=True)
class Asked:
    """An item to label."""

    item: int
    sampler: str
    reason: str


def labelling_page(workplace: Workplace, asked: Sequence[Asked], title: str, given: GivenLabels | None = None) -> str:
    """Return the page, which needs nothing beside itself.

    It keeps labels in the browser as they are given, by the page's contents: the same items of the same data are the same page.
    """
    dataset, assignment, sizes = workplace.dataset, workplace.assignment, workplace.sizes
    chosen = np.array([one.item for one in asked], np.int64)
    pictures = _Pictures(dataset)
    near = _nearest(workplace.encoded[0].latent, chosen)
    if dataset.image_shape is not None and len(set(chosen.tolist()) | set(near.ravel().tolist())) > _MAX_PICTURES:
        near = near[:, :0]
    known = (
        {} if given is None else dict(zip(given.items.tolist(), (given.class_names[code] for code in given.codes), strict=True))
    )
    items = [
        {
            "number": number,
            **_shown(dataset, one.item, pictures),
            "sampler": one.sampler,
            "reason": one.reason,
            "cluster": int(assignment[one.item]),
            "size": int(sizes[assignment[one.item]]),
            "near": [_beside(dataset, one.item, other, pictures) | _label(known, other) for other in beside],
        }
        for number, (one, beside) in enumerate(zip(asked, near.tolist(), strict=True), start=1)
    ]
    names = dataset.class_names if given is None else given.class_names
    data = {
        "page": hashlib.sha256(json.dumps([dataset.sha256, chosen.tolist()]).encode()).hexdigest()[:16],
        "items": items,
        "classes": list(names),
        "known": _known(workplace, given),
        "pictures": pictures.png,
    }
    return templates().get_template("labelling.html").render(title=title, data=_as_script(data))


def _known(workplace: Workplace, given: GivenLabels | None) -> list[dict[str, Any]]:
    """Return the labels from before, as the table that the page saves holds them too."""
    if given is None:
        return []
    ids, samplers = workplace.dataset.ids, given.samplers or ("",) * len(given.items)
    return [
        {
            "item": item,
            "id": ids[item] if ids else "",
            "sampler": sampler,
            "cluster": int(workplace.assignment[item]),
            "label": given.class_names[code],
        }
        for item, code, sampler in zip(given.items.tolist(), given.codes, samplers, strict=True)
    ]


def _label(known: dict[int, str], item: int) -> dict[str, str]:
    return {"label": known[item]} if item in known else {}


class _Pictures:
    """Pictures of a page, each once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset, self._place = dataset, dict[int, int]()
        self.png: list[str] = []

    def place(self, item: int) -> int:
        """Return where an item's picture is."""
        if item not in self._place:
            shape = self._dataset.image_shape
            assert shape is not None  # noqa: S101 - only images are asked for
            self._place[item] = len(self.png)
            self.png.append(png_of(self._dataset.pool[item].reshape(shape)))
        return self._place[item]


def _shown(dataset: Dataset, item: int, pictures: _Pictures) -> dict[str, Any]:
    """Return what is shown of an item."""
    shown: dict[str, Any] = {"item": item, "id": dataset.ids[item] if dataset.ids else ""}
    if dataset.image_shape is not None:
        return shown | {"picture": pictures.place(item)}
    return shown | {"row": described_row(dataset.features, dataset.pool[item])}


def _beside(dataset: Dataset, item: int, other: int, pictures: _Pictures) -> dict[str, Any]:
    """Return what is shown of an item beside another: of a row, where it differs."""
    shown = _shown(dataset, other, pictures)
    if "row" in shown:
        own = dict(described_row(dataset.features, dataset.pool[item]))
        shown["row"] = [(name, value) for name, value in shown["row"] if own[name] != value][:_DIFFERING]
    return shown


def _nearest(latent: Float[np.ndarray, "n z"], chosen: Int[np.ndarray, " m"]) -> Int[np.ndarray, "m k"]:
    """Return the items nearest to each of some, in a model's latents."""
    squares, found = np.einsum("nz,nz->n", latent, latent), []
    n_near = min(_NEAR, len(latent) - 1)
    for some in np.array_split(chosen, max(1, len(chosen) // _BLOCK)):
        apart = squares - 2 * latent[some] @ latent.T
        apart[np.arange(len(some)), some] = np.inf
        nearest = np.argpartition(apart, n_near - 1, axis=1)[:, :n_near]
        order = np.take_along_axis(apart, nearest, axis=1).argsort(axis=1, kind="stable")
        found.append(np.take_along_axis(nearest, order, axis=1))
    return np.concatenate(found)


def png_of(picture: Shaped[np.ndarray, "h w *c"]) -> str:
    """Return a picture as PNG in base64."""
    buffer = io.BytesIO()
    imsave(buffer, drawable(picture), cmap="gray", format="png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _as_script(data: Any) -> str:
    """Return JSON that ends no script element, whatever texts it holds."""
    from markupsafe import Markup

    text = json.dumps(data, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - escaped here
