"""`select` and `label` for Python users."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.api.carrying import train
from bench.api.frames import labels_table
from bench.api.places import given_labels, workplace_of
from bench.api.runs import Run, checked_settings
from bench.api.telling import tell, watched
from bench.classifier.classifier import Classifier
from bench.data.registry import load_dataset
from bench.errors import SettingsError
from bench.labelling.given import GivenLabels, check_enough
from bench.labelling.label import Labelling, label_items
from bench.labelling.outcomes import labels_frame, picks_frame
from bench.labelling.select import select_items
from bench.labelling.taking import take_classifier
from bench.labelling.workplace import Workplace
from bench.run import make_training_plan
from bench.stats.intervals import Interval
from bench.store.folder import default_folder


@dataclass(frozen=True, eq=False)
class Labelled:
    """A labelled pool."""

    table: pd.DataFrame
    """A row per item: item, id (where it has one), class, probability, cluster, given."""
    accuracy: Interval | None
    """On the rest, estimated from labels that were hidden in turn; `None` where too few were drawn at random."""
    method: str
    """What `auto` chose, if it was asked."""
    _origin: "_Origin"

    def classifier(self) -> Classifier:
        """Return what classifies new items in the same way.

        Raises
        ------
        SettingsError
            If the method cannot be taken away.
        """
        of = self._origin
        return take_classifier(of.labelling, of.workplace, of.asked, of.abstain)

    def __repr__(self) -> str:
        said = "not known" if self.accuracy is None else self.accuracy.text(100, unit=" %")
        return f"Labelled({len(self.table):,} items by {self.method}; accuracy on the rest, estimated: {said})"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>" + str(self.table._repr_html_())  # type: ignore[operator]


@dataclass(frozen=True, eq=False)
class _Origin:
    """What a labelled pool was made from."""

    labelling: Labelling
    workplace: Workplace
    asked: str
    abstain: float


def select(
    run: "Run | str | Path | None" = None,
    n: int = 100,
    *,
    data: Any = None,
    sampler: str = "coverage",
    audit: int = 0,
    labels: Any = None,
    model: str | None = None,
    label_seed: int = 0,
    progress: bool = True,
    **settings: Any,
) -> pd.DataFrame:
    """Choose items to label next; return a table to fill in, whose column `label` is empty.

    Parameters
    ----------
    run
        A run, or its folder; without one a model is first trained on `data`, unless there is one already.
    n, audit
        Items that the sampler asks for, and more that are drawn at random, to judge the result by.
    labels
        Labels that there are already, as for `label`.
    settings
        Of the training, as for `run`.

    Returns
    -------
    DataFrame
        Columns item, id (where items have names), label, sampler, cluster, cluster_size, reason. Its `attrs["run"]` is the run's
        folder.

    Raises
    ------
    SettingsError, DataError, StoreError
        As the command does.
    """
    if (run is None) == (data is None):
        raise SettingsError("give a run, or data to train a model on")
    if run is not None and settings:
        raise SettingsError(f"{', '.join(settings)}: a run has its model already; such settings are for data")
    if run is None and model is not None:
        raise SettingsError("model names one of a run's; data get one that is trained first")
    workplace = _trained(data, settings, progress=progress) if run is None else _workplace(run, model)
    given = _given(workplace, labels)
    selection = select_items(workplace, sampler, n, given, audit=audit, label_seed=label_seed)
    frame = picks_frame(selection, workplace, given if labels is not None else None)
    frame.attrs["run"] = str(workplace.folder)
    return frame


def label(
    run: "Run | str | Path",
    labels: Any = None,
    method: str = "auto",
    *,
    model: str | None = None,
    abstain: float = 0.0,
    allow_singletons: bool = False,
) -> Labelled:
    """Label every item of a run's data from a few labels.

    Parameters
    ----------
    labels
        A table with the columns `item` (or `id`) and `label`: its path, a DataFrame, or a dictionary from items to labels.
        `None`: those that come with the data.
    method
        How labels reach the rest; `auto` tries four methods on the labels given.
    abstain
        Probability below which no class is named.

    Raises
    ------
    SettingsError, DataError, StoreError
        As the command does.
    """
    workplace = _workplace(run, model)
    given = _given(workplace, labels)
    if given is None:
        raise SettingsError("no labels: give some; `select` says which items to label")
    known = workplace.known_with(given)
    check_enough(known[known >= 0], given.class_names, Path("labels"), allow_singletons=allow_singletons)
    made = label_items(workplace, given, method, abstain_below=abstain)
    estimate = made.estimate
    return Labelled(
        labels_frame(made, workplace),
        estimate.accuracy if estimate else None,
        made.chosen or method,
        _Origin(made, workplace, method, abstain),
    )


def _workplace(run: "Run | str | Path", model: str | None) -> Workplace:
    opened = run if isinstance(run, Run) else Run(run)
    return workplace_of(opened.folder, model, opened.data_dir)


def _trained(data: Any, settings: dict[str, Any], *, progress: bool) -> Workplace:
    chosen = checked_settings(data, None, {"model_seeds": 0, "executor": "serial"} | settings)
    dataset = load_dataset(chosen.data, chosen.data_dir, chosen.reading, holdout=chosen.holdout)
    plan = make_training_plan(chosen, dataset)
    folder = default_folder(chosen.data, plan.identity)
    with watched(folder, show=progress) as watch:
        train(plan, folder, watch)
    return workplace_of(folder, None, chosen.data_dir)


def _given(workplace: Workplace, labels: Any) -> GivenLabels | None:
    """Return labels as they were given; tables in memory are read as files are."""
    if labels is None or isinstance(labels, str | Path):
        return given_labels(workplace, None if labels is None else Path(labels), tell)
    table = labels_table(labels)
    table = table.assign(label=[_text(value) for value in table["label"]]) if "label" in table else table
    with tempfile.TemporaryDirectory(prefix="gmvae-bench-") as folder:
        path = Path(folder, "labels.csv")
        table.to_csv(path, index=False)
        return given_labels(workplace, path, tell)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
