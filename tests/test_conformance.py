"""The one suite over every registered method, sampler and representation, the same that authors of plug-ins run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from baselines import tuning
from baselines.graph import NeighborGraph
from bench.data.registry import DATASETS
from bench.judge.methods import METHODS, Method
from bench.judge.representations import REPRESENTATIONS, Several, Teachable, Viewable
from bench.plan.samplers import SAMPLERS
from bench.plan.samplers.base import Sampler
from bench.testing.conformance import METHOD_CHECKS, SAMPLER_CHECKS, check_dataset, example
from gmvae import student
from gmvae.decoding import Posterior
from gmvae.student import StudentConfig


@pytest.fixture(autouse=True)
def quick_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "N_TRIALS", 3)
    monkeypatch.setattr(tuning, "_FOLDS_FEW", 2)


@pytest.fixture(autouse=True)
def quick_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(student, "DEFAULT", StudentConfig(min_steps=100, pool_batch=100, averaging=0.98))


@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__)
def test_methods(name: str, check: Callable[[Method], None]) -> None:
    check(METHODS[name])


@pytest.mark.parametrize("name", list(METHODS))
def test_methods_of_this_package_learn_more_than_chance(name: str) -> None:
    y, view, dataset = example().shown(60), example().seen_by(METHODS[name]), example().dataset
    learner = METHODS[name].make(10, 1, 0).fit(view.pool, y)
    # Chance is 0.1; xgboost with six labels per class is the weakest here.
    assert (learner.predict(view.test) == dataset.test_labels).mean() > 0.35


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("check", SAMPLER_CHECKS, ids=lambda check: check.__name__)
def test_samplers(name: str, check: Callable[[Sampler], None]) -> None:
    check(SAMPLERS[name])


def test_embedded_data(tmp_path: Path) -> None:
    check_dataset(DATASETS["digits"], tmp_path)


@pytest.mark.parametrize("name", list(REPRESENTATIONS))
def test_held_out_items_never_change_the_pool(name: str) -> None:
    source = example().source
    alone = REPRESENTATIONS[name](replace(source, test=None, encoded=(source.encoded[0], None)))  # type: ignore[index]
    assert alone.test is None
    for mine, theirs in zip(dense(alone.pool), dense(example().view(name).pool), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def dense(part: object) -> list[np.ndarray]:
    if isinstance(part, Several):
        return [array for view in part.views.values() for array in dense(view)]
    if isinstance(part, Teachable):
        return [part.items, part.latent, *dense(part.graph)]
    if isinstance(part, Viewable):
        return [part.items]
    if isinstance(part, NeighborGraph):
        return [np.asarray(part.weights.toarray())]
    return [part.q if isinstance(part, Posterior) else np.asarray(part)]


def test_every_method_reads_a_known_representation() -> None:
    assert {method.representation for method in METHODS.values()} <= set(REPRESENTATIONS)
