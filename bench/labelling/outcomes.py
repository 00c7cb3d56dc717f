"""What `select` and `label` write and say."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from bench.labelling.given import GivenLabels
from bench.labelling.label import Labelling
from bench.labelling.select import Selection
from bench.labelling.sheet import Card, classes_grid, contact_sheet, labelling_page, percent
from bench.labelling.workplace import Workplace
from bench.show.grid import render_grid
from bench.store.atomic import write_atomically, write_figure, write_text


def write_picks(found: Selection, place: Workplace, out: Path, given: GivenLabels | None) -> None:
    """Write what is known already, so that one table holds it all, and then what is asked for."""
    ids, assignment, sizes = place.dataset.ids, place.assignment, place.sizes
    known: list[tuple[int, str, str, str]] = []
    if given is not None:
        # Where the table did not say how items were chosen, the new one must not say it either.
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
        for item, label, sampler, reason in [*known, *((pick.item, "", name, pick.reason) for pick, name in found.picks)]
    ]
    write_atomically(out, lambda path: pd.DataFrame(rows).to_csv(path, index=False))


def draw_sheet(found: Selection, place: Workplace, sheet: Path) -> Path | None:
    """Draw the items that are asked for, where they are images; return where."""
    shape = place.dataset.image_shape
    if shape is None:
        return None

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
        write_figure(contact_sheet(cards, title), sheet)
    return sheet


def tell_selection(found: Selection, place: Workplace, sampler: str, console: Console) -> None:
    """Say what was chosen, and what it is worth in random labels."""
    dataset = place.dataset
    if dataset.known.all():
        console.print(f"{dataset.name} brings a label of every item; they are not looked at here", style="dim")
    need = found.random_needed
    audit = len(found.picks) - found.n_chosen
    console.print(
        f"{found.n_chosen:,} items chosen by {sampler}"
        + (f" and {audit:,} drawn at random" if audit else "")
        + f", of {len(dataset.pool):,} ({place.key.id}; {found.n_known:,} labels before)\n"
        f"with them {found.n_covered:,} of {found.n_clusters:,} clusters hold a label; for all to hold one, "
        f"{_span(need.at_least, need.enough)} random labels would be needed ({100 * need.confidence:g} % confidence)",
        soft_wrap=True,
    )


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def write_labels(found: Labelling, place: Workplace, out: Path) -> None:
    """Write a row per item."""
    names = np.array(found.class_names, dtype=object)[found.said]
    names[found.abstained] = None
    columns: dict[str, Any] = {"item": np.arange(len(names))}
    if place.dataset.ids:
        columns["id"] = list(place.dataset.ids)
    columns |= {"class": names, "probability": found.probability, "cluster": found.cluster, "given": found.given}
    frame = pd.DataFrame(columns)
    write_atomically(out, lambda path: frame.to_csv(path, index=False) if out.suffix == ".csv" else frame.to_parquet(path))


def tell_labelling(found: Labelling, place: Workplace, given: GivenLabels, method: str, abstain: float, console: Console) -> None:
    """Say what was labelled, and how good it is."""
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
            sure = f"; accuracy of the others, estimated: {percent(estimate.confident)} ({estimate.n_confident:,} random items)"
        n_abstained = f"{int(found.abstained.sum()):,} items ({100 * share:.1f} %)"
        console.print(f"below {abstain:g}, no class named: {n_abstained}{sure}", soft_wrap=True)
