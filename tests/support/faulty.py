"""The command `gmvae-bench` with methods that misbehave, for tests of what a run makes of them.

At 50 labels `kills` ends its worker, `hangs` holds Python's lock for ever and `eats` takes all memory; otherwise each is nearest
neighbours. `slow` takes two seconds at every budget, and says so beforehand.
"""

import ctypes
import os
import signal
import time

import numpy as np

from baselines.neighbors import NeighborsBaseline
from bench.cli.main import main
from bench.judge.methods import METHODS, Method

FATAL = 50


def kills() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hangs() -> None:
    ctypes.PyDLL(None).sleep(3600)


def eats() -> None:
    eaten = []
    while True:
        eaten.append(np.ones(2**24))


def faulty(misbehave):
    class Learner(NeighborsBaseline):
        def fit(self, x, y):
            if (y >= 0).sum() == FATAL:
                misbehave()
            return super().fit(x, y)

    return Learner


for function in (kills, hangs, eats):
    METHODS[function.__name__] = Method(faulty(function), "pca", "misbehaves")


class Slow(NeighborsBaseline):
    def fit(self, x, y):
        time.sleep(2)
        return super().fit(x, y)


METHODS["slow"] = Method(Slow, "pca", "takes its time", seconds=(2000.0, 0.0))

if __name__ == "__main__":
    main()
