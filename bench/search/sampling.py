"""The algorithms that a search may use to choose its next trial; each keeps its state in the study's trials, nowhere else."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from cmaes import CMA
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from bench.search.settings import Algorithm

_POPULATION = 20


def make_sampler(algorithm: Algorithm, sampling_seed: int) -> BaseSampler:
    """Return the sampler of an algorithm."""
    seed = sampling_seed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match algorithm:
            case "tpe":
                return TPESampler(seed=seed, multivariate=True)
            case "random":
                return RandomSampler(seed=seed)
            case "gp":
                return GPSampler(seed=seed)
            case "cma-es":
                return ReplayedCma(seed)
            case "nsga-ii":
                return NSGAIISampler(seed=seed, population_size=_POPULATION)


class ReplayedCma(BaseSampler):
    """CMA-ES (Hansen 2016) by `cmaes`, told all complete trials again before every draw.

    Optuna's own keeps its state as a pickle in the study, which is unsafe to open unless its author is trusted. Telling a few
    hundred trials again takes milliseconds. Choices, and the first trials, are drawn at random.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = RandomSampler(seed=seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return the numbers that all complete trials have."""
        common = optuna.search_space.intersection_search_space(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
        return {
            name: distribution
            for name, distribution in sorted(common.items())
            if isinstance(distribution, (IntDistribution, FloatDistribution))
        }

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Draw from the distribution that the complete trials lead to."""
        if len(search_space) < 2:
            return {}
        bounds = np.tile([0.0, 1.0], (len(search_space), 1))
        optimiser = CMA(mean=np.full(len(search_space), 0.5), sigma=1 / 6, bounds=bounds, seed=self._seed)
        sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
        told = [
            (_to_unit(finished.params, search_space), sign * finished.values[0])
            for finished in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        ]
        size = optimiser.population_size
        for start in range(0, len(told) - size + 1, size):
            optimiser.tell(told[start : start + size])
        return _from_unit(optimiser.ask(), search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """Draw what CMA-ES cannot."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def _to_unit(parameters: Mapping[str, Any], space: Mapping[str, Any]) -> np.ndarray:
    unit = []
    for name, distribution in space.items():
        low, high, value = (
            math.log(x) if distribution.log else x for x in (distribution.low, distribution.high, parameters[name])
        )
        unit.append((value - low) / (high - low))
    return np.array(unit)


def _from_unit(unit: np.ndarray, space: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for share, (name, distribution) in zip(unit, space.items(), strict=True):
        low, high = (math.log(x) if distribution.log else x for x in (distribution.low, distribution.high))
        value = low + float(share) * (high - low)
        value = math.exp(value) if distribution.log else value
        if distribution.step is not None:
            value = distribution.low + round((value - distribution.low) / distribution.step) * distribution.step
        value = min(max(value, distribution.low), distribution.high)
        values[name] = int(value) if isinstance(distribution, IntDistribution) else value
    return values
