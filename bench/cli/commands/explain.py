"""`gmvae-bench explain`: one item, its clusters, and why two decoders differ."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.output import save_figure
from bench.cli.state import make_console, tell
from bench.errors import SettingsError, number_of
from bench.reading.figures import explanation
from bench.reading.open_run import OpenRun
from bench.show.explanation import render_explanation


def explain(
    run: options.RunFolder,
    sample: Annotated[
        int | None,
        typer.Option(help="Index of the item in the pool. (default: the clearest saved one)", min=0, show_default=False),
    ] = None,
    labels: options.LabelsOfDraw = None,
    data_dir: options.DataDir = None,
    out: Annotated[Path | None, typer.Option(help="Also save a figure to this file.", dir_okay=False, show_default=False)] = None,
) -> None:
    """Show one item that hard decoding gets wrong and soft decoding right: its clusters, what they mean, both verdicts.

    It is the item with the largest soft score for its class, among those whose first cluster has a name; or give --sample.
    """
    opened = OpenRun(run, data_dir=data_dir, n_labeled=labels, tell=tell)
    dataset, look = opened.data, opened.inspection
    if look is None:
        raise SettingsError(f"{run} holds no trained model; run a method that needs one, e.g. --methods soft,hard")
    if sample is not None and not (sample < len(dataset.pool) and dataset.known[sample]):
        raise SettingsError(f"--sample got {sample}, expected an item with a known label, 0 … {len(dataset.pool) - 1:,}")
    item = look.find_saved() if sample is None else sample
    if item is None:
        raise SettingsError(
            f"with {number_of(look.n_labeled, 'label')} soft decoding saves no item here; try --labels with another budget"
        )
    data = explanation.explained(look, item)
    make_console().print(render_explanation(data.explanation, data.picture, data.names, look.n_labeled))
    if out is not None:
        save_figure(explanation.draw(data), out)
