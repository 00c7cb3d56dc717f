"""The generative model p(c) p(z|c) p(x|z), its inference network, and the named terms of its evidence lower bound.

What trains takes one model, or several side by side (`gmvae.pack`): every parameter and tensor then has an axis of models in
front, written `*m` in shapes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gmvae.config import ModelConfig
from gmvae.losses import bernoulli_log_likelihood, expected_log_gaussians, gaussian_log_likelihood
from gmvae.networks import Body, Encoding, SharedEncoder, StructuredEncoder

# The paper starts the component means close together, so that no component is favoured before the data speak.
_MEAN_SPREAD = 0.05


@dataclass(frozen=True)
class ElboTerms:
    """Terms of the evidence lower bound per item, in nats: `elbo = reconstruction - kl_z - kl_c`."""

    reconstruction: Float[Tensor, "*m n"]
    """E_q[log p(x|z)]."""
    kl_z: Float[Tensor, "*m n"]
    """sum_c q(c|x) KL(q(z|x,c) || p(z|c))."""
    kl_c: Float[Tensor, "*m n"]
    """KL(q(c|x) || p(c))."""
    log_q: Float[Tensor, "*m n k"]
    """log q(c|x)."""

    @property
    def elbo(self) -> Float[Tensor, "*m n"]:
        """The bound itself, per item."""
        return self.reconstruction - self.kl_z - self.kl_c


class MixturePrior(nn.Module):
    """p(c) uniform, p(z|c) = N(mu_c, diag var_c) with learned means and variances."""

    def __init__(self, n_components: int, latent_dim: int) -> None:
        super().__init__()
        self.means = nn.Parameter(_MEAN_SPREAD * torch.randn(n_components, latent_dim))
        self.log_vars = nn.Parameter(torch.zeros(n_components, latent_dim))
        self.log_weights: Tensor
        self.register_buffer(
            "log_weights", torch.full((n_components,), -torch.log(torch.tensor(float(n_components), device="cpu")).item())
        )


class GaussianMixtureVAE(nn.Module):
    """The networks of one model; see `gmvae.objectives` for how they are trained."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        k, z, d = config.n_components, config.latent_dim, config.n_features
        self.encoder = SharedEncoder(config) if config.inference == "shared" else StructuredEncoder(config)
        self.prior = MixturePrior(k, z)
        self.decoder = Body((z, *config.decoder_layers, d), activate_last=False)
        # Real-valued data are standardised inside the model, so that a saved model needs nothing beside itself.
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.zeros(d))
        self.register_buffer("scale", torch.ones(d))
        if config.likelihood == "gaussian":
            self.noise_log_var = nn.Parameter(torch.zeros(d))

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self.prior.means.device

    def standardise(self, x: Tensor) -> Float[Tensor, "*m n d"]:
        """Turn raw items into network input: bytes to [0, 1], real values to zero mean and unit variance."""
        if x.dtype == torch.uint8:
            return x.to(self.prior.means.dtype) / 255
        if self.config.likelihood == "bernoulli":
            return x.to(self.prior.means.dtype)
        return (x.to(self.prior.means.dtype) - self.shift[..., None, :]) / self.scale[..., None, :]

    def log_likelihood(self, x: Float[Tensor, "*#n d"], z: Float[Tensor, "*n z"]) -> Float[Tensor, " *n"]:
        """Log p(x|z) in nats, of standardised items."""
        output: Tensor = self.decoder(z)
        if self.config.likelihood == "bernoulli":
            return bernoulli_log_likelihood(output, x)
        noise = self.noise_log_var
        between = [1] * (output.ndim - noise.ndim)
        return gaussian_log_likelihood(output, noise.view(*noise.shape[:-1], *between, -1), x)

    def encode(self, x: Float[Tensor, "*m n d"]) -> Encoding:
        """Return what the inference network says about standardised items."""
        encoding: Encoding = self.encoder(x)
        return encoding

    def component_logits(self, encoding: Encoding) -> Float[Tensor, "*m n k"]:
        """Return unnormalised log q(c|x).

        The head's output, or, for a shared q(z|x), log p(c) + E_q(z|x)[log p(z|c)].
        """
        if encoding.logits is not None:
            return encoding.logits
        return self.prior.log_weights[..., None, :] + expected_log_gaussians(
            encoding.mean, encoding.log_var, self.prior.means, self.prior.log_vars
        )

    def infer(self, x: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n z"]]:
        """Return log q(c|x) and the posterior mean of z, sum_c q(c|x) E[z|x,c], of standardised items."""
        encoding = self.encode(x)
        log_q = torch.log_softmax(self.component_logits(encoding), dim=-1)
        if encoding.logits is None:
            return log_q, encoding.mean
        return log_q, torch.einsum("nk,nkz->nz", log_q.exp(), encoding.mean)

    @torch.no_grad()
    def sample(self, components: Int[Tensor, " n"], generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Draw z ~ p(z|c) for the given components and return E[x|z] in the units of the data."""
        noise = torch.randn(len(components), self.config.latent_dim, generator=generator, device=self.device)
        return self.decode(self.prior.means[components] + noise * torch.exp(0.5 * self.prior.log_vars[components]))

    @torch.no_grad()
    def decode(self, z: Float[Tensor, "n z"]) -> Float[Tensor, "n d"]:
        """Return E[x|z] in the units of the data."""
        output: Tensor = self.decoder(z)
        if self.config.likelihood == "bernoulli":
            return torch.sigmoid(output)
        return output * self.scale + self.shift
