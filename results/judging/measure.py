"""How long judging takes: all decoders over a grid of budgets and label draws, and a table of many records from cold.

    python results/judging/measure.py

The posterior is random, of the size of the paper's; the time does not depend on its values.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.data.dataset import Dataset
from bench.judge.judging import judge
from bench.judge.methods import METHODS
from bench.judge.record import Origin, Outcome, make_record
from bench.judge.representations import View
from bench.plan.budgets import Budget
from bench.plan.cells import Cell, ModelKey
from bench.store.folder import claim
from bench.store.records import append_records, merge_records
from gmvae.decoding import Posterior

_N, _K, _CLASSES = 145_600, 100, 26
_BUDGETS = (73, 100, 146, 291, 728, 1_456, 2_912, 7_280, 10_192)
_DECODERS = ("soft", "soft-bayes", "hard", "hard-fallback")
_RECORDS = 20_000


def main() -> None:
    """Measure both and print what was found."""
    grid = f"{len(_DECODERS)} decoders x {len(_BUDGETS)} budgets x 20 label seeds on {_N:,} x {_K}"
    seconds, extra = _judge_grid()
    print(f"{grid}: {seconds:.1f} s, {extra / 1e6:,.0f} MB above the posterior")  # noqa: T201 - a script's output
    print(f"`gmvae-bench table` of {_RECORDS:,} records from cold: {_table_seconds():.2f} s (median of 5)")  # noqa: T201


def _judge_grid() -> tuple[float, int]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, _CLASSES, _N)
    q = rng.dirichlet(np.full(_K, 0.05), _N).astype(np.float32)
    dataset = Dataset("synthetic", np.zeros((_N, 1), np.uint8), labels, tuple("abcdefghijklmnopqrstuvwxyz"), None)
    view = View(Posterior(q), None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    for name in _DECODERS:
        for n_labeled in _BUDGETS:
            for seed in range(20):
                judge(
                    Cell(name, Budget(n_labeled, str(n_labeled)), "random", seed, ModelKey(_K, 0)), METHODS[name], view, dataset
                )
    return time.perf_counter() - begun, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def _table_seconds() -> float:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        rng = np.random.default_rng(0)
        dataset = Dataset("synthetic", np.zeros((30_000, 1), np.uint8), rng.integers(0, 10, 30_000), tuple("0123456789"), None)
        claim(folder, {}, {}, dataset)
        origin = Origin("synthetic", dataset.sha256, 30_000, 30_000, "0")
        cells = (
            Cell(name, Budget(n, str(n)), "random", seed, ModelKey(_K, model))
            for name in METHODS for n in _BUDGETS for model in range(10) for seed in range(16)
        )  # fmt: skip
        records = [
            make_record(cell, origin, sees="posterior", model="gmvae", host="-", outcome=Outcome(accuracy=float(rng.random())))
            for cell, _ in zip(cells, range(_RECORDS), strict=False)
        ]
        append_records(folder, records)
        merge_records(folder)
        return statistics.median(_table(folder) for _ in range(5))


def _table(folder: Path) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bench.cli.main", "table", str(folder)], check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
