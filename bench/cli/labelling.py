"""What `select`, `label` and `recommend` do once their options are checked."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from bench.classifier.onnx import check_installed, export_onnx
from bench.classifier.store import check_place, save
from bench.cli.running import train_only
from bench.cli.state import make_console, tell
from bench.data.dataset import Dataset
from bench.data.reading import AUTO
from bench.data.splits import MERGED, OFFICIAL
from bench.errors import SettingsError, number_of
from bench.labelling.given import GivenLabels, check_agreement, check_enough, n_filled, read_given
from bench.labelling.label import LEAST_DRAWN, label_items
from bench.labelling.outcomes import draw_sheet, tell_labelling, tell_selection, write_labels, write_picks
from bench.labelling.recommend import recommend
from bench.labelling.recommended import tell_beginning, tell_recommendation
from bench.labelling.select import select_items
from bench.labelling.sheet import reliability_figure
from bench.labelling.taking import take_classifier
from bench.labelling.workplace import Workplace, open_workplace
from bench.reading.open_run import OpenRun
from bench.store.atomic import write_figure


def select_from(
    run: Path | None,
    of_training: dict[str, Any],
    config: Path | None,
    n: int,
    sampler: str,
    audit: int,
    labels: Path | None,
    out: Path,
    sheet: Path | None,
    model: str | None,
    label_seed: int,
    data_dir: Path | None,
) -> None:
    """Choose items of a run's data, or of data that a model is first trained on; write, draw and report them."""
    _spare_labels(out, labels)
    console = make_console()

    def check(dataset: Dataset) -> None:
        if sheet is not None and dataset.image_shape is None:
            raise SettingsError(f"{dataset.name} holds no images to draw a sheet of; leave out --sheet")

    workplace = _workplace(run, model, data_dir) if run is not None else _train(of_training, config, console, check)
    check(workplace.dataset)
    given = _given(workplace, labels)

    selection = select_items(workplace, sampler, n, given, audit=audit, label_seed=label_seed)
    write_picks(selection, workplace, out, given if labels is not None else None)
    drawn = draw_sheet(selection, workplace, sheet or out.with_suffix(".html"))
    tell_selection(selection, workplace, sampler, console)
    console.print(f"\nwritten: {out}{f', {drawn}' if drawn else ''}", soft_wrap=True)
    more = (
        f"--labels {out}"
        if drawn is None or drawn.suffix != ".html"
        else f"--labels {out} (or the labels.csv that the page saves)"
    )
    console.print(
        f"next: fill in the column label, then gmvae-bench label {workplace.folder} {more}", style="dim", soft_wrap=True
    )


def label_with(
    run: Path,
    labels: Path | None,
    method: str,
    out: Path,
    abstain: float,
    figure: Path | None,
    classifier: Path | None,
    model: str | None,
    data_dir: Path | None,
    *,
    allow_singletons: bool,
    onnx: bool,
) -> None:
    """Label the items of a run's data, write them, and report how good that is."""
    console = make_console()
    if classifier is not None:
        check_place(classifier)
    if onnx:
        check_installed()
    workplace = _workplace(run, model, data_dir)
    given = _given(workplace, labels)
    if given is None:
        raise SettingsError("no labels: give a table of them with --labels; `gmvae-bench select` says which items to label")

    known = workplace.known_with(given)
    check_enough(known[known >= 0], given.class_names, labels or run, allow_singletons=allow_singletons)
    labelling = label_items(workplace, given, method, abstain_below=abstain, take=classifier is not None, onnx=onnx)
    write_labels(labelling, workplace, out)
    written: list[Path] = [out]
    tell_labelling(labelling, workplace, given, method, abstain, console)
    if figure is not None and labelling.estimate is not None:
        about = f"{workplace.dataset.name}, {method}: {labelling.estimate.n} items hidden in turn"
        write_figure(reliability_figure(labelling.estimate.bins, labelling.estimate.calibration_error, about), figure)
        written.append(figure)
    elif figure is not None:
        tell(f"no {figure}: it needs {LEAST_DRAWN} labels of items drawn at random, and there are {labelling.n_drawn}")
    if classifier is not None:
        taken = take_classifier(labelling, workplace, method, abstain)
        save(taken, classifier)
        if onnx:
            export_onnx(taken, classifier, workplace.dataset.pool)
        written.append(classifier)
    console.print(f"\nwritten: {', '.join(map(str, written))}", soft_wrap=True)
    if classifier is not None:
        console.print(f"next: gmvae-bench predict {classifier} NEWDATA", style="dim", soft_wrap=True)


def recommend_for(
    run: Path | None,
    of_training: dict[str, Any],
    config: Path | None,
    labels: Path | None,
    target: float | None,
    worth: float,
    model: str | None,
    data_dir: Path | None,
) -> None:
    """Recommend a method for a run's data, or for data that a model is first trained on, and say what to expect."""
    console = make_console()
    workplace = _workplace(run, model, data_dir) if run is not None else _train(of_training, config, console, lambda _: None)
    given = _given(workplace, labels)
    again = _options(labels, model, data_dir)
    if given is None:
        tell_beginning(workplace, again, console)
        return
    known = workplace.known_with(given)
    check_enough(known[known >= 0], given.class_names, labels or workplace.folder, allow_singletons=True)
    found = recommend(workplace, given, target=target, worth=worth)
    tell_recommendation(found, workplace, given, again, target, worth, console)


def _options(labels: Path | None, model: str | None, data_dir: Path | None) -> str:
    """Return options as the next command needs them."""
    given = {"--labels": labels, "--model": model, "--data-dir": data_dir}
    return "".join(f" {name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None)


def _workplace(run: Path, model: str | None, data_dir: Path | None) -> Workplace:
    opened = OpenRun(run, data_dir=data_dir, empty=True)
    if (opened.stored.config.get("settings", {}).get("holdout") or MERGED) not in (MERGED, AUTO, OFFICIAL):
        raise SettingsError(
            f"{run} holds items out (--holdout), so its item numbers differ from those of your data; give a run without --holdout"
        )
    return open_workplace(run, opened.data, model)


def _spare_labels(out: Path, labels: Path | None) -> None:
    """Refuse to write over a table that someone has filled in, unless its labels are carried over."""
    if not out.exists() or (labels is not None and out.resolve() == labels.resolve()):
        return
    count = n_filled(out)
    if count:
        raise SettingsError(
            f"{out} holds {number_of(count, 'label')}, which would be lost; give it with --labels, or another --out"
        )


def _train(flags: dict[str, Any], config: Path | None, console: Console, check: Callable[[Dataset], None]) -> Workplace:
    """Train one model on the data in this process, unless there is one already."""
    plan, folder = train_only(flags | {"model_seeds": "0", "executor": "serial"}, config, console, check)
    return open_workplace(folder, plan.dataset)


def _given(workplace: Workplace, labels: Path | None) -> GivenLabels | None:
    """Return the labels of the table, else those that come with the data."""
    known, dataset = np.flatnonzero(workplace.known >= 0), workplace.dataset
    if labels is not None:
        closed = bool(dataset.known.all())
        given = read_given(
            labels, len(dataset.pool), dataset.ids, dataset.class_names, closed=closed, missing=dataset.missing_label
        )
        for note in given.notes:
            tell(note)
        check_agreement(given, labels, workplace.known)
        return given
    if not len(known):
        return None
    return GivenLabels(known, workplace.known[known], dataset.class_names, came_with_data=True)
