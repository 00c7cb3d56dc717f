"""Data sets by name: embedded, torchvision's, those of installed plug-ins, and files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from bench.data import files, folders, vision
from bench.data.dataset import Dataset
from bench.data.splits import apply_holdout
from bench.errors import unknown_name
from bench.plugins import with_plugins

ENTRY_POINTS = "gmvae_bench.datasets"


@dataclass(frozen=True)
class DatasetSource:
    """A named data set: what it is, without loading it."""

    load: Callable[[Path], Dataset]
    """Reads it, given the data folder."""
    n_items: int
    n_classes: int
    summary: str
    on_disk: Callable[[Path], bool]


def _digits(_: Path) -> Dataset:
    from bench.data.embedded import digits

    return digits()


def _vision(name: str, summary: str) -> DatasetSource:
    source = vision.SOURCES[name]
    return DatasetSource(
        load=lambda data_dir: vision.load(name, data_dir),
        n_items=source.n_train + source.n_test,
        n_classes=len(source.class_names),
        summary=summary,
        on_disk=source.on_disk,
    )


DATASETS: dict[str, DatasetSource] = {
    "digits": DatasetSource(_digits, 1_797, 10, "8x8 digits embedded in scikit-learn", lambda _: True),
    "mnist": _vision("mnist", "28x28 digits"),
    "fashion-mnist": _vision("fashion-mnist", "28x28 clothes"),
    "kmnist": _vision("kmnist", "28x28 cursive kana"),
    "emnist-letters": _vision("emnist-letters", "28x28 letters, the paper's data"),
    "emnist-balanced": _vision("emnist-balanced", "28x28 digits and letters"),
    "emnist-digits": _vision("emnist-digits", "28x28 digits"),
}


def all_datasets() -> dict[str, DatasetSource]:
    """Return the built-in data sets and those that installed packages offer under `gmvae_bench.datasets`."""
    return with_plugins(DATASETS, ENTRY_POINTS, DatasetSource)


def default_data_dir() -> Path:
    """Return the user's cache folder for downloads."""
    return Path(platformdirs.user_cache_dir("gmvae-bench"))


def load_dataset(data: str, data_dir: Path | None = None, *, label_column: str | None = None, holdout: str = "none") -> Dataset:
    """Return the data set called `data`, or read from that file, with the held-out items asked for."""
    if Path(data).suffix in files.READERS:
        return apply_holdout(files.load(Path(data), label_column), holdout)
    sources = all_datasets()
    if data not in sources:
        if Path(data).is_dir():
            return apply_holdout(folders.load(Path(data)), holdout)
        error = unknown_name("data set", data, sources)
        raise type(error)(f"{error}, or a {files.suffixes()} file, or a folder of images")
    return apply_holdout(sources[data].load(data_dir or default_data_dir()), holdout)
