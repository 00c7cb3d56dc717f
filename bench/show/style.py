"""One look per method, the same in every figure: colour-blind-safe, and told apart in grey by line and marker."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """How a method's line is drawn."""

    color: str
    line: str
    marker: str


# Okabe & Ito's palette. Decoders of the model: solid; its latents: dash-dotted; clusterings without it: dotted; the rest: dashed.
_LOOKS = {
    "soft": Look("#0072B2", "-", "o"),
    "soft-bayes": Look("#56B4E9", "-", "s"),
    "hard": Look("#D55E00", "-", "v"),
    "hard-fallback": Look("#E69F00", "-", "^"),
    "latent-spreading": Look("#009E73", "-.", "D"),
    "latent-logreg": Look("#CC79A7", "-.", "P"),
    "kmeans-soft": Look("#56B4E9", ":", "x"),
    "vae-gmm-soft": Look("#CC79A7", ":", "1"),
    "gmm-soft": Look("#0072B2", ":", "+"),
    "label-spreading": Look("#009E73", "--", "d"),
    "self-training": Look("#CC79A7", "--", "p"),
    "knn": Look("#999999", "--", "h"),
    "logreg": Look("#E69F00", "--", "<"),
    "mlp": Look("#D55E00", "--", ">"),
    "xgboost": Look("#000000", "--", "*"),
}
_OTHERS = (Look("#882255", "--", "1"), Look("#44AA99", "--", "2"), Look("#AA4499", "--", "3"), Look("#117733", "--", "4"))


def look_of(method: str) -> Look:
    """Return the look of a method; those of plug-ins get one of a few by name."""
    return _LOOKS.get(method) or _OTHERS[sum(map(ord, method)) % len(_OTHERS)]
