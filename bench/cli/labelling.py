"""Commands for a pile of unlabelled data: `select` says what to label, `label` labels the rest."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import options
from bench.cli.outcomes import draw_sheet, tell_labelling, tell_selection, write_labels, write_picks
from bench.cli.reading import dataset_of, save_figure
from bench.cli.state import make_console
from bench.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from bench.data.dataset import Dataset
    from bench.data.given import GivenLabels
    from bench.labelling import Workplace

RunOrNone = Annotated[Path | None, typer.Argument(help="Folder of a run.", show_default=False)]
Model = Annotated[
    str | None, typer.Option(help="Model of the run, e.g. k100-s0. (default: largest K, first seed)", show_default=False)
]
Labels = Annotated[
    Path | None, typer.Option(help="CSV with the columns item (or id) and label: what is known so far.", show_default=False)
]
_SHEETS, _FIGURES = (".html", ".png"), (".png", ".svg", ".pdf")


def select(
    run: RunOrNone = None,
    n: Annotated[int, typer.Option(help="Items to label.", min=0)] = 100,
    sampler: Annotated[str, typer.Option(help="How they are chosen; see `methods`.")] = "cluster",
    audit: Annotated[int, typer.Option(help="More items, drawn at random, that tell how good the result is.", min=0)] = 0,
    labels: Labels = None,
    out: Annotated[Path, typer.Option(help="Table to fill in.")] = Path("ask.csv"),
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Contact sheet, .html (to label in) or .png. (default for images: .html beside --out)", show_default=False
        ),
    ] = None,
    model: Model = None,
    label_seed: Annotated[int, typer.Option(help="Seed of what is random.", min=0)] = 0,
    data: options.Data = None,
    data_dir: options.DataDir = None,
    label_column: options.LabelColumn = None,
    components: options.Components = None,
    epochs: options.Epochs = None,
    config: options.Config = None,
    device: options.Device = None,
) -> None:
    """Say which items to label, in order and with reasons, and draw a sheet of them; train a model first where there is none.

    Give the folder of a run, or --data FILE. Fill in the column `label`, and give the table back with --labels: to ask for more,
    or to `gmvae-bench label`.
    """
    if n + audit == 0:
        raise SettingsError("--n 0 selects nothing; ask for at least one item")
    if out.suffix != ".csv":
        raise SettingsError(f"--out got {out}; expected a name that ends in .csv")
    if sheet is not None and sheet.suffix not in _SHEETS:
        raise SettingsError(f"--sheet got {sheet}; expected a name that ends in {' or '.join(_SHEETS)}")
    _spare_labels(out, labels)
    flags = {"data": data, "data_dir": data_dir, "label_column": label_column, "components": components, "epochs": epochs}
    flags |= {"device": device}
    if (run is None) == (data is None and config is None):
        raise SettingsError("give either the folder of a run, or --data with the data to train a model of")
    if run is not None and (label_column or components or epochs or device):
        raise SettingsError("a run has its model already; leave out the options of training, or give --data instead")
    console = make_console()

    def check(dataset: "Dataset") -> None:
        if sheet is not None and dataset.image_shape is None:
            raise SettingsError(f"{dataset.name} holds no images, of which a sheet could be drawn; leave out --sheet")

    place = _place(run, model, data_dir) if run is not None else _train(flags, config, console, check)
    check(place.dataset)
    given = _given(place, labels)
    from bench.labelling import select_items

    found = select_items(place, sampler, n, given, audit=audit, label_seed=label_seed)
    write_picks(found, place, out, given if labels is not None else None)
    drawn = draw_sheet(found, place, sheet or out.with_suffix(".html"))
    tell_selection(found, place, sampler, console)
    console.print(f"\nwritten: {out}{f', {drawn}' if drawn else ''}", soft_wrap=True)
    more = (
        f"--labels {out}"
        if drawn is None or drawn.suffix != ".html"
        else f"--labels {out} (or the labels.csv that the page saves)"
    )
    console.print(f"next: fill in the column label, then gmvae-bench label {place.folder} {more}", style="dim", soft_wrap=True)


def label(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
    labels: Labels = None,
    method: Annotated[str, typer.Option(help="How clusters become classes; see `methods`.")] = "soft",
    out: Annotated[Path, typer.Option(help="Table of all items, .parquet or .csv.")] = Path("labelled.parquet"),
    abstain: Annotated[float, typer.Option(help="Name no class below this probability.", min=0, max=1)] = 0.0,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw whether probabilities mean what they say.", dir_okay=False, show_default=False)
    ] = None,
    allow_singletons: Annotated[bool, typer.Option("--allow-singletons", help="Classes with one label are no slip.")] = False,
    model: Model = None,
    data_dir: options.DataDir = None,
) -> None:
    """Label every item of a run's data from a few labels: class, probability, cluster, and how good that is.

    Accuracy is estimated from given labels alone, those drawn at random: `select --audit 50` asks for some.
    """
    if out.suffix not in (".parquet", ".csv"):
        raise SettingsError(f"--out got {out}; expected a name that ends in .parquet or .csv")
    if figure is not None and figure.suffix not in _FIGURES:
        raise SettingsError(f"--figure got {figure}; expected a name that ends in {', '.join(_FIGURES)}")
    if labels is not None and out.resolve() == labels.resolve():
        raise SettingsError(f"--out {out} is the table of --labels, which it would replace; give another name")
    console = make_console()
    place = _place(run, model, data_dir)
    given = _given(place, labels)
    if given is None:
        raise SettingsError("no labels: give a table of them with --labels; `gmvae-bench select` says which items to label")
    from bench.data.given import check_enough
    from bench.labelling import label_items

    known = place.known_with(given)
    check_enough(known[known >= 0], given.class_names, labels or run, allow_singletons=allow_singletons)
    found = label_items(place, given, method, abstain_below=abstain)
    if figure is not None and found.estimate is None:
        raise SettingsError(f"--figure needs labels of items drawn at random; {found.n_drawn} are too few")
    write_labels(found, place, out)
    tell_labelling(found, place, given, method, abstain, console)
    if figure is not None and found.estimate is not None:
        from bench.show.labelling import reliability_figure

        about = f"{place.dataset.name}, {method}: {found.estimate.n} items hidden in turn"
        save_figure(reliability_figure(found.estimate.bins, found.estimate.calibration_error, about), figure, tell=False)
    console.print(f"\nwritten: {out}{f', {figure}' if figure else ''}", soft_wrap=True)


def _place(run: Path, model: str | None, data_dir: Path | None) -> "Workplace":
    from bench.labelling import open_workplace
    from bench.store.folder import open_run

    stored = open_run(run, empty=True)
    if (stored.config.get("settings", {}).get("holdout") or "none") != "none":
        raise SettingsError(
            f"{run} holds items out (--holdout), so that its items have other numbers than those of your data; "
            "give a run without --holdout"
        )
    dataset = dataset_of(stored, data_dir, needed=True)
    assert dataset is not None  # noqa: S101 - needed
    return open_workplace(run, dataset, model)


def _spare_labels(out: Path, labels: Path | None) -> None:
    """Refuse to write over a table that someone has filled in, unless its labels are carried over."""
    if not out.exists() or (labels is not None and out.resolve() == labels.resolve()):
        return
    from bench.data.given import n_filled

    count = n_filled(out)
    if count:
        raise SettingsError(f"{out} holds {count:,} labels, which would be lost; give it with --labels, or another --out")


def _train(flags: dict[str, Any], config: Path | None, console: "Console", check: "Callable[[Dataset], None]") -> "Workplace":
    """Train one model of the data in this process, unless that was done before."""
    from bench.cli.run import train_only
    from bench.labelling import open_workplace

    given = {name: value for name, value in flags.items() if value is not None} | {"model_seeds": "0", "executor": "serial"}
    plan, folder = train_only(given, config, console, check)
    return open_workplace(folder, plan.dataset)


def _given(place: "Workplace", labels: Path | None) -> "GivenLabels | None":
    """Return what the table says, else what the data bring along."""
    import numpy as np

    from bench.data.given import GivenLabels, check_agreement, read_given

    known, dataset = np.flatnonzero(place.known >= 0), place.dataset
    if labels is not None:
        closed = bool((dataset.labels >= 0).all())
        given = read_given(labels, len(dataset.pool), dataset.ids, dataset.class_names, closed=closed)
        check_agreement(given, labels, place.known)
        return given
    if not len(known):
        return None
    return GivenLabels(known, place.known[known], dataset.class_names)
