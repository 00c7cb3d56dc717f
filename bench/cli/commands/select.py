"""`gmvae-bench select`: which items to label."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import completion, options
from bench.cli.settings import present
from bench.cli.state import LOADING, stage
from bench.errors import SettingsError

_SHEETS = (".html", ".png")


@options.reads_data
def select(
    run: Annotated[Path | None, typer.Argument(help="Folder of a run.", show_default=False)] = None,
    n: Annotated[int, typer.Option(help="Items to label.", min=0)] = 100,
    sampler: Annotated[
        str, typer.Option(help="How they are chosen; see `methods`.", metavar="NAME", autocompletion=completion.samplers)
    ] = "coverage",
    audit: Annotated[int, typer.Option(help="More items, drawn at random, that tell how good the result is.", min=0)] = 0,
    labels: options.Labels = None,
    out: Annotated[Path, typer.Option(help="Table to fill in.")] = Path("ask.csv"),
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Page to label in (.html), or contact sheet of images (.png). (default: .html beside --out)", show_default=False
        ),
    ] = None,
    label_studio: Annotated[
        Path | None,
        typer.Option(
            help="Also write tasks for Label Studio (.json), and its labelling interface beside them (.xml).", show_default=False
        ),
    ] = None,
    model: options.Model = None,
    label_seed: Annotated[int, typer.Option(help="Seed of the random choices.", min=0)] = 0,
    data: options.Data = None,
    data_dir: options.DataDir = None,
    reading: options.Given = None,
    components: options.Components = None,
    epochs: options.Epochs = None,
    config: options.Config = None,
    device: options.Device = None,
) -> None:
    """Say which items to label, in order and with reasons, and make a page to label them in; train a model if there is none.

    Give the folder of a run, or --data FILE. Fill in the column `label`, and give the table back with --labels: to ask for more,
    or to `gmvae-bench label`.
    """
    if n + audit == 0:
        raise SettingsError("--n 0 selects nothing; ask for at least one item")
    if out.suffix != ".csv":
        raise SettingsError(f"--out got {out}; expected a name that ends in .csv")
    if sheet is not None and sheet.suffix not in _SHEETS:
        raise SettingsError(f"--sheet got {sheet}; expected a name that ends in {' or '.join(_SHEETS)}")
    if label_studio is not None and label_studio.suffix != ".json":
        raise SettingsError(f"--label-studio got {label_studio}; expected a name that ends in .json")
    if (run is None) == (data is None and config is None):
        raise SettingsError("give either the folder of a run, or --data with the data to train a model on")
    if run is not None and (reading or components or epochs or device):
        raise SettingsError("a run has its model already; leave out the training options, or give --data instead")
    of_training = present(data=data, data_dir=data_dir, components=components, epochs=epochs, device=device, **reading or {})
    with stage(LOADING):
        from bench.cli.labelling import select_from

    select_from(run, of_training, config, n, sampler, audit, labels, out, sheet, label_studio, model, label_seed, data_dir)
