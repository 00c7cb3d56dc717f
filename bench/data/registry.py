"""Data sets by name: embedded, torchvision's, those of installed plug-ins, and files."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path

import platformdirs

from bench.data import files, folders, tables, vision
from bench.data.dataset import Dataset
from bench.data.reading import AUTO, Progress, Reading, Rows, no_progress, refuse_others
from bench.data.splits import apply_holdout, pool_rows, thinned
from bench.errors import DataError, SettingsError, unknown_name
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
    in_folder: bool = True
    """Whether it lies in the data folder."""


def _embedded(name: str, n_items: int, n_classes: int, summary: str) -> DatasetSource:
    def load(_: Path) -> Dataset:
        # Loads scikit-learn.
        dataset: Dataset = getattr(import_module("bench.data.embedded"), name.replace("-", "_"))()
        return dataset

    return DatasetSource(load, n_items, n_classes, f"{summary}, embedded in scikit-learn", lambda _: True, in_folder=False)


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
    "digits": _embedded("digits", 1_797, 10, "8x8 digits"),
    "breast-cancer": _embedded("breast-cancer", 569, 2, "tumours by 30 measures"),
    "wine": _embedded("wine", 178, 3, "wines by 13 chemical measures"),
    "iris": _embedded("iris", 150, 3, "irises by four measures"),
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


def load_dataset(
    data: str,
    data_dir: Path | None = None,
    reading: Reading | None = None,
    *,
    holdout: str = AUTO,
    progress: Progress = no_progress,
) -> Dataset:
    """Return the data set called `data`, or read from that file or folder, with the held-out items asked for.

    Raises
    ------
    DataError, SettingsError
        If there are no such data, or they cannot be read.
    """
    reading = reading or Reading()
    dataset = _load(data, data_dir or default_data_dir(), reading, partial(pool_rows, holdout=holdout), progress)
    return thinned(apply_holdout(replace(dataset, missing_label=reading.missing_label), holdout), reading.max_items)


def refuse_idle_folder(data: str, data_dir: Path | None) -> None:
    """Refuse a data folder that the data called `data` are not in: whoever gives one wants what lies there.

    Raises
    ------
    SettingsError
        If there is one.
    """
    source = all_datasets().get(data)
    if data_dir is None or (source is not None and source.in_folder):
        return
    what = "a file or folder of its own" if source is None else "embedded in a package"
    raise SettingsError(
        f"--data-dir got {data_dir}, a folder of data sets that are downloaded, but the data are {data}, {what}; name a set that "
        "lies there, such as --data emnist-letters, or leave --data-dir out"
    )


def _load(data: str, data_dir: Path, reading: Reading, rows: Rows, progress: Progress) -> Dataset:
    path = Path(data)
    sources = all_datasets()
    if data in sources:
        refuse_others(data, "data set by name", reading)
        dataset = sources[data].load(data_dir)
        if path.exists():
            kind = "folder" if path.is_dir() else "file"
            said = f"{data} is the data set that comes by this name; for the {kind} say --data ./{data}"
            dataset = replace(dataset, understood=(said, *dataset.understood))
        return dataset
    if path.is_dir() and not tables.is_table(path):
        refuse_others(data, "folder of images", reading)
        return folders.load(path, reading, progress)
    if path.is_dir() or files.is_file_name(data):
        refuse_others(data, "table" if tables.is_table(path) else "array", reading)
        return tables.from_table(path, reading, rows, progress) if path.is_dir() else files.load(path, reading, rows, progress)
    if path.is_file():
        raise DataError(f"{data} is no {files.suffixes()} file, nor a folder of images; convert it to one of these")
    error = unknown_name("data set", data, sources)
    raise type(error)(f"{error}, or a {files.suffixes()} file, or a folder of images")
