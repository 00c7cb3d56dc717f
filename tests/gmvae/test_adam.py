"""Our face of Adam's kernel against torch's own optimiser, and what it must not load."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from gmvae.adam import Adam


def networks() -> tuple[nn.Linear, nn.Linear]:
    torch.manual_seed(0)
    first = nn.Linear(5, 3)
    second = nn.Linear(5, 3)
    second.load_state_dict(first.state_dict())
    return first, second


def loss_of(network: nn.Linear, step: int) -> torch.Tensor:
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(step))
    # The bias has no gradient at first, as components have none during the warm-up.
    out = x @ network.weight.T if step < 3 else network(x)
    return (out**2).sum()


def test_steps_are_those_of_torch_bit_for_bit() -> None:
    ours, theirs = networks()
    optimiser, reference = Adam(ours.parameters(), 0.01), torch.optim.Adam(theirs.parameters(), lr=0.01, fused=True)
    for step in range(8):
        optimiser.learning_rate = reference.param_groups[0]["lr"] = 0.01 * (step + 1)
        if step == 5:
            # As after a checkpoint.
            resumed = Adam(ours.parameters(), optimiser.learning_rate)
            for number, entry in optimiser.moments.items():
                for kind, tensor in entry.items():
                    resumed.moment(number, kind).copy_(tensor)
            optimiser = resumed
        for network, update in ((ours, optimiser), (theirs, reference)):
            update.zero_grad()
            loss_of(network, step).backward()
            update.step()
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(mine, other)


@pytest.mark.slow
def test_training_does_not_load_the_compiler() -> None:
    code = (
        "import sys, numpy as np; from gmvae import GMVAE;"
        "GMVAE(2, epochs=1, encoder_layers=(4,), decoder_layers=(4,)).fit(np.random.default_rng(0).random((60, 5)));"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
