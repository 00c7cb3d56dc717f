"""A run opened for reading: the one owner of its records, models, cluster sizes, histories and, when asked for, its data.

What needs torch or the data is in `bench.reading.contents`, imported on demand: most tables do without.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from bench.errors import BenchError, SettingsError
from bench.plan.cells import ModelKey
from bench.reading.part import Part, known_labels
from bench.stats.chief import chief_components, of_components
from bench.stats.seeds import over_seeds_of_each, seed_tables
from bench.stats.selections import selection_notes
from bench.store.described import read_clusters, read_history
from bench.store.folder import open_run
from bench.store.presence import is_exported, is_trained, model_keys, trained_models

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.judge.inspection import Inspection
    from bench.stats.answer import Answer
    from gmvae.posteriors import Encoded

# Labels of the figures that show one draw: about three per component, where decoders still differ.
_LABELS_PER_COMPONENT = 3
Sizes = dict[ModelKey, Int[np.ndarray, " k"]]
"""Items per cluster (argmax) of each model: those that can get a label."""


def _say_nothing(_: str) -> None:
    pass


def _contents() -> Any:
    from bench.reading import contents

    return contents


class OpenRun:
    """A run's folder, opened once.

    Parameters
    ----------
    folder
        Of a run, or of an export of one.
    part
        The records that tables and figures show.
    data_dir
        Where the run's data lie now, if not where its settings say.
    n_labeled
        Labels of the draw that some figures look at; `None` chooses the run's budget nearest to three per component.
    tell
        Called with notices for the reader.
    lenient
        Whether to leave out, with a notice, what needs sizes of clusters that are not available; else that is an error.
    empty
        Whether the run may have no records yet.

    Raises
    ------
    StoreError
        If there is no run in the folder, or it is broken.
    """

    def __init__(
        self,
        folder: Path,
        part: Part | None = None,
        *,
        data_dir: Path | None = None,
        n_labeled: int | None = None,
        tell: Callable[[str], None] = _say_nothing,
        lenient: bool = False,
        empty: bool = False,
    ) -> None:
        self.stored = open_run(folder, empty=empty)
        self.folder = folder
        self.part = part or Part()
        self.n_labeled = n_labeled
        self._data_dir, self._listener, self._lenient = data_dir, tell, lenient
        self._told: set[str] = set()
        self._sizes: Sizes = {}

    @property
    def described(self) -> dict[str, Any]:
        """What `dataset.json` says."""
        return self.stored.dataset

    @property
    def n_known(self) -> int:
        """Items of the pool whose label is known: the ones that labels are drawn from."""
        return known_labels(self.described)

    @property
    def every(self) -> pd.DataFrame:
        """All records of the run."""
        return self.stored.records

    @cached_property
    def records(self) -> pd.DataFrame:
        """The records of the part that was asked for."""
        return self.part.of(self.stored)

    @cached_property
    def records_of_all_methods(self) -> pd.DataFrame:
        """The records of the part for all methods: a reference need not be among those shown."""
        return self.part.of_all_methods().of(self.stored)

    @cached_property
    def components(self) -> int | None:
        """The K that figures and the report speak of where they have room for one; `None` without any."""
        return chief_components(self.records)

    @cached_property
    def chief_records(self) -> pd.DataFrame:
        """The records shown of that K, and of methods without any."""
        return of_components(self.records, self.components)

    @cached_property
    def answer(self) -> "Answer | None":
        """Which method, how many labels, how surely, by the records shown; `None` where no method has a score."""
        # Imported here: scipy's statistics take longer than a table.
        from bench.stats.answer import answer

        return answer(seed_tables(self.chief_records, "accuracy"))

    @property
    def over_seeds(self) -> str:
        """What means and intervals are over, in words: `3 models × 5 draws of labels`."""  # noqa: RUF002 - the sign for "times"
        return over_seeds_of_each(self.chief_records)

    def add_column(self, name: str, values: Any) -> None:
        """Add a column to the records, before any part of them is looked at."""
        self.stored = replace(self.stored, records=self.stored.records.assign(**{name: values}))

    @property
    def selections(self) -> tuple[str, ...]:
        """How settings of the methods shown were chosen, if they were, and how many labels that took."""
        return selection_notes(self.records)

    @property
    def name(self) -> str:
        """What the data are called."""
        return str(self.described["name"])

    def about(self, records: pd.DataFrame | None = None) -> str:
        """Describe the data of some records (by default those shown), and how the settings of their methods were chosen."""
        about = str(self.described.get("note") or f"{self.name}, {self.described['n_pool']:,} items")
        if self.described.get("pretrained"):
            about += f"; made by {self.described['pretrained']}, which was trained on other data"
        return "\n".join([about, *selection_notes(self.records if records is None else records)])

    @property
    def largest_share(self) -> float | None:
        """Share of the largest class among known labels: what always naming it gives; `None` where the run does not say."""
        counts = self.described.get("class_counts") or ()
        return max(counts) / sum(counts) if sum(counts) else None

    def heading(self, *, of_models: bool = False) -> str:
        """Return the heading of a figure: `about` for the records that it shows, or those of them with clusters, and their K."""
        records = self.chief_records
        first, *rest = self.about(records[records["n_components"].notna()] if of_models else records).split("\n")
        return "\n".join([first + ("" if self.components is None else f"; K = {self.components}"), *rest])

    @cached_property
    def models(self) -> tuple[ModelKey, ...]:
        """The models in the records shown, those of `components` first."""
        return self.models_of(self.records)

    def models_of(self, records: pd.DataFrame) -> tuple[ModelKey, ...]:
        """Return the models in some records: trained ones, and those that an export describes.

        Those of `components` come first, then the larger K before the smaller.
        """
        known = records[["n_components", "model_seed"]].dropna().drop_duplicates().astype(int)
        keys = {ModelKey(int(k), int(seed)) for k, seed in known.itertuples(index=False, name=None)}
        for k, models in records[["n_components", "models"]].dropna().drop_duplicates().itertuples(index=False, name=None):
            keys |= {ModelKey(int(k), int(seed)) for seed in str(models).split(",")}
        there = (key for key in keys if is_trained(self.folder, key) or is_exported(self.folder, key))
        k = chief_components(records)
        return tuple(sorted(there, key=lambda key: (key.n_components != k, -key.n_components, key.model_seed)))

    @cached_property
    def trained(self) -> tuple[ModelKey, ...]:
        """Those of `models` whose weights and posteriors are there."""
        return tuple(key for key in self.models if is_trained(self.folder, key))

    @property
    def trained_alone(self) -> tuple[ModelKey, ...]:
        """The trained models of the run, whether or not it has records: `select` trains models alone."""
        return trained_models(self.folder)

    @cached_property
    def histories(self) -> dict[ModelKey, pd.DataFrame]:
        """The history of every model of the run that has one, including plain VAEs: a row per epoch."""
        every = ((key, read_history(self.folder, key)) for key in model_keys(self.folder))
        return {key: history for key, history in every if history is not None}

    def sizes(self, keys: Iterable[ModelKey]) -> Sizes:
        """Return the items per cluster of some models: those that can get a label.

        Raises
        ------
        SettingsError
            If some labels are unknown and the data, which say which ones, are missing.
        """
        keys = tuple(keys)
        for key in keys:
            if key not in self._sizes:
                self._sizes[key] = self._count(key)
        return {key: self._sizes[key] for key in keys}

    def sizes_if_known(self, keys: Iterable[ModelKey]) -> Sizes:
        """Return `sizes`; if the data that they need are missing, a lenient run says so and returns none."""
        try:
            return self.sizes(keys)
        except SettingsError as error:
            if not self._lenient:
                raise
            self._tell(f"{error}\nthe sizes of clusters are left out")
            return {}

    def _count(self, key: ModelKey) -> Int[np.ndarray, " k"]:
        if is_exported(self.folder, key):
            return read_clusters(self.folder, key)
        assignment = self.encoded(key).posterior.argmax(axis=1)
        # Models alone, as `select` trains them, speak of the whole pool: no draw has been made from it.
        if not self.every.empty and self.n_known < int(self.described["n_pool"]):
            assignment = assignment[self.data.known]
        return np.bincount(assignment, minlength=key.n_components)

    @cached_property
    def data(self) -> "Dataset":
        """The data of the run.

        Raises
        ------
        SettingsError
            If they are missing or have changed, or this is an export.
        """
        if self.stored.exported:
            raise SettingsError(
                f"{self.folder} is an exported run, without models; the run that it was made from, or the same command again, "
                "has them"
            )
        if isinstance(self._loaded, SettingsError):
            raise self._loaded
        return self._loaded

    @cached_property
    def _loaded(self) -> "Dataset | SettingsError":
        """The data, or why they cannot be had: they are looked for once."""
        try:
            data: Dataset = _contents().load_data(self.stored, self._data_dir)
        except SettingsError as error:
            return error
        return data

    def _tell(self, text: str) -> None:
        """Tell a reader something, once."""
        if text not in self._told:
            self._told.add(text)
            self._listener(text)

    @cached_property
    def data_if_there(self) -> "Dataset | None":
        """The data; `None`, with a notice, if they are not available."""
        if self.stored.exported:
            self._tell(f"{self.folder} is an exported run, without models: figures that need them are left out")
            return None
        try:
            return self.data
        except BenchError as error:
            self._tell(f"{error}\nfigures that need the data are left out")
            return None

    def encoded(self, key: ModelKey) -> "Encoded":
        """Return what a trained model made of the pool: posteriors and latent means."""
        encoded: Encoded = _contents().load_encoded(self.folder, key)[0]
        return encoded

    @cached_property
    def inspection(self) -> "Inspection | None":
        """The first model with the first draw of labels; `None` without a trained model or without data."""
        # The data first: that they are missing is worth a notice even without a model.
        if self.data_if_there is None or not self.trained:
            return None
        return self.inspect(self.trained[0], self.label_seeds[0])

    def inspect(self, key: ModelKey, label_seed: int) -> "Inspection":
        """Return a trained model with a draw of labels, as many as `n_labeled` says."""
        budgets = sorted(self.records["n_labeled"].unique())
        aim = self.n_labeled or _LABELS_PER_COMPONENT * key.n_components
        n_labeled = self.n_labeled or int(min(budgets, key=lambda n: abs(np.log(n / aim))))
        look: Inspection = _contents().Inspection(self.encoded(key).posterior, self.data, n_labeled, label_seed)
        return look

    @property
    def label_seeds(self) -> tuple[int, ...]:
        """The draws of labels in the records shown."""
        return tuple(sorted(int(seed) for seed in self.records["label_seed"].unique()))

    @property
    def draw(self) -> str:
        """What `inspection` looks at, in words."""
        look = self.inspection
        labels = f", {look.n_labeled:,} labels (draw {look.label_seed})" if look else ""
        return f"{self.name}: {self.trained[0].id}{labels}"
