"""`gmvae-bench recommend`: which method to use, and whether to buy more labels."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.settings import present
from bench.cli.state import LOADING, stage
from bench.errors import SettingsError


@options.reads_data
def recommend(
    run: Annotated[Path | None, typer.Argument(help="Folder of a run.", show_default=False)] = None,
    labels: options.Labels = None,
    target: Annotated[
        float | None,
        typer.Option(help="Accuracy to be reached, e.g. 0.9: how many labels would it take?", min=0, max=1, show_default=False),
    ] = None,
    worth: Annotated[
        float, typer.Option(help="Accuracy that twice the labels must gain to be worth their price.", min=0, max=1)
    ] = 0.01,
    model: options.Model = None,
    data: options.Data = None,
    data_dir: options.DataDir = None,
    reading: options.Given = None,
    components: options.Components = None,
    epochs: options.Epochs = None,
    config: options.Config = None,
    device: options.Device = None,
) -> None:
    """Say which method suits the data and the labels given so far, what accuracy to expect, and whether to buy more labels.

    Give the folder of a run, or --data FILE. Labels are hidden in turn, and told by methods with the model and without it; the
    learning curve of the best is continued. Only labels of items drawn at random tell what to expect; `select --audit 50` asks
    for some.
    """
    if (run is None) == (data is None and config is None):
        raise SettingsError("give either the folder of a run, or --data with the data to train a model on")
    if run is not None and (reading or components or epochs or device):
        raise SettingsError("a run has its model already; leave out the training options, or give --data instead")
    of_training = present(data=data, data_dir=data_dir, components=components, epochs=epochs, device=device, **reading or {})
    with stage(LOADING):
        from bench.cli.labelling import recommend_for

    recommend_for(run, of_training, config, labels, target, worth, model, data_dir)
