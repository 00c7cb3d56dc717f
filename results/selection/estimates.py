"""How often the interval that `gmvae-bench label` prints holds the truth, and what its temperature does.

    python results/selection/estimates.py RUN --data-dir DIR

RUN is a run on EMNIST letters with the model k100-s0. Draws labels at random many times, beside none or 100 that `cluster` chose.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from bench.data.registry import load_dataset
from bench.labelling.given import RANDOM, GivenLabels
from bench.labelling.label import label_items
from bench.labelling.workplace import Workplace, open_workplace
from bench.plan.samplers import labeled_items
from bench.stats.calibration import expected_calibration_error, reliability, share_interval, tempered
from gmvae.decoding import DECODERS

_SETTINGS = ((50, 100), (200, 100), (73, 0), (146, 0), (291, 0))
# Of the pool, what is looked at: enough for a tenth of a point.
_EVERY = 7


def measure(place: Workplace, truth: np.ndarray, method: str, n_random: int, chosen: np.ndarray, repetitions: int) -> str:
    """Return one line: coverage, mean estimate and truth, mean width, calibration error with the temperature and without."""
    rng, rows = np.random.default_rng(0), []
    for seed in range(repetitions):
        drawn = rng.choice(np.setdiff1d(np.arange(len(truth)), chosen), n_random, replace=False)
        items = np.concatenate([chosen, drawn])
        samplers = ("cluster",) * len(chosen) + (RANDOM,) * n_random
        given = GivenLabels(items, truth[items], place.dataset.class_names, samplers)
        found = label_items(place, given, method, method_seed=seed)
        rest = np.flatnonzero(~found.given)[::_EVERY]
        right = found.said[rest] == truth[rest]
        shown = np.full(len(truth), -1)
        shown[items] = truth[items]
        decoder = DECODERS[method](len(given.class_names)).fit(place.encoded[0].posterior, shown)
        raw = tempered(decoder.predict_proba(place.encoded[0].posterior[rest]), 1.0)[np.arange(len(rest)), found.said[rest]]
        errors = [expected_calibration_error(reliability(confidence, right)) for confidence in (found.probability[rest], raw)]
        interval = found.estimate.accuracy
        plain = share_interval(round(interval.mean * n_random), n_random)
        holds = [bounds.ci_low <= right.mean() <= bounds.ci_high for bounds in (interval, plain)]
        rows.append((*holds, right.mean(), interval.mean, interval.ci_high - interval.ci_low, *errors))
    held, plainly, true, estimate, width, calibrated, uncalibrated = 100 * np.mean(rows, axis=0)
    return (
        f"{method:10} {len(chosen):3} chosen {n_random:3} random: holds {held:.0f} % (plain Wilson {plainly:.0f} %)  "
        f"true {true:.1f}  estimate {estimate:.1f}  width {width:.1f}  "
        f"ECE {calibrated:.1f}, without the temperature {uncalibrated:.1f}\n"
    )


def main() -> None:
    """Print a line per decoder and setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--methods", default="soft,soft-bayes")
    parser.add_argument("--repetitions", type=int, default=100)
    options = parser.parse_args()
    dataset = load_dataset("emnist-letters", options.data_dir)
    place = open_workplace(options.run, dataset, "k100-s0")
    by_cluster = labeled_items(dataset.labels, dataset.sha256, "cluster", 0, 100, place.encoded[0])
    for method in options.methods.split(","):
        for n_random, n_chosen in _SETTINGS:
            sys.stdout.write(measure(place, dataset.labels, method, n_random, by_cluster[:n_chosen], options.repetitions))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
