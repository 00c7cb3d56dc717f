"""What `predict` does once its options are checked."""

from pathlib import Path

from rich.console import Console

from bench.classifier.classifier import Classifier
from bench.classifier.predict import NOVEL_P, Tally, predict_file
from bench.classifier.store import load
from bench.cli.reading import shown_share
from bench.cli.state import make_console, tell
from bench.errors import number_of
from bench.show.grid import Grid, render_grid
from gmvae.devices import resolve_device

# Of new items; more than this share of strangers is no accident.
_MANY_NOVEL = 5 * NOVEL_P


def predict_with(folder: Path, data: Path, out: Path, abstain: float | None, device: str, *, probabilities: bool) -> None:
    """Classify the items of a file, write them, and say what was told."""
    console = make_console()
    classifier = load(folder).to(str(resolve_device(device)))
    with shown_share(make_console(stderr=True), f"classifying {data}") as progress:
        tally = predict_file(classifier, data, out, abstain_below=abstain, probabilities=probabilities, progress=progress)
    for note in tally.notes:
        tell(note)
    _tell(tally, classifier, data, classifier.about.abstain_below if abstain is None else abstain, console)
    console.print(f"\nwritten: {out}", soft_wrap=True)


def _tell(tally: Tally, classifier: Classifier, data: Path, abstain: float, console: Console) -> None:
    rows = tuple(
        (name, f"{count:,}", f"{total / count:.2f}" if count else "-")
        for name, count, total in zip(tally.class_names, tally.counts.tolist(), tally.sums.tolist(), strict=True)
    )
    console.print(render_grid(Grid("Classes", ("class", "items told", "mean probability"), rows), console.width))
    about = classifier.about
    console.print(
        f"\n{data}: {number_of(tally.n_items, 'item')} classified by {about.method}, from {about.n_labels:,} labels of "
        f"{about.dataset}",
        soft_wrap=True,
    )
    if abstain:
        console.print(f"below {abstain:g}, no class named: {_part(tally.n_abstained, tally.n_items)}", soft_wrap=True)
    novel = tally.n_novel / max(1, tally.n_items)
    console.print(
        f"unlike the training data (p below {NOVEL_P:g}): {_part(tally.n_novel, tally.n_items)}",
        style="yellow" if novel > _MANY_NOVEL else "",
        soft_wrap=True,
    )
    if tally.n_labeled:
        # Loads scipy.
        from bench.stats.calibration import share_interval

        right = share_interval(tally.n_right, tally.n_labeled).text(100, unit=" %")
        sure = ""
        if abstain and tally.n_named:
            sure = f"; where a class is named: {share_interval(tally.n_named_right, tally.n_named).text(100, unit=' %')}"
        console.print(
            f"the new data say the class of {number_of(tally.n_labeled, 'item')}: {right} told right{sure}", soft_wrap=True
        )


def _part(count: int, total: int) -> str:
    return f"{number_of(count, 'item')} ({100 * count / max(1, total):.1f} %)"
