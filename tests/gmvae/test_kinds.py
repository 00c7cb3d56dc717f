import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_images

from gmvae.estimator import GMVAE
from gmvae.kinds import are_embeddings, views_for


def drawings(n: int = 40, size: int = 28) -> np.ndarray:
    """White lines, two pixels wide, on black."""
    images = np.zeros((n, size, size), np.uint8)
    for number, image in enumerate(images):
        image[4 + number % 9 : 6 + number % 9, 4:-4] = 250
        image[4:-4, 5 + number % 11 : 7 + number % 11] = 250
    return images.reshape(n, -1)


def shapes(n: int = 40, size: int = 28) -> np.ndarray:
    """Filled shapes on an even ground, like clothes."""
    images = np.zeros((n, size, size), np.uint8)
    for number, image in enumerate(images):
        image[3 + number % 5 : -4, 5:-6] = 200
    return images.reshape(n, -1)


def photographs() -> np.ndarray:
    images = load_sample_images().images
    pieces = [image[y : y + 32, x : x + 32] for image in images for y in range(0, 380, 32) for x in range(0, 600, 32)]
    return np.array(pieces).reshape(len(pieces), -1)


@pytest.mark.parametrize("sign", [1, -1])
def test_thin_lines_on_an_even_ground_are_warped_whatever_their_colour(sign: int) -> None:
    assert views_for(drawings() if sign == 1 else 250 - drawings(), (28, 28)) == "warp"
    digits = load_digits().data.astype(np.float32)
    assert views_for(digits if sign == 1 else 16 - digits, (8, 8)) == "warp"


def test_what_is_solid_or_has_no_ground_is_a_photograph() -> None:
    assert views_for(shapes(), (28, 28)) == "photo"
    assert views_for(photographs(), (32, 32, 3)) == "photo"
    assert views_for(photographs().reshape(-1, 32, 32, 3).mean(axis=3).reshape(-1, 1024).astype(np.float32), (32, 32)) == "photo"


def test_images_of_one_value_and_vectors_have_an_answer() -> None:
    assert views_for(np.zeros((5, 64), np.float32), (8, 8)) == "warp"
    assert views_for(np.zeros((5, 64), np.float32), None) == "warp"


def test_embeddings_are_vectors_of_length_one() -> None:
    x = np.random.default_rng(0).normal(size=(50, 24)).astype(np.float32)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert are_embeddings(unit)
    assert are_embeddings(unit.astype(np.float16).astype(np.float32))
    assert not are_embeddings(x)
    assert not are_embeddings(unit[:, :8] / np.linalg.norm(unit[:, :8], axis=1, keepdims=True))
    assert not are_embeddings(np.full((4, 784), 1, np.uint8))


def test_the_estimator_takes_the_views_that_suit_its_images_unless_told() -> None:
    small = {"n_components": 4, "latent_dim": 2, "encoder_layers": (8,), "decoder_layers": (8,), "epochs": 1, "device": "cpu"}
    images = shapes().reshape(-1, 28, 28)
    assert GMVAE(**small, random_state=0).fit(images).trained_.training.views == "photo"
    assert GMVAE(**small, training={"views": "warp"}, random_state=0).fit(images).trained_.training.views == "warp"
    assert GMVAE(**small, random_state=0).fit(drawings().reshape(-1, 28, 28)).trained_.training.views == "warp"
