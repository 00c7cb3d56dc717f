"""`load` and `run`: runs as Python objects."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.api.carrying import carry
from bench.api.frames import frame_of, saved
from bench.api.suites import Suite
from bench.api.telling import shown, tell, watched
from bench.classifier.classifier import Classifier
from bench.classifier.store import SETTINGS as CLASSIFIER
from bench.classifier.store import load as load_classifier
from bench.data.registry import load_dataset
from bench.errors import SettingsError, StoreError, unknown_name
from bench.plan.presets import read_preset
from bench.plan.settings import RunSettings, make_settings
from bench.reading.figures import figure_of
from bench.reading.open_run import OpenRun
from bench.reading.part import EVERY, Part
from bench.reading.tables import Ask, table_of
from bench.run import make_plan
from bench.stats.curves import curves
from bench.stats.seeds import TARGET
from bench.store.folder import CONFIG, default_folder
from bench.store.presence import model_folder
from bench.suite.store import is_suite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gmvae import GMVAE


class Models(Mapping[str, "GMVAE"]):
    """The trained models of a run, each read when it is asked for."""

    def __init__(self, folder: Path, ids: tuple[str, ...]) -> None:
        self._folder, self._ids = folder, ids
        self._read: dict[str, GMVAE] = {}

    def __getitem__(self, name: str) -> "GMVAE":
        if name not in self._ids:
            raise KeyError(f"{name!r}; this run has {', '.join(self._ids) or 'no trained models'}")
        if name not in self._read:
            from gmvae import GMVAE

            self._read[name] = GMVAE.load(self._folder / name)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"Models({', '.join(self._ids)})"


class Run:
    """A run's folder: its records, tables, figures, models, and classifiers made from it.

    Parameters
    ----------
    folder
        Of a run.
    data_dir
        Where its data lie now, if not where its settings say.
    """

    def __init__(self, folder: str | Path, data_dir: str | Path | None = None) -> None:
        self.folder = Path(folder)
        self.data_dir = None if data_dir is None else Path(data_dir)
        self._opened = self._part()

    def _part(self, methods: str | None = None, components: str | None = None, budgets: str | None = None) -> OpenRun:
        return OpenRun(
            self.folder, Part(methods, components, budgets, EVERY), data_dir=self.data_dir, tell=tell, lenient=True, empty=True
        )

    @property
    def records(self) -> pd.DataFrame:
        """All records, one row per cell: see `bench.judge.record.Record` for the columns."""
        return self._opened.every

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the last command, as `config.json` has them."""
        found: dict[str, Any] = self._opened.stored.config.get("settings", {})
        return found

    @property
    def dataset(self) -> dict[str, Any]:
        """What `dataset.json` says of the data."""
        return self._opened.described

    @cached_property
    def models(self) -> Models:
        """Trained models by name, such as `k50-s0`: each a fitted `GMVAE`."""
        keys = self._opened.trained_alone
        parents = {model_folder(self.folder, key).parent for key in keys} or {self.folder}
        return Models(parents.pop(), tuple(key.id for key in keys))

    def curves(self, metric: str = "accuracy") -> pd.DataFrame:
        """Return a row per method, sampler, K and budget: `mean`, `ci_low`, `ci_high`, counts (`bench.stats.curves`)."""
        return curves(self.records, metric)

    def table(
        self,
        show: str = "scores",
        *,
        metric: str = "accuracy",
        methods: str | None = None,
        components: str | None = None,
        budgets: str | None = None,
        reference: str | None = None,
        target: float = TARGET,
    ) -> pd.DataFrame:
        """Return a table as `gmvae-bench table --show` prints it, numbers where it has any.

        Raises
        ------
        SettingsError
            For an unknown name, or if the run has nothing for the table.
        """
        grid = table_of(show).make(self._part(methods, components, budgets), Ask(metric, target, reference))
        if grid is None:
            raise SettingsError(f"{self.folder} has nothing for the table {show}")
        return frame_of(grid)

    def plot(self, name: str = "label-efficiency", *, methods: str | None = None, components: str | None = None) -> "Figure":
        """Draw one of the figures of `gmvae-bench plot`.

        Raises
        ------
        SettingsError
            For an unknown name, or if the run has nothing for the figure.
        """
        module = figure_of(name)
        opened = OpenRun(self.folder, Part(methods, components), data_dir=self.data_dir, tell=tell, lenient=True)
        data = module.data(opened)
        if data is None:
            raise SettingsError(f"{self.folder} has nothing to draw {name} from: no such methods, models or data")
        return shown(module.draw(data))

    def classifier(
        self,
        labels: Any = None,
        method: str = "auto",
        *,
        n_labeled: int | None = None,
        label_seed: int = 0,
        model: str | None = None,
        abstain: float = 0.0,
    ) -> Classifier:
        """Return a classifier for new items.

        Parameters
        ----------
        labels
            A table with the columns `item` (or `id`) and `label`: its path, a DataFrame, or a dictionary from items to labels.
            `None` takes those that come with the data: all where only some are known, else a draw of `n_labeled` of them.
        method
            How labels reach the rest; see `gmvae-bench methods`.
        n_labeled, label_seed
            The random draw, the same as in the run's records.
        model
            A name in `models`; `None` takes the first of the largest K.
        abstain
            Probability below which no class is named.

        Raises
        ------
        SettingsError, DataError
            For an unknown method or model, too few labels, or a method that cannot be taken away.
        """
        from bench.api.labelling import label

        if labels is None and n_labeled is not None:
            labels = self._drawn(n_labeled, label_seed)
        return label(self, labels, method, model=model, abstain=abstain, allow_singletons=True).classifier()

    def _drawn(self, n_labeled: int, label_seed: int) -> dict[int, str]:
        """Return a random draw of the labels that come with the data."""
        from bench.plan.samplers import RANDOM, labeled_items

        data = self._opened.data
        items = labeled_items(data.labels, data.sha256, RANDOM, label_seed, n_labeled)
        return {int(item): data.class_names[data.labels[item]] for item in items}

    def __repr__(self) -> str:
        n_failed = int((self.records["status"] != "ok").sum())
        failed = f", {n_failed:,} failed" if n_failed else ""
        return (
            f"Run({str(self.folder)!r}: {self.dataset['name']}, {len(self.records):,} records{failed}, {len(self.models)} models)"
        )

    def _repr_html_(self) -> str:
        about = f"<p><b>{escape(str(self.dataset['name']))}</b>: {escape(repr(self))}</p>"
        return about if self.records.empty else about + str(self.table()._repr_html_())  # type: ignore[operator]


def load(folder: str | Path, data_dir: str | Path | None = None) -> "Run | Suite | Classifier":
    """Open what a folder holds: a run, a suite, or a classifier.

    Raises
    ------
    StoreError
        If it holds none of them.
    """
    path = Path(folder)
    if (path / CLASSIFIER).is_file():
        return load_classifier(path)
    if is_suite(path):
        return Suite(path)
    if not (path / CONFIG).is_file():
        raise StoreError(f"{path} holds no run, suite or classifier; `gmvae_bench.run` or `gmvae-bench run` makes a run")
    return Run(path, data_dir)


def run(
    data: Any = "digits",
    *,
    out: str | Path | None = None,
    preset: str | None = None,
    retry_failed: bool = False,
    progress: bool = True,
    **settings: Any,
) -> Run:
    """Train models without labels, judge methods over budgets, and return the run; the same call goes on where it stopped.

    Parameters
    ----------
    data
        A name, a file or a folder as for `gmvae-bench run --data`; or arrays `(x, y)`, `x` alone, or a DataFrame, which are
        first written below `results/data`. Labels of -1 are unknown.
    out
        Folder of the run; by default one that belongs to data and training settings, below `results/runs`.
    preset
        A preset's name.
    retry_failed
        Whether to judge failed cells again.
    progress
        Whether to show what is going on.
    settings
        Those of `gmvae-bench run`, with `_` for `-`: `components=[50, 100]`, `budgets="73,7%"`, `methods=["soft", "logreg"]`.

    Raises
    ------
    SettingsError, DataError, StoreError, ClusterError
        As the command does.
    """
    chosen = checked_settings(data, preset, settings)
    dataset = load_dataset(chosen.data, chosen.data_dir, chosen.reading, holdout=chosen.holdout)
    plan = make_plan(chosen, dataset)
    folder = Path(out) if out is not None else default_folder(chosen.data, plan.identity)
    with watched(folder, show=progress) as watch:
        carry(plan, folder, watch, retry_failed=retry_failed)
    return Run(folder, chosen.data_dir)


def checked_settings(data: Any, preset: str | None, settings: Mapping[str, Any]) -> RunSettings:
    """Return validated settings.

    Raises
    ------
    SettingsError
        For an unknown name or a value that does not fit.
    """
    for name in settings:
        if name not in RunSettings.model_fields:
            raise unknown_name("setting", name, RunSettings.model_fields)
    plain = {name: _plain(value) for name, value in settings.items()}
    return make_settings(read_preset(preset) if preset else {}, plain | {"data": saved(data)})


def _plain(value: Any) -> Any:
    """Return numpy's numbers and arrays as Python's."""
    return json.loads(json.dumps(value.tolist())) if isinstance(value, np.generic | np.ndarray) else value
