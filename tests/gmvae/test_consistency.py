import math

import numpy as np
import torch

from gmvae import consistency


def log_q(n: int, k: int, seed: int = 0) -> torch.Tensor:
    return torch.log_softmax(3 * torch.randn(n, k, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)), -1)


def test_invariance_equals_a_loop() -> None:
    a, b = log_q(5, 3, 1), log_q(5, 3, 2)
    total = 0.0
    for i in range(5):
        for c in range(3):
            total -= 0.5 * (math.exp(a[i, c]) * b[i, c].item() + math.exp(b[i, c]) * a[i, c].item())
    np.testing.assert_allclose(consistency.invariance(a, b).item(), total / 5)


def test_invariance_is_smallest_for_sure_and_equal_views() -> None:
    sure = torch.tensor([[0.0, -50.0], [-50.0, 0.0]])
    assert consistency.invariance(sure, sure) < 1e-6
    assert consistency.invariance(sure, sure.flip(0)) > 10


def test_balance_is_minus_log_k_when_all_are_used_alike_and_zero_when_one_is() -> None:
    even = torch.full((6, 4), -math.log(4))
    torch.testing.assert_close(consistency.balance(even), torch.tensor(-math.log(4)))
    alone = torch.log_softmax(torch.tensor([[200.0, 0.0, 0.0]]), -1)
    torch.testing.assert_close(consistency.balance(alone), torch.tensor(0.0))


def test_balance_of_an_unused_component_has_a_finite_gradient() -> None:
    logits = torch.tensor([[300.0, 0.0, 0.0]], requires_grad=True)
    consistency.balance(torch.log_softmax(logits, -1)).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_contrast_equals_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(4, 3, dtype=torch.float64, generator=generator) for _ in range(2))
    unit_a, unit_b = (x / x.norm(dim=1, keepdim=True) for x in (a, b))
    s = unit_a @ unit_b.T / 0.2
    rows = np.mean([(s[i, i] - torch.logsumexp(s[i], 0)).item() for i in range(4)])
    columns = np.mean([(s[i, i] - torch.logsumexp(s[:, i], 0)).item() for i in range(4)])
    np.testing.assert_allclose(consistency.contrast(a, b).item(), -0.5 * (rows + columns))


def test_terms_take_the_first_half_as_first_views() -> None:
    terms = consistency.Consistency(7).double()
    hidden = torch.randn(8, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    got = terms(hidden, log_q(8, 3))
    torch.testing.assert_close(got.invariance, consistency.invariance(log_q(8, 3)[:4], log_q(8, 3)[4:]))
    torch.testing.assert_close(got.balance, consistency.balance(log_q(8, 3)))
