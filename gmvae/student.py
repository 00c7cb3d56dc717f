"""A student: a small network taught by a few labels and by soft answers for all other items, under random views of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from gmvae.adam import Adam
from gmvae.augmentation import Augmentation
from gmvae.averaging import WeightAverage
from gmvae.config import Views
from gmvae.devices import as_tensor, multiplies_bfloat16_fast, resolve_device
from gmvae.networks import Body, ConvolutionalBody, use_bfloat16
from gmvae.schedule import one_cycle

# Of the layer after the convolutions, and of both layers for vectors.
_WIDTH = 256
_BATCH = 2048


@dataclass(frozen=True)
class StudentConfig:
    """How a student is taught; all sizes are per step."""

    passes: float = 6.0
    """Over the pool."""
    min_steps: int = 1200
    """A small pool gets more passes."""
    pool_batch: int = 256
    labeled_batch: int = 32
    """Labelled items, of which every class has its share."""
    learning_rate: float = 3e-3
    """Peak of the one-cycle schedule."""
    averaging: float = 0.998
    """Decay of the running mean of weights, which becomes the student."""
    augmentation: float = 1.0
    """Strength of the views (`gmvae.augmentation`)."""
    weak_augmentation: float = 0.3
    """Strength of the views that the student guesses from where nobody tells it; see `teach`."""
    own_share: float = 0.5
    """Weight of the student's own guess beside what it is told, in the second half of the steps."""
    renewals: int = 2
    """How often, at even intervals, `renew` replaces the answers; see `teach`."""
    threshold: float = 0.95
    """How sure a guess must be that nobody has told."""


DEFAULT = StudentConfig()


class Student(nn.Module):
    """Three strided convolutions and a layer for images, two layers for vectors; then a class.

    Parameters
    ----------
    n_features, n_classes
        Values of an item, and classes to tell apart.
    image_shape
        Height and width, and the number of colours if there are several; `None` for vectors.
    """

    def __init__(self, n_features: int, n_classes: int, image_shape: tuple[int, ...] | None) -> None:
        super().__init__()
        self.trunk: Body | ConvolutionalBody
        if image_shape is None:
            self.trunk = Body((n_features, _WIDTH, _WIDTH), activate_last=True, batch_norm=True)
        else:
            self.trunk = ConvolutionalBody(image_shape, (_WIDTH,), batch_norm=True)
        self.head = nn.Linear(_WIDTH, n_classes)

    def forward(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n l"]:
        """Return unnormalised log probabilities of the classes."""
        logits: Tensor = self.head(self.trunk(x))
        return logits

    @torch.no_grad()
    def look(self, items: np.ndarray) -> tuple[Float[np.ndarray, "n h"], Float[np.ndarray, "n l"]]:
        """Return features and class probabilities, float32, of raw items (bytes or floats), in their order."""
        features = np.empty((len(items), _WIDTH), np.float32)
        proba = np.empty((len(items), self.head.out_features), np.float32)
        for start in range(0, len(items), _BATCH):
            part = slice(start, start + _BATCH)
            hidden = self.trunk(_to_input(as_tensor(items[part]).to(self.head.weight.device)))
            features[part] = hidden.cpu().numpy()
            proba[part] = self.head(hidden).softmax(dim=-1).cpu().numpy()
        return features, proba


Renew = Callable[[Student], Float[np.ndarray, "n l"]]
"""Takes the student as it is so far, and returns class probabilities of the whole pool."""


def teach(
    items: np.ndarray,
    labeled: Int[np.ndarray, " s"],
    codes: Int[np.ndarray, " s"],
    answers: Float[np.ndarray, "n l"] | None,
    *,
    image_shape: tuple[int, ...] | None,
    views: Views,
    renew: Renew | None = None,
    config: StudentConfig | None = None,
    random_state: int = 0,
    device: str = "auto",
) -> Student:
    """Return a student that was taught from a random start.

    With `answers` it learns from each item of the pool what the teacher says of it, sharpened (squared and normalised) and
    weighed by how sure the teacher is; in the second half of the steps from the mean of that and of what the running mean of its
    weights says of the clean item (Tarvainen & Valpola 2017). Without them it learns what it says itself of a weak view of the
    item, where it is sure (FixMatch, Sohn et al. 2020). The labels are told all along.

    Parameters
    ----------
    items
        The pool (n, d): bytes, or floats of about unit scale. Not changed.
    labeled, codes
        Numbers of the items with a label, and their classes 0 … L - 1, each of which has at least one.
    answers
        Class probabilities of the whole pool.
    views
        Kind of the views of images.
    renew
        Takes the student as it is so far, and returns better answers (Iscen et al. 2019); called `config.renewals` times.
    random_state
        Fixes weights, order and views: on CPU with the same number of threads the same seed gives the same student.
    """
    return _School(
        items, labeled, codes, answers, image_shape, views, config or DEFAULT, random_state, resolve_device(device)
    ).teach(renew)


class _School:
    """One student's networks, optimiser and random numbers. Parameters as of `teach`."""

    def __init__(
        self,
        items: np.ndarray,
        labeled: np.ndarray,
        codes: np.ndarray,
        answers: np.ndarray | None,
        image_shape: tuple[int, ...] | None,
        views: Views,
        config: StudentConfig,
        random_state: int,
        place: torch.device,
    ) -> None:
        self.config = config
        n_classes = int(codes.max()) + 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_state)
            self.student, self.mean = (Student(items.shape[1], n_classes, image_shape).to(place) for _ in range(2))
        use_bfloat16(self.student, multiplies_bfloat16_fast(place))
        use_bfloat16(self.mean, multiplies_bfloat16_fast(place))
        self.mean.eval()
        self.generator = torch.Generator(place).manual_seed(random_state)
        self.strong, self.weak = (
            Augmentation(image_shape, strength, views).to(place) for strength in (config.augmentation, config.weak_augmentation)
        )
        self.items = as_tensor(items).to(place)
        self.answers = None if answers is None else as_tensor(answers).to(place)
        self.labeled, self.codes = as_tensor(labeled).to(place), as_tensor(codes).to(place)
        self.chances = 1 / torch.bincount(self.codes)[self.codes].float()
        self.optimiser = Adam(self.student.parameters(), config.learning_rate)
        self.average = WeightAverage(self.student, config.averaging)
        self.batch = min(config.pool_batch, len(items))
        self.n_steps = max(config.min_steps, round(config.passes * len(items) / self.batch))

    def teach(self, renew: Renew | None = None) -> Student:
        rows: list[Tensor] = []
        parts = self.config.renewals + 1
        anew = {round(self.n_steps * part / parts) for part in range(1, parts)} if renew is not None else set()
        for step in range(self.n_steps):
            if renew is not None and step in anew:
                self.average.write_to(self.mean)
                self.answers = as_tensor(renew(self.mean)).to(self.items.device)
            if not rows:
                order = torch.randperm(len(self.items), generator=self.generator, device=self.generator.device)
                rows = list(order[: len(order) - len(order) % self.batch].split(self.batch))
            self.optimiser.learning_rate = self.config.learning_rate * one_cycle(step / self.n_steps)
            loss = self._loss(rows.pop(), alone=2 * step < self.n_steps)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.average.advance()
            self.average.update()
        self.average.write_to(self.mean)
        use_bfloat16(self.mean, False)
        return self.mean

    def _loss(self, rows: Tensor, alone: bool) -> Tensor:
        chosen = torch.multinomial(self.chances, self.config.labeled_batch, replacement=True, generator=self.generator)
        pool, known = _to_input(self.items[rows]), _to_input(self.items[self.labeled[chosen]])
        if self.answers is None:
            of_pool, of_known, target, weight = self._guess(pool, known)
        else:
            target, weight = self._lesson(pool, self.answers[rows], alone)
            of_pool, of_known = self.student(self.strong(torch.cat([pool, known]), self.generator)).tensor_split([len(pool)])
        lesson = weight * functional.cross_entropy(of_pool, target, reduction="none")
        return lesson.mean() + functional.cross_entropy(of_known, self.codes[chosen])

    def _guess(
        self, pool: Float[Tensor, "b d"], known: Float[Tensor, "s d"]
    ) -> tuple[Float[Tensor, "b l"], Float[Tensor, "s l"], Int[Tensor, " b"], Float[Tensor, " b"]]:
        """Return logits of the pool's strong views and of labelled items, the pool's guessed classes, and which of them count."""
        looks = (self.weak(pool, self.generator), self.strong(pool, self.generator), self.weak(known, self.generator))
        weak, strong, told = self.student(torch.cat(looks)).split([len(pool), len(pool), len(known)])
        sure, guess = weak.detach().softmax(dim=-1).max(dim=-1)
        return strong, told, guess, (sure >= self.config.threshold).float()

    @torch.no_grad()
    def _lesson(
        self, pool: Float[Tensor, "b d"], answers: Float[Tensor, "b l"], alone: bool
    ) -> tuple[Float[Tensor, "b l"], Float[Tensor, " b"]]:
        """Return what is taught of some items, and how much it counts."""
        target = answers.square()
        target = target / target.sum(dim=-1, keepdim=True)
        weight = answers.amax(dim=-1)
        if alone:
            return target, weight
        self.average.write_to(self.mean)
        own = self.mean(pool).softmax(dim=-1)
        share = self.config.own_share
        return torch.lerp(target, own, share), torch.lerp(weight, own.amax(dim=-1), share)


def _to_input(items: Tensor) -> Float[Tensor, "n d"]:
    values = items.float()
    return values / 255 if items.dtype == torch.uint8 else values
