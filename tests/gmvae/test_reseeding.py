import torch

from gmvae.config import ModelConfig
from gmvae.model import GaussianMixtureVAE
from gmvae.reseeding import reseed


def make(inference: str) -> GaussianMixtureVAE:
    torch.manual_seed(0)
    config = ModelConfig(
        n_features=6,
        n_components=5,
        latent_dim=3,
        encoder_layers=(8,),
        decoder_layers=(8,),
        inference=inference,  # type: ignore[arg-type]
    )
    model = GaussianMixtureVAE(config).double()
    model.prior.means.data.normal_(0, 3)
    model.prior.log_vars.data.normal_(0, 0.3)
    return model


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_dead_components_go_one_by_one_into_the_largest_that_is_left() -> None:
    model = make("shared")
    before = model.prior.means.clone()
    # An even share is 20, so that fewer than 2 items is dead. 60 is split to 30 and 30, below 38; that to 19 and 19.
    moves = reseed(model, torch.tensor([60.0, 1.0, 38.0, 0.0, 1.0]), generator())
    assert moves == {1: 0, 3: 2, 4: 0}
    deviation = torch.exp(0.5 * model.prior.log_vars)
    for dead, source in moves.items():
        distance = (model.prior.means[dead] - before[source]).abs()
        torch.testing.assert_close(distance, 0.5 * deviation[source])
        torch.testing.assert_close(model.prior.log_vars[dead], model.prior.log_vars[source])
    assert torch.equal(model.prior.means[[0, 2]], before[[0, 2]])


def test_nothing_moves_while_all_live() -> None:
    model = make("shared")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert reseed(model, torch.tensor([10.0, 20, 30, 20, 20]), generator()) == {}
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_head_per_component_is_copied_with_it() -> None:
    model, x = make("structured"), torch.rand(4, 6, dtype=torch.float64)
    assert reseed(model.eval(), torch.tensor([100.0, 0, 90, 80, 70]), generator()) == {1: 0}
    encoding = model.encode(x)
    assert encoding.logits is not None
    torch.testing.assert_close(encoding.logits[:, 1], encoding.logits[:, 0])
    torch.testing.assert_close(encoding.mean[:, 1], encoding.mean[:, 0])
    torch.testing.assert_close(encoding.log_var[:, 1], encoding.log_var[:, 0])
    assert not torch.allclose(encoding.mean[:, 2], encoding.mean[:, 0])
