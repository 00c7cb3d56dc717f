"""The identity of a cell: what decides its outcome, as one short text, the same on every machine and in every run folder."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from bench.judge.methods import Method
from bench.judge.record import Origin
from bench.plan.cells import Cell, Ensemble
from bench.plan.samplers.base import Sampler


def training_fingerprint(identity: Mapping[str, Any]) -> str:
    """Return a fingerprint of the settings that models are trained with, from a run's identity (data and training)."""
    training = {key: value for key, value in identity.items() if not key.startswith("dataset")}
    return hashlib.sha256(json.dumps(training, sort_keys=True).encode()).hexdigest()[:16]


def origin_of(identity: Mapping[str, Any], n_pool: int, n_known: int, version: str = "") -> Origin:
    """Return what all records of a run share: its identity, the items of its pool, how many of their labels are known."""
    return Origin(
        dataset=str(identity.get("dataset")),
        dataset_sha256=str(identity.get("dataset_sha256")),
        n_pool=n_pool,
        n_labels=n_known,
        version=version,
        training=training_fingerprint(identity),
        selected_by=identity.get("selected_by"),
        selection_labels=identity.get("selection_labels"),
        pretrained=identity.get("dataset_pretrained"),
    )


def cell_id(cell: Cell, method: Method, sampler: Sampler, origin: Origin) -> str:
    """Return 16 hexadecimal digits that change with data, method, sampler and their versions, seeds, labels, model's training."""
    (identity,) = cell_ids(cell, method, sampler, origin, [(cell.budget.n_labeled, cell.label_seed)])
    return identity


def cell_ids(cell: Cell, method: Method, sampler: Sampler, origin: Origin, points: Iterable[tuple[int, int]]) -> list[str]:
    """Return the identities of cells that differ from one in nothing but number of labels and label seed, given these."""
    training = origin.training if method.needs in ("model", "models", "vae") or sampler.needs_model else ""
    # An ensemble of more models is another cell.
    models = [key.model_seed for key in cell.clustering.models] if isinstance(cell.clustering, Ensemble) else []
    # Version 1 of a sampler is left out, as it was when there was only one sampler.
    version = [sampler.version] if sampler.version > 1 else []
    *before, _, _ = cell.key[:-1]
    # What is hashed is a list in JSON. All of it but two numbers is written once: there may be a million cells.
    begin = json.dumps([origin.dataset_sha256, method.version, training, *before])[:-1]
    rest = [*cell.identity[len(before) + 2 :], *models, *version]
    end = f", {json.dumps(rest)[1:]}" if rest else "]"
    return [
        hashlib.sha256(f"{begin}, {n_labeled}, {label_seed}{end}".encode()).hexdigest()[:16] for n_labeled, label_seed in points
    ]
