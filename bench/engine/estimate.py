"""How long the work of a run takes, estimated from its records or from a few steps of training."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd

from bench.data.dataset import Dataset
from bench.engine.steps import threads
from bench.engine.work import TrainingJob, Work
from gmvae.training import Trainer

_STEPS = 4


@dataclass(frozen=True)
class Estimate:
    """CPU time of the work."""

    training_seconds: float
    judging_seconds: float
    longest_seconds: float
    """Of the longest single training or cell: no number of CPUs is faster than that."""

    def makespan(self, cpus: float) -> float:
        """Return about how long it takes on `cpus` CPUs."""
        return max(self.longest_seconds, (self.training_seconds + self.judging_seconds) / cpus)


def estimate(work: Work, finished: pd.DataFrame) -> Estimate:
    """Estimate the work; times in the records `finished` correct the guesses."""
    rates = {k: training_rate(job, work.dataset) for k, job in {job.key.n_components: job for job in work.trainings}.items()}
    trainings = [job.training.epochs * len(work.dataset.pool) / rates[job.key.n_components] * job.cpus for job in work.trainings]

    def guess(method: str, n_labeled: int) -> float:
        return work.methods[method].estimate_seconds(n_labeled, work.origin.n_pool)

    scales = scale_by_method(finished[finished["method"].isin(list(work.methods))], guess)
    cells = [
        scales.get(cell.method, 1.0) * guess(cell.method, cell.budget.n_labeled) for batch in work.batches for cell in batch.cells
    ]
    longest = max((*cells, *(seconds / job.cpus for seconds, job in zip(trainings, work.trainings, strict=True))), default=0.0)
    return Estimate(sum(trainings), sum(cells), longest)


def training_rate(job: TrainingJob, dataset: Dataset) -> float:
    """Return images per second of a training on this machine, from a few steps of it."""
    # All parts of the loss from the first step on: the warm-up is cheaper.
    training = job.training.model_copy(update={"start": "alike"})
    n_items = min(len(dataset.pool), max(_STEPS * training.batch_size, job.model.n_components))
    with threads(max(1, int(job.cpus))):
        trainer = Trainer(dataset.pool[:n_items], job.model, training, model_seed=0, device=job.device)
        # On a GPU the first steps are recorded.
        trainer.run_epoch(None if trainer.model.device.type == "cuda" else 1)
        return trainer.run_epoch(_STEPS - 1).images_per_second


def scale_by_method(records: pd.DataFrame, guess: Callable[[str, int], float]) -> dict[str, float]:
    """Return how many times as long as guessed the finished cells of each method took: cells left may have other budgets."""
    done = records[records["status"] == "ok"]
    taken = (done["fit_seconds"].astype(float) + done["predict_seconds"].astype(float)).groupby(done["method"]).sum()
    guessed = {
        str(method): sum(map(partial(guess, str(method)), of["n_labeled"].astype(int))) for method, of in done.groupby("method")
    }
    return {method: float(taken[method]) / seconds for method, seconds in guessed.items() if seconds}
