"""What `select`, `label` and `recommend` do once their options are checked."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.api.places import given_labels, workplace_of
from bench.classifier.onnx import check_installed, export_onnx
from bench.classifier.store import check_place, save
from bench.cli.running import train_only
from bench.cli.state import make_console, tell
from bench.data.dataset import Dataset
from bench.errors import SettingsError, StoreError, number_of
from bench.labelling.given import GivenLabels, check_enough, n_filled
from bench.labelling.label import LEAST_DRAWN, Labelling, label_items
from bench.labelling.outcomes import draw_sheet, tell_labelling, tell_selection, write_labels, write_picks, write_tasks
from bench.labelling.recommend import ALL, WORTH, Outlook, outlook_of, recommend
from bench.labelling.recommended import advice, tell_beginning, tell_recommendation
from bench.labelling.rounds import bought, read_rounds, remember
from bench.labelling.select import select_items
from bench.labelling.sheet import reliability_figure
from bench.labelling.taking import take_classifier
from bench.labelling.workplace import Workplace, open_workplace
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
    label_studio: Path | None,
    model: str | None,
    label_seed: int,
    data_dir: Path | None,
) -> None:
    """Choose items of a run's data, or of data that a model is first trained on; write, draw and report them."""
    _spare_labels(out, labels)
    console = make_console()

    def check(dataset: Dataset) -> None:
        if sheet is not None and sheet.suffix != ".html" and dataset.image_shape is None:
            raise SettingsError(
                f"{dataset.name} holds no images to draw a sheet of; give --sheet a name that ends in .html, or leave it out"
            )

    workplace = workplace_of(run, model, data_dir) if run is not None else _train(of_training, config, console, check)
    check(workplace.dataset)
    given = given_labels(workplace, labels, tell)

    selection = select_items(workplace, sampler, n, given, audit=audit, label_seed=label_seed)
    write_picks(selection, workplace, out, given if labels is not None else None)
    drawn = sheet or out.with_suffix(".html")
    draw_sheet(selection, workplace, given if labels is not None else None, drawn)
    tell_selection(selection, workplace, sampler, console)
    if labels is not None and given is not None:
        rounds = read_rounds(workplace.folder)
        if len(rounds) > 1 and rounds[-2].model == rounds[-1].model:
            console.print(bought(rounds[-2], rounds[-1].n_labeled, rounds[-1].interval), soft_wrap=True)
        method = rounds[-1].method if rounds and rounds[-1].method in ALL else next(iter(ALL))
        _tell_outlook(outlook_of(workplace, given, method), workplace, console)
    written = [out, drawn]
    if label_studio is not None:
        written += write_tasks(selection, workplace, given if labels is not None else None, label_studio)
    console.print(f"\nwritten: {', '.join(map(str, written))}", soft_wrap=True)
    more = f"--labels {out}" + (" (or the labels.csv that the page saves)" if drawn.suffix == ".html" else "")
    folder = shlex.quote(str(workplace.folder))
    console.print(f"next: fill in the column label, then gmvae-bench label {folder} {more}", style="dim", soft_wrap=True)


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
    workplace = workplace_of(run, model, data_dir)
    given = given_labels(workplace, labels, tell)
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
    _tell_round(labelling, workplace, given, method, console)
    console.print(f"\nwritten: {', '.join(map(str, written))}", soft_wrap=True)
    if classifier is not None:
        console.print(f"next: gmvae-bench predict {shlex.quote(str(classifier))} NEWDATA", style="dim", soft_wrap=True)


def _tell_round(labelling: Labelling, workplace: Workplace, given: GivenLabels, method: str, console: Console) -> None:
    """Say what the labels since the last time brought, and whether more are worth it."""
    try:
        before = remember(workplace.folder, labelling, method, workplace.key.id)
    except StoreError as error:
        before = None
        tell(f"this round is not remembered: {error}")
    if labelling.estimate is None:
        return
    if before is not None:
        console.print(bought(before, int(labelling.given.sum()), labelling.estimate.accuracy), soft_wrap=True)
    _tell_outlook(outlook_of(workplace, given, labelling.chosen or method), workplace, console)


def _tell_outlook(outlook: Outlook | None, workplace: Workplace, console: Console) -> None:
    if outlook is not None:
        console.print(advice(outlook, len(workplace.dataset.pool), None, WORTH), soft_wrap=True)


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
    workplace = workplace_of(run, model, data_dir) if run is not None else _train(of_training, config, console, lambda _: None)
    given = given_labels(workplace, labels, tell)
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
