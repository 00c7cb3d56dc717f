"""Embeds items in batches; what was done is kept until all are, so that a repeated command goes on."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float

from bench.data.arrays import PRETRAINED
from bench.embedding.items import Source
from bench.embedding.models import FAILURES, Embedder
from bench.errors import DataError
from bench.store.atomic import write_atomically
from gmvae.errors import first_line

_PART = 4096


def embed_items(
    source: Source, embedder: Embedder, out: Path, *, batch_size: int, on_done: Callable[[int], None]
) -> Float[np.ndarray, "n d"]:
    """Embed all items and write them with labels and names.

    Parameters
    ----------
    out
        `.npz` (`x`, and `y`, `id` where there are any) or `.parquet` (`embedding`, `label`, `id`).
    on_done
        Called with the number of items that are embedded.

    Raises
    ------
    DataError
        If the model makes something else of an item than a vector of finite numbers.
    """
    folder = out.with_name(f".{out.name}-{_fingerprint(source, embedder)}")
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for begin in range(0, len(source), _PART):
        part, end = folder / f"{begin}.npy", min(begin + _PART, len(source))
        if not part.is_file():
            vectors = _embed_part(source, embedder, begin, end, batch_size, on_done)
            write_atomically(part, lambda path, vectors=vectors: _save(path, vectors))  # type: ignore[misc]
        parts.append(np.load(part, allow_pickle=False))
        on_done(end)
    vectors = np.concatenate(parts)
    _write(out, vectors, source, embedder.name)
    shutil.rmtree(folder)
    return vectors


def _save(path: Path, vectors: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, vectors)


def _embed_part(
    source: Source, embedder: Embedder, begin: int, end: int, batch_size: int, on_done: Callable[[int], None]
) -> Float[np.ndarray, "n d"]:
    vectors = []
    for first in range(begin, end, batch_size):
        last = min(first + batch_size, end)
        items = source.batch(first, last)
        try:
            batch = np.asarray(embedder.embed(items), np.float32)
        except FAILURES as error:
            raise DataError(f"{embedder.name} cannot embed items {first:,} to {last - 1:,}: {first_line(error)}") from error
        if batch.ndim != 2 or len(batch) != last - first or not np.isfinite(batch).all():
            raise DataError(
                f"{embedder.name} makes an array of shape {batch.shape} of {last - first} items, or one that is not finite; "
                "expected a vector of finite numbers for each"
            )
        vectors.append(batch)
        on_done(last)
    return np.concatenate(vectors)


def _fingerprint(source: Source, embedder: Embedder) -> str:
    return hashlib.sha256(f"{embedder.name}\n{embedder.identity}\n{source.identity}".encode()).hexdigest()[:16]


def _write(out: Path, vectors: Float[np.ndarray, "n d"], source: Source, model: str) -> None:
    labels = np.array([*source.labels.names, ""])[source.labels.codes] if source.labels.names else None
    if out.suffix == ".npz":
        arrays: dict[str, np.ndarray] = {"x": vectors, PRETRAINED: np.array(model)}
        arrays |= {} if labels is None else {"y": labels}
        arrays |= {} if source.ids is None else {"id": np.array(source.ids)}
        write_atomically(out, lambda path: np.savez(path, **arrays))  # type: ignore[arg-type]
        return
    flat = pa.array(vectors.ravel())
    columns = {} if source.ids is None else {"id": pa.array(source.ids)}
    columns |= {"embedding": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])}
    columns |= {} if labels is None else {"label": pa.array([text or None for text in labels.tolist()])}
    table = pa.table(columns).replace_schema_metadata({PRETRAINED: model})
    write_atomically(out, lambda path: pq.write_table(table, path))
