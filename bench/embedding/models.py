"""Models that embed: torchvision's, and timm's, sentence-transformers' or an ONNX file's where those packages are installed."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float

from bench.errors import SettingsError
from gmvae.devices import resolve_device
from gmvae.errors import first_line

Kind = Literal["images", "texts"]
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SIDE = 224
FAILURES = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, ImportError)


@dataclass(frozen=True, eq=False)
class Embedder:
    """A model that turns items into vectors."""

    name: str
    kind: Kind
    embed: Callable[[Sequence[Any]], Float[np.ndarray, "n d"]]
    """Of pictures (`PIL.Image`, RGB) or texts."""
    identity: str = ""
    """Changes with the model, where its name may not."""


def load_embedder(name: str, kind: Kind, device: str = "auto") -> Embedder:
    """Return the model called `name`.

    Parameters
    ----------
    name
        For images: a name of torchvision, `timm/NAME`, or an `.onnx` file. For texts: a name or local folder of
        sentence-transformers. Weights that are not on disk are downloaded by those packages.
    kind
        What is to be embedded.

    Raises
    ------
    SettingsError
        If there is no such model, or it needs a package that is not installed.
    """
    place = str(resolve_device(device))
    try:
        if kind == "texts":
            return _sentence_transformer(name, place)
        if name.endswith(".onnx"):
            return _onnx(name)
        if name.startswith("timm/"):
            return _timm(name, place)
        return _torchvision(name, place)
    except SettingsError:
        raise
    except FAILURES as error:
        raise SettingsError(f"--model {name} cannot be loaded: {first_line(error)}") from error


def _need(package: str, name: str) -> Any:
    """Import a package that not everybody has."""
    if find_spec(package) is None:
        raise SettingsError(f"--model {name} needs the package {package}; pip install {package.replace('_', '-')}")
    return import_module(package)


def _torchvision(name: str, device: str) -> Embedder:
    from torchvision import models

    if name not in models.list_models(module=models):
        some = "resnet18, resnet50, efficientnet_b0, vit_b_16, convnext_tiny"
        raise SettingsError(f"torchvision has no model {name!r}, e.g. {some}; or give timm/NAME, or an .onnx file")
    weights = models.get_model_weights(name).DEFAULT
    network = models.get_model(name, weights=weights).eval().to(device)
    _drop_head(network)
    prepare = weights.transforms()
    return Embedder(name, "images", lambda pictures: _run(network, torch.stack([prepare(one) for one in pictures]), device))


def _drop_head(network: Any) -> None:
    """Replace the last layer, which names classes, by nothing: what remains are features."""
    for name in ("fc", "heads", "head", "classifier"):
        head = getattr(network, name, None)
        if head is None:
            continue
        layers = [module for module in head.modules() if isinstance(module, torch.nn.Linear)] if name == "classifier" else []
        # Of several layers with one between, keep all but the last.
        if isinstance(head, torch.nn.Sequential) and layers and head[-1] is layers[-1]:
            head[-1] = torch.nn.Identity()
        else:
            setattr(network, name, torch.nn.Identity())
        return


def _timm(name: str, device: str) -> Embedder:
    timm = _need("timm", name)
    network = timm.create_model(name.removeprefix("timm/"), pretrained=True, num_classes=0).eval().to(device)
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(network), is_training=False)
    return Embedder(name, "images", lambda pictures: _run(network, torch.stack([prepare(one) for one in pictures]), device))


@torch.inference_mode()
def _run(network: Any, batch: torch.Tensor, device: str) -> Float[np.ndarray, "n d"]:
    output = network(batch.to(device))
    vectors: np.ndarray = output.flatten(1).float().cpu().numpy()
    return vectors


def _onnx(name: str) -> Embedder:
    onnxruntime = _need("onnxruntime", name)
    if not Path(name).is_file():
        raise SettingsError(f"--model {name}: no such file")
    session = onnxruntime.InferenceSession(name, providers=onnxruntime.get_available_providers())
    entry = session.get_inputs()[0]
    shape = entry.shape
    if len(shape) != 4 or shape[1] != 3:
        raise SettingsError(f"--model {name} takes input of shape {shape}; expected images (n, 3, height, width)")
    height, width = (side if isinstance(side, int) else _SIDE for side in shape[2:])

    def embed(pictures: Sequence[Any]) -> Float[np.ndarray, "n d"]:
        values = np.stack([np.asarray(one.resize((width, height)), np.float32) / 255 for one in pictures])
        scaled = ((values - np.array(_MEAN, np.float32)) / np.array(_DEVIATION, np.float32)).transpose(0, 3, 1, 2)
        output = session.run(None, {entry.name: np.ascontiguousarray(scaled, np.float32)})[0]
        return np.asarray(output, np.float32).reshape(len(pictures), -1)

    return Embedder(Path(name).name, "images", embed, hashlib.sha256(Path(name).read_bytes()).hexdigest())


def _sentence_transformer(name: str, device: str) -> Embedder:
    package = _need("sentence_transformers", name)
    # Its bar for loading weights says nothing that a user waits for.
    import_module("transformers.utils.logging").disable_progress_bar()
    try:
        # What is on disk needs no network, and where there is none its package would ask for minutes.
        model = package.SentenceTransformer(name, device=device, local_files_only=True)
    except FAILURES:
        import_module("huggingface_hub.utils.logging").set_verbosity_error()
        model = package.SentenceTransformer(name, device=device)

    def embed(texts: Sequence[Any]) -> Float[np.ndarray, "n d"]:
        vectors: np.ndarray = model.encode(list(texts), batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True)
        return vectors

    # A whole path says nothing to a reader on another machine.
    said = "/".join(Path(name).resolve().parts[-2:]) if Path(name).is_dir() else name
    return Embedder(said, "texts", embed)
