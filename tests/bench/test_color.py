"""Colours all the way: views, the convolutional encoder, the estimator, figures and the labelling page."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gmvae import GMVAE
from gmvae.augmentation import Augmentation
from gmvae.config import ModelConfig
from gmvae.networks import ConvolutionalBody

Command = Callable[..., tuple[int, str, str]]
RNG = np.random.default_rng(0)


def blobs(n: int = 90, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images in one of three colours: grey values alone do not tell them apart."""
    y = np.arange(n) % 3
    images = RNG.integers(0, 60, (n, side, side, 3))
    images[np.arange(n), :, :, y] += 150
    return images.astype(np.uint8), y


def test_a_view_warps_each_colour_alike() -> None:
    grey = torch.rand(5, 8 * 6, generator=torch.Generator().manual_seed(0))
    color = grey[:, :, None] * torch.tensor([1.0, 0.5, 0.25])
    seeds = [torch.Generator().manual_seed(1) for _ in range(2)]
    of_grey = Augmentation((8, 6), 1.0)(grey, seeds[0])
    of_color = Augmentation((8, 6, 3), 1.0)(color.flatten(1), seeds[1]).view(5, 48, 3)
    torch.testing.assert_close(of_color, of_grey[:, :, None] * torch.tensor([1.0, 0.5, 0.25]))


def test_convolutions_see_every_colour_where_it_is() -> None:
    torch.manual_seed(0)
    body = ConvolutionalBody((8, 6, 3), (7,), batch_norm=False)
    x = torch.rand(4, 8 * 6 * 3)
    images = x.view(4, 8, 6, 3).permute(0, 3, 1, 2)
    for layer in body.convolutions:
        images = torch.relu(layer(images))
    torch.testing.assert_close(body(x), body.body(images.flatten(1)))


@pytest.mark.parametrize("encoder", ["mlp", "conv"])
def test_the_estimator_takes_images_in_colour(encoder: str) -> None:
    images, y = blobs()
    training = {"batch_size": 30}
    model = GMVAE(3, latent_dim=4, encoder_layers=(32,), decoder_layers=(32,), epochs=40, training=training, random_state=0)
    posterior = model.fit(images).predict_proba(images)
    assert model.model_.config.image_shape == (8, 8, 3)
    clusters = posterior.argmax(axis=1)
    purity = sum(np.bincount(y[clusters == c], minlength=3).max() for c in np.unique(clusters)) / len(y)
    assert purity > 0.9
    assert ModelConfig.model_validate(model.model_.config.model_dump() | {"encoder": encoder}).image_shape == (8, 8, 3)


def test_figures_and_the_labelling_page_show_colours(command: Command, tmp_path: Path) -> None:
    images, y = blobs()
    np.savez(tmp_path / "c.npz", x=images, y=y)
    out = tmp_path / "run"
    options = (
        "--methods",
        "soft,hard",
        "--budgets",
        "9",
        "--components",
        "3",
        "--model-seeds",
        "0",
        "--label-seeds",
        "1",
        "--epochs",
        "3",
    )
    code, _, messages = command(
        "run", "--data", str(tmp_path / "c.npz"), *options, "--set", "encoder=conv", "--executor", "serial", "--out", str(out)
    )
    assert code == 0, messages
    assert "c.npz: images in colour x (90, 8, 8, 3), labels y" in messages
    assert command("plot", str(out))[0] == 0
    assert (out / "figures" / "clusters.png").is_file()
    code, _, messages = command("select", str(out), "--n", "5", "--out", str(tmp_path / "ask.csv"))
    assert code == 0, messages
    import base64
    import io

    from PIL import Image

    page = (tmp_path / "ask.html").read_text()
    asked = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    items = [int(line.split(",")[0]) for line in (tmp_path / "ask.csv").read_text().splitlines()[1:]]
    assert [one["item"] for one in asked["items"]] == items
    for one in asked["items"]:
        picture = Image.open(io.BytesIO(base64.b64decode(asked["pictures"][one["picture"]])))
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), images[one["item"]])
