"""Choosing a torch device, and wrapping arrays as tensors without a copy."""

import warnings

import numpy as np
import torch
from torch import Tensor

from gmvae.errors import InputError


def resolve_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` is CUDA, else MPS, else CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}; expected auto, cpu, cuda, cuda:0 … or mps") from error
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not usable.get(device.type, False):
        raise InputError(f"device {name!r} is not available here; use device 'auto' or 'cpu'")
    return device


def as_tensor(array: np.ndarray) -> Tensor:
    """Wrap an array without copying it, read-only memory (object stores, memory maps) included; never write to the result."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(array))


def multiplies_bfloat16_fast(device: torch.device) -> bool:
    """Whether the device has matrix units for bfloat16; without them it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())
