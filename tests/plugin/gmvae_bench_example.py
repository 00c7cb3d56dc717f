"""A method, a sampler and a data set for gmvae-bench."""

import numpy as np
from sklearn.datasets import load_wine

from baselines.base import FewLabelClassifier, to_float
from bench.data.dataset import Dataset
from bench.data.registry import DatasetSource
from bench.judge.methods import Method
from bench.plan.samplers.base import Asker, Pick, Sampler


class NearestMean(FewLabelClassifier):
    """The class whose labelled items have the nearest mean; probabilities fall with the distance."""

    def fit(self, x, y):
        y, labeled = self._check_labels(x, y)
        self.seen_ = np.unique(y[labeled])
        self.means_ = np.stack([to_float(x[labeled][y[labeled] == code]).mean(axis=0) for code in self.seen_])
        return self

    def predict_proba(self, x):
        squared = ((to_float(x)[:, None] - self.means_[None]) ** 2).sum(axis=-1)
        weight = np.exp(-(squared - squared.min(axis=1, keepdims=True)))
        proba = np.zeros((len(x), self.n_classes_))
        proba[:, self.seen_] = weight / weight.sum(axis=1, keepdims=True)
        return proba


class BrightestAsker(Asker):
    """Items with the largest latent means first."""

    def __init__(self, sight):
        super().__init__(sight)
        self._order = np.argsort(-sight.latent.sum(axis=1), kind="stable")

    def _next(self):
        return Pick(int(next(item for item in self._order if self.open[item])), "the largest latent mean of those left")


def load(_):
    data = load_wine()
    return Dataset("cultivars", data.data.astype(np.float32), data.target, tuple(data.target_names))


NEAREST_MEAN = Method(NearestMean, "pixels", "nearest class mean")
BRIGHTEST = Sampler(BrightestAsker, "largest latent means first", needs_model=True)
WINE = DatasetSource(load, 178, 3, "three cultivars of wine, in scikit-learn", lambda _: True)
