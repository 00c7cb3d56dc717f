"""Image data sets read by torchvision, downloaded on first use."""

import string
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bench.data.dataset import Dataset
from bench.errors import DataError
from gmvae.errors import first_line

_EMNIST_BALANCED = string.digits + string.ascii_uppercase + "abdefghnqrt"


@dataclass(frozen=True)
class VisionSource:
    """How torchvision names a data set, and what its official files hold."""

    torchvision_class: str
    class_names: tuple[str, ...]
    n_train: int
    n_test: int
    split: str | None = None
    """EMNIST's split."""
    first_label: int = 0

    @property
    def is_emnist(self) -> bool:
        """EMNIST's images are stored transposed, in files named after the split."""
        return self.split is not None

    def files(self) -> tuple[str, ...]:
        """Names of the files below the data folder, in torchvision's layout."""
        stems = [f"emnist-{self.split}-{part}" for part in ("train", "test")] if self.is_emnist else ["train", "t10k"]
        folder = f"{self.torchvision_class}/raw"
        kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
        return tuple(f"{folder}/{stem}-{kind}" for stem in stems for kind in kinds)

    def on_disk(self, data_dir: Path) -> bool:
        """Whether all files are there."""
        return all((data_dir / name).is_file() for name in self.files())


SOURCES: dict[str, VisionSource] = {
    "mnist": VisionSource("MNIST", tuple(string.digits), 60_000, 10_000),
    "fashion-mnist": VisionSource(
        "FashionMNIST",
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        60_000,
        10_000,
    ),
    "kmnist": VisionSource("KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"), 60_000, 10_000),
    "emnist-letters": VisionSource("EMNIST", tuple(string.ascii_lowercase), 124_800, 20_800, "letters", first_label=1),
    "emnist-balanced": VisionSource("EMNIST", tuple(_EMNIST_BALANCED), 112_800, 18_800, "balanced"),
    "emnist-digits": VisionSource("EMNIST", tuple(string.digits), 240_000, 40_000, "digits"),
}


def load(name: str, data_dir: Path) -> Dataset:
    """Read a data set from `data_dir` in torchvision's layout, downloading it first where it is absent.

    Raises
    ------
    DataError
        If the files are absent and cannot be downloaded, or are broken.
    """
    source = SOURCES[name]
    if not source.on_disk(data_dir):
        _download(name, source, data_dir)
    try:
        train, test = (_read(source, data_dir, train=part) for part in (True, False))
    except (OSError, RuntimeError, ValueError, AssertionError, LookupError, TypeError, ArithmeticError, MemoryError) as error:
        reason = first_line(error)
        folder = data_dir / source.torchvision_class / "raw"
        raise DataError(f"{name}: the files in {folder} cannot be read ({reason}); delete them and try again") from error
    official = (len(train[0]), len(test[0])) == (source.n_train, source.n_test)
    total = len(train[0]) + len(test[0])
    return Dataset(
        name=name,
        pool=train[0],
        labels=train[1],
        class_names=source.class_names,
        image_shape=(28, 28),
        test=test[0],
        test_labels=test[1],
        note="" if official else f"{total:,} images of {name} (not the official split of {source.n_train + source.n_test:,})",
    )


def _torchvision_class(source: VisionSource) -> Callable[..., Any]:
    # torchvision costs seconds to import and is needed only when files are read.
    from torchvision import datasets

    constructor: Callable[..., Any] = getattr(datasets, source.torchvision_class)
    return constructor


def _read(source: VisionSource, data_dir: Path, *, train: bool) -> tuple[np.ndarray, np.ndarray]:
    options = {"split": source.split} if source.is_emnist else {}
    part = _torchvision_class(source)(str(data_dir), train=train, download=False, **options)
    images, labels = part.data.numpy(), part.targets.numpy().astype(np.int64)
    if source.is_emnist:
        images = images.transpose(0, 2, 1)
    return np.ascontiguousarray(images).reshape(len(images), -1), labels - source.first_label


def _download(name: str, source: VisionSource, data_dir: Path) -> None:
    options = {"split": source.split} if source.is_emnist else {}
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        _torchvision_class(source)(str(data_dir), train=True, download=True, **options)
    except (OSError, RuntimeError, HTTPException, BadZipFile, EOFError) as error:
        wanted = ", ".join(Path(file).name for file in source.files())
        folder = data_dir / source.torchvision_class / "raw"
        raise DataError(
            f"{name} is not in {data_dir} and could not be downloaded ({error}).\n"
            f"Put {wanted} (unpacked) into {folder}, or name the folder that has {folder.parent.name}/raw in it with --data-dir."
        ) from error
