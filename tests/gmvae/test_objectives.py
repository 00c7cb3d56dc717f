"""Objectives against slow loops and against what any bound must satisfy, in float64."""

import math

import pytest
import torch

from gmvae.config import ModelConfig, study_configs
from gmvae.losses import gaussian_kl
from gmvae.model import GaussianMixtureVAE
from gmvae.objectives import OBJECTIVES
from gmvae.objectives.bayes import bayes_terms
from gmvae.objectives.exact import exact_terms


def make(inference: str, n_components: int = 4, likelihood: str = "bernoulli") -> GaussianMixtureVAE:
    torch.manual_seed(n_components)
    config = ModelConfig(
        n_features=6,
        n_components=n_components,
        latent_dim=2,
        encoder_layers=(8,),
        decoder_layers=(8,),
        inference=inference,  # type: ignore[arg-type]
        likelihood=likelihood,  # type: ignore[arg-type]
    )
    model = GaussianMixtureVAE(config).double()
    # Components apart from each other, so that q(c|x) is not flat.
    model.prior.means.data.normal_()
    model.prior.log_vars.data.normal_(0, 0.3)
    return model


def items(n: int = 5) -> torch.Tensor:
    return torch.rand(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def noise(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_exact_equals_a_loop_over_items_and_components(likelihood: str) -> None:
    model, x = make("structured", likelihood=likelihood), items()
    encoding = model.encode(x)
    terms = exact_terms(model, encoding, x, noise())
    eps = torch.randn(encoding.mean.shape, generator=noise(), dtype=torch.float64)
    assert encoding.logits is not None
    q = torch.softmax(encoding.logits, -1)
    for i in range(len(x)):
        bound = torch.tensor(0.0, dtype=torch.float64)
        for c in range(4):
            mean, log_var = encoding.mean[i, c], encoding.log_var[i, c]
            z = mean + eps[i, c] * torch.exp(0.5 * log_var)
            divergence = gaussian_kl(mean, log_var, model.prior.means[c], model.prior.log_vars[c])
            log_ratio = torch.log(q[i, c]) - math.log(1 / 4)
            bound = bound + q[i, c] * (model.log_likelihood(x[i : i + 1], z[None])[0] - divergence - log_ratio)
        torch.testing.assert_close(terms.elbo[i], bound)


def test_bayes_equals_a_loop_over_components() -> None:
    model, x = make("shared"), items()
    encoding = model.encode(x)
    terms = bayes_terms(model, encoding, x, noise())
    eps = torch.randn(encoding.mean.shape, generator=noise(), dtype=torch.float64)
    z = encoding.mean + eps * torch.exp(0.5 * encoding.log_var)
    q = terms.log_q.exp()
    divergences = torch.stack(
        [
            gaussian_kl(encoding.mean, encoding.log_var, model.prior.means[c], model.prior.log_vars[c])
            + torch.log(q[:, c])
            - math.log(1 / 4)
            for c in range(4)
        ],
        dim=1,
    )
    torch.testing.assert_close(terms.elbo, model.log_likelihood(x, z) - (q * divergences).sum(-1))
    torch.testing.assert_close(terms.kl_z + terms.kl_c, (q * divergences).sum(-1))


def test_bayes_uses_the_best_assignment_there_is() -> None:
    model, x = make("shared"), items()
    encoding = model.encode(x)
    best = bayes_terms(model, encoding, x, noise()).elbo
    log_joint = model.component_logits(encoding)
    reconstruction = bayes_terms(model, encoding, x, noise()).reconstruction
    entropy = (0.5 * (1 + math.log(2 * math.pi) + encoding.log_var)).sum(-1)
    for seed in range(20):
        q = torch.softmax(torch.randn(5, 4, dtype=torch.float64, generator=noise(seed)), -1)
        other = reconstruction + entropy + (q * (log_joint - q.log())).sum(-1)
        assert (other <= best + 1e-12).all()


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_bound_lies_below_the_likelihood(name: str) -> None:
    """Averaged over many draws the bound may not exceed log p(x), here by importance sampling from the prior."""
    objective = OBJECTIVES[name]
    model, x = make(objective.inference), items(3)
    with torch.no_grad():
        encoding = model.encode(x)
        bound = torch.stack([objective.terms(model, encoding, x, noise(seed)).elbo for seed in range(300)]).mean(0)
        generator = noise()
        c = torch.randint(4, (40_000,), generator=generator)
        eps = torch.randn(40_000, 2, generator=generator, dtype=torch.float64)
        z = model.prior.means[c] + eps * torch.exp(0.5 * model.prior.log_vars[c])
        likelihood = torch.stack([torch.logsumexp(model.log_likelihood(row[None], z), 0) - math.log(40_000) for row in x])
    assert (bound <= likelihood + 0.02).all()


def test_one_component_is_a_plain_vae_for_both() -> None:
    x = items()
    for name in ("exact", "bayes"):
        objective = OBJECTIVES[name]
        model = make(objective.inference, n_components=1)
        terms = objective.terms(model, model.encode(x), x, noise())
        torch.testing.assert_close(terms.kl_c, torch.zeros(5, dtype=torch.float64))
        encoding = model.encode(x)
        mean, log_var = (tensor.reshape(5, 2) for tensor in (encoding.mean, encoding.log_var))
        torch.testing.assert_close(terms.kl_z, gaussian_kl(mean, log_var, model.prior.means, model.prior.log_vars))


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_gradient_equals_finite_differences(name: str) -> None:
    objective = OBJECTIVES[name]
    model, x = make(objective.inference), items()
    weight = model.prior.means

    def loss() -> torch.Tensor:
        return objective.terms(model, model.encode(x), x, noise()).elbo.sum()

    (gradient,) = torch.autograd.grad(loss(), weight)
    step = 1e-6
    for index in [(0, 0), (2, 1), (3, 0)]:
        with torch.no_grad():
            weight[index] += step
            above = loss()
            weight[index] -= 2 * step
            below = loss()
            weight[index] += step
        torch.testing.assert_close(gradient[index], (above - below) / (2 * step), rtol=1e-5, atol=1e-7)


def test_the_study_model_has_the_study_size() -> None:
    config, training = study_configs(784)
    n_parameters = sum(parameter.numel() for parameter in GaussianMixtureVAE(config).parameters())
    assert n_parameters / 1e6 == pytest.approx(19.5, abs=0.05)
    assert (training.objective, training.epochs, training.batch_size, training.learning_rate) == ("exact", 450, 128, 1e-3)
    assert not training.needs_views
