"""Objectives against slow loops and against what any bound must satisfy, in float64."""

import math

import pytest
import torch

from gmvae.config import ModelConfig, ObjectiveName, TrainingConfig, paper_configs
from gmvae.losses import gaussian_kl
from gmvae.model import ElboTerms, GaussianMixtureVAE
from gmvae.networks import Encoding
from gmvae.objectives import OBJECTIVES, exact, sampled, terms_for
from gmvae.objectives.bayes import bayes_terms
from gmvae.objectives.exact import exact_terms
from gmvae.objectives.sampled import sampled_terms


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


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_exact_in_parts_equals_exact_at_once(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = make("structured"), items()

    def bound_and_gradient() -> tuple[torch.Tensor, list[torch.Tensor]]:
        elbo = exact_terms(model, model.encode(x), x, noise()).elbo
        return elbo.detach(), list(torch.autograd.grad(elbo.sum(), list(model.parameters())))

    elbo, gradient = bound_and_gradient()
    monkeypatch.setattr(exact, "MAX_ROWS", chunk * len(x))
    torch.testing.assert_close(bound_and_gradient(), (elbo, gradient))
    with torch.no_grad():
        torch.testing.assert_close(exact_terms(model, model.encode(x), x, noise()).elbo, elbo)


def test_exact_in_parts_holds_few_decodes_for_the_backward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def saved(k: int) -> int:
        model, x = make("structured", n_components=k), items(8)
        encoding = model.encode(x)
        total = 0

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal total
            decoded = tensor.ndim == 3 and tensor.shape[1] > 1 and tensor.shape[2] == 6
            total += tensor.numel() * decoded
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            exact_terms(model, encoding, x, noise())
        return total

    assert saved(64) == 8 * saved(8) > 0
    monkeypatch.setattr(exact, "MAX_ROWS", 16)
    assert saved(64) == 0


@pytest.mark.parametrize("summed", [1, 2, 4])
def test_sampled_is_exact_on_average_in_value_and_gradient(summed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No averaging over luck: every component that can be drawn is drawn in turn and weighed by its probability."""
    k = 5
    model, x = make("structured", n_components=k).eval(), items(1)
    eps = torch.randn(1, k, 2, dtype=torch.float64, generator=noise())

    def codes(encoding: Encoding, chosen: torch.Tensor, _: torch.Generator) -> torch.Tensor:
        z = encoding.mean + eps * torch.exp(0.5 * encoding.log_var)
        return z.gather(1, chosen[:, :, None].expand(-1, -1, 2))

    def with_gradient(terms: ElboTerms) -> list[torch.Tensor]:
        return [terms.elbo.detach(), *torch.autograd.grad(terms.elbo.sum(), list(model.parameters()))]

    monkeypatch.setattr(sampled, "_sample", codes)
    q = torch.softmax(model.component_logits(model.encode(x)), -1).detach()[0]
    others = q.argsort(descending=True)[summed:]
    mean = [torch.zeros(())] * (1 + len(list(model.parameters())))
    for drawn in others.tolist():
        monkeypatch.setattr(sampled, "_draw_other", lambda *_, drawn=drawn: torch.tensor([[drawn]]))
        estimate = with_gradient(sampled_terms(model, model.encode(x), x, noise(), summed_components=summed))
        mean = [m + q[drawn] / q[others].sum() * e for m, e in zip(mean, estimate, strict=True)]
    # `exact_terms` draws its noise as (items, components, z): the same numbers as `eps`.
    truth = with_gradient(exact_terms(model, model.encode(x), x, noise()))
    for m, t in zip(mean, truth, strict=True):
        torch.testing.assert_close(m, t, rtol=1e-9, atol=1e-9)


def test_sampled_draws_the_others_by_their_probability() -> None:
    q = torch.tensor([[0.5, 0.0, 0.3, 0.15, 0.05]], dtype=torch.float64).expand(40_000, -1)
    chosen = torch.zeros(40_000, 1, dtype=torch.long)
    drawn = sampled._draw_other(q, chosen, noise())
    share = torch.bincount(drawn[:, 0], minlength=5) / 40_000
    torch.testing.assert_close(share, torch.tensor([0.0, 0.0, 0.6, 0.3, 0.1]), atol=0.01, rtol=0)


def test_sampled_with_enough_summed_is_exact_and_decodes_no_more() -> None:
    model, x = make("structured"), items()
    rows: list[int] = []
    model.decoder.register_forward_hook(lambda _module, inputs, _output: rows.append(inputs[0].shape[:-1].numel()))
    model.encoder.log_var.weight.data.zero_()
    model.encoder.log_var.bias.data.fill_(-60.0)  # no noise: nothing depends on its order
    truth = exact_terms(model, model.encode(x), x, noise()).elbo
    torch.testing.assert_close(sampled_terms(model, model.encode(x), x, noise(), summed_components=9).elbo, truth)
    sampled_terms(model, model.encode(x), x, noise(), summed_components=2)
    assert rows == [5 * 4, 5 * 4, 5 * 3]


def test_sampled_survives_a_component_that_holds_everything() -> None:
    model, x = make("structured"), items()
    model.encoder.component_logits.bias.data[2] = 1e4
    terms = sampled_terms(model.float(), model.encode(x.float()), x.float(), noise(), summed_components=1)
    terms.elbo.sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None)


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_bound_lies_below_the_likelihood(name: ObjectiveName) -> None:
    """Averaged over many draws the bound may not exceed log p(x), here by importance sampling from the prior."""
    terms = terms_for(TrainingConfig(objective=name, summed_components=2))
    model, x = make(OBJECTIVES[name].inference), items(3)
    with torch.no_grad():
        encoding = model.encode(x)
        bound = torch.stack([terms(model, encoding, x, noise(seed)).elbo for seed in range(300)]).mean(0)
        generator = noise()
        c = torch.randint(4, (40_000,), generator=generator)
        eps = torch.randn(40_000, 2, generator=generator, dtype=torch.float64)
        z = model.prior.means[c] + eps * torch.exp(0.5 * model.prior.log_vars[c])
        likelihood = torch.stack([torch.logsumexp(model.log_likelihood(row[None], z), 0) - math.log(40_000) for row in x])
    assert (bound <= likelihood + 0.02).all()


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_one_component_is_a_plain_vae(name: ObjectiveName) -> None:
    model, x = make(OBJECTIVES[name].inference, n_components=1), items()
    encoding = model.encode(x)
    terms = terms_for(TrainingConfig(objective=name))(model, encoding, x, noise())
    torch.testing.assert_close(terms.kl_c, torch.zeros(5, dtype=torch.float64))
    mean, log_var = (tensor.reshape(5, 2) for tensor in (encoding.mean, encoding.log_var))
    torch.testing.assert_close(terms.kl_z, gaussian_kl(mean, log_var, model.prior.means, model.prior.log_vars))


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_gradient_equals_finite_differences(name: ObjectiveName) -> None:
    terms = terms_for(TrainingConfig(objective=name, summed_components=2))
    model, x = make(OBJECTIVES[name].inference), items()
    weight = model.prior.means

    def loss() -> torch.Tensor:
        return terms(model, model.encode(x), x, noise()).elbo.sum()

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
    config, training = paper_configs(784)
    n_parameters = sum(parameter.numel() for parameter in GaussianMixtureVAE(config).parameters())
    assert n_parameters / 1e6 == pytest.approx(19.5, abs=0.05)
    assert (training.objective, training.epochs, training.batch_size, training.learning_rate) == ("exact", 450, 128, 1e-3)
    assert not training.needs_views
