import math

import numpy as np
import torch
from scipy import stats
from torch.distributions import Independent, Normal, kl_divergence

from gmvae import losses


def gaussian(mean: torch.Tensor, log_var: torch.Tensor) -> Independent:
    return Independent(Normal(mean, torch.exp(0.5 * log_var)), 1)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def test_entropy_equals_torch() -> None:
    log_var = draw(5, 3)
    torch.testing.assert_close(losses.gaussian_entropy(log_var), gaussian(torch.zeros_like(log_var), log_var).entropy())


def test_gaussian_kl_equals_torch() -> None:
    mean, log_var, prior_mean, prior_log_var = draw(5, 3), draw(5, 3) * 0.5, draw(1, 3), draw(1, 3) * 0.3
    expected = kl_divergence(gaussian(mean, log_var), gaussian(prior_mean.expand(5, 3), prior_log_var.expand(5, 3)))
    torch.testing.assert_close(losses.gaussian_kl(mean, log_var, prior_mean, prior_log_var), expected)


def test_expected_log_gaussians_equal_entropy_minus_kl() -> None:
    mean, log_var, means, log_vars = draw(4, 3), draw(4, 3) * 0.5, draw(6, 3), draw(6, 3) * 0.3
    got = losses.expected_log_gaussians(mean, log_var, means, log_vars)
    assert got.shape == (4, 6)
    for i in range(4):
        for k in range(6):
            q, p = gaussian(mean[i], log_var[i]), gaussian(means[k], log_vars[k])
            torch.testing.assert_close(got[i, k], -q.entropy() - kl_divergence(q, p))


def test_expected_log_gaussian_of_a_point_is_the_density() -> None:
    point, means = draw(2, 3), draw(4, 3)
    got = losses.expected_log_gaussians(point, torch.full_like(point, -80.0), means, torch.zeros_like(means))
    density = stats.norm.logpdf(point[:, None].numpy(), means[None].numpy()).sum(-1)
    np.testing.assert_allclose(got.numpy(), density)


def test_categorical_kl_counts_empty_components_as_nothing() -> None:
    log_q = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64).log()
    log_p = torch.full((3,), -math.log(3), dtype=torch.float64)
    torch.testing.assert_close(
        losses.categorical_kl(log_q, log_p), torch.tensor([math.log(1.5), math.log(3)], dtype=torch.float64)
    )


def test_bernoulli_log_likelihood_of_grey_values_equals_the_formula() -> None:
    logits, x = draw(3, 4), torch.rand(3, 4, dtype=torch.float64)
    p = torch.sigmoid(logits)
    torch.testing.assert_close(losses.bernoulli_log_likelihood(logits, x), (x * p.log() + (1 - x) * (1 - p).log()).sum(-1))


def test_bernoulli_log_likelihood_stays_finite_for_sure_pixels() -> None:
    assert torch.isfinite(losses.bernoulli_log_likelihood(torch.tensor([[1e4, -1e4]]), torch.tensor([[0.0, 1.0]]))).all()


def test_gaussian_log_likelihood_equals_scipy() -> None:
    mean, log_var, x = draw(3, 4), draw(4) * 0.3, draw(3, 4)
    expected = stats.norm.logpdf(x.numpy(), mean.numpy(), np.exp(0.5 * log_var.numpy())).sum(-1)
    np.testing.assert_allclose(losses.gaussian_log_likelihood(mean, log_var, x).numpy(), expected)
