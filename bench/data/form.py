"""How raw values become items, as fitted on a pool: what reads new items as the pool was read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from bench.data.features import Feature, from_json, to_json

Kind = Literal["table", "array", "pictures"]


@dataclass(frozen=True)
class Canvas:
    """What pictures of files are brought to."""

    size: tuple[int, int]
    """Width and height."""
    colored: bool
    ground: int
    """Grey that shows through where a picture is transparent."""
    white: int
    """Value that is white in pictures with more than eight bits."""


@dataclass(frozen=True)
class Form:
    """What items look like, and how they are made."""

    kind: Kind
    n_features: int
    is_bytes: bool
    """Whether items are uint8, 0-255; else float32."""
    unit: bool
    """Whether all values of the pool lie in [0, 1], as bytes do once they are divided by 255."""
    image_shape: tuple[int, ...] | None = None
    """Height and width, and 3 for colours, when an item is an image."""
    features: tuple[Feature, ...] = ()
    """Of a table."""
    label_column: str | None = None
    """Of a table; read, where new data have it, to say how many classes are right."""
    id_column: str | None = None
    """Of a table."""
    scale: str = "as they are"
    """Of arrays: see `bench.data.arrays.Scale`."""
    canvas: Canvas | None = None
    """Of pictures."""
    missing_label: tuple[str, ...] | None = None
    """Words that mean "no label"; `None`: those of `gmvae.missing`."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"features": to_json(self.features)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the form that `to_json` wrote."""
        shape, canvas = values["image_shape"], values["canvas"]
        return cls(
            **{
                **values,
                "image_shape": None if shape is None else tuple(shape),
                "features": from_json(values["features"]),
                "canvas": None if canvas is None else Canvas(**{**canvas, "size": tuple(canvas["size"])}),
                "missing_label": None if values.get("missing_label") is None else tuple(values["missing_label"]),
            }
        )
