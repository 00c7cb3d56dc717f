import pytest
import torch

from gmvae.config import ModelConfig
from gmvae.errors import InputError
from gmvae.model import GaussianMixtureVAE
from gmvae.networks import ConvolutionalBody


def make(shape: tuple[int, int] | None = (9, 7), **fields: object) -> GaussianMixtureVAE:
    torch.manual_seed(0)
    sizes = {"n_features": 63, "n_components": 3, "latent_dim": 2, "encoder_layers": (16,), "decoder_layers": (16,)}
    return GaussianMixtureVAE(ModelConfig.model_validate(sizes | {"image_shape": shape, "encoder": "conv"} | fields))


@pytest.mark.parametrize("shape", [(9, 7), (8, 8), (28, 28), (1, 5)])
@pytest.mark.parametrize("inference", ["shared", "structured"])
def test_convolutional_encoder_takes_images_of_any_size(shape: tuple[int, int], inference: str) -> None:
    model = make(shape, n_features=shape[0] * shape[1], inference=inference)
    log_q, mean = model.infer(torch.rand(5, shape[0] * shape[1]))
    assert (log_q.shape, mean.shape) == ((5, 3), (5, 2))


def test_convolutional_encoder_knows_which_pixels_are_neighbours() -> None:
    """A pixel reaches only the outputs near it: the first layer looks at 5 x 5 pixels, with stride 2."""
    body = make((16, 16), n_features=256, batch_norm=False).encoder.trunk
    assert isinstance(body, ConvolutionalBody)
    dark = torch.zeros(1, 1, 16, 16)
    lit = dark.clone()
    lit[0, 0, 8, 8] = 1
    changed = (body.convolutions[0](lit) - body.convolutions[0](dark)).abs().sum(1)[0] > 0
    rows, columns = torch.nonzero(changed, as_tuple=True)
    assert changed.any()
    assert set(rows.tolist()) <= {3, 4, 5}
    assert set(columns.tolist()) <= {3, 4, 5}


@pytest.mark.parametrize("fields", [{"image_shape": None}, {"encoder_layers": ()}])
def test_convolutions_need_images_and_a_layer(fields: dict[str, object]) -> None:
    with pytest.raises(InputError, match="use encoder 'mlp'"):
        make(**fields)  # type: ignore[arg-type]
