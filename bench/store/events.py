"""Training histories as TensorBoard event files: `tensorboard/<id>/` of a run, while the training goes on."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.plan.cells import ModelKey
from gmvae.training import EpochStats

EVENTS = "tensorboard"


class EventFiles:
    """Writes epochs of several trainings, each into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / EVENTS
        self._writers: dict[ModelKey, Any] = {}

    def write(self, key: ModelKey, stats: EpochStats) -> None:
        """Add an epoch; the first one replaces what an earlier training of the model left."""
        from tensorboardX import SummaryWriter

        folder = self._folder / key.id
        if stats.epoch == 1:
            self.close(key)
            shutil.rmtree(folder, ignore_errors=True)
        if key not in self._writers:
            self._writers[key] = SummaryWriter(str(folder))
        for name, value in asdict(stats).items():
            if name != "epoch" and value is not None:
                self._writers[key].add_scalar(name, value, stats.epoch)

    def close(self, key: ModelKey) -> None:
        """End the file of a training."""
        writer = self._writers.pop(key, None)
        if writer is not None:
            writer.close()
