"""`gmvae-bench label`: a class for every item."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import completion, options
from bench.cli.state import LOADING, stage
from bench.errors import SettingsError

_FIGURES = (".png", ".svg", ".pdf")


def label(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
    labels: options.Labels = None,
    method: Annotated[
        str,
        typer.Option(
            help="How labels reach the rest; auto tries four methods on the labels given. See `methods`.",
            metavar="NAME|auto",
            autocompletion=completion.method,
        ),
    ] = "auto",
    out: Annotated[Path, typer.Option(help="Table of all items, .parquet or .csv.")] = Path("labelled.parquet"),
    abstain: Annotated[float, typer.Option(help="Name no class for items below this probability.", min=0, max=1)] = 0.0,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw how well probabilities are calibrated.", dir_okay=False, show_default=False)
    ] = None,
    classifier: Annotated[
        Path | None,
        typer.Option(help="Also write a classifier for new items into this folder; see `predict`.", show_default=False),
    ] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write the classifier as ONNX, too; needs the extra `onnx`.")] = False,
    allow_singletons: Annotated[bool, typer.Option("--allow-singletons", help="Accept classes with a single label.")] = False,
    model: options.Model = None,
    data_dir: options.DataDir = None,
) -> None:
    """Label every item of a run's data from a few labels: class, probability, cluster, and how good that is.

    Accuracy is estimated from the given labels that were drawn at random; `select --audit 50` asks for some.
    """
    if out.suffix not in (".parquet", ".csv"):
        raise SettingsError(f"--out got {out}; expected a name that ends in .parquet or .csv")
    if figure is not None and figure.suffix not in _FIGURES:
        raise SettingsError(f"--figure got {figure}; expected a name that ends in {', '.join(_FIGURES)}")
    if labels is not None and out.resolve() == labels.resolve():
        raise SettingsError(f"--out {out} is the table of --labels, which it would replace; give another name")
    if onnx and classifier is None:
        raise SettingsError("--onnx is for a classifier; say with --classifier where to write it")
    with stage(LOADING):
        from bench.cli.labelling import label_with

    label_with(
        run,
        labels,
        method,
        out,
        abstain,
        figure,
        classifier,
        model,
        data_dir,
        allow_singletons=allow_singletons,
        onnx=onnx,
    )
