"""What `select` and `label` write and say."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from bench.errors import SettingsError, number_of
from bench.labelling.given import GivenLabels
from bench.labelling.label import Labelling
from bench.labelling.label_studio import interface, tasks
from bench.labelling.page import Asked, labelling_page
from bench.labelling.select import Selection
from bench.labelling.sheet import Card, classes_grid, contact_sheet, percent
from bench.labelling.workplace import Workplace
from bench.show.grid import render_grid
from bench.store.atomic import write_atomically, write_figure, write_json, write_text


def picks_frame(selection: Selection, workplace: Workplace, given: GivenLabels | None) -> pd.DataFrame:
    """Return the labels known already, then the items asked for, in one table."""
    ids, assignment, sizes = workplace.dataset.ids, workplace.assignment, workplace.sizes
    known: list[tuple[int, str, str, str]] = []
    if given is not None:
        # If the old table does not say how items were chosen, the new one must not either.
        samplers = given.samplers or ("",) * len(given.items)
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
            "cluster_size": int(sizes[assignment[item]]),
            "reason": reason,
        }
        for item, label, sampler, reason in [*known, *((pick.item, "", name, pick.reason) for pick, name in selection.picks)]
    ]
    return pd.DataFrame(rows)


def write_picks(selection: Selection, workplace: Workplace, out: Path, given: GivenLabels | None) -> None:
    """Write that table."""
    frame = picks_frame(selection, workplace, given)
    write_atomically(out, lambda path: frame.to_csv(path, index=False))


def draw_sheet(selection: Selection, workplace: Workplace, given: GivenLabels | None, sheet: Path) -> None:
    """Draw the items asked for: as a page to label them in, or as one picture.

    Raises
    ------
    SettingsError
        For a picture of what is no image.
    """
    title = f"{workplace.dataset.name}: {number_of(len(selection.picks), 'item')} to label"
    if sheet.suffix == ".html":
        write_text(sheet, labelling_page(workplace, _asked(selection), title, given))
        return
    ids, pool, shape = workplace.dataset.ids, workplace.dataset.pool, workplace.dataset.image_shape
    if shape is None:
        raise SettingsError(f"{workplace.dataset.name} holds no images to draw; give --sheet a name that ends in .html")
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
        for number, (pick, sampler) in enumerate(selection.picks, start=1)
    ]
    write_figure(contact_sheet(cards, title), sheet)


def write_tasks(selection: Selection, workplace: Workplace, given: GivenLabels | None, path: Path) -> tuple[Path, Path]:
    """Write the items asked for as tasks for Label Studio, and its labelling interface; return both files."""
    interface_path = path.with_suffix(".xml")
    names = workplace.dataset.class_names if given is None else given.class_names
    write_json(path, tasks(workplace, _asked(selection)))
    write_text(interface_path, interface(workplace, names))
    return path, interface_path


def _asked(selection: Selection) -> list[Asked]:
    return [Asked(pick.item, sampler, pick.reason) for pick, sampler in selection.picks]


def tell_selection(selection: Selection, workplace: Workplace, sampler: str, console: Console) -> None:
    """Say what was chosen, and what it is worth in random labels."""
    dataset = workplace.dataset
    if dataset.known.all():
        console.print(f"{dataset.name} brings a label of every item; they are not looked at here", style="dim")
    need = selection.random_needed
    audit = len(selection.picks) - selection.n_chosen
    console.print(
        f"{number_of(selection.n_chosen, 'item')} chosen by {sampler}"
        + (f" and {audit:,} drawn at random" if audit else "")
        + f", of {len(dataset.pool):,} ({workplace.key.id}; {number_of(selection.n_known, 'label')} before)\n"
        f"with them {selection.n_covered:,} of {selection.n_clusters:,} clusters hold a label; for all to hold one, "
        f"{_span(need.at_least, need.enough)} random labels would be needed ({100 * need.confidence:g} % confidence)",
        soft_wrap=True,
    )


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def labels_frame(labelling: Labelling, workplace: Workplace) -> pd.DataFrame:
    """Return a row per item."""
    names = np.array(labelling.class_names, dtype=object)[labelling.said]
    names[labelling.abstained] = None
    columns: dict[str, Any] = {"item": np.arange(len(names))}
    if workplace.dataset.ids:
        columns["id"] = list(workplace.dataset.ids)
    columns |= {"class": names, "probability": labelling.probability, "cluster": labelling.cluster, "given": labelling.given}
    return pd.DataFrame(columns)


def write_labels(labelling: Labelling, workplace: Workplace, out: Path) -> None:
    """Write a row per item."""
    frame = labels_frame(labelling, workplace)
    write_atomically(out, lambda path: frame.to_csv(path, index=False) if out.suffix == ".csv" else frame.to_parquet(path))


def tell_labelling(
    labelling: Labelling, workplace: Workplace, given: GivenLabels, method: str, abstain: float, console: Console
) -> None:
    """Say what was labelled, and how good it is."""
    n_given, n_classes = int(labelling.given.sum()), len(labelling.class_names)
    told = ~labelling.given & ~labelling.abstained
    counts = np.bincount(labelling.said[told], minlength=n_classes)
    sums = np.bincount(labelling.said[told], weights=labelling.probability[told], minlength=n_classes)
    with np.errstate(invalid="ignore"):
        means = sums / counts
    given_counts = np.bincount(labelling.said[labelling.given], minlength=n_classes)
    console.print(
        render_grid(classes_grid(labelling.class_names, given_counts.tolist(), counts.tolist(), means.tolist()), console.width)
    )
    models = ", ".join(labelling.models) or workplace.key.id
    how, why = (method, "") if labelling.chosen is None else (labelling.chosen, "chosen by the labels; ")
    console.print(
        f"\n{workplace.dataset.name}: {number_of(int(told.sum()), 'item')} labelled by {how} ({why}{models}) "
        f"from {n_given:,} labels",
        soft_wrap=True,
    )
    estimate = labelling.estimate
    if estimate is None:
        console.print(
            f"accuracy: not known, with {number_of(labelling.n_drawn, 'labelled item')} drawn at random; "
            "chosen ones say little about the rest.\n"
            f"Ask for 50 more: gmvae-bench select {workplace.folder} --n 0 --audit 50 --labels …",
            style="yellow",
            soft_wrap=True,
        )
    else:
        console.print(
            f"accuracy on the rest, estimated: {percent(estimate.accuracy)} "
            f"({estimate.n:,} random items, hidden in turn{given.assumed})\n"
            f"probabilities: temperature {labelling.temperature:.2f}, "
            f"expected calibration error {100 * estimate.calibration_error:.1f} %",
            soft_wrap=True,
        )
    if abstain:
        share = labelling.abstained.sum() / max(1, (~labelling.given).sum())
        sure = ""
        if estimate is not None and estimate.confident is not None:
            sure = (
                f"; accuracy of the others, estimated: {percent(estimate.confident)} "
                f"({number_of(estimate.n_confident, 'random item')})"
            )
        n_abstained = f"{number_of(int(labelling.abstained.sum()), 'item')} ({100 * share:.1f} %)"
        console.print(f"below {abstain:g}, no class named: {n_abstained}{sure}", soft_wrap=True)
    if labelling.chosen is not None and workplace.dataset.image_shape is not None:
        console.print("images: --method latent-student takes minutes, and mostly tells more", style="dim", soft_wrap=True)
