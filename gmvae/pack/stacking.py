"""Parameters of several networks of one form, side by side in memory, and each network as a view of its part."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

Network = TypeVar("Network", bound=nn.Module)

# Log-probability of a component that a model does not have. Its share is exactly 0, and 0 times this is 0, unlike with -inf.
_NEVER = -1e30
_LOG_WEIGHTS = "log_weights"


def stacked(networks: Sequence[Network]) -> Network:
    """Return the networks as one, with an axis of models in front of every parameter and buffer.

    They may differ in the number of components of their mixtures: what is missing is filled with zeros, and the log-probability
    of such a component with next to minus infinity.
    """
    everything = [_tensors(network) for network in networks]

    def join(name: str, _: Tensor) -> Tensor:
        return _joined([tensors[name].detach() for tensors in everything], _NEVER if name.endswith(_LOG_WEIGHTS) else 0.0)

    # A copy of the form alone: its tensors are replaced.
    frame = deepcopy(networks[0], {id(tensor): tensor for tensor in everything[0].values()})
    return _replaced(frame, join)


def share(network: Network, stack: nn.Module, number: int) -> Network:
    """Make a network read and write the part of a stack that is its own, in place of what it held; return it."""
    of_stack = _tensors(stack)
    return _replaced(network, lambda name, tensor: part(of_stack[name], number, tensor.shape)).requires_grad_(False)


def part(tensor: Tensor, number: int, shape: torch.Size) -> Tensor:
    """Return the part of a stacked tensor that belongs to one model, as a view, without what fills it up."""
    return tensor.detach()[number][tuple(slice(size) for size in shape)]


def _joined(tensors: list[Tensor], padding: float) -> Tensor:
    if all(tensor.shape == tensors[0].shape for tensor in tensors):
        return torch.stack(tensors)
    return pad_sequence(tensors, batch_first=True, padding_value=padding)


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.named_parameters()) | dict(network.named_buffers())


def _replaced(network: Network, make: Callable[[str, Tensor], Tensor]) -> Network:
    """Replace every parameter and buffer of a network by what is made of its name and value."""
    for name, tensor in _tensors(network).items():
        owner, _, leaf = name.rpartition(".")
        module, made = network.get_submodule(owner), make(name, tensor)
        if isinstance(tensor, nn.Parameter):
            module.register_parameter(leaf, nn.Parameter(made))
        else:
            module.register_buffer(leaf, made)
    return network
