"""The paper's baselines, tuned within the labels that they are shown: cross-validation chooses among settings, per budget.

An untuned baseline flatters what it is compared with (Oliver et al. 2018, "Realistic Evaluation of Deep
Semi-Supervised Learning Algorithms", section 4.2). The first settings tried are the paper's own, and others must beat them.
"""

import warnings
from typing import Any

import numpy as np
import optuna
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from baselines.base import FewLabelClassifier
from baselines.mlp import hidden_layers

N_TRIALS = 20
# Few labels need more folds; with many, three tell enough.
_FEW, _FOLDS_FEW, _FOLDS_MANY = 500, 5, 3


class TunedClassifier(FewLabelClassifier):
    """Base of learners that tune themselves by TPE (Bergstra et al. 2011) on the cross-validated accuracy of their labels.

    A setting that falls behind the median of the others after some folds is stopped.

    Attributes
    ----------
    settings_
        The chosen settings.
    """

    def _fit_on(self, x: Float[np.ndarray, "s d"], y: Int[np.ndarray, " s"]) -> None:
        with warnings.catch_warnings():
            # Limits of iterations are part of the settings.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.settings_ = self._tune(x, y)
            super()._fit_on(x, y)

    def _make(self, y: Int[np.ndarray, " s"]) -> Any:
        return self._build(len(y), **self.settings_)

    def _tune(self, x: Float[np.ndarray, "s d"], y: Int[np.ndarray, " s"]) -> dict[str, Any]:
        start = self._start(len(y))
        if len(y) < 2 or len(np.unique(y)) < 2:
            return start
        folds = self._folds(len(y))
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=self.random_state),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
        )
        study.enqueue_trial(start)
        study.optimize(lambda trial: self._score(trial, self._suggest(trial), x, y, folds), n_trials=N_TRIALS)
        # Ties go to the earliest: the paper's own settings where nothing beats them.
        best = max(study.get_trials(states=[optuna.trial.TrialState.COMPLETE]), key=lambda trial: (trial.value, -trial.number))
        return dict(best.params)

    def _score(
        self, trial: optuna.Trial, settings: dict[str, Any], x: np.ndarray, y: np.ndarray, folds: list[np.ndarray]
    ) -> float:
        learner = type(self)(self.n_classes_, self.n_jobs, self.random_state)
        learner.n_classes_, learner.settings_ = self.n_classes_, settings
        right = told = 0
        for number, hidden in enumerate(folds):
            shown = np.delete(np.arange(len(y)), hidden)
            # Skips this class's own `_fit_on`, which would tune.
            super(TunedClassifier, learner)._fit_on(x[shown], y[shown])
            right += int((learner.predict(x[hidden]) == y[hidden]).sum())
            told += len(hidden)
            trial.report(right / told, number)
            if number + 1 < len(folds) and trial.should_prune():
                raise optuna.TrialPruned
        return right / told

    def _folds(self, n: int) -> list[Int[np.ndarray, " t"]]:
        order = np.random.default_rng(self.random_state).permutation(n)
        return np.array_split(order, min(n, _FOLDS_FEW if n <= _FEW else _FOLDS_MANY))

    def _start(self, n: int) -> dict[str, Any]:
        """Return the paper's settings for n labels."""
        raise NotImplementedError

    def _suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        raise NotImplementedError

    def _build(self, n: int, **settings: Any) -> Any:
        """Return an unfitted scikit-learn classifier for n labels."""
        raise NotImplementedError


class LogisticTuned(TunedClassifier):
    """Logistic regression: strength of the penalty, and whether inputs are standardised."""

    def _start(self, n: int) -> dict[str, Any]:  # noqa: ARG002
        return {"C": 1.0, "standardise": True}

    def _suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        return {
            "C": trial.suggest_float("C", 1e-4, 1e2, log=True),
            "standardise": trial.suggest_categorical("standardise", [True, False]),
        }

    def _build(self, n: int, **settings: Any) -> Any:  # noqa: ARG002
        model = LogisticRegression(C=settings["C"], max_iter=2_000, random_state=self.random_state)
        return make_pipeline(StandardScaler(), model) if settings["standardise"] else make_pipeline(model)


class MLPTuned(TunedClassifier):
    """Multilayer perceptron: widths, penalty, learning rate, and whether inputs are standardised; 120 epochs at most."""

    def _start(self, n: int) -> dict[str, Any]:
        return {
            "hidden": ",".join(map(str, hidden_layers(n))),
            "alpha": 1e-4,
            "learning_rate": 1e-3,
            "standardise": True,
        }

    def _suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        return {
            "hidden": trial.suggest_categorical("hidden", ["64", "128", "256,128", "256", "512"]),
            "alpha": trial.suggest_float("alpha", 1e-5, 1e1, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
            "standardise": trial.suggest_categorical("standardise", [True, False]),
        }

    def _build(self, n: int, **settings: Any) -> Any:
        network = MLPClassifier(
            hidden_layer_sizes=tuple(map(int, settings["hidden"].split(","))),
            alpha=settings["alpha"],
            learning_rate_init=settings["learning_rate"],
            batch_size=min(128, n),
            max_iter=120,
            n_iter_no_change=20,
            random_state=self.random_state,
        )
        return make_pipeline(StandardScaler(), network) if settings["standardise"] else make_pipeline(network)


class XGBoostTuned(TunedClassifier):
    """Gradient-boosted trees: number, depth, rate, shares of rows and columns, least weight of a leaf, penalty."""

    def _start(self, n: int) -> dict[str, Any]:  # noqa: ARG002
        return {
            "n_estimators": 200,
            "max_depth": 6,
            "learning_rate": 0.1,
            "subsample": 0.9,
            "colsample_bytree": 0.9,
            "min_child_weight": 1.0,
            "reg_lambda": 1.0,
        }

    def _suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        return {
            "n_estimators": trial.suggest_int("n_estimators", 50, 400, log=True),
            "max_depth": trial.suggest_int("max_depth", 1, 8),
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.5, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.05, 1.0, log=True),
            "min_child_weight": trial.suggest_float("min_child_weight", 0.1, 10.0, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 10.0, log=True),
        }

    def _build(self, n: int, **settings: Any) -> Any:  # noqa: ARG002
        return XGBClassifier(tree_method="hist", n_jobs=self.n_jobs, random_state=self.random_state, **settings)
