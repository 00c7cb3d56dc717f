"""Training histories as TensorBoard event files: `tensorboard/<id>/` of a run, while the training goes on."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench.plan.cells import ModelKey
from gmvae.training import EpochStats

EVENTS = "tensorboard"


@contextmanager
def event_files(folder: Path, key: ModelKey) -> Iterator[Callable[[EpochStats], None]]:
    """Yield a function that writes an epoch's statistics; what an earlier, unfinished training of the model left is dropped."""
    from tensorboardX import SummaryWriter

    place = folder / EVENTS / key.id
    shutil.rmtree(place, ignore_errors=True)
    with SummaryWriter(str(place)) as writer:

        def write(stats: EpochStats) -> None:
            for name, value in asdict(stats).items():
                if name != "epoch":
                    writer.add_scalar(name, value, stats.epoch)

        yield write
