"""What distribution costs and brings: overhead, two CPUs against one, many nodes, and very many cells.

    python results/scaling/measure.py PART --data-dir FOLDER

PART is one of overhead, baselines, nodes, cells, suites. `baselines` needs EMNIST letters in FOLDER; the others need nothing.
Timings are of the work alone: starting Python and Ray, told by `overhead`, is not in them.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
import ray
from ray.cluster_utils import Cluster

from bench.data.dataset import Dataset
from bench.data.embedded import digits
from bench.data.reading import Reading
from bench.data.registry import load_dataset
from bench.engine.cluster import connected
from bench.engine.distributed import RayExecutor
from bench.engine.serial import SerialExecutor
from bench.engine.work import Assignment, Executor, Listener
from bench.judge.methods import METHODS, Method
from bench.plan.settings import make_settings
from bench.run import carry_out, carry_out_all, make_plan, make_work
from bench.suite.definition import make_suite
from bench.suite.store import claim_suite

_ROUNDS = 3


class Sleeper:
    """A cell that takes a known time and no CPU."""

    seconds = 1.0

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:  # noqa: ARG002 - the interface of a learner
        """Take that time."""
        time.sleep(self.seconds)
        self._n = len(x)
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the first class for all."""
        return np.zeros(len(x), np.int64)


class Idle(Sleeper):
    """A cell that takes no time."""

    seconds = 0.0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def cluster(nodes: int, cpus: int = 1) -> Iterator[None]:
    """Connect to so many logical nodes of this machine, with workers that have started and imported all they need."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(nodes):
        made.add_node(num_cpus=cpus, object_store_memory=100 * 2**20)
    try:
        with connected(made.address):

            @ray.remote(num_cpus=1)
            def warm() -> str:
                import bench.engine.distributed  # noqa: F401 - what a worker of ours imports

                time.sleep(1)
                return ray.get_runtime_context().get_node_id()

            while len(set(ray.get([warm.remote() for _ in range(nodes * cpus)]))) < nodes:
                pass
            yield
    finally:
        made.shutdown()


def seconds_of(executor: Executor, dataset: Dataset, **settings: object) -> tuple[float, float]:
    """Carry a run out in a new folder; return wall-clock seconds and the seconds that its cells took by themselves."""
    with tempfile.TemporaryDirectory() as place:
        plan = make_plan(make_settings({"device": "cpu", **settings}), dataset)
        work = make_work(plan, Path(place, "run"))
        begun = time.perf_counter()
        records = carry_out(work, executor, Listener())
        wall = time.perf_counter() - begun
    assert (records["status"] == "ok").all(), records["error"].dropna().iloc[0]  # noqa: S101 - a script's
    return wall, float((records["fit_seconds"] + records["predict_seconds"]).sum())


def overhead() -> None:
    """Per cell and per trial, against the same work in one process."""
    cells = {"methods": "knn", "budgets": "25,50,100,200", "label_seeds": "500"}
    trials = {"methods": "hard", "budgets": "25", "label_seeds": "1", "components": "10", "model_seeds": "0-7", "epochs": 5}
    data = digits()
    before = time.perf_counter()
    with connected("local"):
        start = time.perf_counter() - before
        with_ray, alone = ({name: [] for name in ("cells", "trials")} for _ in range(2))
        seconds_of(RayExecutor(), data, **cells)
        for _ in range(_ROUNDS):
            for name, settings in (("cells", cells), ("trials", trials)):
                alone[name].append(seconds_of(SerialExecutor(), data, **settings)[0])
                with_ray[name].append(seconds_of(RayExecutor(), data, **settings)[0])
    say(f"Ray starts in {start:.1f} s")
    for name, count in (("cells", 2_000), ("trials", 8)):
        serial, distributed = statistics.median(alone[name]), statistics.median(with_ray[name])
        say(f"{count:,} {name}: {serial:.2f} s in one process, {distributed:.2f} s with Ray on two CPUs (median of {_ROUNDS})")
        say(f"  {1000 * serial / count:.1f} and {1000 * distributed / count:.1f} ms each")


def baselines(data_dir: Path) -> None:
    """Run the paper's baselines on letters: in one process, with one CPU of Ray, with two."""
    letters = load_dataset("emnist-letters", data_dir)
    grid = {"methods": "logreg,mlp,xgboost", "budgets": "73,146,291", "label_seeds": "2"}
    wall, own = seconds_of(SerialExecutor(), letters, **grid)
    say(f"one process: {wall:.1f} s, of which cells {own:.1f} s")
    for cpus in (1, 2):
        with cluster(1, cpus):
            distributed, own = seconds_of(RayExecutor(), letters, **grid)
        say(f"Ray, {cpus} CPU: {distributed:.1f} s, of which cells {own:.1f} s: {100 * (distributed / (own / cpus) - 1):+.1f} %")


def nodes() -> None:
    """Cells that sleep for a second on 1 to 32 nodes of one CPU: as many times the work in the same time, if nothing is lost.

    Beside the efficiency: how busy the driver was, and how busy the machine, which all nodes share.
    """
    METHODS["sleeper"] = Method(lambda *_: Sleeper(), "pixels", "sleeps", seconds=(Sleeper.seconds * 100_000 / 1_797, 0.0))
    for count in (1, 8, 16, 32):
        cells = 40 * count
        with cluster(count):
            before, machine = time.process_time(), busy_seconds()
            wall, own = seconds_of(
                RayExecutor(), digits(), methods="sleeper", budgets="25,50,100,200", label_seeds=str(cells // 4)
            )
            driver, machine = time.process_time() - before, busy_seconds() - machine
        busy = machine / (os.cpu_count() or 1)
        say(f"{count:2} nodes, {cells:,} cells: {wall:.1f} s, ideal {own / count:.1f} s, efficiency {own / count / wall:.0%}")
        say(f"  driver busy {driver / wall:.0%} of the time, the machine's {os.cpu_count()} CPUs {busy / wall:.0%}")


def busy_seconds() -> float:
    """Return the seconds that all CPUs of this machine have worked so far."""
    user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split()[1:5])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def cells() -> None:
    """Very many quick cells by the command itself: time, memory, and how quick `status`, `table` and a repetition stay."""
    command = [sys.executable, "-P", "-m", "bench.cli.main"]
    grid = [
        "--components",
        "10",
        "--model-seeds",
        "0,1",
        "--budgets",
        "25,50,100,200,400",
        "--methods",
        "soft,hard",
        "--epochs",
        "2",
    ]
    for seeds in (1_000, 5_000):
        with tempfile.TemporaryDirectory() as place:
            folder = str(Path(place, "run"))
            run = [*command, "run", *grid, "--label-seeds", str(seeds), "--out", folder]
            first = timed(run)
            say(
                f"{20 * seeds:,} cells: {first[0]:.1f} s, {1000 * first[0] / (20 * seeds):.2f} ms each, driver {first[1]:,.0f} MB"
            )
            for name, again in (
                ("the same command again", run),
                ("status", [*command, "status", folder]),
                ("table", [*command, "table", folder]),
            ):
                tries = [timed(again) for _ in range(_ROUNDS)]
                say(f"  {name}: {statistics.median(wall for wall, _ in tries):.1f} s, {max(size for _, size in tries):,.0f} MB")


def suites() -> None:
    """Judge a hundred thousand cells that do nothing over 20 sets, and a million: time, memory of the driver, speed of reading.

    Each in a process of its own: memory that a process had is not given back.
    """
    for seeds in (1_000, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            done = subprocess.run(  # noqa: S603 - this very script
                [sys.executable, "-P", __file__, "suite", "--label-seeds", str(seeds), "--folder", folder],
                check=True,
                capture_output=True,
                text=True,
            )
            say(f"{done.stdout.strip()}, {time.perf_counter() - begun:.0f} s in all")
            for name in ("status", "table"):
                command = [sys.executable, "-P", "-m", "bench.cli.main", "suite", name, folder]
                tries = [timed(command) for _ in range(_ROUNDS)]
                say(f"  {name}: {statistics.median(wall for wall, _ in tries):.1f} s, {max(size for _, size in tries):,.0f} MB")


def suite(n_seeds: int, folder: Path) -> None:
    """Judge 100 cells times `n_seeds` that do nothing, over 20 sets, as one queue of work."""
    names, budgets = [f"set{i:02}" for i in range(20)], ["10", "20", "30", "40", "50"]
    METHODS["idle"] = Method(lambda *_: Idle(), "pixels", "does nothing", seconds=(1e-3, 0.0))
    settings = {"methods": ["idle"], "label_seeds": str(n_seeds), "budgets": budgets, "device": "cpu"}
    claim_suite(
        folder, make_suite({"name": "many", "version": 1, "sets": [{"name": n, "data": "digits"} for n in names]}, "it"), {}
    )
    works = [
        make_work(make_plan(make_settings(settings), load_dataset("digits", reading=Reading(max_items=200 + i))), folder / name)
        for i, name in enumerate(names)
    ]
    begun = time.perf_counter()
    with connected("local"):
        carry_out_all([Assignment(work, Listener()) for work in works], RayExecutor())
    wall, n_cells = time.perf_counter() - begun, 100 * n_seeds
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    say(f"{n_cells:,} cells over 20 sets: {wall:.0f} s, {1000 * wall / n_cells:.2f} ms each, driver {size:,.0f} MB")


def timed(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds and its peak memory in MB."""
    timer = "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
    timer += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", timer, *command], check=True, capture_output=True, text=True)  # noqa: S603
    return time.perf_counter() - begun, int(done.stdout) / 1000


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["overhead", "baselines", "nodes", "cells", "suites", "suite"])
    parser.add_argument("--label-seeds", type=int, default=1_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--data-dir", type=Path, default=Path())
    options = parser.parse_args()
    if options.part == "suite":
        suite(options.label_seeds, options.folder)
    elif options.part == "baselines":
        baselines(options.data_dir)
    else:
        {"overhead": overhead, "nodes": nodes, "cells": cells, "suites": suites}[options.part]()


if __name__ == "__main__":
    main()
