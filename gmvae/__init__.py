"""Gaussian-mixture variational autoencoders: clusters found without labels, and ways to name them with a few.

Importing this package is cheap; torch is loaded when a name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmvae.classifier import ClusterLabelClassifier
    from gmvae.config import ModelConfig, TrainingConfig
    from gmvae.errors import CheckpointError, GMVAEError, InputError, TrainingDivergedError
    from gmvae.estimator import GMVAE

__all__ = [
    "GMVAE",
    "CheckpointError",
    "ClusterLabelClassifier",
    "GMVAEError",
    "InputError",
    "ModelConfig",
    "TrainingConfig",
    "TrainingDivergedError",
]

_HOME = {
    "GMVAE": "gmvae.estimator",
    "ClusterLabelClassifier": "gmvae.classifier",
    "ModelConfig": "gmvae.config",
    "TrainingConfig": "gmvae.config",
    "CheckpointError": "gmvae.errors",
    "GMVAEError": "gmvae.errors",
    "InputError": "gmvae.errors",
    "TrainingDivergedError": "gmvae.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gmvae' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
