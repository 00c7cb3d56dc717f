"""What `select` and `label` begin with: a run's data with one of its models, and the labels that there are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.data.reading import AUTO
from bench.data.splits import MERGED, OFFICIAL
from bench.errors import SettingsError
from bench.labelling.given import GivenLabels, check_agreement, read_given
from bench.labelling.workplace import Workplace, open_workplace
from bench.reading.open_run import OpenRun

Tell = Callable[[str], None]


def workplace_of(run: Path, model: str | None = None, data_dir: Path | None = None) -> Workplace:
    """Open a run's data with one of its models; without a name, with the first seed of the largest K.

    Raises
    ------
    SettingsError, StoreError, DataError
        If there is no such run or model, its data have changed, or it holds items out.
    """
    opened = OpenRun(run, data_dir=data_dir, empty=True)
    if (opened.stored.config.get("settings", {}).get("holdout") or MERGED) not in (MERGED, AUTO, OFFICIAL):
        raise SettingsError(
            f"{run} holds items out (--holdout), so its item numbers differ from those of your data; give a run without --holdout"
        )
    return open_workplace(run, opened.data, model)


def given_labels(workplace: Workplace, labels: Path | None, tell: Tell) -> GivenLabels | None:
    """Return the labels of a table, else those that come with the data; `None` where there are none.

    Raises
    ------
    DataError
        If the table cannot be read, or contradicts the data.
    """
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
