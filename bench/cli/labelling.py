"""Commands for a pile of unlabelled data: `select` says what to label, `label` labels the rest."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import options
from bench.cli.reading import dataset_of, save_figure
from bench.cli.state import make_console
from bench.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from bench.data.dataset import Dataset
    from bench.data.given import GivenLabels
    from bench.labelling import Labelling, Selection, Workplace

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
    _write_picks(found, place, out, given if labels is not None else None)
    drawn = _draw_sheet(found, place, sheet or out.with_suffix(".html"))
    _tell_selection(found, place, sampler, console)
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
    _write_labels(found, place, out)
    _tell_labelling(found, place, given, method, abstain, console)
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
    return GivenLabels(known, place.known[known], dataset.class_names, np.ones(len(known), bool), says_drawn=False)


def _write_picks(found: "Selection", place: "Workplace", out: Path, given: "GivenLabels | None") -> None:
    """Write what is known already, so that one table holds it all, and then what is asked for."""
    import pandas as pd

    from bench.data.given import RANDOM
    from bench.store.atomic import write_atomically

    ids, assignment = place.dataset.ids, place.assignment
    sizes = Counter(assignment.tolist())
    known: list[tuple[int, str, str, str]] = []
    if given is not None:
        samplers = given.samplers or (RANDOM,) * len(given.items)
        known = [
            (item, given.class_names[code], sampler, "labelled before")
            for item, code, sampler in zip(given.items.tolist(), given.codes, samplers, strict=True)
        ]
    rows = [
        {
            "item": item,
            **({"id": ids[item]} if ids else {}),
            "label": label,
            "sampler": sampler,
            "cluster": int(assignment[item]),
            "cluster_size": sizes[int(assignment[item])],
            "reason": reason,
        }
        for item, label, sampler, reason in [*known, *((pick.item, "", name, pick.reason) for pick, name in found.picks)]
    ]
    write_atomically(out, lambda path: pd.DataFrame(rows).to_csv(path, index=False))


def _draw_sheet(found: "Selection", place: "Workplace", sheet: Path) -> Path | None:
    shape = place.dataset.image_shape
    if shape is None:
        return None
    from bench.show.labelling import Card, contact_sheet, labelling_page
    from bench.store.atomic import write_text

    ids, pool = place.dataset.ids, place.dataset.pool
    cards = [
        Card(
            number,
            pick.item,
            ids[pick.item] if ids else "",
            sampler,
            pick.reason,
            pick.cluster or 0,
            pick.cluster_size or 0,
            pool[pick.item].reshape(shape),
        )
        for number, (pick, sampler) in enumerate(found.picks, start=1)
    ]
    title = f"{place.dataset.name}: {len(cards):,} items to label"
    if sheet.suffix == ".html":
        write_text(sheet, labelling_page(cards, title, place.dataset.class_names))
    else:
        save_figure(contact_sheet(cards, title), sheet, tell=False)
    return sheet


def _tell_selection(found: "Selection", place: "Workplace", sampler: str, console: "Console") -> None:
    """Say what was chosen, and what it is worth in random labels."""
    dataset = place.dataset
    if bool((dataset.labels >= 0).all()):
        console.print(f"{dataset.name} brings a label of every item; they are not looked at here", style="dim")
    need = found.random_needed
    audit = len(found.picks) - found.n_chosen
    console.print(
        f"{found.n_chosen:,} items chosen by {sampler}"
        + (f" and {audit:,} drawn at random" if audit else "")
        + f", of {len(dataset.pool):,} ({place.key.id}; {found.n_known:,} labels before)\n"
        f"with them {found.n_covered:,} of {found.n_clusters:,} clusters hold a label; at random that takes all clusters "
        f"{need.at_least:,} to {need.enough:,} labels ({100 * need.confidence:g} % confidence)",
        soft_wrap=True,
    )


def _write_labels(found: "Labelling", place: "Workplace", out: Path) -> None:
    import numpy as np
    import pandas as pd

    from bench.store.atomic import write_atomically

    names = np.array(found.class_names, dtype=object)[found.said]
    names[found.abstained] = None
    columns: dict[str, Any] = {"item": np.arange(len(names))}
    if place.dataset.ids:
        columns["id"] = list(place.dataset.ids)
    columns |= {"class": names, "probability": found.probability, "cluster": found.cluster, "given": found.given}
    frame = pd.DataFrame(columns)
    write_atomically(out, lambda path: frame.to_csv(path, index=False) if out.suffix == ".csv" else frame.to_parquet(path))


def _tell_labelling(
    found: "Labelling", place: "Workplace", given: "GivenLabels", method: str, abstain: float, console: "Console"
) -> None:
    import numpy as np

    from bench.show.grid import render_grid
    from bench.show.labelling import classes_grid, percent

    n_given, n_classes = int(found.given.sum()), len(found.class_names)
    told = ~found.given & ~found.abstained
    counts = np.bincount(found.said[told], minlength=n_classes)
    sums = np.bincount(found.said[told], weights=found.probability[told], minlength=n_classes)
    with np.errstate(invalid="ignore"):
        means = sums / counts
    given_counts = np.bincount(found.said[found.given], minlength=n_classes)
    console.print(
        render_grid(classes_grid(found.class_names, given_counts.tolist(), counts.tolist(), means.tolist()), console.width)
    )
    console.print(
        f"\n{place.dataset.name}: {int(told.sum()):,} items labelled by {method} ({place.key.id}) from {n_given:,} labels",
        soft_wrap=True,
    )
    estimate = found.estimate
    if estimate is None:
        console.print(
            f"accuracy: not known. {found.n_drawn} labelled items were drawn at random; chosen ones say little of the rest.\n"
            f"Ask for 50 more: gmvae-bench select {place.folder} --n 0 --audit 50 --labels …",
            style="yellow",
            soft_wrap=True,
        )
    else:
        assumed = "" if given.says_drawn else ", if those items were drawn at random, which the table does not say"
        if given.n_unanswered:
            assumed += f"; {given.n_unanswered:,} random items have no label, and it does not speak of such"
        console.print(
            f"accuracy on the rest, estimated: {percent(estimate.accuracy)} "
            f"({estimate.n:,} random items, hidden in turn{assumed})\n"
            f"probabilities: temperature {found.temperature:.2f}, "
            f"expected calibration error {100 * estimate.calibration_error:.1f} %",
            soft_wrap=True,
        )
    if abstain:
        share = found.abstained.sum() / max(1, (~found.given).sum())
        sure = ""
        if estimate is not None and estimate.confident is not None:
            sure = f"; accuracy of the others, estimated: {percent(estimate.confident)}"
        n_abstained = f"{int(found.abstained.sum()):,} items ({100 * share:.1f} %)"
        console.print(f"below {abstain:g}, no class named: {n_abstained}{sure}", soft_wrap=True)
