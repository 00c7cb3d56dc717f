"""A classifier's folder: plain JSON, arrays as safetensors, and a card for people. Nothing is pickled."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bench.classifier import heads, novelty, sight  # noqa: F401 - they register the kinds of parts
from bench.classifier.card import model_card
from bench.classifier.classifier import About, Classifier
from bench.classifier.network import Network
from bench.classifier.parts import from_plain, to_plain
from bench.data.form import Form
from bench.errors import SettingsError, StoreError
from bench.wording import printable
from gmvae.checkpoint import new_folder
from gmvae.errors import first_line

FORMAT = 1
_MOST_BYTES = 2**28
SETTINGS, WEIGHTS, CARD, ONNX = "classifier.json", "weights.safetensors", "README.md", "classifier.onnx"
_OURS = frozenset({SETTINGS, WEIGHTS, CARD, ONNX})


def check_place(folder: Path) -> None:
    """Refuse a folder that holds anything but a classifier.

    Raises
    ------
    SettingsError
        If it does.
    """
    if folder.is_file():
        raise SettingsError(f"{folder} is a file; give a folder for the classifier")
    others = sorted({path.name for path in folder.iterdir()} - _OURS) if folder.is_dir() else []
    if others:
        raise SettingsError(f"{folder} holds {', '.join(others[:3])}, which is no classifier; give a new folder")


def save(classifier: Classifier, folder: Path) -> None:
    """Write a classifier into a folder, which appears whole or not at all; one that is there already is replaced.

    Raises
    ------
    SettingsError, StoreError
        If the folder holds something else, or cannot be written.
    """
    check_place(folder)
    plain, arrays = to_plain(classifier.network)
    try:
        with new_folder(folder) as staging:
            # Clones: safetensors refuses arrays that share memory.
            save_file({name: array.clone() for name, array in arrays.items()}, staging / WEIGHTS)
            settings: dict[str, Any] = {
                "format": FORMAT,
                "class_names": list(classifier.class_names),
                "about": classifier.about.to_json(),
                "form": classifier.form.to_json(),
                "weights_sha256": hashlib.sha256((staging / WEIGHTS).read_bytes()).hexdigest(),
                "network": plain,
            }
            (staging / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
            (staging / CARD).write_text(model_card(classifier), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror or error}; free space, or name another folder") from error


def _regular(path: Path) -> Path:
    """Return the path of a file: a device or pipe would never end, and settings are small."""
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is no file; copy the classifier again")
    if path.name == SETTINGS and path.exists() and path.stat().st_size > _MOST_BYTES:
        raise StoreError(f"{path} has {path.stat().st_size:,} bytes, more than a classifier writes there")
    return path


def _sha256(path: Path) -> str:
    with _regular(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(folder: Path) -> Classifier:
    """Read a classifier that `save` wrote.

    Raises
    ------
    StoreError
        If there is none, or its files are broken, do not belong together, or are of another format.
    """
    try:
        settings = json.loads(_regular(folder / SETTINGS).read_text(encoding="utf-8"))
        if settings["format"] != FORMAT:
            raise StoreError(f"{folder}: a classifier of format {settings['format']!r}; this version reads {FORMAT}")
        if _sha256(folder / WEIGHTS) != settings["weights_sha256"]:
            raise StoreError(f"{folder}: {WEIGHTS} is not the one that {SETTINGS} was written with; copy the folder again")
        network = from_plain(settings["network"], load_file(folder / WEIGHTS))
        if not isinstance(network, Network):
            raise StoreError(f"{folder}: {SETTINGS} describes no classifier")
        about, form = About.from_json(settings["about"]), Form.from_json(settings["form"])
        names = settings["class_names"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise StoreError(f"{folder}: class_names in {SETTINGS} are no list of texts; copy or make the classifier again")
        return Classifier(tuple(map(printable, names)), about, form, network.eval())
    except FileNotFoundError as error:
        raise StoreError(
            f"{folder} holds no classifier ({Path(str(error.filename)).name} is not there); `gmvae-bench label RUN --classifier "
            f"{folder}` writes one"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise StoreError(f"{folder} holds no readable classifier ({first_line(error)}); copy or make it again") from error
