"""A classifier as ONNX, for engines that know neither torch nor this package; compared with the original before it is kept."""

import importlib.util
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.classifier.classifier import Classifier
from bench.classifier.store import ONNX
from bench.errors import SettingsError, StoreError
from bench.store.atomic import write_atomically
from gmvae.errors import first_line

INPUT, OUTPUTS = "items", ("proba", "posterior", "novelty_p")
_NEEDED = ("onnx", "onnxscript", "onnxruntime")
# Rounding differs between engines; of p-values, by a rank where two distances are nearly the same.
_TOLERANCE, _RANKS = 1e-5, 2
_EXAMPLES = 256


def check_installed() -> None:
    """Refuse to begin where the libraries are missing.

    Raises
    ------
    SettingsError
        If one is.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(f'--onnx needs {", ".join(missing)}: pip install "gmvae-bench[onnx]"')


def export_onnx(classifier: Classifier, folder: Path, items: np.ndarray) -> Path:
    """Write `classifier.onnx` into a classifier's folder: raw items (n, d) in, probabilities, q(c|x) and p-values out.

    Parameters
    ----------
    items
        Some items as they were read, to compare both on.

    Raises
    ------
    StoreError
        If it cannot be written, or says anything else than the classifier.
    """
    path = folder / ONNX
    examples = np.ascontiguousarray(items[:_EXAMPLES])
    write_atomically(path, lambda temporary: _export(classifier, examples, temporary))
    _compare(classifier, path, examples)
    return path


def _export(classifier: Classifier, examples: np.ndarray, path: Path) -> None:
    import onnx

    try:
        with warnings.catch_warnings():
            # torch warns of its own parts.
            warnings.simplefilter("ignore")
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            torch.onnx.export(
                classifier.network,
                (torch.from_numpy(examples.copy()),),
                str(path),
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_shapes=({0: torch.export.Dim("n")},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except (RuntimeError, ValueError, TypeError) as error:
        raise StoreError(f"cannot write ONNX: {first_line(error)}; leave out --onnx") from error
    model: Any = onnx.load(path)
    about = {"class_names": list(classifier.class_names), "abstain_below": classifier.about.abstain_below}
    for name, value in about.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, json.dumps(value)
    onnx.save(model, path)


def _compare(classifier: Classifier, path: Path, examples: np.ndarray) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    said = classifier.classify_read(examples)
    proba, posterior, novelty = session.run(list(OUTPUTS), {INPUT: examples})
    step = _RANKS / (1 + len(classifier.network.novelty.distances))
    ours = classifier.network.run(torch.from_numpy(examples.copy()))[1].numpy(force=True)
    apart = [float(np.abs(a - b).max()) for a, b in ((proba, said.proba), (posterior, ours), (novelty, said.novelty_p))]
    # So that NaN is a difference.
    if not (apart[0] <= _TOLERANCE and apart[1] <= _TOLERANCE and apart[2] <= step):
        path.unlink()
        raise StoreError(f"{path} would say something else: probabilities differ by {max(apart[:2]):.1g}; it was not kept")
