"""What classifiers are put together from: parts that hold arrays and plain values, and so can be written down without pickle."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

KINDS: dict[str, type["Part"]] = {}
"""Every kind of part, by its name in files."""
_SEPARATOR = "/"


class Part(nn.Module):
    """Base of the parts: keeps what it is given as buffers (arrays), as modules (parts) or as they are (plain values).

    A part is what it was given, and nothing beside: that is what `to_plain` writes and `from_plain` reads.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        KINDS[cls.__name__] = cls

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self._plain: dict[str, Any] = {}
        for name, value in given.items():
            if isinstance(value, np.ndarray | Tensor):
                self.register_buffer(name, torch.as_tensor(value))
            elif isinstance(value, nn.Module):
                self.add_module(name, value)
            else:
                self._plain[name] = value
                setattr(self, name, value)

    def plain(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return self._plain

    def arrays(self) -> dict[str, Tensor]:
        """Return arrays by name."""
        return {name: buffer for name, buffer in self._buffers.items() if buffer is not None}

    def parts(self) -> dict[str, "Part"]:
        """Return the parts that it is made of."""
        return {name: module for name, module in self._modules.items() if isinstance(module, Part)}

    @classmethod
    def rebuilt(cls, plain: Mapping[str, Any], arrays: Mapping[str, Tensor], parts: Mapping[str, "Part"]) -> Self:
        """Return the part that had these."""
        return cls(**plain, **arrays, **parts)


class Parts(Part):
    """Several parts, by name."""

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts().values())

    def __getitem__(self, name: str) -> Any:
        return self.parts()[name]


def to_plain(part: Part, prefix: str = "") -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a part as values that JSON can hold, and its arrays by unique names."""
    about: dict[str, Any] = {"kind": type(part).__name__, **({"plain": plain} if (plain := part.plain()) else {})}
    arrays = {f"{prefix}{name}": array.detach().cpu().contiguous() for name, array in part.arrays().items()}
    for name, inner in part.parts().items():
        of_inner, more = to_plain(inner, f"{prefix}{name}{_SEPARATOR}")
        about.setdefault("parts", {})[name] = of_inner
        arrays |= more
    return about, arrays


def from_plain(about: Mapping[str, Any], arrays: Mapping[str, Tensor], prefix: str = "") -> Part:
    """Return the part that `to_plain` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError, RuntimeError
        If that is not what these are.
    """
    kind = KINDS[about["kind"]]
    parts = {name: from_plain(inner, arrays, f"{prefix}{name}{_SEPARATOR}") for name, inner in about.get("parts", {}).items()}
    own = {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix) and _SEPARATOR not in name.removeprefix(prefix)
    }
    return kind.rebuilt(about.get("plain", {}), own, parts)
