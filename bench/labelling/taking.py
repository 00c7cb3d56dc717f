"""A labelling as a classifier to take away, with all that is known of it."""

import numpy as np

from bench.classifier.classifier import About, Classifier
from bench.errors import SettingsError
from bench.labelling.label import Labelling
from bench.labelling.workplace import Workplace
from bench.stats.intervals import Interval
from bench.store.sources import package_version


def take_classifier(labelling: Labelling, workplace: Workplace, method: str, abstain_below: float) -> Classifier:
    """Return what classifies new items as the pool was labelled.

    Raises
    ------
    SettingsError
        If the method cannot be taken away.
    """
    if labelling.take is None:
        raise SettingsError("this labelling has nothing to take away")
    estimate, dataset = labelling.estimate, workplace.dataset
    counts = np.bincount(labelling.said[labelling.given], minlength=len(labelling.class_names)).tolist()
    about = About(
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        n_pool=len(dataset.pool),
        method=method if labelling.chosen is None else f"{labelling.chosen}, chosen by {method}",
        models=labelling.models or (workplace.key.id,),
        labels=dict(zip(labelling.class_names, counts, strict=True)),
        version=package_version(),
        abstain_below=abstain_below,
        accuracy=None if estimate is None else _share(estimate.accuracy),
        n_hidden=0 if estimate is None else estimate.n,
        accuracy_confident=None
        if estimate is None or not abstain_below or estimate.confident is None
        else _share(estimate.confident),
        calibration_error=None if estimate is None else estimate.calibration_error,
        note=dataset.note,
        pretrained=dataset.pretrained,
    )
    return Classifier(labelling.class_names, about, dataset.form, labelling.take())


def _share(interval: Interval) -> tuple[float, float | None, float | None]:
    return interval.mean, interval.ci_low, interval.ci_high
