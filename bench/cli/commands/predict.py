"""`gmvae-bench predict`: a class for every new item."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.state import LOADING, stage
from bench.errors import SettingsError


def predict(
    classifier: Annotated[Path, typer.Argument(help="Folder that `label --classifier` wrote.", show_default=False)],
    data: Annotated[
        Path, typer.Argument(help="New items: a table, .npz, .npy, a picture or a folder of them.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Table of all items, .parquet or .csv.")] = Path("predicted.parquet"),
    abstain: Annotated[
        float | None,
        typer.Option(
            help="Name no class for items below this probability. (default: the classifier's)", min=0, max=1, show_default=False
        ),
    ] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Also write the probability of every class.")] = False,
    device: Annotated[str, typer.Option(help="Where the network runs.", metavar="cpu|cuda|cuda:1|mps")] = "cpu",
) -> None:
    """Classify new items: class, probability, cluster, and how unlike the training data each is.

    Where the new data say classes, too, their share that is told right is printed.
    """
    if out.suffix not in (".parquet", ".csv"):
        raise SettingsError(f"--out got {out}; expected a name that ends in .parquet or .csv")
    if out.resolve() == data.resolve():
        raise SettingsError(f"--out {out} is the new data, which it would replace; give another name")
    with stage(LOADING):
        from bench.cli.predicting import predict_with

    predict_with(classifier, data, out, abstain, device, probabilities=probabilities)
