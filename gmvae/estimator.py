"""The scikit-learn face of the model: `GMVAE().fit(x).predict_proba(x)`."""

import numbers
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from gmvae import checkpoint
from gmvae.callbacks import CallbackSupportMixin, EpochTasks, with_callbacks
from gmvae.config import ModelConfig, ObjectiveName, TrainingConfig
from gmvae.errors import InputError
from gmvae.kinds import views_for
from gmvae.likelihoods import likelihood_for
from gmvae.objectives import OBJECTIVES
from gmvae.posteriors import encode, score_each
from gmvae.rounding import coarse_columns
from gmvae.training import EpochStats, TrainedModel, train

IMAGE_DIMENSIONS = (3, 4)
"""Of an array of images: items, height, width, and perhaps colours."""
_DEFAULT_MODEL = ModelConfig(n_features=1)
_DEFAULT_TRAINING = TrainingConfig()


class GMVAE(CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, BaseEstimator):
    """Gaussian-mixture variational autoencoder, trained without labels.

    A scikit-learn clusterer (`predict`, `predict_proba`) and transformer (`transform` to latent means). Items are bytes, values
    in [0, 1], or any numbers; images may come as (n, height, width) or, in colour, (n, height, width, 3).

    Parameters
    ----------
    n_components
        K, the number of mixture components.
    latent_dim, encoder_layers, decoder_layers
        Sizes of the networks; see `gmvae.config.ModelConfig`.
    likelihood
        `bernoulli`, `gaussian`, or `auto`: bernoulli when all values lie in [0, 1] or are uint8.
    objective
        A name of `gmvae.objectives.OBJECTIVES`.
    image_shape
        Height and width of an item that is an image, and 3 for colours; `None` takes it from data of shape (n, height, width) or
        (n, height, width, 3), if they have it.
    epochs
        Passes over the data.
    training
        Other fields of `gmvae.config.TrainingConfig`, e.g. `{"batch_size": 128}` or `gmvae.config.PLAIN`. Without `views` images
        get those that `gmvae.kinds.views_for` finds suitable.
    device
        `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
    random_state
        The model seed, or a `numpy.random.RandomState` to draw it from; `None` draws one.
    verbose
        Print a line every so many epochs; 0 prints nothing. scikit-learn's callbacks (`set_callbacks`, from 1.9 on) are told of
        every epoch.

    Attributes
    ----------
    model_ : GaussianMixtureVAE
        The trained networks.
    history_ : tuple of EpochStats
        One entry per epoch.
    labels_ : array (n,)
        Argmax component of each training item.
    n_features_in_ : int
        Values per item.
    feature_names_in_ : array of str
        Names of the columns, if it was fitted on a table that has them; `save` and `load` keep them.
    """

    def __init__(
        self,
        n_components: int = 100,
        *,
        latent_dim: int = _DEFAULT_MODEL.latent_dim,
        encoder_layers: tuple[int, ...] = _DEFAULT_MODEL.encoder_layers,
        decoder_layers: tuple[int, ...] = _DEFAULT_MODEL.decoder_layers,
        likelihood: str = "auto",
        image_shape: tuple[int, ...] | None = None,
        objective: ObjectiveName = _DEFAULT_TRAINING.objective,
        epochs: int = _DEFAULT_TRAINING.epochs,
        training: Mapping[str, Any] | None = None,
        device: str = "auto",
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.latent_dim = latent_dim
        self.encoder_layers = encoder_layers
        self.decoder_layers = decoder_layers
        self.likelihood = likelihood
        self.image_shape = image_shape
        self.objective = objective
        self.epochs = epochs
        self.training = training
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: np.ndarray, y: Any = None) -> Self:  # noqa: ARG002, N803
        """Train on items (n, n_features); `y` is ignored, as always in unsupervised learning."""
        items = self._checked(X, reset=True)
        if self.objective not in OBJECTIVES:
            raise InputError(f"unknown objective {self.objective!r}; expected one of {', '.join(OBJECTIVES)}")
        try:
            config, training = self._configs(X, items)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{'.'.join(map(str, first['loc']))} got {first['input']!r}: {first['msg']}") from error
        given = self.random_state
        seed = given if isinstance(given, numbers.Integral) else int(check_random_state(given).randint(2**31 - 1))
        tasks = EpochTasks(self, X, training.epochs)

        def epoch_done(stats: EpochStats) -> None:
            tasks.epoch_done(stats)
            if self.verbose and (stats.epoch % self.verbose == 0 or stats.epoch == training.epochs):
                bound = stats.reconstruction - stats.kl_z - stats.kl_c
                sys.stdout.write(f"epoch {stats.epoch} of {training.epochs}: bound {bound:.2f} nats, {stats.seconds:.1f} s\n")

        trained = train(items, config, training, model_seed=int(seed), device=self.device, on_epoch=epoch_done)
        names = getattr(self, "feature_names_in_", None)
        self._adopt(trained if names is None else replace(trained, feature_names=tuple(map(str, names))))
        self.labels_ = encode(self.model_, items).posterior.argmax(axis=1)
        tasks.done()
        return self

    def _configs(self, given: np.ndarray, items: np.ndarray) -> tuple[ModelConfig, TrainingConfig]:
        config = ModelConfig(
            n_features=items.shape[1],
            n_components=self.n_components,
            latent_dim=self.latent_dim,
            encoder_layers=self.encoder_layers,
            decoder_layers=self.decoder_layers,
            likelihood=likelihood_for(items) if self.likelihood == "auto" else self.likelihood,
            image_shape=self.image_shape or (np.shape(given)[1:] if getattr(given, "ndim", None) in IMAGE_DIMENSIONS else None),
            inference=OBJECTIVES[self.objective].inference,
        )
        fields = {"objective": self.objective, "epochs": self.epochs, "views": views_for(items, config.image_shape)}
        fields |= dict(self.training or {})
        return config, TrainingConfig.model_validate(fields)

    def predict_proba(self, X: np.ndarray) -> Float[np.ndarray, "n k"]:  # noqa: N803
        """Return q(c|x), float32; rows sum to 1."""
        check_is_fitted(self, "model_")
        return encode(self.model_, self._checked(X)).posterior

    def predict(self, X: np.ndarray) -> Int[np.ndarray, " n"]:  # noqa: N803
        """Return the argmax component of each item."""
        best: np.ndarray = self.predict_proba(X).argmax(axis=1)
        return best

    def transform(self, X: np.ndarray) -> Float[np.ndarray, "n z"]:  # noqa: N803
        """Return latent means, float32."""
        check_is_fitted(self, "model_")
        return encode(self.model_, self._checked(X)).latent

    def score_samples(self, X: np.ndarray) -> Float[np.ndarray, " n"]:  # noqa: N803
        """Return the evidence lower bound of each item in nats, a mean over eight draws of z, the same for all items."""
        check_is_fitted(self, "model_")
        return score_each(self.model_, self._checked(X))

    def score(self, X: np.ndarray, y: Any = None) -> float:  # noqa: ARG002, N803
        """Return the mean evidence lower bound in nats."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, random_state: int = 0) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
        """Draw components and items: E[x|z] in the units of the data, and the component of each."""
        check_is_fitted(self, "model_")
        generator = torch.Generator(self.model_.device).manual_seed(random_state)
        components = torch.randint(self.model_.config.n_components, (n_samples,), generator=generator, device=self.model_.device)
        return self.model_.sample(components, generator).cpu().numpy(), components.cpu().numpy()

    def save(self, folder: str | Path) -> None:
        """Write settings, weights and history into `folder`, atomically; nothing is pickled."""
        check_is_fitted(self, "model_")
        checkpoint.save(self.trained_, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> Self:
        """Read a model that `save`, or a run, wrote."""
        trained = checkpoint.load(Path(folder), device)
        model, training = trained.model.config, trained.training
        estimator = cls(
            model.n_components,
            latent_dim=model.latent_dim,
            encoder_layers=model.encoder_layers,
            decoder_layers=model.decoder_layers,
            likelihood=model.likelihood,
            image_shape=model.image_shape,
            objective=training.objective,
            epochs=training.epochs,
            training=training.model_dump(exclude={"objective", "epochs"}),
            device=device,
            random_state=trained.model_seed,
        )
        estimator._adopt(trained)
        return estimator

    def _adopt(self, trained: TrainedModel) -> None:
        self.trained_ = trained
        self.model_ = trained.model
        self.history_ = trained.history
        self.n_features_in_ = trained.model.config.n_features
        if trained.feature_names is not None:
            self.feature_names_in_ = np.array(trained.feature_names, dtype=object)
        self._n_features_out = trained.model.config.latent_dim

    def _checked(self, x: Any, *, reset: bool = False) -> np.ndarray:
        """Return bytes or float32 (n, d), images flattened, as scikit-learn checks them."""
        return checked_items(self, x, reset=reset)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Whatever comes in, latent means are float32.
        tags.transformer_tags.preserves_dtype = []
        return tags


def checked_items(estimator: BaseEstimator, x: Any, *, reset: bool) -> np.ndarray:
    """Return items as bytes or float32 (n, d), images flattened, after scikit-learn's checks.

    Raises
    ------
    ValueError, TypeError
        For what is no dense table of finite numbers, has other features than what the estimator was fitted on, or is fitted on
        values whose differences float32 cannot hold.
    """
    if getattr(x, "ndim", None) in IMAGE_DIMENSIONS:
        x = x.reshape(len(x), -1)
    is_bytes = getattr(x, "dtype", None) == np.uint8
    checked: np.ndarray = validate_data(
        estimator, x, reset=reset, dtype=np.uint8 if is_bytes else np.float32, ensure_min_samples=2 if reset else 1
    )
    if reset:
        _refuse_coarse(np.asarray(x))
    return checked


def _refuse_coarse(numbers: np.ndarray) -> None:
    coarse = coarse_columns(numbers)
    if coarse:
        raise ValueError(
            f"the values of column {coarse[0]}, such as {numbers[0, coarse[0]]:g}, differ by less than float32 tells apart; "
            "subtract what they lie near and divide by how far they lie apart, e.g. with StandardScaler"
        )
