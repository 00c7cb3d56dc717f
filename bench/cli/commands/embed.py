"""`gmvae-bench embed`: images or texts as vectors of a model that was trained on other data."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.state import LOADING, interrupted_before, stage
from bench.errors import SettingsError

_SUFFIXES = (".npz", ".parquet")


@options.reads_data
def embed(
    data: Annotated[
        str,
        typer.Argument(help="A folder of images, a table with a column of texts, or a name.", metavar="DATA", show_default=False),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="For images: a name of torchvision, timm/NAME, or an .onnx file. For texts: a name or folder of "
            "sentence-transformers.",
            metavar="NAME|FILE|FOLDER",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The vectors, .npz or .parquet, for --data of other commands.", show_default=False)],
    text_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the texts. (default: the one with the most different texts)", metavar="NAME", show_default=False
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Items at once.", min=1)] = 64,
    device: options.Device = None,
    data_dir: options.DataDir = None,
    reading: options.Given = None,
) -> None:
    """Embed images or texts by a pretrained model, for `run` and `select`; results on them are marked as pretrained.

    Repeating a command that was interrupted continues it.
    """
    if out.suffix not in _SUFFIXES:
        raise SettingsError(f"--out got {out}; expected a name that ends in {' or '.join(_SUFFIXES)}")
    with interrupted_before("the embedding"), stage(LOADING):
        from bench.cli.embedding import embed_data

    embed_data(data, data_dir, model, out, text_column, batch_size, device or "auto", reading or {})
