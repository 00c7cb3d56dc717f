"""Whatever bytes a file holds: readers return what is there or say in words that it cannot be read, and run nothing of it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.data import files, vision
from bench.errors import BenchError
from bench.labelling.given import read_given
from bench.plan.cells import ModelKey
from bench.plan.settings import make_settings, read_toml
from bench.store.folder import open_run
from bench.store.models import load_encoded
from bench.store.presence import MODELS, model_fault
from bench.store.progress import read_progress
from bench.store.records import TABLE, read_records
from gmvae import checkpoint
from gmvae.config import ModelConfig, TrainingConfig
from gmvae.errors import GMVAEError
from gmvae.posteriors import encode
from gmvae.training import Trainer, TrainingState, train

MODEL = ModelConfig(n_features=4, n_components=2, latent_dim=2, encoder_layers=(4,), decoder_layers=(4,))
TRAINING = TrainingConfig(epochs=2, batch_size=4)
KEY = ModelKey(2, 0)
ITEMS = np.random.default_rng(0).random((20, 4)).astype(np.float32)
Reader = Callable[[Path], object]


class Contents(dict[str, bytes]):
    def __repr__(self) -> str:
        return ", ".join(self)


def idx(shape: tuple[int, ...], magic: bytes) -> bytes:
    return magic + b"".join(size.to_bytes(4, "big") for size in shape) + bytes(int(np.prod(shape)))


def run_of(path: Path, name: str, others: dict[str, object]) -> object:
    """Open a run folder in which one file is the fuzzed one."""
    folder = path.parent
    for other, content in others.items():
        (folder / other).write_text(json.dumps(content))
    if path.name != name:
        path.replace(folder / name)
    return open_run(folder, empty=True)


DESCRIBED: dict[str, object] = {"name": "d", "n_pool": 5, "n_test": 0, "class_names": ["a", "b"]}


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A valid file of every kind."""
    folder = tmp_path_factory.mktemp("valid")
    x, y = ITEMS, np.arange(20) % 2
    np.savez_compressed(folder / "own.npz", x=x, y=y)
    table = pd.DataFrame(x, columns=list("abcd")).assign(label=y)
    table.to_csv(folder / "own.csv", index=False)
    table.to_parquet(folder / "own.parquet")
    table.to_feather(folder / "own.feather")
    table.to_csv(folder / "own.csv.gz", index=False)
    np.save(folder / "own.npy", x)
    (folder / "labels.csv").write_text("item,label\n" + "".join(f"{item},{label}\n" for item, label in enumerate(y)))
    (folder / "config.toml").write_text('data = "digits"\nbudgets = ["25", "5%"]\n[set]\ncontrast = 0\n')
    (folder / "config.json").write_text(json.dumps({"identity": {}, "settings": {"data": "digits"}}))
    (folder / "dataset.json").write_text(json.dumps(DESCRIBED))
    (folder / "progress.json").write_text(json.dumps({"pid": 1, "host": "h", "begun": "", "trainings": {}, "cells_running": 1}))
    states: list[Path] = []

    def keep(state: TrainingState) -> None:
        states.append(folder / "state.safetensors")
        checkpoint.save_state(state, states[-1], MODEL, TRAINING, 0)

    trained = train(x, MODEL, TRAINING, model_seed=0, device="cpu", on_state=keep)
    checkpoint.write_files(trained, folder)
    encoded = encode(trained.model, x)
    from safetensors.numpy import save_file

    save_file({"posterior": encoded.posterior, "latent": encoded.latent}, folder / "posterior.safetensors")
    (folder / "images").write_bytes(idx((6, 28, 28), b"\0\0\x08\x03"))
    import pyarrow.parquet as pq

    from bench.store.records import SCHEMA

    pq.write_table(SCHEMA.empty_table(), folder / TABLE)
    return Contents({path.name: path.read_bytes() for path in folder.iterdir()})


def read_images(path: Path) -> object:
    raw = path.parent / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name in vision.SOURCES["mnist"].files():
        target = path.parent / name
        images = path.read_bytes() if "train" in name else idx((6, 28, 28), b"\0\0\x08\x03")
        target.write_bytes(images if "images" in name else idx((6,), b"\0\0\x08\x01"))
    return vision.load("mnist", path.parent)


def read_model(path: Path) -> object:
    place = path.parent / MODELS / KEY.id
    place.mkdir(parents=True, exist_ok=True)
    path.replace(place / path.name)
    model_fault(path.parent, KEY)
    return load_encoded(path.parent, KEY)


READERS: dict[str, Reader] = {
    "own.npz": files.load,
    "own.csv": files.load,
    "own.parquet": files.load,
    "own.feather": files.load,
    "own.csv.gz": files.load,
    "own.npy": files.load,
    "labels.csv": lambda path: read_given(path, 20, None),
    "images": read_images,
    "config.toml": lambda path: make_settings(read_toml(path)),
    "config.json": lambda path: run_of(path, "config.json", {"dataset.json": DESCRIBED}),
    "dataset.json": lambda path: run_of(path, "dataset.json", {"config.json": {}}),
    "progress.json": lambda path: read_progress(path.parent),
    TABLE: lambda path: read_records(path.parent),
    "state.safetensors": lambda path: Trainer(ITEMS, MODEL, TRAINING, model_seed=0).restore(
        checkpoint.load_state(path, MODEL, TRAINING, 0)
    ),
    "settings.json": lambda path: checkpoint.load(path.parent, device="cpu"),
    "weights.safetensors": lambda path: checkpoint.load(path.parent, device="cpu"),
    "history.csv": lambda path: checkpoint.load(path.parent, device="cpu"),
    "posterior.safetensors": read_model,
}
WITH_OTHERS = {"settings.json", "weights.safetensors", "history.csv"}


@pytest.mark.parametrize("name", list(READERS))
@pytest.mark.filterwarnings("ignore")
@given(data=st.data())
@settings(max_examples=int(os.environ.get("GMVAE_BENCH_FUZZ", "60")), deadline=None, suppress_health_check=list(HealthCheck))
def test_readers_say_in_words_what_they_cannot_read(
    tmp_path_factory: pytest.TempPathFactory, valid: dict[str, bytes], name: str, data: st.DataObject
) -> None:
    content = bytearray(valid[name])
    how = data.draw(st.sampled_from(["random", "cut", "changed", "header"]))
    if how == "random":
        content = bytearray(data.draw(st.binary(max_size=200)))
    elif how == "cut":
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        reach = len(content) if how == "changed" else min(len(content), 120)
        for place in data.draw(st.lists(st.integers(0, reach - 1), min_size=1, max_size=8)):
            content[place] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("fuzz")
    if name in WITH_OTHERS:
        for other in WITH_OTHERS:
            (folder / other).write_bytes(valid[other])
    path = folder / name
    path.write_bytes(bytes(content))
    said = "read"
    try:
        READERS[name](path)
    except (BenchError, GMVAEError) as error:
        said = str(error)
    assert said.strip()


def test_what_is_valid_is_read(tmp_path: Path, valid: dict[str, bytes]) -> None:
    for name, read in READERS.items():
        folder = tmp_path / name
        folder.mkdir()
        for other in WITH_OTHERS:
            (folder / other).write_bytes(valid[other])
        (folder / name).write_bytes(valid[name])
        read(folder / name)
