"""Networks: multilayer perceptrons and the two inference networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gmvae.config import ModelConfig
from gmvae.errors import InputError

# Of the convolutional encoder: each halves height and width.
_CHANNELS = (16, 32, 64)
_KERNELS = (5, 3, 3)


class Linear(nn.Linear):
    """A linear layer, or those of several models side by side: weight (m, out, in), bias (m, out), input (m, …, in)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x W' + b."""
        if self.weight.ndim == 2:
            alone: Tensor = super().forward(x)
            return alone
        operands: tuple[Tensor, ...] = (x.flatten(1, -2), self.weight, self.bias)
        if torch.is_autocast_enabled(x.device.type):
            low = torch.get_autocast_dtype(x.device.type)
            operands = tuple(operand.to(low) for operand in operands)
        product: Tensor = _Products.apply(*operands)
        return product.view(*x.shape[:-1], -1)


class _Products(torch.autograd.Function):
    """Linear layers of several models. Torch's own way back lays the weights' gradients out transposed, and then copies them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.baddbmm(bias[:, None], x, weight.mT)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        to_x = torch.bmm(gradient, weight) if ctx.needs_input_grad[0] else None
        return to_x, torch.bmm(gradient.mT, x), gradient.sum(1)


class BatchNorm(nn.BatchNorm1d):
    """Normalisation over the batch (n, d), or over those of several models side by side (m, n, d)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised batch."""
        if self.weight.ndim == 1:
            alone: Tensor = super().forward(x)
            return alone
        channels = _normalised(self, x.transpose(0, 1).flatten(1))
        return channels.view(len(channels), *self.weight.shape).transpose(0, 1)


def _normalised(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalise the channels of several models, which stand side by side in axis 1, as one layer with so many channels."""
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)  # noqa: S101 - for the type checker
    if norm.training:
        norm.get_buffer("num_batches_tracked").add_(1)
    mean, variance = (norm.get_buffer(name).view(-1) for name in ("running_mean", "running_var"))
    weight, bias = norm.weight.view(-1), norm.bias.view(-1)
    return functional.batch_norm(x, mean, variance, weight, bias, norm.training, norm.momentum or 0.0, norm.eps)


class Body(nn.Module):
    """Linear layers of the given widths with ReLUs between them: where nearly all arithmetic is done.

    Parameters
    ----------
    sizes
        Widths, the input's first.
    activate_last
        Whether a ReLU follows the last layer too.
    batch_norm
        Whether each activated layer is normalised over the batch first (Ioffe & Szegedy 2015).

    With `low_precision` set its matrix products run in bfloat16; input and output are float32 all the same.
    """

    def __init__(self, sizes: Sequence[int], *, activate_last: bool, batch_norm: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(fan_in, fan_out) for fan_in, fan_out in pairwise(sizes))
        activated = sizes[1:] if activate_last else sizes[1:-1]
        self.norms = nn.ModuleList(BatchNorm(width) for width in activated) if batch_norm else None
        self.n_activated = len(activated)
        self.low_precision = False

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n h"]:
        """Return the last layer's output."""
        dtype = x.dtype
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.low_precision):
            for depth, layer in enumerate(self.layers):
                x = layer(x)
                if depth < self.n_activated:
                    x = torch.relu(x if self.norms is None else self.norms[depth](x))
        return x.to(dtype)


class ConvolutionalBody(nn.Module):
    """Three strided convolutions before a `Body`: a small network that knows which pixels are neighbours.

    Parameters
    ----------
    image_shape
        Height and width, and the number of colours if there are several; items are flattened images.
    layers
        Hidden widths of the body.
    """

    def __init__(self, image_shape: tuple[int, ...], layers: Sequence[int], *, batch_norm: bool) -> None:
        super().__init__()
        self.image_shape = image_shape
        height, width, *colors = image_shape
        self.n_colors = colors[0] if colors else 1
        widths = (self.n_colors, *_CHANNELS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(fan_in, fan_out, size, stride=2, padding=size // 2)
            for (fan_in, fan_out), size in zip(pairwise(widths), _KERNELS, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in _CHANNELS) if batch_norm else None
        for _ in _CHANNELS:
            height, width = (height + 1) // 2, (width + 1) // 2
        self.body = Body((_CHANNELS[-1] * height * width, *layers), activate_last=True, batch_norm=batch_norm)

    def forward(self, x: Float[Tensor, "*m n d"]) -> Float[Tensor, "*m n h"]:
        """Return the last layer's output."""
        *models, n, _ = x.shape
        images = x.view(*models, n, *self.image_shape[:2], self.n_colors).movedim(-1, -3)
        if models:
            # The images of several models stand side by side as channels, and each has its group of the convolution's.
            images = images.transpose(0, 1).flatten(1, 2)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.body.low_precision):
            for depth in range(len(self.convolutions)):
                images = torch.relu(self._convolved(images, depth, bool(models)))
        features: Tensor = self.body(images.reshape(n, *models, -1).movedim(0, -2).to(x.dtype))
        return features

    def _convolved(self, images: Tensor, depth: int, several: bool) -> Tensor:
        layer, norm = self.convolutions[depth], None if self.norms is None else self.norms[depth]
        if not several:
            convolved: Tensor = layer(images)
            return convolved if norm is None else norm(convolved)
        assert isinstance(layer, nn.Conv2d) and layer.bias is not None  # noqa: S101, PT018 - made above
        weight, bias, models = layer.weight.flatten(0, 1), layer.bias.flatten(), len(layer.weight)
        convolved = functional.conv2d(images, weight, bias, layer.stride, layer.padding, groups=models)
        return convolved if norm is None else _normalised(norm, convolved)


def make_trunk(config: ModelConfig) -> Body | ConvolutionalBody:
    """Return the inference network up to its heads; its output is as wide as the last of `encoder_layers`."""
    if config.encoder == "mlp":
        return Body((config.n_features, *config.encoder_layers), activate_last=True, batch_norm=config.batch_norm)
    if config.image_shape is None or not config.encoder_layers:
        raise InputError("encoder 'conv' needs images and at least one layer after them; use encoder 'mlp'")
    return ConvolutionalBody(config.image_shape, config.encoder_layers, batch_norm=config.batch_norm)


@dataclass(frozen=True)
class Encoding:
    """What an inference network says about n items."""

    hidden: Float[Tensor, "*m n h"]
    """The trunk's features."""
    mean: Float[Tensor, "*mnk z"]
    """Mean of q(z|x), or of q(z|x,c) for every component."""
    log_var: Float[Tensor, "*mnk z"]
    """Log-variance, likewise."""
    logits: Float[Tensor, "*m n k"] | None
    """Of q(c|x) where the network has a head for it."""

    def first(self, n: int) -> "Encoding":
        """Return the part about the first n items."""
        items = self.hidden.ndim - 2
        hidden, mean, log_var = (of_all.narrow(items, 0, n) for of_all in (self.hidden, self.mean, self.log_var))
        return Encoding(hidden, mean, log_var, None if self.logits is None else self.logits.narrow(items, 0, n))


class SharedEncoder(nn.Module):
    """q(z|x) = N(mean, diag exp(log_var)), the same for every component."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_hidden = (config.n_features, *config.encoder_layers)[-1]
        self.trunk = make_trunk(config)
        self.head = Linear(self.n_hidden, 2 * config.latent_dim)

    def forward(self, x: Float[Tensor, "*m n d"]) -> Encoding:
        """Return features, mean and log-variance."""
        hidden = self.trunk(x)
        mean, log_var = self.head(hidden).chunk(2, dim=-1)
        return Encoding(hidden, mean, log_var, None)


class StructuredEncoder(nn.Module):
    """q(c|x) by a softmax, and q(z|x,c) with a linear head per component, as in the paper."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_hidden = width = (config.n_features, *config.encoder_layers)[-1]
        self.n_components = k = config.n_components
        self.trunk = make_trunk(config)
        self.component_logits = Linear(width, k)
        self.mean = Linear(width, k * config.latent_dim)
        self.log_var = Linear(width, k * config.latent_dim)
        # As in `Body`: K heads are as wide as all other layers together.
        self.low_precision = False

    def forward(self, x: Float[Tensor, "*m n d"]) -> Encoding:
        """Return features, mean and log-variance for every component, and the logits of q(c|x)."""
        hidden = self.trunk(x)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.low_precision):
            heads = self.mean(hidden), self.log_var(hidden)
        shape = (*x.shape[:-1], self.n_components, -1)
        mean, log_var = (head.to(hidden.dtype).view(shape) for head in heads)
        return Encoding(hidden, mean, log_var, self.component_logits(hidden))


def use_bfloat16(network: nn.Module, enabled: bool) -> None:
    """Switch the wide products of a network between bfloat16 and float32."""
    for module in network.modules():
        if isinstance(module, Body | StructuredEncoder):
            module.low_precision = enabled
